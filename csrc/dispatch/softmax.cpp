#include "dispatch/softmax.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(softmax, SoftmaxArgs)
HOTLOOP_KERNEL(softmax_backward, SoftmaxBackwardArgs)
HOTLOOP_KERNEL(cross_entropy, CrossEntropyArgs)
HOTLOOP_KERNEL(cross_entropy_backward, CrossEntropyArgs)
HOTLOOP_KERNEL(nll_loss, CrossEntropyArgs)
HOTLOOP_KERNEL(nll_loss_backward, CrossEntropyArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const Candidate<SoftmaxArgs> kSoftmax[] = {HOTLOOP_CANDIDATES(softmax, kFloats, nullptr)};
static const GpuCandidate<SoftmaxArgs> kGpuSoftmax[] = {HOTLOOP_GPU_CANDIDATE(softmax, kFloats, nullptr)};
static const Candidate<SoftmaxBackwardArgs> kSoftmaxBackward[] = {
    HOTLOOP_CANDIDATES(softmax_backward, kFloats, nullptr)};
static const GpuCandidate<SoftmaxBackwardArgs> kGpuSoftmaxBackward[] = {
    HOTLOOP_GPU_CANDIDATE(softmax_backward, kFloats, nullptr)};
static const Candidate<CrossEntropyArgs> kCrossEntropy[] = {HOTLOOP_CANDIDATES(cross_entropy, kFloats, nullptr)};
static const GpuCandidate<CrossEntropyArgs> kGpuCrossEntropy[] = {
    HOTLOOP_GPU_CANDIDATE(cross_entropy, kFloats, nullptr)};
static const Candidate<CrossEntropyArgs> kCrossEntropyBackward[] = {
    HOTLOOP_CANDIDATES(cross_entropy_backward, kFloats, nullptr)};
static const GpuCandidate<CrossEntropyArgs> kGpuCrossEntropyBackward[] = {
    HOTLOOP_GPU_CANDIDATE(cross_entropy_backward, kFloats, nullptr)};
static const Candidate<CrossEntropyArgs> kNllLoss[] = {HOTLOOP_CANDIDATES(nll_loss, kFloats, nullptr)};
static const GpuCandidate<CrossEntropyArgs> kGpuNllLoss[] = {HOTLOOP_GPU_CANDIDATE(nll_loss, kFloats, nullptr)};
static const Candidate<CrossEntropyArgs> kNllLossBackward[] = {HOTLOOP_CANDIDATES(nll_loss_backward, kFloats, nullptr)};
static const GpuCandidate<CrossEntropyArgs> kGpuNllLossBackward[] = {
    HOTLOOP_GPU_CANDIDATE(nll_loss_backward, kFloats, nullptr)};

void softmax(Device device, const SoftmaxArgs& args) {
  run("softmax", kSoftmax, kGpuSoftmax, device, args.dtype, args);
}
void softmax_backward(Device device, const SoftmaxBackwardArgs& args) {
  run("softmax_backward", kSoftmaxBackward, kGpuSoftmaxBackward, device, args.dtype, args);
}
void cross_entropy(Device device, const CrossEntropyArgs& args) {
  run("cross_entropy", kCrossEntropy, kGpuCrossEntropy, device, args.dtype, args);
}
void cross_entropy_backward(Device device, const CrossEntropyArgs& args) {
  run("cross_entropy_backward", kCrossEntropyBackward, kGpuCrossEntropyBackward, device, args.dtype, args);
}
void nll_loss(Device device, const CrossEntropyArgs& args) {
  run("nll_loss", kNllLoss, kGpuNllLoss, device, args.dtype, args);
}
void nll_loss_backward(Device device, const CrossEntropyArgs& args) {
  run("nll_loss_backward", kNllLossBackward, kGpuNllLossBackward, device, args.dtype, args);
}

}  // namespace hotloop::dispatch
