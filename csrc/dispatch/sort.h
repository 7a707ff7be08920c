// Sorting, selecting, searching: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/sort.h"

namespace hotloop::dispatch {

void sort(Device device, const SortArgs& args);
void pick(Device device, const PickArgs& args);
void search(Device device, const SearchArgs& args);

}  // namespace hotloop::dispatch
