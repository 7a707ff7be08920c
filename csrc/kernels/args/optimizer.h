// Optimizer steps over a list of tensors in one call, in place. Within a call all tensors have one dtype: param, grad
// and states alike; f16 and bf16 are computed in f32. Every tensor is contiguous. The formulas are those of torch.optim,
// and Lion's of Chen et al. 2023 (https://arxiv.org/abs/2302.06675).
#pragma once

#include "core/dtype.h"

namespace hotloop {

constexpr int kMaxOptimizerStates = 3;

struct OptimizerTensor {
  void* param;
  void* grad;                        // written only by scale_gradients
  void* state[kMaxOptimizerStates];  // null where the step keeps none
  int64_t n;
  bool first;   // SGD with momentum: the buffer becomes the gradient itself
  double rate;  // SGD: what lr is multiplied by for this tensor
};

// What changes from step to step, where the GPU reads it: a captured graph (core/capture.h) replays its launches with the
// parameters that they were given, so that what is new must lie in memory. The kernel derives the rest from these
// (optimizer_clock.h) and takes it in place of what its arguments say.
struct StepMemory {
  const void* lr;  // f32 or f64; null: that of the arguments
  DType lr_dtype;
  const float* steps_made;   // before this one; null: of steps that don't count
  const double* mu_product;  // NAdam's, before this step
};

struct OptimizerList {
  DType dtype;  // floating
  int64_t count;
  const OptimizerTensor* tensors;
  const StepMemory* memory = nullptr;  // GPU: host memory; null: the arguments say all
};

// What every step does first, with sign(0) = 0:
//   g = grad (-grad: maximize) + weight_decay param + l1_decay sign(param)
// decoupled, without these two terms in g:
//   param = param (1 - lr weight_decay) - lr l1_decay sign(param)
struct Penalty {
  double weight_decay, l1_decay;
  bool decoupled, maximize;
};

// states: buffer, where momentum isn't 0
//   buffer = momentum buffer + (1 - dampening) g; g = g + momentum buffer (nesterov) or buffer
//   param -= lr rate g
struct SgdArgs {
  OptimizerList list;
  Penalty penalty;
  double lr, momentum, dampening;
  bool nesterov;
};

// states: m, v, with amsgrad the largest v
//   m += (1 - beta1)(g - m); v = beta2 v + (1 - beta2) g g; amsgrad: v below is largest = max(largest, v)
//   param -= lr / bias_correction1 * m / (sqrt(v) / sqrt(bias_correction2) + eps)
struct AdamArgs {
  OptimizerList list;
  Penalty penalty;
  double lr, beta1, beta2, eps;
  double bias_correction1, bias_correction2;  // 1 - beta1^step, 1 - beta2^step
};

// states: v, with momentum the buffer, centered: the mean gradient m
//   v = alpha v + (1 - alpha) g g; centered: m += (1 - alpha)(g - m), and v - m m in place of v below
//   u = g / (sqrt(v) + eps); momentum: u = buffer = momentum buffer + u
//   param -= lr u
struct RmspropArgs {
  OptimizerList list;
  Penalty penalty;
  double lr, alpha, eps, momentum;
};

// states: sum
//   sum += g g; param -= lr g / (sqrt(sum) + eps)
struct AdagradArgs {
  OptimizerList list;
  Penalty penalty;
  double lr, eps;
};

// states: v, a
//   v = rho v + (1 - rho) g g; u = sqrt(a + eps) / sqrt(v + eps) g; a = rho a + (1 - rho) u u; param -= lr u
struct AdadeltaArgs {
  OptimizerList list;
  Penalty penalty;
  double lr, rho, eps;
};

// states: m, u
//   m += (1 - beta1)(g - m); u = max(beta2 u, |g| + eps); param -= rate m / u
struct AdamaxArgs {
  OptimizerList list;
  Penalty penalty;
  double lr, beta1, beta2, eps;
  double rate;  // lr / (1 - beta1^step)
};

// states: m, v
//   m, v as Adam's; param -= (grad_rate g + mean_rate m) / (sqrt(v / bias_correction2) + eps)
struct NadamArgs {
  OptimizerList list;
  Penalty penalty;
  double lr, beta1, beta2, eps;
  double grad_rate, mean_rate, bias_correction2;
  double momentum_decay;  // from which they are derived
};

// states: m, v
//   m, v as Adam's; param -= rate m, where adaptive rate m / (sqrt(v) + eps)
struct RadamArgs {
  OptimizerList list;
  Penalty penalty;
  double lr, beta1, beta2, eps;
  double rate;
  bool adaptive;
};

// states: m
//   param -= lr sign(beta1 m + (1 - beta1) g); m = beta2 m + (1 - beta2) g
struct LionArgs {
  OptimizerList list;
  Penalty penalty;
  double lr, beta1, beta2;
};

// What Muon does before the orthogonalisation: the penalty and the momentum. states: buffer, and u, only written
//   buffer += (1 - momentum)(g - buffer); u = g + momentum (buffer - g) (nesterov) or buffer
struct MuonMomentumArgs {
  OptimizerList list;
  Penalty penalty;
  double lr, momentum;
  bool nesterov;
};

// Averaged weights: param += weight (grad - param), grad standing for the newest weights. No states.
struct AverageArgs {
  OptimizerList list;
  Penalty penalty;  // none
  double lr;        // not read
  double weight;
};

enum class NormOrder : uint8_t { one, two, infinity };

// Of all gradients the sum of absolute values (one), of squares (two), or the largest absolute value: blocks in the
// compute type, combined in double in the list's order. NaN stays.
struct GradientNormArgs {
  OptimizerList list;
  NormOrder order;
  double* total;  // GPU: in its memory
};

// Clipping: with a total the scale is max_norm / (total + 1e-6), and nothing is done unless that is below 1 or NaN.
struct ScaleGradientsArgs {
  OptimizerList list;
  double scale;
  const double* total = nullptr;  // GPU: in its memory; the CPU's kernels are given the scale itself
  double max_norm = 0;
};

}  // namespace hotloop

// Every step by its name and its arguments.
#define HOTLOOP_OPTIMIZERS(EACH)        \
  EACH(sgd, SgdArgs)                    \
  EACH(adam, AdamArgs)                  \
  EACH(rmsprop, RmspropArgs)            \
  EACH(adagrad, AdagradArgs)            \
  EACH(adadelta, AdadeltaArgs)          \
  EACH(adamax, AdamaxArgs)              \
  EACH(nadam, NadamArgs)                \
  EACH(radam, RadamArgs)                \
  EACH(lion, LionArgs)                  \
  EACH(muon_momentum, MuonMomentumArgs) \
  EACH(average, AverageArgs)            \
  EACH(gradient_norm, GradientNormArgs) \
  EACH(scale_gradients, ScaleGradientsArgs)
