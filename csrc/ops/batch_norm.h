// Batch norm of (samples, channels, ...).
#pragma once

#include "ops/op.h"

namespace hotloop::ops {

// (x - mean) / sqrt(var + eps) * weight + bias for each channel. In training by the batch's mean and variance, towards
// which the running ones go by `momentum`; else by the running ones. All but x may be undefined; they are converted to
// the dtype that x is computed in.
Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                  const Tensor& bias, bool training, double momentum, double eps);

}  // namespace hotloop::ops
