// Softmax, log-softmax and cross entropy: from a problem to a kernel.
#pragma once

#include "kernels/args/softmax.h"

namespace hotloop::dispatch {

void softmax(const SoftmaxArgs& args);
void softmax_backward(const SoftmaxBackwardArgs& args);
void cross_entropy(const CrossEntropyArgs& args);
void cross_entropy_backward(const CrossEntropyArgs& args);

}  // namespace hotloop::dispatch
