// Optimizer steps: one fused kernel over all parameters of a group, in place.
#pragma once

#include <vector>

#include "ops/op.h"

namespace hotloop::ops {

struct SgdOptions {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize, first_step;  // first_step: momentum buffers are begun with the gradient
};
void sgd_step(const std::vector<Tensor>& params, const std::vector<Tensor>& grads,
              const std::vector<Tensor>& momentum_buffers, const SgdOptions& options);

struct AdamOptions {
  int64_t step;  // counted from 1
  double lr, beta1, beta2, eps, weight_decay;
  bool decoupled;  // AdamW
  bool amsgrad, maximize;
};
void adam_step(const std::vector<Tensor>& params, const std::vector<Tensor>& grads, const std::vector<Tensor>& exp_avgs,
               const std::vector<Tensor>& exp_avg_sqs, const std::vector<Tensor>& max_exp_avg_sqs,
               const AdamOptions& options);

// The 2-norm over all tensors, a 0-d tensor; for clipping.
Tensor total_norm(const std::vector<Tensor>& tensors);

}  // namespace hotloop::ops
