// Histograms (kernels/args/histogram.h): a thread takes an element in turn and adds to its bin by atomics on whole numbers,
// which come to the same in any order; bins that fit are a block's own, in shared memory, until it ends. Bound by
// memory, or by the bins that many elements share. Called by dispatch/histogram.cpp. Never run on a GPU yet.
#include "kernels/args/histogram.h"

#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

constexpr int kThreads = 256;
constexpr int kSharedBins = 2048;

// -1 where it has none.
template <class T>
__device__ __forceinline__ int64_t bin_of(const HistogramArgs& args, int64_t i) {
  const T x = static_cast<const T*>(args.x)[i];
  if constexpr (std::is_integral_v<T>) {
    return x;
  } else {
    const T low = T(args.low);
    if (!(x >= low && x <= T(args.high))) return -1;
    const auto bin = int64_t((x - low) * T(args.bins) / T(args.high - args.low));
    return bin < args.bins ? bin : args.bins - 1;
  }
}

template <class T>
__global__ void __launch_bounds__(kThreads) count(HistogramArgs args) {
  SHARED(unsigned[kSharedBins], own);
  auto* counts = reinterpret_cast<unsigned long long*>(args.counts);
  const bool shared = args.bins <= kSharedBins;
  for (int64_t b = threadIdx.x; shared && b < args.bins; b += blockDim.x) own[b] = 0;
  __syncthreads();
  for (int64_t i = grid_index(); i < args.n; i += grid_stride()) {
    const int64_t bin = bin_of<T>(args, i);
    if (bin < 0) continue;
    if (shared) {
      atomicAdd(own + bin, 1u);
    } else {
      atomicAdd(counts + bin, 1ull);
    }
  }
  __syncthreads();
  for (int64_t b = threadIdx.x; shared && b < args.bins; b += blockDim.x)
    if (own[b] > 0) atomicAdd(counts + b, static_cast<unsigned long long>(own[b]));
}

}  // namespace

void histogram(const HistogramArgs& args, GpuStream stream) {
  gpu::fill_bytes(args.counts, 0, size_t(args.bins) * sizeof(int64_t), gpu::current_device());
  const Grid grid = grid_for(args.n, kThreads);
  const auto run = [&]<class T>(T) { launch(stream, grid.blocks, grid.threads, 0, count<T>, args); };
  args.dtype == DType::f32 ? run(float{}) : args.dtype == DType::f64 ? run(double{}) : run(int64_t{});
}

}  // namespace hotloop::sm80
