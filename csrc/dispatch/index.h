// Indexing and selection by mask: from a problem to a kernel.
#pragma once

#include "kernels/args/index.h"

namespace hotloop::dispatch {

void index_read(const IndexArgs& args);
void index_write(const IndexArgs& args);
void index_add(const IndexArgs& args);
void index_combine(const IndexArgs& args);
void count_mask(const MaskArgs& args);
void mask_select(const MaskArgs& args);
void mask_nonzero(const MaskArgs& args);

}  // namespace hotloop::dispatch
