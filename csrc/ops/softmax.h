// Softmax, log-softmax and losses of class probabilities, each fused in one kernel each way.
#pragma once

#include <optional>

#include "kernels/args/softmax.h"
#include "ops/op.h"

namespace hotloop::ops {

Tensor softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype = {});
Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype = {});

struct CrossEntropyOptions {
  LossReduction reduction = LossReduction::mean;
  int64_t ignore_index = -100;
  double label_smoothing = 0;
};
// logits (C), (N, C) or (N, C, d1, ...); target: class indices (int64) without the class dim, or
// probabilities shaped like logits; weight (C) or undefined.
Tensor cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& weight,
                     const CrossEntropyOptions& options);
// The same of log probabilities, with class indices and without smoothing.
Tensor nll_loss(const Tensor& input, const Tensor& target, const Tensor& weight, const CrossEntropyOptions& options);

}  // namespace hotloop::ops
