// Matrix products by one multiply-add at a time: f32, f64, and the integers, whose sums wrap. Any strides.
//
// A block has a tile of out; each thread an 8 x 8 (or 2 x 4) part of it in registers. Tiles of A and B come by cp.async
// an element at a time, which takes any strides and fills with zeros beyond the edges, two steps ahead; in shared
// memory both lie with k outermost. Bound: fused multiply-adds for large products. Called by ops/matmul.cpp.
// Never run on a GPU yet.
#include "kernels/cuda/common/ptx.h"
#include "kernels/cuda/sm80/matmul.h"

namespace hotloop::sm80 {

void matmul_mma(const MatmulArgs& args, GpuStream stream);  // 16-bit floats

namespace {

// kRows x kColumns of out a block, kDepth of k a step, kRowsEach x kColumnsEach a thread.
template <int kRows_, int kColumns_, int kDepth_, int kRowsEach_, int kColumnsEach_>
struct Tile {
  static constexpr int kRows = kRows_, kColumns = kColumns_, kDepth = kDepth_;
  static constexpr int kRowsEach = kRowsEach_, kColumnsEach = kColumnsEach_;
  static constexpr int kThreadColumns = kColumns / kColumnsEach;
  static constexpr int kThreads = kRows / kRowsEach * kThreadColumns;
};
constexpr int kStages = 2;
constexpr int kPad = 4;  // elements between rows of shared memory, against bank conflicts of the transposing stores

// What sums are in.
template <class T>
using Sum = std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>;

// Elements (k, i) of an operand, k in [0, kDepth), i in [0, kWidth), to shared memory; zeros beyond the edges.
template <class T, int kDepth, int kWidth, int kThreads>
__device__ __forceinline__ void fetch(T (*to)[kWidth + kPad], const T* from, int64_t k_stride, int64_t i_stride,
                                      int64_t k_left, int64_t i_left) {
  const bool k_is_inner = k_stride == 1;  // neighbouring threads read neighbouring elements
#pragma unroll
  for (int e = int(threadIdx.x); e < kDepth * kWidth; e += kThreads) {
    const int k = k_is_inner ? e % kDepth : e / kWidth, i = k_is_inner ? e / kDepth : e % kWidth;
    const bool inside = k < k_left && i < i_left;
    const T* const p = inside ? from + k * k_stride + i * i_stride : from;
    if constexpr (sizeof(T) >= 4) {
      cp_async<int(sizeof(T))>(&to[k][i], p, inside ? int(sizeof(T)) : 0);
    } else {
      to[k][i] = inside ? *p : T(0);
    }
  }
}

template <class T, class Tile>
__global__ void __launch_bounds__(Tile::kThreads) matmul_kernel(const __grid_constant__ MatmulArgs args) {
  constexpr int kDepth = Tile::kDepth, kRows = Tile::kRows, kColumns = Tile::kColumns;
  constexpr int kRowsEach = Tile::kRowsEach, kColumnsEach = Tile::kColumnsEach, kThreads = Tile::kThreads;
  using ATile = T[kStages][kDepth][kRows + kPad];
  using BTile = T[kStages][kDepth][kColumns + kPad];
  SHARED(ATile, a_tile);
  SHARED(BTile, b_tile);
  const MatmulPlace place = place_of<kRows, kColumns>(args);
  const T* const a = static_cast<const T*>(args.a) + place.a + place.row * args.a_row_stride;
  const T* const b = static_cast<const T*>(args.b) + place.b + place.column * args.b_col_stride;
  const int thread_row = int(threadIdx.x) / Tile::kThreadColumns * kRowsEach;
  const int thread_column = int(threadIdx.x) % Tile::kThreadColumns * kColumnsEach;
  const int64_t steps = (args.k + kDepth - 1) / kDepth;
  const auto fetch_step = [&](int64_t step) {
    if (step < steps) {
      const int64_t k = step * kDepth;
      const int stage = int(step % kStages);
      fetch<T, kDepth, kRows, kThreads>(a_tile[stage], a + k * args.a_col_stride, args.a_col_stride, args.a_row_stride,
                                        args.k - k, args.m - place.row);
      fetch<T, kDepth, kColumns, kThreads>(b_tile[stage], b + k * args.b_row_stride, args.b_row_stride,
                                           args.b_col_stride, args.k - k, args.n - place.column);
    }
    cp_async_commit();
  };

  Sum<T> sums[kRowsEach][kColumnsEach] = {};
  fetch_step(0);
  for (int64_t step = 0; step < steps; ++step) {
    fetch_step(step + 1);
    cp_async_wait<1>();
    __syncthreads();  // this step's tiles are there
    const int stage = int(step % kStages);
#pragma unroll
    for (int k = 0; k < kDepth; ++k) {
      T x[kRowsEach], y[kColumnsEach];
#pragma unroll
      for (int i = 0; i < kRowsEach; ++i) x[i] = a_tile[stage][k][thread_row + i];
#pragma unroll
      for (int j = 0; j < kColumnsEach; ++j) y[j] = b_tile[stage][k][thread_column + j];
#pragma unroll
      for (int i = 0; i < kRowsEach; ++i) {
#pragma unroll
        for (int j = 0; j < kColumnsEach; ++j) {
          if constexpr (std::is_floating_point_v<T>) {
            sums[i][j] = ::fma(x[i], y[j], sums[i][j]);
          } else {
            sums[i][j] += uint64_t(x[i]) * uint64_t(y[j]);
          }
        }
      }
    }
    __syncthreads();  // all have read this stage, which the next fetch overwrites
  }
#pragma unroll
  for (int i = 0; i < kRowsEach; ++i) {
#pragma unroll
    for (int j = 0; j < kColumnsEach; ++j)
      finish<T>(args, place, place.row + thread_row + i, place.column + thread_column + j, sums[i][j]);
  }
}

template <class T, class Tile>
void run(const MatmulArgs& args, GpuStream stream) {
  launch(stream, dim3(matmul_blocks<Tile::kRows, Tile::kColumns>(args)), dim3(Tile::kThreads), 0,
         matmul_kernel<T, Tile>, args);
}

// A large tile reads each element of A and B fewer times; small products want more blocks.
using Small = Tile<16, 32, 16, 2, 4>;
using LargeF32 = Tile<128, 128, 8, 8, 8>;
using LargeF64 = Tile<64, 64, 8, 4, 4>;
constexpr int64_t kLargeFrom = int64_t(256) * 256;  // elements of out

}  // namespace

void matmul(const MatmulArgs& args, GpuStream stream) {
  const bool large = args.m * args.n >= kLargeFrom && args.m >= 64 && args.n >= 64;
  switch (args.dtype) {
    case DType::f32: return large ? run<float, LargeF32>(args, stream) : run<float, Small>(args, stream);
    case DType::f64: return large ? run<double, LargeF64>(args, stream) : run<double, Small>(args, stream);
    case DType::i64: return run<int64_t, Small>(args, stream);
    case DType::i32: return run<int32_t, Small>(args, stream);
    case DType::i8: return run<int8_t, Small>(args, stream);
    case DType::u8: return run<uint8_t, Small>(args, stream);
    case DType::bool_: return run<bool, Small>(args, stream);
    case DType::f16:
    case DType::bf16: return matmul_mma(args, stream);
  }
}

}  // namespace hotloop::sm80
