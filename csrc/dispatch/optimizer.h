// Optimizer steps: from a problem to a kernel.
#pragma once

#include "kernels/args/optimizer.h"

namespace hotloop::dispatch {

void sgd(const SgdArgs& args);
void adam(const AdamArgs& args);
void rmsprop(const RmspropArgs& args);
void adagrad(const AdagradArgs& args);
void adadelta(const AdadeltaArgs& args);
void adamax(const AdamaxArgs& args);
void nadam(const NadamArgs& args);
void radam(const RadamArgs& args);
void lion(const LionArgs& args);
void muon_momentum(const MuonMomentumArgs& args);
void average(const AverageArgs& args);
void gradient_norm(const GradientNormArgs& args);
void scale_gradients(const ScaleGradientsArgs& args);

}  // namespace hotloop::dispatch
