// What kernels of all families build on: reductions and scans over a warp and over a block, 16-byte loads and stores,
// sizes of grids. Written over device.h alone. Never run on a GPU yet.
//
// Sums are fixed trees, so that the bits are the same run after run: over a warp, lanes 16, 8, 4, 2, 1 apart are
// combined in turn; over a block, the warps' results in the same way. An Op must be commutative and associative but
// for rounding, and takes and gives T, of 4 bytes or a multiple: numbers, or a struct such as a mean with its count.
#pragma once

#include "kernels/cuda/common/device.h"

namespace hotloop::cuda {

constexpr int kWarpSize = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

struct Add {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a + b;
  }
};
struct Multiply {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a * b;
  }
};
// NaN wins, as in PyTorch's max and min.
struct Max {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};
struct Min {
  template <class T>
  __device__ __forceinline__ T operator()(T a, T b) const {
    return a < b || a != a ? a : b;
  }
};

// --- a warp -----------------------------------------------------------------------------------------

namespace detail {

// Any struct by its 4-byte words; `shuffle` moves one.
template <class T, class Shuffle>
__device__ __forceinline__ T shuffle_words(T value, Shuffle shuffle) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0);
  struct Words {
    unsigned word[sizeof(T) / 4];
  } words;
  memcpy(&words, &value, sizeof(T));
#pragma unroll
  for (unsigned& word : words.word) word = shuffle(word);
  memcpy(&value, &words, sizeof(T));
  return value;
}

}  // namespace detail

template <class T>
__device__ __forceinline__ T shuffle_xor(T value, int distance) {
  return detail::shuffle_words(value, [=](unsigned word) { return __shfl_xor_sync(kAllLanes, word, distance); });
}
// From the lane `distance` below; lanes that have none keep their own.
template <class T>
__device__ __forceinline__ T shuffle_up(T value, unsigned distance) {
  return detail::shuffle_words(value, [=](unsigned word) { return __shfl_up_sync(kAllLanes, word, distance); });
}
template <class T>
__device__ __forceinline__ T shuffle_from(T value, int lane) {
  return detail::shuffle_words(value, [=](unsigned word) { return __shfl_sync(kAllLanes, word, lane); });
}

// Over groups of kWidth lanes, a power of 2; every lane gets its group's result.
template <int kWidth = kWarpSize, class T, class Op>
__device__ __forceinline__ T warp_reduce(T value, Op op) {
#pragma unroll
  for (int distance = kWidth / 2; distance > 0; distance /= 2) value = op(value, shuffle_xor(value, distance));
  return value;
}

// Lane l gets the values of lanes 0 to l combined.
template <class T, class Op>
__device__ __forceinline__ T warp_scan(T value, Op op) {
  const unsigned lane = lane_index();
#pragma unroll
  for (unsigned distance = 1; distance < kWarpSize; distance *= 2) {
    const T below = shuffle_up(value, distance);
    if (lane >= distance) value = op(below, value);
  }
  return value;
}

// --- a block of kThreads threads, in one dimension ------------------------------------------------------
// All threads must call, and may call again at once.

// Every thread gets the result. `identity` leaves what it is combined with as it is.
template <int kThreads, class T, class Op>
__device__ __forceinline__ T block_reduce(T value, Op op, T identity) {
  static_assert(kThreads % kWarpSize == 0 && kThreads <= kWarpSize * kWarpSize);
  constexpr int kWarps = kThreads / kWarpSize;
  value = warp_reduce(value, op);
  if constexpr (kWarps == 1) {
    return value;
  } else {
    SHARED(T[kWarps], of_warp);
    const unsigned lane = threadIdx.x % kWarpSize;
    __syncthreads();  // the last call's have been read
    if (lane == 0) of_warp[threadIdx.x / kWarpSize] = value;
    __syncthreads();
    return warp_reduce(lane < kWarps ? of_warp[lane] : identity, op);
  }
}

// Thread t gets the values of threads 0 to t - 1 combined, and `total` those of all.
template <int kThreads, class T, class Op>
__device__ __forceinline__ T block_exclusive_scan(T value, Op op, T identity, T& total) {
  static_assert(kThreads % kWarpSize == 0 && kThreads <= kWarpSize * kWarpSize);
  constexpr int kWarps = kThreads / kWarpSize;
  SHARED(T[kWarps], of_warp);
  const unsigned lane = threadIdx.x % kWarpSize, warp = threadIdx.x / kWarpSize;
  const T inclusive = warp_scan(value, op);
  __syncthreads();  // the last call's have been read
  if (lane == kWarpSize - 1) of_warp[warp] = inclusive;
  __syncthreads();
  // Each warp scans the warps' totals for itself.
  const T totals = warp_scan(lane < kWarps ? of_warp[lane] : identity, op);
  total = shuffle_from(totals, kWarps - 1);
  const T before = shuffle_from(totals, int(warp) - 1);
  const T inside = shuffle_up(inclusive, 1);
  const T of_warps = warp == 0 ? identity : before;
  return lane == 0 ? of_warps : op(of_warps, inside);
}

// --- vectors ----------------------------------------------------------------------------------------

// kCount elements that are loaded and stored at once; where they lie must be aligned to all of them.
template <class T, int kCount = 16 / sizeof(T)>
struct alignas(sizeof(T) * kCount) Pack {
  static constexpr int count = kCount;
  T x[kCount];
};

template <int kCount, class T>
__device__ __forceinline__ Pack<T, kCount> load_pack(const T* p) {
  check_aligned(p, sizeof(Pack<T, kCount>));
  return *reinterpret_cast<const Pack<T, kCount>*>(p);
}
template <int kCount, class T>
__device__ __forceinline__ void store_pack(T* p, const Pack<T, kCount>& pack) {
  check_aligned(p, sizeof(Pack<T, kCount>));
  *reinterpret_cast<Pack<T, kCount>*>(p) = pack;
}

// On the host: whether packs of 16 bytes may be loaded from all of these pointers.
template <class... T>
bool aligned_for_packs(const T*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

// --- grids ------------------------------------------------------------------------------------------

// Blocks of `per_block` elements that cover n, but no more than `most`: the kernel strides over the rest.
inline unsigned blocks_for(int64_t n, int64_t per_block, int64_t most = INT32_MAX) {
  const int64_t blocks = (n + per_block - 1) / per_block;
  return unsigned(blocks < most ? blocks : most);
}
// Element that this thread begins with in a grid of one dimension, and how far it strides.
__device__ __forceinline__ int64_t grid_index() { return int64_t(blockIdx.x) * blockDim.x + threadIdx.x; }
__device__ __forceinline__ int64_t grid_stride() { return int64_t(gridDim.x) * blockDim.x; }

}  // namespace hotloop::cuda
