// The functions of torch.special that have no other name: module functions "special_<name>".
#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/pointwise.h"

namespace hotloop::bindings {

namespace {

using Binary = Tensor (*)(const Tensor&, const Tensor&, double, double);

// Of a and b, one of which may be a number.
template <Binary function>
Tensor pair(const Tensor& a, const Tensor& b) {
  if (a->wrapped_number && b->wrapped_number)
    fail<TypeError>("special: one of the arguments must be a Tensor, not both numbers");
  return function(a, b, 0, 0);
}

// Hermite's, which PyTorch takes to be NaN beyond a degree.
template <Binary function>
Tensor hermite(const Tensor& x, const Tensor& n) {
  if (x->wrapped_number && n->wrapped_number)
    fail<TypeError>("special: one of the arguments must be a Tensor, not both numbers");
  return function(x, n, ops::result_type({&x, &n}) == DType::f64 ? 512 : 128, 0);
}

// Of a + a - 1, for polynomials that are shifted to [0, 1].
template <Binary function>
Tensor shifted(const Tensor& x, const Tensor& n) {
  if (x->wrapped_number) return pair<function>(ops::number(2 * ops::item(x).as_double() - 1), n);
  return pair<function>(x * 2.0 - 1.0, n);
}

}  // namespace

void add_special_rows() {
  add_rows({
#define HOTLOOP_SPECIAL(name, doc) \
  HOTLOOP_FUNCTION("special_" #name "(input: Tensor) -> Tensor", [](const Tensor& x) { return ops::name(x); }, doc)
      HOTLOOP_SPECIAL(airy_ai, "Airy's function Ai."),
      HOTLOOP_SPECIAL(bessel_j0, "The Bessel function of the first kind, of order 0."),
      HOTLOOP_SPECIAL(bessel_j1, "The Bessel function of the first kind, of order 1."),
      HOTLOOP_SPECIAL(bessel_y0, "The Bessel function of the second kind, of order 0."),
      HOTLOOP_SPECIAL(bessel_y1, "The Bessel function of the second kind, of order 1."),
      HOTLOOP_SPECIAL(erfcx, "e^(x^2) erfc(x)."),
      HOTLOOP_SPECIAL(i0e, "e^-|x| i0(x)."),
      HOTLOOP_SPECIAL(i1e, "e^-|x| i1(x)."),
      HOTLOOP_SPECIAL(log_ndtr, "The log of the standard normal distribution's area below x."),
      HOTLOOP_SPECIAL(modified_bessel_k0, "The modified Bessel function of the second kind, of order 0."),
      HOTLOOP_SPECIAL(modified_bessel_k1, "The modified Bessel function of the second kind, of order 1."),
      HOTLOOP_SPECIAL(scaled_modified_bessel_k0, "e^x modified_bessel_k0(x)."),
      HOTLOOP_SPECIAL(scaled_modified_bessel_k1, "e^x modified_bessel_k1(x)."),
      HOTLOOP_SPECIAL(spherical_bessel_j0, "sin(x) / x."),
#undef HOTLOOP_SPECIAL
      HOTLOOP_FUNCTION("special_zeta(input: Tensor | Number, other: Tensor | Number) -> Tensor", pair<ops::zeta>,
                       "Hurwitz's zeta function: the sum over k >= 0 of (other + k)^-input."),
#define HOTLOOP_POLYNOMIAL(name, f, doc) \
  HOTLOOP_FUNCTION("special_" name "(input: Tensor | Number, n: Tensor | Number) -> Tensor", f, doc)
      HOTLOOP_POLYNOMIAL("chebyshev_polynomial_t", pair<ops::chebyshev_t>, "Chebyshev's polynomial T of degree n."),
      HOTLOOP_POLYNOMIAL("chebyshev_polynomial_u", pair<ops::chebyshev_u>, "Chebyshev's polynomial U of degree n."),
      HOTLOOP_POLYNOMIAL("chebyshev_polynomial_v", pair<ops::chebyshev_v>, "Chebyshev's polynomial V of degree n."),
      HOTLOOP_POLYNOMIAL("chebyshev_polynomial_w", pair<ops::chebyshev_w>, "Chebyshev's polynomial W of degree n."),
      HOTLOOP_POLYNOMIAL("shifted_chebyshev_polynomial_t", shifted<ops::chebyshev_t>, "T of 2 x - 1, of degree n."),
      HOTLOOP_POLYNOMIAL("shifted_chebyshev_polynomial_u", shifted<ops::chebyshev_u>, "U of 2 x - 1, of degree n."),
      HOTLOOP_POLYNOMIAL("shifted_chebyshev_polynomial_v", shifted<ops::chebyshev_v>, "V of 2 x - 1, of degree n."),
      HOTLOOP_POLYNOMIAL("shifted_chebyshev_polynomial_w", shifted<ops::chebyshev_w>, "W of 2 x - 1, of degree n."),
      HOTLOOP_POLYNOMIAL("hermite_polynomial_h", hermite<ops::hermite_h>,
                         "The physicists' Hermite polynomial of degree n."),
      HOTLOOP_POLYNOMIAL("hermite_polynomial_he", hermite<ops::hermite_he>,
                         "The Hermite polynomial of degree n of probability theory."),
      HOTLOOP_POLYNOMIAL("laguerre_polynomial_l", pair<ops::laguerre_l>, "Laguerre's polynomial of degree n."),
      HOTLOOP_POLYNOMIAL("legendre_polynomial_p", pair<ops::legendre_p>, "Legendre's polynomial of degree n."),
#undef HOTLOOP_POLYNOMIAL
  });
}

}  // namespace hotloop::bindings
