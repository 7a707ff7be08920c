// Optimizer steps: one fused kernel over all parameters of a group, in place. `args` comes with everything but its list
// (kernels/args/optimizer.h has the formulas). State tensors are like their parameter; lists of states that a
// step keeps only at times are empty where it keeps none.
#pragma once

#include <vector>

#include "kernels/args/optimizer.h"
#include "ops/op.h"

namespace hotloop::ops {

using TensorList = std::vector<Tensor>;

// A number that changes from step to step: the host's, or where `tensor` is defined, of one element, what lies there.
struct Varying {
  double value = 0;
  Tensor tensor;
};

// In the memory of a GPU numbers are read by its kernels, in whose order they may change, and a captured step reads them
// anew. Of steps that count, all do if the count is there: then it is a float32 that says how many were made before.
// A count of the host's is that of the step to make, from 1.
struct Clock {
  Varying lr;
  Varying step{};
  Varying mu_product{};  // NAdam's, a float64: of the momenta of all steps before this one
};

// first_step: momentum buffers are begun with the gradient.
void sgd_step(const TensorList& params, const TensorList& grads, const TensorList& momentum_buffers, SgdArgs args,
              const Clock& clock, bool first_step);

void adam_step(const TensorList& params, const TensorList& grads, const TensorList& exp_avgs,
               const TensorList& exp_avg_sqs, const TensorList& max_exp_avg_sqs, AdamArgs args, const Clock& clock);
void rmsprop_step(const TensorList& params, const TensorList& grads, const TensorList& square_avgs,
                  const TensorList& momentum_buffers, const TensorList& grad_avgs, RmspropArgs args,
                  const Clock& clock);
void adagrad_step(const TensorList& params, const TensorList& grads, const TensorList& sums, AdagradArgs args,
                  const Clock& clock);
void adadelta_step(const TensorList& params, const TensorList& grads, const TensorList& square_avgs,
                   const TensorList& acc_deltas, AdadeltaArgs args, const Clock& clock);
void adamax_step(const TensorList& params, const TensorList& grads, const TensorList& exp_avgs,
                 const TensorList& exp_infs, AdamaxArgs args, const Clock& clock);
// The product of the momenta with this step's is returned; of a count in the GPU's memory, 0.
double nadam_step(const TensorList& params, const TensorList& grads, const TensorList& exp_avgs,
                  const TensorList& exp_avg_sqs, NadamArgs args, const Clock& clock);
void radam_step(const TensorList& params, const TensorList& grads, const TensorList& exp_avgs,
                const TensorList& exp_avg_sqs, RadamArgs args, const Clock& clock);
void lion_step(const TensorList& params, const TensorList& grads, const TensorList& exp_avgs, LionArgs args,
               const Clock& clock);

// The quintic Newton-Schulz iteration x -> a x + (b x x^T + c (x x^T)^2) x.
struct NewtonSchulz {
  double a, b, c, eps;
  int64_t steps;
};
enum class MuonRate { original, match_rms_adamw };
void muon_step(const TensorList& params, const TensorList& grads, const TensorList& momentum_buffers,
               MuonMomentumArgs args, const Clock& clock, const NewtonSchulz& iteration, MuonRate rate);

// tensors += weight (ends - tensors), in place: averages of weights.
void lerp_tensors(const TensorList& tensors, const TensorList& ends, double weight);

// The norm over the elements of all tensors, a 0-d tensor; for clipping.
Tensor total_norm(const TensorList& tensors, NormOrder order);
// Multiplies every tensor by max_norm / (total + 1e-6), in place, where that is below 1 or NaN. A total on a GPU is read
// there by the kernels of its tensors.
void clip_tensors(const TensorList& tensors, double max_norm, const Tensor& total);

}  // namespace hotloop::ops
