// Layer and RMS normalisation over trailing dims, and that of groups of channels.
#pragma once

#include <optional>

#include "ops/op.h"

namespace hotloop::ops {

// (x - mean) / sqrt(var + eps) * weight + bias over the trailing dims `normalized`; weight and bias may be undefined.
Tensor layer_norm(const Tensor& x, const Dims& normalized, const Tensor& weight, const Tensor& bias, double eps);
// x / sqrt(mean of squares + eps) * weight over the trailing dims `normalized`; without eps, the dtype's own.
Tensor rms_norm(const Tensor& x, const Dims& normalized, const Tensor& weight, std::optional<double> eps);
// As layer_norm, over each of `groups` groups of channels of each sample of (samples, channels, ...), with a weight and a
// bias a channel.
Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps);

}  // namespace hotloop::ops
