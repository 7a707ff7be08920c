// Sorting, selecting, searching: from a problem to a kernel.
#pragma once

#include "kernels/args/sort.h"

namespace hotloop::dispatch {

void sort(const SortArgs& args);
void search(const SearchArgs& args);

}  // namespace hotloop::dispatch
