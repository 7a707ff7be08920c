// Bags of embeddings (kernels/args/embedding_bag.h).
//
// Forward, a thread has an element of a bag, and adjacent threads those of a row of the table. Backward, what each position
// adds to its row is written out, then added by index_add, which sorts positions: no float atomics, in the order of
// positions. The gradient of factors is a warp's a position. Bound by memory. Called by dispatch/embedding_bag.cpp. Never
// run on a GPU yet.
#include "kernels/args/embedding_bag.h"

#include "kernels/args/index.h"
#include "kernels/cuda/common/fault.h"
#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/math.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

void index_add(const IndexArgs& args, GpuStream stream);

namespace {

constexpr int kThreads = 256;
constexpr const char* kName = "embedding_bag";

struct BagSpan {
  int64_t begin, end;
};
// Offsets beyond the input, or falling ones, are faults; such a bag is empty.
__device__ __forceinline__ BagSpan span_of(const EmbeddingBagArgs& args, int64_t b, const char* name) {
  if (!args.offsets) {
    const int64_t each = args.n / args.bags;
    return {b * each, (b + 1) * each};
  }
  const BagSpan span{args.offsets[b], b + 1 < args.bags ? args.offsets[b + 1] : args.n};
  if (span.begin >= 0 && span.begin <= span.end && span.end <= args.n) return span;
  raise_fault(args.gpu_fault, name, 0, span.begin, args.n + 1);
  return {0, 0};
}
__device__ __forceinline__ bool takes_part(const EmbeddingBagArgs& args, int64_t p, const char* name) {
  const int64_t row = args.index[p];
  if (row >= 0 && row < args.rows) return row != args.padding;
  raise_fault(args.gpu_fault, name, 0, row, args.rows);
  return false;
}

template <class T>
__global__ void __launch_bounds__(kThreads, 1) bags(EmbeddingBagArgs args, const char* name) {
  using C = Compute<T>;
  const T* const weight = static_cast<const T*>(args.weight);
  const T* const factors = static_cast<const T*>(args.factors);
  for (int64_t i = grid_index(); i < args.bags * args.width; i += grid_stride()) {
    const int64_t b = i / args.width, column = i - b * args.width;
    const BagSpan span = span_of(args, b, name);
    C result = 0;
    int64_t largest = -1, count = 0;
    for (int64_t p = span.begin; p < span.end; ++p) {
      if (!takes_part(args, p, name)) continue;
      const C x = convert<C>(weight[args.index[p] * args.width + column]);
      ++count;
      if (args.mode != BagMode::max) {
        result = ::fma(x, factors ? convert<C>(factors[p]) : C(1), result);
      } else if (largest < 0 || x > result || (x != x && result == result)) {
        result = x;
        largest = args.index[p];
      }
    }
    if (args.mode == BagMode::mean && count > 0) result = result * (C(1) / C(count));
    static_cast<T*>(args.out)[i] = convert<T>(result);
    if (args.mode == BagMode::max) args.largest[i] = largest;
  }
}

// The bag of each position (-1 in none), how many of a bag take part, and how often each row is looked up.
__global__ void __launch_bounds__(kThreads, 1)
    find_bags(EmbeddingBagArgs args, const char* name, int64_t* bag_of, int64_t* counts, unsigned* often) {
  for (int64_t b = grid_index(); b < args.bags; b += grid_stride()) {
    const BagSpan span = span_of(args, b, name);
    int64_t count = 0;
    for (int64_t p = span.begin; p < span.end; ++p) {
      const bool counts_here = takes_part(args, p, name);
      bag_of[p] = counts_here ? b : -1;
      count += counts_here;
      if (often && counts_here) atomicAdd(often + args.index[p], 1u);  // whole numbers, in any order
    }
    counts[b] = count;
  }
}
// values[p] = what position p adds to its row.
template <class T>
__global__ void __launch_bounds__(kThreads, 1)
    spread_gradients(EmbeddingBagArgs args, const int64_t* bag_of, const int64_t* counts, Compute<T>* values) {
  using C = Compute<T>;
  const T* const factors = static_cast<const T*>(args.factors);
  for (int64_t i = grid_index(); i < args.n * args.width; i += grid_stride()) {
    const int64_t p = i / args.width, b = bag_of[p];
    C value = 0;
    if (b >= 0) {
      const C factor = factors ? convert<C>(factors[p]) : args.mode == BagMode::mean ? C(1) / C(counts[b]) : C(1);
      value = convert<C>(static_cast<const T*>(args.grad_out)[b * args.width + i - p * args.width]) * factor;
    }
    values[i] = value;
  }
}
template <class T>
__global__ void __launch_bounds__(kThreads, 1)
    finish_rows(EmbeddingBagArgs args, const Compute<T>* sums, const unsigned* often) {
  using C = Compute<T>;
  for (int64_t i = grid_index(); i < args.rows * args.width; i += grid_stride()) {
    const unsigned count = often ? often[i / args.width] : 0;
    static_cast<T*>(args.grad_weight)[i] = convert<T>(count > 0 ? sums[i] / C(count) : sums[i]);
  }
}
template <class T>
__global__ void __launch_bounds__(kThreads, 1) widen(EmbeddingBagArgs args, Compute<T>* values) {
  for (int64_t i = grid_index(); i < args.bags * args.width; i += grid_stride())
    values[i] = convert<Compute<T>>(static_cast<const T*>(args.grad_out)[i]);
}

template <class T>
__global__ void __launch_bounds__(kThreads, 1) factor_gradients(EmbeddingBagArgs args, const int64_t* bag_of) {
  using C = Compute<T>;
  const int64_t warps = grid_stride() / kWarpSize;
  const unsigned lane = lane_index();
  for (int64_t p = grid_index() / kWarpSize; p < args.n; p += warps) {
    const int64_t row = args.index[p], b = bag_of[p];
    C sum = 0;
    for (int64_t column = lane; b >= 0 && column < args.width; column += kWarpSize)
      sum = ::fma(convert<C>(static_cast<const T*>(args.grad_out)[b * args.width + column]),
                  convert<C>(static_cast<const T*>(args.weight)[row * args.width + column]), sum);
    sum = warp_reduce(sum, Add{});
    if (lane == 0) static_cast<T*>(args.grad_factors)[p] = convert<T>(sum);
  }
}

void launch_find_bags(const EmbeddingBagArgs& args, int64_t* bag_of, int64_t* counts, unsigned* often,
                      GpuStream stream) {
  gpu::fill_bytes(bag_of, 0xff, size_t(args.n) * sizeof(int64_t), gpu::current_device());
  const Grid grid = grid_for(args.bags, kThreads);
  launch(stream, grid.blocks, grid.threads, 0, find_bags, args, kName, bag_of, counts, often);
}

// Adds `values` into the rows of `sums` that the index names: of positions whole rows, or (max) elements.
void add_rows(const EmbeddingBagArgs& args, DType dtype, void* sums, void* values, GpuStream stream) {
  IndexFault fault{-1, 0};
  IndexArgs add{};
  add.dtype = dtype;
  add.array = sums;
  add.values = values;
  add.tensor_count = 1;
  add.fault = &fault;
  add.gpu_fault = args.gpu_fault;
  add.op = kName;
  IndexTensor& tensor = add.tensors[0];
  tensor.size = args.rows;
  tensor.array_stride = args.width;
  if (args.mode == BagMode::max) {
    add.skip = -1;
    add.index_dims = 2;
    add.index[0] = {args.bags, 0, args.width, false};
    add.index[1] = {args.width, 1, 1, true};
    tensor.indices = args.largest;
    tensor.strides[0] = args.width;
    tensor.strides[1] = 1;
    tensor.wrap = true;  // so that -1, which is passed over, is no fault
  } else {
    add.skip = args.padding < 0 ? INT64_MIN : args.padding;
    add.index_dims = add.slice_dims = 1;
    add.index[0] = {args.n, 0, args.width, false};
    add.slice[0] = {args.width, 1, 1, true};
    tensor.indices = args.index;
    tensor.strides[0] = 1;
  }
  index_add(add, stream);
}

}  // namespace

void embedding_bag(const EmbeddingBagArgs& args, GpuStream stream) {
  *args.bad_position = -1;
  const Grid grid = grid_for(args.bags * args.width, kThreads);
  with_float(args.dtype, [&]<class T>(T) { launch(stream, grid.blocks, grid.threads, 0, bags<T>, args, kName); });
}

void embedding_bag_backward(const EmbeddingBagArgs& args, GpuStream stream) {
  const int device = gpu::current_device();
  const bool max = args.mode == BagMode::max;
  with_float(args.dtype, [&]<class T>(T) {
    using C = Compute<T>;
    const int64_t elements = args.rows * args.width, added = (max ? args.bags : args.n) * args.width;
    const gpu::Scratch sums(size_t(elements) * sizeof(C), device, stream);
    const gpu::Scratch values(size_t(added) * sizeof(C), device, stream);
    const gpu::Scratch places(size_t(args.n + args.bags) * sizeof(int64_t), device, stream);
    const gpu::Scratch often(args.by_frequency ? size_t(args.rows) * sizeof(unsigned) : 0, device, stream);
    gpu::fill_bytes(sums.data<C>(), 0, size_t(elements) * sizeof(C), device);
    unsigned* times = args.by_frequency ? often.data<unsigned>() : nullptr;
    if (times) gpu::fill_bytes(times, 0, size_t(args.rows) * sizeof(unsigned), device);
    const Grid over_values = grid_for(added, kThreads), over_rows = grid_for(elements, kThreads);
    if (max) {
      launch(stream, over_values.blocks, over_values.threads, 0, widen<T>, args, values.data<C>());
    } else {
      int64_t *bag_of = places.data<int64_t>(), *counts = bag_of + args.n;
      launch_find_bags(args, bag_of, counts, times, stream);
      launch(stream, over_values.blocks, over_values.threads, 0, spread_gradients<T>, args, bag_of, counts,
             values.data<C>());
    }
    if (added > 0)
      add_rows(args, args.dtype == DType::f64 ? DType::f64 : DType::f32, sums.data<C>(), values.data<C>(), stream);
    launch(stream, over_rows.blocks, over_rows.threads, 0, finish_rows<T>, args, sums.data<C>(), times);
  });
}

void embedding_bag_factors_backward(const EmbeddingBagArgs& args, GpuStream stream) {
  const gpu::Scratch places(size_t(args.n + args.bags) * sizeof(int64_t), gpu::current_device(), stream);
  int64_t *bag_of = places.data<int64_t>(), *counts = bag_of + args.n;
  const Grid over_positions = grid_for(args.n * kWarpSize, kThreads);
  launch_find_bags(args, bag_of, counts, nullptr, stream);
  with_float(args.dtype, [&]<class T>(T) {
    launch(stream, over_positions.blocks, over_positions.threads, 0, factor_gradients<T>, args, bag_of);
  });
}

}  // namespace hotloop::sm80
