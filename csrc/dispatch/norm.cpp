#include "dispatch/norm.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(norm, NormArgs)
HOTLOOP_KERNEL(norm_backward, NormBackwardArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const Candidate<NormArgs> kNorm[] = {HOTLOOP_CANDIDATES(norm, kFloats, nullptr)};
static const GpuCandidate<NormArgs> kGpuNorm[] = {HOTLOOP_GPU_CANDIDATE(norm, kFloats, nullptr)};
static const Candidate<NormBackwardArgs> kNormBackward[] = {HOTLOOP_CANDIDATES(norm_backward, kFloats, nullptr)};
static const GpuCandidate<NormBackwardArgs> kGpuNormBackward[] = {
    HOTLOOP_GPU_CANDIDATE(norm_backward, kFloats, nullptr)};

void norm(Device device, const NormArgs& args) { run("norm", kNorm, kGpuNorm, device, args.dtype, args); }
void norm_backward(Device device, const NormBackwardArgs& args) {
  run("norm_backward", kNormBackward, kGpuNormBackward, device, args.dtype, args);
}

}  // namespace hotloop::dispatch
