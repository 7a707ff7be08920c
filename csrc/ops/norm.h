// Layer and RMS normalisation over trailing dims.
#pragma once

#include "ops/op.h"

namespace hotloop::ops {

// (x - mean) / sqrt(var + eps) * weight + bias over the trailing dims `normalized`; weight and bias may be undefined.
Tensor layer_norm(const Tensor& x, const Dims& normalized, const Tensor& weight, const Tensor& bias, double eps);

}  // namespace hotloop::ops
