#include "dispatch/scan.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(scan, ScanArgs)
}

namespace hotloop::dispatch {

static const Candidate<ScanArgs> kScan[] = {HOTLOOP_CANDIDATES(scan, kAllDTypes, nullptr)};

void scan(const ScanArgs& args) { run("scan", kScan, args.dtype, args); }

}  // namespace hotloop::dispatch
