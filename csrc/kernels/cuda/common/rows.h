// Rows of n elements, each worked on by a team of threads: what softmax, norms and reductions are built on.
//
// A team is, as the launcher planned it,
//   a warp or a block, where the elements of a row lie next to each other: threads side by side read side by side;
//   a column of a block (threads of one threadIdx.x), where rows lie next to each other, or are a few elements short.
// A thread's share of a row comes in packs of P elements, 16 bytes. Which elements they are depends on n and on the
// kind of the team alone, never on addresses, so the tree of a sum is the same wherever the row lies:
//   packed (n a multiple of P): pack k is the P elements from (k size + rank) P on;
//   else: element e of pack k is element (k P + e) size + rank.
// Never run on a GPU yet.
#pragma once

#include "kernels/cuda/common/host.h"

namespace hotloop::cuda {

constexpr int kTeamThreads = 512;  // the most of a block: 128 registers each
constexpr int kWarpsABlock = 4;    // where a team is a warp
constexpr int kColumnRow = 16;     // shorter rows are a thread's
// Packs of a row that a thread holds: no more than 16 elements, as compilers keep them in f32.
template <class T>
constexpr int kHeldPacks = sizeof(T) == 2 ? 2 : 4;

// One row of a tensor; null where the tensor is absent, which reads as zeros.
template <class T>
struct Row {
  T* p;
  int64_t stride;
  bool packs;  // the share is packed, the elements contiguous and their packs aligned
};
template <class T, class Void>
__device__ __forceinline__ Row<T> row_at(Void* base, int64_t offset, int64_t stride, bool packed) {
  if (!base) return {nullptr, 0, false};
  T* p = static_cast<T*>(base) + offset;
  return {p, stride, packed && stride == 1 && reinterpret_cast<uintptr_t>(p) % 16 == 0};
}

// What of a row is a thread's.
struct Share {
  int64_t n;
  unsigned rank, size;
  bool packed;

  template <int P>
  __device__ __forceinline__ int64_t index(int64_t k, int e) const {
    return packed ? (k * size + rank) * P + e : (k * P + e) * size + rank;
  }
  template <int P>
  __device__ __forceinline__ bool has(int64_t k, int e = 0) const {
    return index<P>(k, packed ? 0 : e) < n;  // a packed share has whole packs only
  }
};

struct Team {
  bool column;

  __device__ __forceinline__ unsigned rank() const { return column ? threadIdx.y : threadIdx.x; }
  __device__ __forceinline__ unsigned size() const { return column ? blockDim.y : blockDim.x; }
  // The number of the team in the grid; the last block may have some for which there is no row.
  __device__ __forceinline__ int64_t row() const {
    return column ? int64_t(blockIdx.x) * blockDim.x + threadIdx.x : int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
  }

  // Over the team; all threads of the block must call. Every thread gets the result.
  template <class T, class Op>
  __device__ __forceinline__ T reduce(T value, Op op, T identity) const {
    SHARED(T[kTeamThreads], held);
    if (column) {
      const unsigned threads = size(), width = blockDim.x, at = rank() * width + threadIdx.x;
      if (threads == 1) return value;
      __syncthreads();  // the last call's have been read
      held[at] = value;
      for (unsigned apart = threads / 2; apart > 0; apart /= 2) {
        __syncthreads();
        if (rank() < apart) held[at] = op(held[at], held[at + apart * width]);
      }
      __syncthreads();
      return held[threadIdx.x];
    }
    value = warp_reduce(value, op);
    if (blockDim.x == kWarpSize) return value;
    const unsigned lane = threadIdx.x % kWarpSize;
    __syncthreads();
    if (lane == 0) held[threadIdx.x / kWarpSize] = value;
    __syncthreads();
    return warp_reduce(lane < blockDim.x / kWarpSize ? held[lane] : identity, op);
  }
};

template <class T>
__device__ __forceinline__ Pack<T> load(const Share& share, const Row<const T>& row, int64_t k) {
  constexpr int P = Pack<T>::count;
  if (row.packs && share.has<P>(k)) return load_pack<P>(row.p + share.index<P>(k, 0));
  Pack<T> pack = {};
  if (row.packs || !row.p) return pack;
#pragma unroll
  for (int e = 0; e < P; ++e) {
    if (share.has<P>(k, e)) pack.x[e] = row.p[share.index<P>(k, e) * row.stride];
  }
  return pack;
}
template <class T>
__device__ __forceinline__ void store(const Share& share, const Row<T>& row, int64_t k, const Pack<T>& pack) {
  constexpr int P = Pack<T>::count;
  if (row.packs) return store_pack<P>(row.p + share.index<P>(k, 0), pack);
#pragma unroll
  for (int e = 0; e < P; ++e) {
    if (share.has<P>(k, e)) row.p[share.index<P>(k, e) * row.stride] = pack.x[e];
  }
}

// f(k, packs) for the packs of a thread's share from `first` on, kGroup of each row loaded before the first is used.
template <int kGroup, int kRows, class T, class F>
__device__ __forceinline__ void each_pack(const Share& share, const Row<const T> (&rows)[kRows], int64_t first, F f) {
  constexpr int P = Pack<T>::count;
  for (int64_t k = first; share.has<P>(k); k += kGroup) {
    Pack<T> packs[kGroup][kRows];
#pragma unroll
    for (int g = 0; g < kGroup; ++g) {
#pragma unroll
      for (int r = 0; r < kRows; ++r) packs[g][r] = load(share, rows[r], k + g);
    }
#pragma unroll
    for (int g = 0; g < kGroup; ++g) {
      if (share.has<P>(k + g)) f(k + g, packs[g]);
    }
  }
}

// The first kHeld packs of a thread's share stay in registers; what is beyond them is read anew each time.
template <int kHeld, int kRows, class T>
struct HeldRows {
  const Share& share;
  const Row<const T> (&rows)[kRows];
  Pack<T> packs[kHeld][kRows];

  __device__ __forceinline__ HeldRows(const Share& share, const Row<const T> (&rows)[kRows])
      : share(share), rows(rows) {
#pragma unroll
    for (int k = 0; k < kHeld; ++k) {
#pragma unroll
      for (int r = 0; r < kRows; ++r) packs[k][r] = load(share, rows[r], k);
    }
  }
  template <class F>
  __device__ __forceinline__ void each_held(F f) const {
#pragma unroll
    for (int k = 0; k < kHeld; ++k) {
      if (share.template has<Pack<T>::count>(k)) f(k, packs[k]);
    }
  }
  template <class F>
  __device__ __forceinline__ void each_beyond(F f) const {
    each_pack<kHeld>(share, rows, kHeld, f);
  }
  template <class F>
  __device__ __forceinline__ void each(F f) const {
    each_held(f);
    each_beyond(f);
  }
};

// --- on the host ------------------------------------------------------------------------------------

struct TeamPlan {
  dim3 grid, block;
  Team team;
  bool packed;
};

// Teams of columns where `column` asks for them, or where rows are short.
inline TeamPlan plan_teams(int64_t rows, int64_t n, size_t itemsize, int held_packs, bool column) {
  if (rows == 0) return {dim3(0), dim3(1), {true}, false};
  const int64_t pack = int64_t(16 / itemsize), share = pack * held_packs;
  TeamPlan plan;
  plan.team.column = column || n <= kColumnRow;
  plan.packed = !plan.team.column && n % pack == 0;
  if (plan.team.column) {
    // Long columns: sectors of 32 bytes suffice, so that more threads share one.
    int64_t width = n > 1024 ? int64_t(32 / itemsize) : kWarpSize, height = 1;
    while (height * share < n && 2 * height * width <= kTeamThreads) height *= 2;
    if (width > rows) width = rows;
    plan.grid = blocks_for(rows, width);
    plan.block = dim3(unsigned(width), unsigned(height));
  } else {
    const unsigned threads = kWarpSize * blocks_for(n, kWarpSize * share, kTeamThreads / kWarpSize);
    const int64_t together = threads > kWarpSize ? 1 : rows < kWarpsABlock ? rows : kWarpsABlock;
    plan.grid = blocks_for(rows, together);
    plan.block = dim3(threads, unsigned(together));
  }
  return plan;
}

}  // namespace hotloop::cuda
