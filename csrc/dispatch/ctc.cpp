#include "dispatch/ctc.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(ctc_loss, CtcArgs)
HOTLOOP_KERNEL(ctc_loss_backward, CtcBackwardArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const DTypeSet kCtcDTypes = set_of(DType::f32) | set_of(DType::f64);
static const Candidate<CtcArgs> kForward[] = {HOTLOOP_CANDIDATES(ctc_loss, kCtcDTypes, nullptr)};
static const GpuCandidate<CtcArgs> kGpuForward[] = {HOTLOOP_GPU_CANDIDATE(ctc_loss, kCtcDTypes, nullptr)};
static const Candidate<CtcBackwardArgs> kBackward[] = {HOTLOOP_CANDIDATES(ctc_loss_backward, kCtcDTypes, nullptr)};
static const GpuCandidate<CtcBackwardArgs> kGpuBackward[] = {
    HOTLOOP_GPU_CANDIDATE(ctc_loss_backward, kCtcDTypes, nullptr)};

void ctc_loss(Device device, const CtcArgs& args) { run("ctc_loss", kForward, kGpuForward, device, args.dtype, args); }
void ctc_loss_backward(Device device, const CtcBackwardArgs& args) {
  run("ctc_loss_backward", kBackward, kGpuBackward, device, args.forward.dtype, args);
}

}  // namespace hotloop::dispatch
