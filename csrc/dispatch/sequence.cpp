#include "dispatch/sequence.h"

#include "dispatch/list.h"

namespace hotloop {
namespace reference {
void sequence(const SequenceArgs& args);
}
HOTLOOP_GPU_KERNEL(sequence, SequenceArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

// Bound by writing, and rare: the plain loop serves every instruction set.
static const Candidate<SequenceArgs> kSequence[] = {
    {"sequence_reference", Isa::reference, kAllDTypes, nullptr, reference::sequence}};
static const GpuCandidate<SequenceArgs> kGpuSequence[] = {HOTLOOP_GPU_CANDIDATE(sequence, kAllDTypes, nullptr)};

void sequence(Device device, const SequenceArgs& args) {
  run("arange", kSequence, kGpuSequence, device, args.dtype, args);
}

}  // namespace hotloop::dispatch
