// The norm of a list of gradients, and their scaling (kernels/args/optimizer.h), over the chunks of optimizer_list.h.
//
// The norm takes two launches: a block brings its chunk to one number, in the compute type along a thread and in f64
// from there on, and one block combines the numbers, both in an order that depends on the sizes alone. Bound by memory.
// Called by dispatch/optimizer.cpp. Never run on a GPU yet.
#include "kernels/cuda/sm80/optimizer_list.h"

namespace hotloop::sm80 {

namespace {

template <NormOrder kOrder>
using Combine = std::conditional_t<kOrder == NormOrder::infinity, Max, Add>;

// Over a block of any number of warps, for its first thread.
template <class Op>
__device__ __forceinline__ double reduce(double value, Op op) {
  SHARED(double[kListThreads / kWarpSize], of_warp);
  const unsigned lane = threadIdx.x % kWarpSize, warp = threadIdx.x / kWarpSize;
  value = warp_reduce(value, op);
  if (lane == 0) of_warp[warp] = value;
  __syncthreads();
  return warp > 0 ? value : warp_reduce(lane < blockDim.x / kWarpSize ? of_warp[lane] : 0.0, op);
}

template <class T, NormOrder kOrder, int kMost>
__global__ void __launch_bounds__(kListThreads)
    norm_of_chunks(const __grid_constant__ ListTable<kMost> table, double* of_chunk) {
  using A = Compute<T>;
  const Combine<kOrder> combine;
  const ListTensor& t = tensor_of_chunk(table, blockIdx.x);
  A sum = 0;
  for_runs<T>(t, blockIdx.x, [&](int64_t i, int64_t n) {
    T g[kRun<T>];
    load_elements(static_cast<const T*>(t.grad), i, n, t.packs, g);
#pragma unroll
    for (int j = 0; j < kRun<T>; ++j) {
      const A x = convert<A>(g[j]);
      sum = combine(sum, kOrder == NormOrder::two ? x * x : x < A(0) ? -x : x);
    }
  });
  const double total = reduce(double(sum), combine);
  if (threadIdx.x == 0) of_chunk[blockIdx.x] = total;
}

template <NormOrder kOrder>
__global__ void __launch_bounds__(kListThreads) norm_of_list(const double* of_chunk, int64_t chunks, double* total) {
  const Combine<kOrder> combine;
  double sum = 0;
  for (int64_t i = threadIdx.x; i < chunks; i += blockDim.x) sum = combine(sum, of_chunk[i]);
  sum = reduce(sum, combine);
  if (threadIdx.x == 0) *total = sum;
}

template <class T, NormOrder kOrder>
void run_norm(const GradientNormArgs& args, GpuStream stream) {
  int64_t chunks = 0;
  for (int64_t k = 0; k < args.list.count; ++k) chunks += (args.list.tensors[k].n + kListChunk<T> - 1) / kListChunk<T>;
  const gpu::Scratch of_chunk(size_t(chunks) * sizeof(double), gpu::current_device(), stream);
  double* to = of_chunk.data<double>();
  for_tables<T>(args.list, [&]<int kMost>(const ListTable<kMost>& table, unsigned threads) {
    launch(stream, table.chunks, threads, 0, norm_of_chunks<T, kOrder, kMost>, table, to);
    to += table.chunks;
  });
  launch(stream, 1, grid_for(chunks, kListThreads).threads, 0, norm_of_list<kOrder>, of_chunk.data<double>(), chunks,
         args.total);
}

template <class T, int kMost>
__global__ void __launch_bounds__(kListThreads)
    scale(const __grid_constant__ ListTable<kMost> table, double by, const double* total, double max_norm) {
  if (total) {
    by = max_norm / (*total + 1e-6);
    if (by >= 1) return;
  }
  const auto factor = Compute<T>(by);
  const ListTensor& t = tensor_of_chunk(table, blockIdx.x);
  T* const grad = static_cast<T*>(t.grad);
  for_runs<T>(t, blockIdx.x, [&](int64_t i, int64_t n) {
    T g[kRun<T>];
    load_elements(static_cast<const T*>(grad), i, n, t.packs, g);
#pragma unroll
    for (int j = 0; j < kRun<T>; ++j) g[j] = convert<T>(convert<Compute<T>>(g[j]) * factor);
    store_elements(grad, i, n, t.packs, g);
  });
}

}  // namespace

void gradient_norm(const GradientNormArgs& args, GpuStream stream) {
  with_float(args.list.dtype, [&](auto element) {
    using T = decltype(element);
    switch (args.order) {
      case NormOrder::one: return run_norm<T, NormOrder::one>(args, stream);
      case NormOrder::two: return run_norm<T, NormOrder::two>(args, stream);
      case NormOrder::infinity: return run_norm<T, NormOrder::infinity>(args, stream);
    }
  });
}

void scale_gradients(const ScaleGradientsArgs& args, GpuStream stream) {
  with_float(args.list.dtype, [&](auto element) {
    using T = decltype(element);
    for_tables<T>(args.list, [&]<int kMost>(const ListTable<kMost>& table, unsigned threads) {
      launch(stream, table.chunks, threads, 0, scale<T, kMost>, table, args.scale, args.total, args.max_norm);
    });
  });
}

}  // namespace hotloop::sm80
