#include "dispatch/ctc.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(ctc_loss, CtcArgs)
HOTLOOP_KERNEL(ctc_loss_backward, CtcBackwardArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const DTypeSet kCtcDTypes = set_of(DType::f32) | set_of(DType::f64);
static const Candidate<CtcArgs> kCtcLoss[] = {HOTLOOP_CANDIDATES(ctc_loss, kCtcDTypes, nullptr)};
static const Candidate<CtcBackwardArgs> kCtcLossBackward[] = {
    HOTLOOP_CANDIDATES(ctc_loss_backward, kCtcDTypes, nullptr)};

void ctc_loss(const CtcArgs& args) { run("ctc_loss", kCtcLoss, args.dtype, args); }
void ctc_loss_backward(const CtcBackwardArgs& args) {
  run("ctc_loss_backward", kCtcLossBackward, args.forward.dtype, args);
}

}  // namespace hotloop::dispatch
