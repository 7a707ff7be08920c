#include "dispatch/optimizer.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(sgd, SgdArgs)
HOTLOOP_KERNEL(adam, AdamArgs)
HOTLOOP_KERNEL(gradient_norm, GradientNormArgs)
HOTLOOP_KERNEL(scale_gradients, ScaleGradientsArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const Candidate<SgdArgs> kSgd[] = {HOTLOOP_CANDIDATES(sgd, kFloats, nullptr)};
static const Candidate<AdamArgs> kAdam[] = {HOTLOOP_CANDIDATES(adam, kFloats, nullptr)};
static const Candidate<GradientNormArgs> kGradientNorm[] = {HOTLOOP_CANDIDATES(gradient_norm, kFloats, nullptr)};
static const Candidate<ScaleGradientsArgs> kScaleGradients[] = {HOTLOOP_CANDIDATES(scale_gradients, kFloats, nullptr)};

void sgd(const SgdArgs& args) { run("sgd", kSgd, args.list.dtype, args); }
void adam(const AdamArgs& args) { run("adam", kAdam, args.list.dtype, args); }
void gradient_norm(const GradientNormArgs& args) { run("gradient_norm", kGradientNorm, args.list.dtype, args); }
void scale_gradients(const ScaleGradientsArgs& args) { run("scale_gradients", kScaleGradients, args.list.dtype, args); }

}  // namespace hotloop::dispatch
