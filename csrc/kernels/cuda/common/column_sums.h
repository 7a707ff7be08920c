// The gradients of what a norm multiplies with and adds: sums down the columns of (rows, n), of grad times the
// normalised x and of grad. A block has a tile of columns, whose packs lie side by side, and a chunk of rows of a size
// that depends on their number alone; a second pass sums the chunks, and neighbouring columns that share a parameter.
// Bound by memory. Never run on a GPU yet.
#pragma once

#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/rows.h"

namespace hotloop::cuda {

constexpr unsigned kColumnThreads = 256;  // of a block that sums over rows
constexpr int64_t kLeastChunk = 64;       // rows
constexpr int64_t kMostChunks = 512;

template <class C>
struct Two {
  C weight, bias;
};
struct AddTwo {
  template <class C>
  __device__ __forceinline__ Two<C> operator()(Two<C> a, Two<C> b) const {
    return {a.weight + b.weight, a.bias + b.bias};
  }
};

// Results of dtype R, one for every `inner` columns; either may be null.
template <class T, class R>
struct ColumnSums {
  const T *x, *grad;
  int64_t x_row_stride, grad_row_stride;
  int64_t rows, n, inner;
  R *weight, *bias;
};

// A block's columns are tile * width * P and on, its rows a chunk. `partial` is (chunks, n); null: there is one chunk
// and one column a result. normal(x, row, column) is x normalised.
template <class T, class R, class Normal>
__global__ void __launch_bounds__(kColumnThreads, 1)
    sum_columns(ColumnSums<T, R> args, Normal normal, bool packed, int64_t chunk, Two<Compute<T>>* partial) {
  using C = Compute<T>;
  constexpr int P = Pack<T>::count, kAtOnce = 16 / P;
  const Team team{true};
  const int64_t first = int64_t(blockIdx.x) * blockDim.x * P, begin = blockIdx.y * chunk;
  const int64_t end = begin + chunk < args.rows ? begin + chunk : args.rows;
  // The block's tile as a row, which the threads of one threadIdx.y share out.
  const Share share = {args.n - first, threadIdx.x, blockDim.x, packed};
  const T *x = args.x + first, *grad_out = args.grad + first;

  Two<C> sums[P];
#pragma unroll
  for (int e = 0; e < P; ++e) sums[e] = {0, 0};
  for (int64_t r = begin + threadIdx.y; r < end; r += kAtOnce * blockDim.y) {
    Pack<T> xs[kAtOnce], grads[kAtOnce];
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int64_t row = r + i * blockDim.y;
      const bool has = row < end;
      xs[i] = load(share, row_at<const T>(has ? x : nullptr, row * args.x_row_stride, 1, packed), 0);
      grads[i] = load(share, row_at<const T>(has ? grad_out : nullptr, row * args.grad_row_stride, 1, packed), 0);
    }
#pragma unroll
    for (int i = 0; i < kAtOnce; ++i) {
      const int64_t row = r + i * blockDim.y;
#pragma unroll
      for (int e = 0; e < P; ++e) {
        if (row >= end || !share.has<P>(0, e)) continue;
        const C grad = convert<C>(grads[i].x[e]);
        sums[e] =
            AddTwo{}(sums[e], Two<C>{grad * normal(convert<C>(xs[i].x[e]), row, first + share.index<P>(0, e)), grad});
      }
    }
  }
#pragma unroll
  for (int e = 0; e < P; ++e) {
    const Two<C> sum = team.reduce(sums[e], AddTwo{}, Two<C>{0, 0});
    if (threadIdx.y != 0 || !share.has<P>(0, e)) continue;
    const int64_t column = first + share.index<P>(0, e);
    if (partial) {
      partial[blockIdx.y * args.n + column] = sum;
    } else {
      if (args.weight) args.weight[column] = convert<R>(sum.weight);
      if (args.bias) args.bias[column] = convert<R>(sum.bias);
    }
  }
}

template <class T, class R>
__global__ void __launch_bounds__(kColumnThreads, 1)
    sum_chunks(ColumnSums<T, R> args, const Two<Compute<T>>* partial, int64_t chunks) {
  using C = Compute<T>;
  const Team team{true};
  const int64_t result = team.row();
  const bool exists = result < args.n / args.inner;
  Two<C> sum = {0, 0};
  for (int64_t i = team.rank(); exists && i < chunks * args.inner; i += team.size()) {
    const int64_t of_chunk = args.inner == 1 ? i : i / args.inner;
    sum = AddTwo{}(sum, partial[of_chunk * args.n + result * args.inner + (i - of_chunk * args.inner)]);
  }
  sum = team.reduce(sum, AddTwo{}, Two<C>{0, 0});
  if (team.rank() != 0 || !exists) return;
  if (args.weight) args.weight[result] = convert<R>(sum.weight);
  if (args.bias) args.bias[result] = convert<R>(sum.bias);
}

// Blocks of columns: as wide as n and a warp allow, powers of 2 high.
inline dim3 column_block(int64_t lanes, int64_t rows) {
  unsigned width = 1, height = 1;
  while (width < lanes && width < kWarpSize) width *= 2;
  while (height < rows && 2 * height * width <= kColumnThreads) height *= 2;
  return dim3(width, height);
}

template <class T, class R, class Normal>
void sum_over_rows(const ColumnSums<T, R>& args, const Normal& normal, GpuStream stream) {
  constexpr int64_t P = Pack<T>::count;
  int64_t chunk = kLeastChunk;
  while (chunk * kMostChunks < args.rows) chunk *= 2;
  const unsigned chunks = args.rows > chunk ? blocks_for(args.rows, chunk) : 1;
  const bool again = chunks > 1 || args.inner > 1;
  const gpu::Scratch scratch(again ? chunks * size_t(args.n) * sizeof(Two<Compute<T>>) : 0, gpu::current_device(),
                             stream);
  auto* partial = again ? scratch.data<Two<Compute<T>>>() : nullptr;
  const dim3 block = column_block((args.n + P - 1) / P, chunk < args.rows ? chunk : args.rows);
  const dim3 grid(blocks_for(args.n, P * block.x), chunks);
  launch(stream, grid, block, 0, sum_columns<T, R, Normal>, args, normal, args.n % P == 0, chunk, partial);
  if (!again) return;
  const dim3 of_results = column_block(args.n / args.inner, chunks * args.inner);
  launch(stream, blocks_for(args.n / args.inner, of_results.x), of_results, 0, sum_chunks<T, R>, args, partial,
         int64_t(chunks));
}

}  // namespace hotloop::cuda
