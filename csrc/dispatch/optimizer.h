// Optimizer steps: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/optimizer.h"

namespace hotloop::dispatch {

void sgd(Device device, const SgdArgs& args);
void adam(Device device, const AdamArgs& args);
void rmsprop(Device device, const RmspropArgs& args);
void adagrad(Device device, const AdagradArgs& args);
void adadelta(Device device, const AdadeltaArgs& args);
void adamax(Device device, const AdamaxArgs& args);
void nadam(Device device, const NadamArgs& args);
void radam(Device device, const RadamArgs& args);
void lion(Device device, const LionArgs& args);
void muon_momentum(Device device, const MuonMomentumArgs& args);
void average(Device device, const AverageArgs& args);
void gradient_norm(Device device, const GradientNormArgs& args);
void scale_gradients(Device device, const ScaleGradientsArgs& args);

}  // namespace hotloop::dispatch
