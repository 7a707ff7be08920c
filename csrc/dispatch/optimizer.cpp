#include "dispatch/optimizer.h"

#include "dispatch/list.h"

// One list an optimizer, the same for all: any floating dtype, no shape refused.
#define HOTLOOP_OPTIMIZERS(EACH)        \
  EACH(sgd, SgdArgs)                    \
  EACH(adam, AdamArgs)                  \
  EACH(rmsprop, RmspropArgs)            \
  EACH(adagrad, AdagradArgs)            \
  EACH(adadelta, AdadeltaArgs)          \
  EACH(adamax, AdamaxArgs)              \
  EACH(nadam, NadamArgs)                \
  EACH(radam, RadamArgs)                \
  EACH(lion, LionArgs)                  \
  EACH(muon_momentum, MuonMomentumArgs) \
  EACH(average, AverageArgs)            \
  EACH(gradient_norm, GradientNormArgs) \
  EACH(scale_gradients, ScaleGradientsArgs)

namespace hotloop {
HOTLOOP_OPTIMIZERS(HOTLOOP_KERNEL)
}  // namespace hotloop

namespace hotloop::dispatch {

#define HOTLOOP_OPTIMIZER_LIST(name, Args)                                                                  \
  void name(Device device, const Args& args) {                                                              \
    static constexpr Candidate<Args> kCandidates[] = {HOTLOOP_CANDIDATES(name, kFloats, nullptr)};          \
    static constexpr GpuCandidate<Args> kGpuCandidates[] = {HOTLOOP_GPU_CANDIDATE(name, kFloats, nullptr)}; \
    run(#name, kCandidates, kGpuCandidates, device, args.list.dtype, args);                                 \
  }
HOTLOOP_OPTIMIZERS(HOTLOOP_OPTIMIZER_LIST)

}  // namespace hotloop::dispatch
