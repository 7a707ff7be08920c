// Forms of pointwise ops that choose among rows of the table, and functions made of several rows.
#pragma once

#include <tuple>

#include "core/scalar.h"
#include "ops/op.h"

namespace hotloop::ops {

// A plain number as exponent takes shorter ways than pow: x * x, sqrt, 1 / x.
Tensor power(const Tensor& base, const Tensor& exponent);
void power_(const Tensor& base, const Tensor& exponent);
Tensor float_power(const Tensor& base, const Tensor& exponent);  // in float64
// min or max may be undefined.
Tensor clamp_between(const Tensor& x, const Tensor& min, const Tensor& max);
void clamp_between_(const Tensor& x, const Tensor& min, const Tensor& max);
Tensor divide_truncated(const Tensor& a, const Tensor& b);  // rounded towards zero, in the operands' dtype
Tensor round_to(const Tensor& x, int64_t decimals);         // ties to even
Tensor largest(const Tensor& a, const Tensor& b);           // fmax, of integers maximum
Tensor smallest(const Tensor& a, const Tensor& b);
Tensor heaviside(const Tensor& x, const Tensor& values);  // 0, `values` where x is 0, 1
Tensor ldexp(const Tensor& x, const Tensor& exponent);    // x 2^exponent
// x = mantissa 2^exponent with |mantissa| in [1/2, 1); the exponent is int32.
std::tuple<Tensor, Tensor> frexp(const Tensor& x);
Tensor logit_within(const Tensor& x, double eps);  // of x held in [eps, 1 - eps]
// nan_to_num. posinf and neginf: undefined for the dtype's largest and lowest number.
Tensor replace_nonfinite(const Tensor& x, double nan, const Tensor& posinf, const Tensor& neginf);
Tensor polygamma(int64_t n, const Tensor& x);
Tensor mvlgamma(const Tensor& x, int64_t p);  // p (p - 1) / 4 log(pi) + the sum of lgamma(x - i / 2), 0 <= i < p

Tensor signbit(const Tensor& x);
Tensor is_infinity(const Tensor& x, double infinity);
// |a - b| <= atol + rtol |b|, element by element.
Tensor isclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan);

// x = result, as the in-place form of an op: its dtype and shape must be able to hold it.
void assign(const char* op, const Tensor& x, const Tensor& result);
Tensor without_history(const Tensor& x);  // a copy that is a constant to gradients
// What an op's in-place form may compute from: x, or a copy where a gradient may need what x held.
Tensor before_writing(const Tensor& x);

}  // namespace hotloop::ops
