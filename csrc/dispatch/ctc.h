#pragma once

#include "core/device.h"
#include "kernels/args/ctc.h"

namespace hotloop::dispatch {

void ctc_loss(Device device, const CtcArgs& args);
void ctc_loss_backward(Device device, const CtcBackwardArgs& args);

}  // namespace hotloop::dispatch
