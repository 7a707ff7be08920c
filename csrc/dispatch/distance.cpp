#include "dispatch/distance.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(cdist, DistanceArgs)
HOTLOOP_KERNEL(cdist_backward, DistanceBackwardArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const DTypeSet kDistanceDTypes = set_of(DType::f32) | set_of(DType::f64);
static const Candidate<DistanceArgs> kCdist[] = {HOTLOOP_CANDIDATES(cdist, kDistanceDTypes, nullptr)};
static const GpuCandidate<DistanceArgs> kGpuCdist[] = {HOTLOOP_GPU_CANDIDATE(cdist, kDistanceDTypes, nullptr)};
static const Candidate<DistanceBackwardArgs> kCdistBackward[] = {
    HOTLOOP_CANDIDATES(cdist_backward, kDistanceDTypes, nullptr)};
static const GpuCandidate<DistanceBackwardArgs> kGpuCdistBackward[] = {
    HOTLOOP_GPU_CANDIDATE(cdist_backward, kDistanceDTypes, nullptr)};

void cdist(Device device, const DistanceArgs& args) { run("cdist", kCdist, kGpuCdist, device, args.dtype, args); }
void cdist_backward(Device device, const DistanceBackwardArgs& args) {
  run("cdist_backward", kCdistBackward, kGpuCdistBackward, device, args.dtype, args);
}

}  // namespace hotloop::dispatch
