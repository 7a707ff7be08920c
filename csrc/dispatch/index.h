// Indexing and selection by mask: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/index.h"

namespace hotloop::dispatch {

void index_read(Device device, const IndexArgs& args);
void index_write(Device device, const IndexArgs& args);
void index_add(Device device, const IndexArgs& args);
void index_combine(Device device, const IndexArgs& args);
void count_mask(Device device, const MaskArgs& args);
void mask_select(Device device, const MaskArgs& args);
void mask_nonzero(Device device, const MaskArgs& args);

}  // namespace hotloop::dispatch
