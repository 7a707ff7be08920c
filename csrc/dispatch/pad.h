#pragma once

#include "core/device.h"
#include "kernels/args/pad.h"

namespace hotloop::dispatch {

void pad(Device device, const PadArgs& args);
void pad_backward(Device device, const PadArgs& args);
void triangle(Device device, const TriangleArgs& args);

}  // namespace hotloop::dispatch
