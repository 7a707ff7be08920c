// Batch norm: each channel of (samples, channels, inner) by its mean and variance over samples and inner, or by given
// ones; forward and backward. Arithmetic in f32 (f64 for f64); f16 and bf16 are converted on the way. Mean and squares
// about it are taken in two passes over blocks of fixed size, which are then put together in order, in double.
#pragma once

#include "core/dtype.h"

namespace hotloop {

// x, out and the gradients like them are contiguous, not empty and of `dtype`; all that is (channels) is f32, or f64
// for f64.
struct BatchNormArgs {
  DType dtype;
  bool by_batch;  // mean and variance are those of x and written; else they are given
  int64_t samples, channels, inner;
  double eps;
  const void* x;
  const void* weight;  // may be null, as may the next
  const void* bias;
  void* out;  // (x - mean) rstd weight + bias
  void* mean;
  void* variance;  // without correction
  void* rstd;      // written: 1 / sqrt(variance + eps)
};

struct BatchNormBackwardArgs {
  DType dtype;
  bool by_batch;  // mean and variance depend on x
  int64_t samples, channels, inner;
  const void* x;
  const void* weight;  // may be null
  const void* mean;
  const void* rstd;
  const void* grad_out;
  void* grad_x;  // overwritten, as are the next two; may be null where not wanted
  void* grad_weight;
  void* grad_bias;
};

}  // namespace hotloop
