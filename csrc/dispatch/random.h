// Random fills and dropout (kernels/args/random.h).
#pragma once

#include "kernels/args/random.h"

namespace hotloop::dispatch {

void random_uniform(const RandomArgs& args);
void random_normal(const RandomArgs& args);
void random_bernoulli(const RandomArgs& args);
void random_integers(const RandomArgs& args);
void dropout(const DropoutArgs& args);
void dropout_backward(const DropoutBackwardArgs& args);

}  // namespace hotloop::dispatch
