#include "dispatch/scan.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(scan, ScanArgs)
}

namespace hotloop::dispatch {

static const Candidate<ScanArgs> kScan[] = {HOTLOOP_CANDIDATES(scan, kAllDTypes, nullptr)};
static const GpuCandidate<ScanArgs> kGpuScan[] = {HOTLOOP_GPU_CANDIDATE(scan, kAllDTypes, nullptr)};

void scan(Device device, const ScanArgs& args) { run("scan", kScan, kGpuScan, device, args.dtype, args); }

}  // namespace hotloop::dispatch
