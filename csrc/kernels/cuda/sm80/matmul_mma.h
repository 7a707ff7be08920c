// Matrix products on the tensor cores with f32 sums: 16-bit floats by mma.m16n8k16, f32 rounded to tf32 by mma.m16n8k8.
// Any strides.
//
// A block of 4 or 8 warps has a tile of out; a warp 32 x 32 or 64 x 32 of it. Tiles of A and B come by cp.async, three
// steps deep: 16 bytes at a time where an operand's inner stride is 1 and its lines are aligned, else an element at a
// time (of 16 bits through registers). An operand lies in shared memory as it does in global memory, its contiguous dim
// inside. ldmatrix reads it along k, 16 bytes a row: four f32 there are the fragment that mma wants, as eight 16-bit
// elements are. The other way round it turns 16-bit elements; f32 is read one by one. Bound: the tensor cores for large
// products. Instances: matmul_mma.cu, matmul_tf32.cu. Never run on a GPU yet.
#pragma once

#include "kernels/cuda/common/ptx.h"
#include "kernels/cuda/sm80/matmul.h"

namespace hotloop::sm80 {
namespace {

constexpr int kStages = 3;  // steps under way
template <class T>
constexpr int kVector = 16 / int(sizeof(T));  // elements in 16 bytes
template <class T>
constexpr int kDepth = 4 * kVector<T>;  // of k a step
template <class T>
constexpr int kMmaDepth = 2 * kVector<T>;  // of k an instruction

template <int kRows_, int kColumns_, int kWarpRows_, int kWarpColumns_>
struct Tile {
  static constexpr int kRows = kRows_, kColumns = kColumns_;
  static constexpr int kWarpRows = kWarpRows_, kWarpColumns = kWarpColumns_;  // of out, a warp
  static constexpr int kWarpsAcross = kColumns / kWarpColumns;
  static constexpr int kThreads = kRows / kWarpRows * kWarpsAcross * kWarpSize;
};

// An operand's tile: kWidth rows of A (columns of B) by kDepth of k. kAlongK: lines run along k.
template <class T, int kWidth, bool kAlongK>
struct Panel {
  static constexpr int kLines = kAlongK ? kWidth : kDepth<T>, kLength = kAlongK ? kDepth<T> : kWidth;
  // What is read together lies in different banks: eight lines' 16 bytes, or eight f32 of each of four lines.
  static constexpr int kPad = kAlongK ? kVector<T> : 8;
  static constexpr int kPitch = kLength + kPad;
  static constexpr int kElements = kLines * kPitch;
};

// Where an operand lies: element (line, i) at base + line * line_stride + i * stride.
template <class T>
struct Lines {
  const T* base;
  int64_t line_stride, stride;
  bool vectors;  // stride is 1 and every line is aligned to 16 bytes
};

template <class T, class Panel, int kThreads>
__device__ __forceinline__ void fetch(T* to, const Lines<T>& from, int64_t lines, int64_t length) {
  constexpr int kCount = kVector<T>, kVectors = Panel::kLength / kCount;
#pragma unroll
  for (int e = int(threadIdx.x); e < Panel::kLines * kVectors; e += kThreads) {
    const int line = e / kVectors, i = e % kVectors * kCount;
    T* const target = to + line * Panel::kPitch + i;
    const int64_t left = line < lines ? length - i : 0;
    const T* const source = from.base + line * from.line_stride + i * from.stride;
    if (from.vectors) {
      const int bytes = left >= kCount ? 16 : left > 0 ? int(left) * int(sizeof(T)) : 0;
      cp_async<16>(target, bytes ? source : from.base, bytes);
    } else if constexpr (sizeof(T) == 4) {
#pragma unroll
      for (int j = 0; j < kCount; ++j) {
        const int bytes = j < left ? 4 : 0;
        cp_async<4>(target + j, bytes ? source + j * from.stride : from.base, bytes);
      }
    } else {
      Pack<T, kCount> pack;
#pragma unroll
      for (int j = 0; j < kCount; ++j) pack.x[j] = j < left ? source[j * from.stride] : T{0};
      store_pack(target, pack);
    }
  }
}

// A fragment's f32 to the nearest tf32: the instruction itself would cut off the lower bits.
template <class T>
__device__ __forceinline__ void round_fragment(uint32_t (&d)[4]) {
  if constexpr (sizeof(T) == 4) {
#pragma unroll
    for (uint32_t& x : d) x = cvt_rna_tf32(__uint_as_float(x));
  }
}

// A's fragment: rows row ... row + 15, kMmaDepth of k.
template <class T, class Panel, bool kAlongK>
__device__ __forceinline__ void load_a(uint32_t (&d)[4], const T* panel, int row, int k) {
  const int lane = int(lane_index());
  if constexpr (kAlongK) {
    ldmatrix_x4(d, panel + (row + lane % 16) * Panel::kPitch + k + lane / 16 * kVector<T>);
  } else if constexpr (sizeof(T) == 2) {
    ldmatrix_x4_trans(d, panel + (k + lane % 8 + lane / 16 * 8) * Panel::kPitch + row + lane / 8 % 2 * 8);
  } else {
    const T* const corner = panel + (k + lane % 4) * Panel::kPitch + row + lane / 4;
#pragma unroll
    for (int i = 0; i < 4; ++i) d[i] = __float_as_uint(corner[i / 2 * 4 * Panel::kPitch + i % 2 * 8]);
  }
  round_fragment<T>(d);
}

// Two of B's fragments: columns column ... column + 15, kMmaDepth of k; d[0] d[1] are the first eight columns'.
template <class T, class Panel, bool kAlongK>
__device__ __forceinline__ void load_b(uint32_t (&d)[4], const T* panel, int column, int k) {
  const int lane = int(lane_index());
  if constexpr (kAlongK) {
    ldmatrix_x4(d, panel + (column + lane / 16 * 8 + lane % 8) * Panel::kPitch + k + lane / 8 % 2 * kVector<T>);
  } else if constexpr (sizeof(T) == 2) {
    ldmatrix_x4_trans(d, panel + (k + lane / 8 % 2 * 8 + lane % 8) * Panel::kPitch + column + lane / 16 * 8);
  } else {
    const T* const corner = panel + (k + lane % 4) * Panel::kPitch + column + lane / 4;
#pragma unroll
    for (int i = 0; i < 4; ++i) d[i] = __float_as_uint(corner[i % 2 * 4 * Panel::kPitch + i / 2 * 8]);
  }
  round_fragment<T>(d);
}

template <class T, class Tile, bool kAAlongK, bool kBAlongK>
__global__ void __launch_bounds__(Tile::kThreads)
    matmul_mma_kernel(const __grid_constant__ MatmulArgs args, bool a_vectors, bool b_vectors) {
  using APanel = Panel<T, Tile::kRows, kAAlongK>;
  using BPanel = Panel<T, Tile::kColumns, kBAlongK>;
  constexpr int kStageElements = APanel::kElements + BPanel::kElements;
  constexpr int kRowFragments = Tile::kWarpRows / 16, kColumnFragments = Tile::kWarpColumns / 8;
  DYNAMIC_SHARED(T, ring);
  const MatmulPlace place = place_of<Tile::kRows, Tile::kColumns>(args);
  const T* const a = static_cast<const T*>(args.a) + place.a + place.row * args.a_row_stride;
  const T* const b = static_cast<const T*>(args.b) + place.b + place.column * args.b_col_stride;
  const int warp = int(threadIdx.x) / kWarpSize;
  const int warp_row = warp / Tile::kWarpsAcross * Tile::kWarpRows;
  const int warp_column = warp % Tile::kWarpsAcross * Tile::kWarpColumns;
  const int64_t steps = (args.k + kDepth<T> - 1) / kDepth<T>;

  const auto fetch_step = [&](int64_t step) {
    if (step < steps) {
      const int64_t k = step * kDepth<T>, rows = args.m - place.row, columns = args.n - place.column, deep = args.k - k;
      T* const stage = ring + step % kStages * kStageElements;
      const T* const a_step = a + k * args.a_col_stride;
      const T* const b_step = b + k * args.b_row_stride;
      if constexpr (kAAlongK) {
        fetch<T, APanel, Tile::kThreads>(stage, {a_step, args.a_row_stride, args.a_col_stride, a_vectors}, rows, deep);
      } else {
        fetch<T, APanel, Tile::kThreads>(stage, {a_step, args.a_col_stride, args.a_row_stride, a_vectors}, deep, rows);
      }
      T* const b_stage = stage + APanel::kElements;
      if constexpr (kBAlongK) {
        fetch<T, BPanel, Tile::kThreads>(b_stage, {b_step, args.b_col_stride, args.b_row_stride, b_vectors}, columns,
                                         deep);
      } else {
        fetch<T, BPanel, Tile::kThreads>(b_stage, {b_step, args.b_row_stride, args.b_col_stride, b_vectors}, deep,
                                         columns);
      }
    }
    cp_async_commit();
  };

  float sums[kRowFragments][kColumnFragments][4] = {};
#pragma unroll
  for (int step = 0; step < kStages - 1; ++step) fetch_step(step);
  for (int64_t step = 0; step < steps; ++step) {
    cp_async_wait<kStages - 2>();
    __syncthreads();  // this step's panels are there, and the stage before it has been read by all
    fetch_step(step + kStages - 1);
    const T* const a_panel = ring + step % kStages * kStageElements;
    const T* const b_panel = a_panel + APanel::kElements;
#pragma unroll
    for (int k = 0; k < kDepth<T>; k += kMmaDepth<T>) {
      uint32_t x[kRowFragments][4], y[kColumnFragments / 2][4];
#pragma unroll
      for (int i = 0; i < kRowFragments; ++i) load_a<T, APanel, kAAlongK>(x[i], a_panel, warp_row + 16 * i, k);
#pragma unroll
      for (int j = 0; j < kColumnFragments / 2; ++j)
        load_b<T, BPanel, kBAlongK>(y[j], b_panel, warp_column + 16 * j, k);
#pragma unroll
      for (int i = 0; i < kRowFragments; ++i) {
#pragma unroll
        for (int j = 0; j < kColumnFragments; ++j) {
          const uint32_t fragment[2] = {y[j / 2][j % 2 * 2], y[j / 2][j % 2 * 2 + 1]};
          if constexpr (sizeof(T) == 4) {
            mma_m16n8k8_tf32(sums[i][j], x[i], fragment);
          } else {
            mma_m16n8k16<T>(sums[i][j], x[i], fragment);
          }
        }
      }
    }
  }
  const int row = int(lane_index()) / 4, column = int(lane_index()) % 4 * 2;
#pragma unroll
  for (int i = 0; i < kRowFragments; ++i) {
#pragma unroll
    for (int j = 0; j < kColumnFragments; ++j) {
#pragma unroll
      for (int e = 0; e < 4; ++e)
        finish<T>(args, place, place.row + warp_row + 16 * i + row + e / 2 * 8,
                  place.column + warp_column + 8 * j + column + e % 2, sums[i][j][e]);
    }
  }
}

template <class T>
bool aligned(const void* base, int64_t line_stride, int64_t stride, const int64_t* batch_strides, int batch_dims) {
  bool all = stride == 1 && line_stride % kVector<T> == 0 && reinterpret_cast<uintptr_t>(base) % 16 == 0;
  for (int d = 0; d < batch_dims; ++d) all = all && batch_strides[d] % kVector<T> == 0;
  return all;
}

template <class T, class Tile, bool kAAlongK, bool kBAlongK>
void run(const MatmulArgs& args, GpuStream stream) {
  using APanel = Panel<T, Tile::kRows, kAAlongK>;
  using BPanel = Panel<T, Tile::kColumns, kBAlongK>;
  const bool a_vectors =
      kAAlongK ? aligned<T>(args.a, args.a_row_stride, args.a_col_stride, args.a_batch_stride, args.batch_dims)
               : aligned<T>(args.a, args.a_col_stride, args.a_row_stride, args.a_batch_stride, args.batch_dims);
  const bool b_vectors =
      kBAlongK ? aligned<T>(args.b, args.b_col_stride, args.b_row_stride, args.b_batch_stride, args.batch_dims)
               : aligned<T>(args.b, args.b_row_stride, args.b_col_stride, args.b_batch_stride, args.batch_dims);
  launch(stream, dim3(matmul_blocks<Tile::kRows, Tile::kColumns>(args)), dim3(Tile::kThreads),
         kStages * (APanel::kElements + BPanel::kElements) * sizeof(T), matmul_mma_kernel<T, Tile, kAAlongK, kBAlongK>,
         args, a_vectors, b_vectors);
}

template <class T, class Tile>
void run_layout(const MatmulArgs& args, GpuStream stream) {
  // An operand whose strides are both other than 1 is read element by element, along k.
  const bool a_along_k = args.a_row_stride != 1 || args.a_col_stride == 1;
  const bool b_along_k = args.b_col_stride != 1;
  if (a_along_k && b_along_k) return run<T, Tile, true, true>(args, stream);
  if (a_along_k) return run<T, Tile, true, false>(args, stream);
  if (b_along_k) return run<T, Tile, false, true>(args, stream);
  run<T, Tile, false, false>(args, stream);
}

using Small = Tile<32, 32, 16, 16>;
using Large = Tile<128, 128, 64, 32>;
constexpr int64_t kLargeFrom = int64_t(256) * 256;  // elements of out

template <class T>
void run_size(const MatmulArgs& args, GpuStream stream) {
  if (args.m * args.n >= kLargeFrom && args.m >= 64 && args.n >= 64) return run_layout<T, Large>(args, stream);
  run_layout<T, Small>(args, stream);
}

}  // namespace
}  // namespace hotloop::sm80
