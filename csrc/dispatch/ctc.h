#pragma once

#include "kernels/args/ctc.h"

namespace hotloop::dispatch {

void ctc_loss(const CtcArgs& args);
void ctc_loss_backward(const CtcBackwardArgs& args);

}  // namespace hotloop::dispatch
