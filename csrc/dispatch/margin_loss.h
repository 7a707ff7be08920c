// Margin losses: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/margin_loss.h"

namespace hotloop::dispatch {

void margin_loss(Device device, const MarginLossArgs& args);
void margin_loss_backward(Device device, const MarginLossArgs& args);

}  // namespace hotloop::dispatch
