// Optimizer steps: from a problem to a kernel.
#pragma once

#include "kernels/args/optimizer.h"

namespace hotloop::dispatch {

void sgd(const SgdArgs& args);
void adam(const AdamArgs& args);
void gradient_norm(const GradientNormArgs& args);
void scale_gradients(const ScaleGradientsArgs& args);

}  // namespace hotloop::dispatch
