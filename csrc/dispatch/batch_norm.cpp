#include "dispatch/batch_norm.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(batch_norm, BatchNormArgs)
HOTLOOP_KERNEL(batch_norm_backward, BatchNormBackwardArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const Candidate<BatchNormArgs> kBatchNorm[] = {HOTLOOP_CANDIDATES(batch_norm, kFloats, nullptr)};
static const GpuCandidate<BatchNormArgs> kGpuBatchNorm[] = {HOTLOOP_GPU_CANDIDATE(batch_norm, kFloats, nullptr)};
static const Candidate<BatchNormBackwardArgs> kBackward[] = {HOTLOOP_CANDIDATES(batch_norm_backward, kFloats, nullptr)};
static const GpuCandidate<BatchNormBackwardArgs> kGpuBackward[] = {
    HOTLOOP_GPU_CANDIDATE(batch_norm_backward, kFloats, nullptr)};

void batch_norm(Device device, const BatchNormArgs& args) {
  run("batch_norm", kBatchNorm, kGpuBatchNorm, device, args.dtype, args);
}
void batch_norm_backward(Device device, const BatchNormBackwardArgs& args) {
  run("batch_norm_backward", kBackward, kGpuBackward, device, args.dtype, args);
}

}  // namespace hotloop::dispatch
