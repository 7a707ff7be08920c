// Functions of numbers that are made of several rows of the pointwise table, or take parameters.
#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/arithmetic.h"
#include "ops/broadcast.h"
#include "ops/pointwise.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

Tensor logit_named(const Tensor& x, std::optional<double> eps) {
  return eps ? ops::logit_within(x, *eps) : ops::logit(x);
}

Tensor replace_nonfinite(const Tensor& x, std::optional<double> nan, const Tensor& posinf, const Tensor& neginf) {
  return ops::replace_nonfinite(x, nan.value_or(0), posinf, neginf);
}

}  // namespace

// The op `name(input: Tensor)` and its in-place form.
#define HOTLOOP_UNARY_FORM(name, f, doc)                                                \
  HOTLOOP_OP(                                                                           \
      name "(input: Tensor) -> Tensor", [](const Tensor& x) { return f(x); }, doc),     \
      HOTLOOP_OP(                                                                       \
          name "_(input: Tensor) -> Tensor",                                            \
          [](const Tensor& x) { ops::assign(name "_", x, f(ops::before_writing(x))); }, \
          "In-place form of " name "().")

// The op `name(input, other)` and its in-place form.
#define HOTLOOP_BINARY_FORM(name, f, doc)                                                                              \
  HOTLOOP_OP(                                                                                                          \
      name "(input: Tensor, other: Tensor) -> Tensor", [](const Tensor& a, const Tensor& b) { return f(a, b); }, doc), \
      HOTLOOP_METHOD(                                                                                                  \
          name "_(input: Tensor, other: Tensor) -> Tensor",                                                            \
          [](const Tensor& a, const Tensor& b) { ops::assign(name "_", a, f(ops::before_writing(a), b)); },            \
          "In-place form of " name "().")

void add_elementary_rows() {
  add_rows({
      HOTLOOP_OP(
          "round(input: Tensor, *, decimals: int = 0) -> Tensor",
          [](const Tensor& x, int64_t decimals) { return ops::round_to(x, decimals); },
          "Rounded to decimals places after the point (before it where negative), ties to even."),
      HOTLOOP_OP(
          "round_(input: Tensor, *, decimals: int = 0) -> Tensor",
          [](const Tensor& x, int64_t decimals) { ops::copy_(x, ops::round_to(x, decimals)); },
          "In-place form of round()."),
      HOTLOOP_UNARY_FORM(
          "square",
          [](const Tensor& t) {
            return t.dtype() == DType::bool_ ? ops::to_dtype(t, DType::i64) : ops::square(t);  // of 0 and 1, itself
          },
          "Element by element: a * a of a = input."),
      HOTLOOP_UNARY_FORM("sinc", ops::sinc, "sin(pi x) / (pi x), 1 at zero."),
      HOTLOOP_UNARY_FORM(
          "deg2rad", [](const Tensor& t) { return t * (3.141592653589793 / 180); }, "Degrees as radians: x pi / 180."),
      HOTLOOP_UNARY_FORM(
          "rad2deg", [](const Tensor& t) { return t * (180 / 3.141592653589793); }, "Radians as degrees: 180 x / pi."),
      HOTLOOP_UNARY_FORM(
          "sgn", [](const Tensor& t) { return ops::sign(t); }, "sign() of real numbers: -1, 0 or 1."),
      HOTLOOP_OP(
          "positive(input: Tensor) -> Tensor",
          [](const Tensor& x) {
            if (x.dtype() == DType::bool_) fail<RuntimeError>("positive: not implemented for dtype bool");
            return ops::view_as_base(x);
          },
          "input itself, as +input."),
      HOTLOOP_OP("logit(input: Tensor, eps: float | None = None) -> Tensor", logit_named,
                 "log(x / (1 - x)), the inverse of sigmoid; with eps, of x held within [eps, 1 - eps]."),
      HOTLOOP_OP(
          "logit_(input: Tensor, eps: float | None = None) -> Tensor",
          [](const Tensor& x, std::optional<double> eps) {
            ops::assign("logit_", x, logit_named(ops::before_writing(x), eps));
          },
          "In-place form of logit()."),
      HOTLOOP_OP("nan_to_num(input: Tensor, nan: float | None = 0.0, posinf: Number | None = None, "
                 "neginf: Number | None = None) -> Tensor",
                 replace_nonfinite,
                 "NaN replaced by nan, infinities by posinf and neginf, or by the dtype's largest and lowest number."),
      HOTLOOP_OP(
          "nan_to_num_(input: Tensor, nan: float | None = 0.0, posinf: Number | None = None, "
          "neginf: Number | None = None) -> Tensor",
          [](const Tensor& x, std::optional<double> nan, const Tensor& high, const Tensor& low) {
            ops::assign("nan_to_num_", x, replace_nonfinite(ops::before_writing(x), nan, high, low));
          },
          "In-place form of nan_to_num()."),
      HOTLOOP_FUNCTION(
          "polygamma(n: int, input: Tensor) -> Tensor", [](int64_t n, const Tensor& x) { return ops::polygamma(n, x); },
          "The n-th derivative of digamma at input, n >= 0."),
      HOTLOOP_METHOD(
          "polygamma(input: Tensor, n: int) -> Tensor", [](const Tensor& x, int64_t n) { return ops::polygamma(n, x); },
          "The n-th derivative of digamma here."),
      HOTLOOP_OP("mvlgamma(input: Tensor, p: int) -> Tensor", ops::mvlgamma,
                 "The logarithm of the gamma function of p dims."),
      HOTLOOP_METHOD(
          "mvlgamma_(input: Tensor, p: int) -> Tensor",
          [](const Tensor& x, int64_t p) { ops::assign("mvlgamma_", x, ops::mvlgamma(ops::before_writing(x), p)); },
          "In-place form of mvlgamma()."),
      HOTLOOP_FUNCTION(
          "special_i1(input: Tensor) -> Tensor", [](const Tensor& x) { return ops::i1(x); },
          "The modified Bessel function of the first kind, of order 1."),
      HOTLOOP_BINARY_FORM("fmax", ops::largest, "The larger, element by element; of a number and NaN, the number."),
      HOTLOOP_BINARY_FORM("fmin", ops::smallest, "The smaller, element by element; of a number and NaN, the number."),
      HOTLOOP_BINARY_FORM("ldexp", ops::ldexp, "input times 2 to the power of other."),
      HOTLOOP_OP("frexp(input: Tensor) -> tuple[Tensor, Tensor]", ops::frexp,
                 "(mantissa, exponent) with input = mantissa 2^exponent, |mantissa| in [1/2, 1), exponent int32."),
      HOTLOOP_METHOD(
          "logical_not_(input: Tensor) -> Tensor",
          [](const Tensor& x) { ops::assign("logical_not_", x, ops::to_dtype(ops::logical_not(x), x.dtype())); },
          "In-place form of logical_not()."),
      HOTLOOP_METHOD(
          "polygamma_(input: Tensor, n: int) -> Tensor",
          [](const Tensor& x, int64_t n) { ops::assign("polygamma_", x, ops::polygamma(n, ops::before_writing(x))); },
          "In-place form of polygamma()."),
      HOTLOOP_OP("heaviside(input: Tensor, values: Tensor) -> Tensor", ops::heaviside,
                 "0 where input is negative, 1 where it is positive, and values where it is 0; of one dtype."),
      HOTLOOP_METHOD(
          "heaviside_(input: Tensor, values: Tensor) -> Tensor",
          [](const Tensor& x, const Tensor& v) { ops::assign("heaviside_", x, ops::heaviside(x, v)); },
          "In-place form of heaviside()."),
      HOTLOOP_OP("signbit(input: Tensor) -> Tensor", ops::signbit,
                 "A bool tensor: whether the sign is negative, of -0.0 too."),
      HOTLOOP_OP(
          "isposinf(input: Tensor) -> Tensor", [](const Tensor& x) { return ops::is_infinity(x, __builtin_inf()); },
          "A bool tensor: whether elements are positive infinity."),
      HOTLOOP_OP(
          "isneginf(input: Tensor) -> Tensor", [](const Tensor& x) { return ops::is_infinity(x, -__builtin_inf()); },
          "A bool tensor: whether elements are negative infinity."),
      HOTLOOP_OP(
          "isreal(input: Tensor) -> Tensor",
          [](const Tensor& x) { return ops::full(x.sizes(), int64_t(1), DType::bool_, x.device()); },
          "A bool tensor of True: elements of every dtype here are real."),
      HOTLOOP_OP("isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, "
                 "equal_nan: bool = False) -> Tensor",
                 ops::isclose, "A bool tensor: |input - other| <= atol + rtol |other|, element by element."),
  });
}

#undef HOTLOOP_UNARY_FORM
#undef HOTLOOP_BINARY_FORM

}  // namespace hotloop::bindings
