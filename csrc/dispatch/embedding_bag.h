// Bags of embeddings: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/embedding_bag.h"

namespace hotloop::dispatch {

void embedding_bag(Device device, const EmbeddingBagArgs& args);
void embedding_bag_backward(Device device, const EmbeddingBagArgs& args);
void embedding_bag_factors_backward(Device device, const EmbeddingBagArgs& args);

}  // namespace hotloop::dispatch
