// Copies and fills (kernels/args/copy.h).
#pragma once

#include "core/device.h"
#include "kernels/args/copy.h"

namespace hotloop::dispatch {

void copy(Device device, const CopyArgs& args);

}  // namespace hotloop::dispatch
