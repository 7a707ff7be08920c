// Optimizer steps over a list of tensors in one call, in place. Within a call all tensors have one dtype: param, grad
// and states alike; f16 and bf16 are computed in f32. Every tensor is contiguous. The formulas are those of torch.optim.
#pragma once

#include "core/dtype.h"

namespace hotloop {

struct OptimizerTensor {
  void* param;
  void* grad;       // written only by scale_gradients
  void* state1;     // SGD: momentum buffer; Adam: mean of gradients
  void* state2;     // Adam: mean of their squares
  void* max_state;  // Adam with amsgrad: largest state2 so far
  int64_t n;
  bool first;               // SGD with momentum: the buffer becomes the gradient itself
  double bias_correction1;  // Adam: 1 - beta1^step, 1 - beta2^step
  double bias_correction2;
};

struct OptimizerList {
  DType dtype;  // floating
  int64_t count;
  const OptimizerTensor* tensors;
};

//   g = grad (-grad: maximize) + weight_decay param
//   with momentum: buffer = momentum buffer + (1 - dampening) g; g = g + momentum buffer (nesterov) or buffer
//   param -= lr g
struct SgdArgs {
  OptimizerList list;
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize;
};

//   g = grad (-grad: maximize) + weight_decay param (decoupled instead: param *= 1 - lr weight_decay)
//   m += (1 - beta1)(g - m); v = beta2 v + (1 - beta2) g g; amsgrad: v below is max_v = max(max_v, v)
//   param -= lr / bias_correction1 * m / (sqrt(v) / sqrt(bias_correction2) + eps)
struct AdamArgs {
  OptimizerList list;
  double lr, beta1, beta2, eps, weight_decay;
  bool decoupled;  // AdamW
  bool amsgrad, maximize;
};

// The sum of the squares of all gradients: blocks in the compute type, added in double in the list's order.
struct GradientNormArgs {
  OptimizerList list;
  double* sum_of_squares;
};

struct ScaleGradientsArgs {
  OptimizerList list;
  double scale;
};

}  // namespace hotloop
