#include "dispatch/histogram.h"

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(histogram, HistogramArgs)
}  // namespace hotloop

namespace hotloop::dispatch {

static const DTypeSet kHistogramDTypes = set_of(DType::f32) | set_of(DType::f64) | set_of(DType::i64);
static const Candidate<HistogramArgs> kHistogram[] = {HOTLOOP_CANDIDATES(histogram, kHistogramDTypes, nullptr)};
static const GpuCandidate<HistogramArgs> kGpuHistogram[] = {
    HOTLOOP_GPU_CANDIDATE(histogram, kHistogramDTypes, nullptr)};

void histogram(Device device, const HistogramArgs& args) {
  run("histogram", kHistogram, kGpuHistogram, device, args.dtype, args);
}

}  // namespace hotloop::dispatch
