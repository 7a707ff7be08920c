// Random fills and dropout (kernels/args/random.h).
#pragma once

#include "core/device.h"
#include "kernels/args/random.h"

namespace hotloop::dispatch {

void random_uniform(Device device, const RandomArgs& args);
void random_normal(Device device, const RandomArgs& args);
void random_bernoulli(Device device, const RandomArgs& args);
void random_integers(Device device, const RandomArgs& args);
void random_permutation(const RandomArgs& args);  // on the CPU
void random_poisson(Device device, const PoissonArgs& args);
void dropout(Device device, const DropoutArgs& args);
void dropout_backward(Device device, const DropoutBackwardArgs& args);

}  // namespace hotloop::dispatch
