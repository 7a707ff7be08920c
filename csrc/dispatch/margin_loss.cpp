#include "dispatch/margin_loss.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(margin_loss, MarginLossArgs)
HOTLOOP_KERNEL(margin_loss_backward, MarginLossArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const Candidate<MarginLossArgs> kForward[] = {HOTLOOP_CANDIDATES(margin_loss, kFloats, nullptr)};
static const GpuCandidate<MarginLossArgs> kGpuForward[] = {HOTLOOP_GPU_CANDIDATE(margin_loss, kFloats, nullptr)};
static const Candidate<MarginLossArgs> kBackward[] = {HOTLOOP_CANDIDATES(margin_loss_backward, kFloats, nullptr)};
static const GpuCandidate<MarginLossArgs> kGpuBackward[] = {
    HOTLOOP_GPU_CANDIDATE(margin_loss_backward, kFloats, nullptr)};

void margin_loss(Device device, const MarginLossArgs& args) {
  run("margin_loss", kForward, kGpuForward, device, args.dtype, args);
}
void margin_loss_backward(Device device, const MarginLossArgs& args) {
  run("margin_loss_backward", kBackward, kGpuBackward, device, args.dtype, args);
}

}  // namespace hotloop::dispatch
