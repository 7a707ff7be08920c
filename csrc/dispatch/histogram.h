// Histograms: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/histogram.h"

namespace hotloop::dispatch {

void histogram(Device device, const HistogramArgs& args);

}  // namespace hotloop::dispatch
