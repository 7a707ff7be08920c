// Running sums, products, extremes, logsumexps: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/scan.h"

namespace hotloop::dispatch {

void scan(Device device, const ScanArgs& args);

}  // namespace hotloop::dispatch
