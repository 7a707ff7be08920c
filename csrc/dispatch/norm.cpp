#include "dispatch/norm.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(norm, NormArgs)
HOTLOOP_KERNEL(norm_backward, NormBackwardArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const Candidate<NormArgs> kNorm[] = {HOTLOOP_CANDIDATES(norm, kFloats, nullptr)};
static const Candidate<NormBackwardArgs> kNormBackward[] = {HOTLOOP_CANDIDATES(norm_backward, kFloats, nullptr)};

void norm(const NormArgs& args) { run("norm", kNorm, args.dtype, args); }
void norm_backward(const NormBackwardArgs& args) { run("norm_backward", kNormBackward, args.dtype, args); }

}  // namespace hotloop::dispatch
