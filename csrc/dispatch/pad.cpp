#include "dispatch/pad.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(pad, PadArgs)
HOTLOOP_KERNEL(pad_backward, PadArgs)
HOTLOOP_KERNEL(triangle, TriangleArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const Candidate<PadArgs> kPad[] = {HOTLOOP_CANDIDATES(pad, kAllDTypes, nullptr)};
static const GpuCandidate<PadArgs> kGpuPad[] = {HOTLOOP_GPU_CANDIDATE(pad, kAllDTypes, nullptr)};
static const Candidate<PadArgs> kPadBackward[] = {HOTLOOP_CANDIDATES(pad_backward, kFloats, nullptr)};
static const GpuCandidate<PadArgs> kGpuPadBackward[] = {HOTLOOP_GPU_CANDIDATE(pad_backward, kFloats, nullptr)};
static const Candidate<TriangleArgs> kTriangle[] = {HOTLOOP_CANDIDATES(triangle, kAllDTypes, nullptr)};
static const GpuCandidate<TriangleArgs> kGpuTriangle[] = {HOTLOOP_GPU_CANDIDATE(triangle, kAllDTypes, nullptr)};

void pad(Device device, const PadArgs& args) { run("pad", kPad, kGpuPad, device, args.dtype, args); }
void pad_backward(Device device, const PadArgs& args) {
  run("pad_backward", kPadBackward, kGpuPadBackward, device, args.dtype, args);
}
void triangle(Device device, const TriangleArgs& args) {
  run("triangle", kTriangle, kGpuTriangle, device, args.dtype, args);
}

}  // namespace hotloop::dispatch
