// Distances between rows: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/distance.h"

namespace hotloop::dispatch {

void cdist(Device device, const DistanceArgs& args);
void cdist_backward(Device device, const DistanceBackwardArgs& args);

}  // namespace hotloop::dispatch
