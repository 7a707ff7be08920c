#include "dispatch/copy.h"

#include "dispatch/list.h"

namespace hotloop {

HOTLOOP_KERNEL(copy, CopyArgs)

namespace dispatch {

namespace {

constexpr Candidate<CopyArgs> kCopy[] = {HOTLOOP_CANDIDATES(copy, kAllDTypes, nullptr)};
constexpr GpuCandidate<CopyArgs> kGpuCopy[] = {HOTLOOP_GPU_CANDIDATE(copy, kAllDTypes, nullptr)};

}  // namespace

void copy(Device device, const CopyArgs& args) { run("copy", kCopy, kGpuCopy, device, args.to, args); }

}  // namespace dispatch
}  // namespace hotloop
