// Batch norm: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/batch_norm.h"

namespace hotloop::dispatch {

void batch_norm(Device device, const BatchNormArgs& args);
void batch_norm_backward(Device device, const BatchNormBackwardArgs& args);

}  // namespace hotloop::dispatch
