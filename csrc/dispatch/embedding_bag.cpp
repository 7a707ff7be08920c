#include "dispatch/embedding_bag.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(embedding_bag, EmbeddingBagArgs)
HOTLOOP_KERNEL(embedding_bag_backward, EmbeddingBagArgs)
HOTLOOP_KERNEL(embedding_bag_factors_backward, EmbeddingBagArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const Candidate<EmbeddingBagArgs> kBag[] = {HOTLOOP_CANDIDATES(embedding_bag, kFloats, nullptr)};
static const GpuCandidate<EmbeddingBagArgs> kGpuBag[] = {HOTLOOP_GPU_CANDIDATE(embedding_bag, kFloats, nullptr)};
static const Candidate<EmbeddingBagArgs> kBagBackward[] = {
    HOTLOOP_CANDIDATES(embedding_bag_backward, kFloats, nullptr)};
static const GpuCandidate<EmbeddingBagArgs> kGpuBagBackward[] = {
    HOTLOOP_GPU_CANDIDATE(embedding_bag_backward, kFloats, nullptr)};
static const Candidate<EmbeddingBagArgs> kFactorsBackward[] = {
    HOTLOOP_CANDIDATES(embedding_bag_factors_backward, kFloats, nullptr)};
static const GpuCandidate<EmbeddingBagArgs> kGpuFactorsBackward[] = {
    HOTLOOP_GPU_CANDIDATE(embedding_bag_factors_backward, kFloats, nullptr)};

void embedding_bag(Device device, const EmbeddingBagArgs& args) {
  run("embedding_bag", kBag, kGpuBag, device, args.dtype, args);
}
void embedding_bag_backward(Device device, const EmbeddingBagArgs& args) {
  run("embedding_bag_backward", kBagBackward, kGpuBagBackward, device, args.dtype, args);
}
void embedding_bag_factors_backward(Device device, const EmbeddingBagArgs& args) {
  run("embedding_bag_factors_backward", kFactorsBackward, kGpuFactorsBackward, device, args.dtype, args);
}

}  // namespace hotloop::dispatch
