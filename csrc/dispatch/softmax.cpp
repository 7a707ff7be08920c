#include "dispatch/softmax.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(softmax, SoftmaxArgs)
HOTLOOP_KERNEL(softmax_backward, SoftmaxBackwardArgs)
HOTLOOP_KERNEL(cross_entropy, CrossEntropyArgs)
HOTLOOP_KERNEL(cross_entropy_backward, CrossEntropyArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const Candidate<SoftmaxArgs> kSoftmax[] = {HOTLOOP_CANDIDATES(softmax, kFloats, nullptr)};
static const Candidate<SoftmaxBackwardArgs> kSoftmaxBackward[] = {
    HOTLOOP_CANDIDATES(softmax_backward, kFloats, nullptr)};
static const Candidate<CrossEntropyArgs> kCrossEntropy[] = {HOTLOOP_CANDIDATES(cross_entropy, kFloats, nullptr)};
static const Candidate<CrossEntropyArgs> kCrossEntropyBackward[] = {
    HOTLOOP_CANDIDATES(cross_entropy_backward, kFloats, nullptr)};

void softmax(const SoftmaxArgs& args) { run("softmax", kSoftmax, args.dtype, args); }
void softmax_backward(const SoftmaxBackwardArgs& args) { run("softmax_backward", kSoftmaxBackward, args.dtype, args); }
void cross_entropy(const CrossEntropyArgs& args) { run("cross_entropy", kCrossEntropy, args.dtype, args); }
void cross_entropy_backward(const CrossEntropyArgs& args) {
  run("cross_entropy_backward", kCrossEntropyBackward, args.dtype, args);
}

}  // namespace hotloop::dispatch
