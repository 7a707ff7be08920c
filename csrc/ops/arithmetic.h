// Forms of pointwise ops that choose among rows of the table.
#pragma once

#include "ops/op.h"

namespace hotloop::ops {

// A plain number as exponent takes shorter ways than pow: x * x, sqrt, 1 / x.
Tensor power(const Tensor& base, const Tensor& exponent);
void power_(const Tensor& base, const Tensor& exponent);
// min or max may be undefined.
Tensor clamp_between(const Tensor& x, const Tensor& min, const Tensor& max);
void clamp_between_(const Tensor& x, const Tensor& min, const Tensor& max);
Tensor divide_truncated(const Tensor& a, const Tensor& b);  // rounded towards zero, in the operands' dtype
Tensor round_to(const Tensor& x, int64_t decimals);         // ties to even

}  // namespace hotloop::ops
