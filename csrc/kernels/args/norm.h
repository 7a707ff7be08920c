// Layer norm and RMS norm over the last dim of (rows, n), forward and backward, and with several sets of parameters what
// group and instance norm are. Arithmetic in f32 (f64 for f64);
// f16 and bf16 are converted on the way. Mean and variance in two passes over the row in cache. A row's results depend on
// that row only; grad_weight and grad_bias are sums over rows in blocks of fixed size, the blocks pairwise.
#pragma once

#include "core/dtype.h"

namespace hotloop {

enum class NormKind : uint8_t {
  layer,  // out = (x - mean) rstd weight + bias, rstd = 1 / sqrt(variance + eps), variance over n
  rms     // out = x rstd weight, rstd = 1 / sqrt(mean of squares + eps); no mean, no bias
};

struct NormArgs {
  NormKind kind;
  DType dtype;      // floating: of x, weight, bias, out
  int64_t rows, n;  // n > 0
  // Parameters are (groups, n / inner): those of element i of row r are at (r % groups, i / inner). Both are 1 in a layer
  // norm. With several groups rows lie next to each other, and are whole samples of `groups` rows.
  int64_t groups, inner;
  double eps;
  const void* x;  // elements of a row are contiguous
  int64_t x_row_stride;
  const void* weight;  // contiguous, as the next; both may be null
  const void* bias;
  void* out;  // contiguous rows; may be x
  int64_t out_row_stride;
  void* mean;  // (rows), f32, or f64 for f64; null for rms
  void* rstd;  // (rows), alike; both may be null where no backward pass follows
};

struct NormBackwardArgs {
  NormKind kind;
  DType dtype;
  int64_t rows, n, groups, inner;
  const void* x;
  int64_t x_row_stride;
  const void* weight;  // may be null
  const void* mean;    // of the forward pass; null for rms
  const void* rstd;
  const void* grad_out;
  int64_t grad_out_row_stride;
  void* grad_x;  // overwritten; may be null where not wanted, as may the two below
  int64_t grad_x_row_stride;
  void* grad_weight;  // contiguous, overwritten
  void* grad_bias;
};

}  // namespace hotloop
