// Softmax, log-softmax, cross entropy and nll_loss, forward and backward. Arithmetic in f32 (f64 for f64); f16 and bf16 are
// converted on the way. Every row is computed alone: its bits depend on its own n numbers only.
#pragma once

#include "core/dtype.h"

namespace hotloop::gpu {
struct Fault;
}

namespace hotloop {

// x[o, i, j] at o * outer + i * n + j * inner, in elements.
struct RowStrides {
  int64_t outer, n, inner;
};

// Over the middle dim of (outer, n, inner). out may be x where their strides are equal.
struct SoftmaxArgs {
  DType dtype;  // floating
  bool log;     // log-softmax
  int64_t outer, n, inner;
  const void* x;
  RowStrides x_strides;
  void* out;
  RowStrides out_strides;
};

// softmax: grad_x = out (grad_out - sum(grad_out out)); log: grad_x = grad_out - exp(out) sum(grad_out).
// grad_x may be grad_out where their strides are equal.
struct SoftmaxBackwardArgs {
  DType dtype;
  bool log;
  int64_t outer, n, inner;
  const void* out;  // of the forward pass
  RowStrides out_strides;
  const void* grad_out;
  RowStrides grad_out_strides;
  void* grad_x;
  RowStrides grad_x_strides;
};

enum class LossReduction : uint8_t { none, mean, sum };

// Cross entropy of (outer, classes, inner) logits: (N, C) has inner 1, (N, C, d1, ...) inner d1 * .... A row is one
// (o, j). With w the class weights (1 without), e the label smoothing and l = logsumexp(x) - x:
//   target indices:  loss = (1 - e) w[t] l[t] + e / C sum_c w[c] l[c]; 0 where t is ignore_index;
//                    mean divides the sum by that of w[t] over rows not ignored
//   probabilities p: loss = sum_c w[c] ((1 - e) p[c] + e / C) l[c]; mean divides by the number of rows
// nll_loss and nll_loss_backward: of logits that are log probabilities already, so that l = -x; target indices only, no
// smoothing. logsumexp is not touched. Backward reads no logits and finds grad_logits filled with zeros.
struct CrossEntropyArgs {
  DType dtype;  // of logits, probabilities, weight, loss, grad_out, grad_logits
  LossReduction reduction;
  int64_t outer, classes, inner;
  const void* logits;
  RowStrides logits_strides;
  const int64_t* target;  // null: probabilities
  int64_t target_outer_stride, target_inner_stride;
  const void* probabilities;
  RowStrides probabilities_strides;
  const void* weight;  // (classes), contiguous; may be null
  int64_t ignore_index;
  double label_smoothing;  // in [0, 1]
  // Of each row, and the divisor of mean (1 otherwise): written by the forward pass, read by the backward
  // pass; f32, or f64 for f64 logits. The rows are (outer, inner), contiguous.
  void* logsumexp;
  void* divisor;
  // Forward.
  void* loss;             // none: (outer, inner), contiguous; else one number
  gpu::Fault* gpu_fault;  // GPU: where it is reported instead; a bad row's loss is 0
  int64_t* bad_row;       // the first row whose target is neither a class nor ignore_index, or -1;
                          // where there is one, nothing else is written
  // Backward: grad_logits is overwritten.
  const void* grad_out;  // none: (outer, inner) with these strides; else one number
  int64_t grad_out_outer_stride, grad_out_inner_stride;
  void* grad_logits;
  RowStrides grad_logits_strides;
};

}  // namespace hotloop
