// Layer norm and RMS norm: from a problem to a kernel.
#pragma once

#include "kernels/args/norm.h"

namespace hotloop::dispatch {

void norm(const NormArgs& args);
void norm_backward(const NormBackwardArgs& args);

}  // namespace hotloop::dispatch
