// Running sums, products, extremes, logsumexps: from a problem to a kernel.
#pragma once

#include "kernels/args/scan.h"

namespace hotloop::dispatch {

void scan(const ScanArgs& args);

}  // namespace hotloop::dispatch
