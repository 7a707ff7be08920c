// Connectionist temporal classification (Graves et al. 2006): the log-likelihood of a sequence of labels under all its
// alignments with a longer sequence of class probabilities, and its gradient.
//
// Labels l_1 ... l_L become 2 L + 1 states, blank l_1 blank l_2 ... l_L blank. An alignment goes from state s to s, s + 1,
// or, past a blank between different labels, s + 2. alpha[t][s] is the log of the probability of steps 0 ... t ending in
// state s; it is computed in f64, and the loss is rounded once.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace hotloop {

namespace gpu {
struct Fault;
}

struct CtcSpan {
  int64_t steps;   // at most CtcArgs::steps
  int64_t labels;  // 2 labels + 1 <= CtcArgs::states
  int64_t start;   // of them in CtcArgs::targets
};

struct CtcArgs {
  DType dtype;  // f32 or f64, of log_probs, loss and gradients
  int64_t steps, batch, classes, states, blank;
  const void* log_probs;  // (steps, batch, classes), contiguous
  const int64_t* targets;
  const CtcSpan* spans;  // (batch)
  double* alpha;         // (batch, steps, states); what is beyond a sample's steps and states is left as it is
  void* loss;            // (batch): minus the log-likelihood; 0 of no labels in no steps
  bool zero_infinity;    // loss and gradient of a sample without any alignment are 0, not infinity and NaN
  gpu::Fault* gpu_fault =
      nullptr;  // GPU: where the forward kernel reports a label that is no class; it counts as blank
};

// grad[t][n][c] = grad_loss[n] (exp(log_probs[t][n][c]) - the probability of being at c in step t, given the labels): the
// gradient with respect to the logits whose log_softmax log_probs are, as Graves et al. give it. 0 beyond a sample's steps.
struct CtcBackwardArgs {
  CtcArgs forward;        // alpha as it was left; its loss is not read
  const void* grad_loss;  // (batch)
  void* grad;             // (steps, batch, classes)
};

}  // namespace hotloop
