// Losses made of pointwise ops and a reduction.
#pragma once

#include "kernels/args/softmax.h"
#include "ops/op.h"

namespace hotloop::ops {

Tensor mse_loss(const Tensor& input, const Tensor& target, LossReduction reduction);
Tensor l1_loss(const Tensor& input, const Tensor& target, LossReduction reduction);
Tensor nll_loss(const Tensor& input, const Tensor& target, const Tensor& weight, LossReduction reduction,
                int64_t ignore_index);
// weight and pos_weight may be undefined.
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target, const Tensor& weight,
                                        const Tensor& pos_weight, LossReduction reduction);

}  // namespace hotloop::ops
