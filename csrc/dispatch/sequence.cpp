#include "dispatch/sequence.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(sequence, SequenceArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const Candidate<SequenceArgs> kSequence[] = {HOTLOOP_CANDIDATES(sequence, kAllDTypes, nullptr)};
static const GpuCandidate<SequenceArgs> kGpuSequence[] = {HOTLOOP_GPU_CANDIDATE(sequence, kAllDTypes, nullptr)};

void sequence(Device device, const SequenceArgs& args) {
  run("arange", kSequence, kGpuSequence, device, args.dtype, args);
}

}  // namespace hotloop::dispatch
