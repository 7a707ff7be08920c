// Optimizer steps: one fused kernel over all parameters of a group, in place. `args` comes with everything but its list
// (kernels/args/optimizer.h has the formulas). State tensors are like their parameter; lists of states that a
// step keeps only at times are empty where it keeps none.
#pragma once

#include <vector>

#include "kernels/args/optimizer.h"
#include "ops/op.h"

namespace hotloop::ops {

using TensorList = std::vector<Tensor>;

// first_step: momentum buffers are begun with the gradient.
void sgd_step(const TensorList& params, const TensorList& grads, const TensorList& momentum_buffers, SgdArgs args,
              bool first_step);

// Steps count from 1.
void adam_step(const TensorList& params, const TensorList& grads, const TensorList& exp_avgs,
               const TensorList& exp_avg_sqs, const TensorList& max_exp_avg_sqs, AdamArgs args, int64_t step);
void rmsprop_step(const TensorList& params, const TensorList& grads, const TensorList& square_avgs,
                  const TensorList& momentum_buffers, const TensorList& grad_avgs, RmspropArgs args);
void adagrad_step(const TensorList& params, const TensorList& grads, const TensorList& sums, AdagradArgs args);
void adadelta_step(const TensorList& params, const TensorList& grads, const TensorList& square_avgs,
                   const TensorList& acc_deltas, AdadeltaArgs args);
void adamax_step(const TensorList& params, const TensorList& grads, const TensorList& exp_avgs,
                 const TensorList& exp_infs, AdamaxArgs args, int64_t step);
// mu_product: of the momenta of all steps before this one; that of all steps with this one is returned.
double nadam_step(const TensorList& params, const TensorList& grads, const TensorList& exp_avgs,
                  const TensorList& exp_avg_sqs, NadamArgs args, double momentum_decay, double mu_product,
                  int64_t step);
void radam_step(const TensorList& params, const TensorList& grads, const TensorList& exp_avgs,
                const TensorList& exp_avg_sqs, RadamArgs args, int64_t step);
void lion_step(const TensorList& params, const TensorList& grads, const TensorList& exp_avgs, LionArgs args);

// The quintic Newton-Schulz iteration x -> a x + (b x x^T + c (x x^T)^2) x.
struct NewtonSchulz {
  double a, b, c, eps;
  int64_t steps;
};
enum class MuonRate { original, match_rms_adamw };
void muon_step(const TensorList& params, const TensorList& grads, const TensorList& momentum_buffers,
               MuonMomentumArgs args, const NewtonSchulz& iteration, MuonRate rate);

// tensors += weight (ends - tensors), in place: averages of weights.
void lerp_tensors(const TensorList& tensors, const TensorList& ends, double weight);

// The norm over the elements of all tensors, a 0-d tensor; for clipping.
Tensor total_norm(const TensorList& tensors, NormOrder order);
// Multiplies every tensor, in place.
void scale_tensors(const TensorList& tensors, double scale);

}  // namespace hotloop::ops
