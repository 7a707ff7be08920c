#include "dispatch/optimizer.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_OPTIMIZERS(HOTLOOP_KERNEL)
}  // namespace hotloop

namespace hotloop::dispatch {

// One list an optimizer, the same for all: any floating dtype, no shape refused.
#define HOTLOOP_OPTIMIZER_LIST(name, Args)                                                                  \
  void name(Device device, const Args& args) {                                                              \
    static constexpr Candidate<Args> kCandidates[] = {HOTLOOP_CANDIDATES(name, kFloats, nullptr)};          \
    static constexpr GpuCandidate<Args> kGpuCandidates[] = {HOTLOOP_GPU_CANDIDATE(name, kFloats, nullptr)}; \
    run(#name, kCandidates, kGpuCandidates, device, args.list.dtype, args);                                 \
  }
HOTLOOP_OPTIMIZERS(HOTLOOP_OPTIMIZER_LIST)

}  // namespace hotloop::dispatch
