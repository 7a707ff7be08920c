// Layer norm and RMS norm: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/norm.h"

namespace hotloop::dispatch {

void norm(Device device, const NormArgs& args);
void norm_backward(Device device, const NormBackwardArgs& args);

}  // namespace hotloop::dispatch
