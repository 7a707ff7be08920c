// Sequences of numbers: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/sequence.h"

namespace hotloop::dispatch {

void sequence(Device device, const SequenceArgs& args);

}  // namespace hotloop::dispatch
