// Softmax, log-softmax and cross entropy: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/softmax.h"

namespace hotloop::dispatch {

void softmax(Device device, const SoftmaxArgs& args);
void softmax_backward(Device device, const SoftmaxBackwardArgs& args);
void cross_entropy(Device device, const CrossEntropyArgs& args);
void cross_entropy_backward(Device device, const CrossEntropyArgs& args);
void nll_loss(Device device, const CrossEntropyArgs& args);
void nll_loss_backward(Device device, const CrossEntropyArgs& args);

}  // namespace hotloop::dispatch
