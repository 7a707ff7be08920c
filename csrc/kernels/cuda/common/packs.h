// Runs of a few elements between memory and a thread's registers: in packs of 16 bytes where they are whole and aligned,
// one by one at the end of an array and where it isn't aligned. Never run on a GPU yet.
#pragma once

#include "kernels/cuda/common/block.h"

namespace hotloop::cuda {

// Elements i to i + kCount - 1 of n; those beyond the end are T{}. `packs`: `from` is aligned to 16 bytes, and i is a
// multiple of kCount.
template <class T, int kCount>
__device__ __forceinline__ void load_elements(const T* from, int64_t i, int64_t n, bool packs, T (&x)[kCount]) {
  constexpr int kPack = sizeof(T) * kCount > 16 ? 16 / int(sizeof(T)) : kCount;
  if (packs && i + kCount <= n) {
#pragma unroll
    for (int j = 0; j < kCount; j += kPack) {
      const Pack<T, kPack> pack = load_pack<kPack>(from + i + j);
#pragma unroll
      for (int k = 0; k < kPack; ++k) x[j + k] = pack.x[k];
    }
  } else {
#pragma unroll
    for (int j = 0; j < kCount; ++j) x[j] = i + j < n ? from[i + j] : T{};
  }
}
// Those that are beyond the end stay where they are.
template <class T, int kCount>
__device__ __forceinline__ void store_elements(T* to, int64_t i, int64_t n, bool packs, const T (&x)[kCount]) {
  constexpr int kPack = sizeof(T) * kCount > 16 ? 16 / int(sizeof(T)) : kCount;
  if (packs && i + kCount <= n) {
#pragma unroll
    for (int j = 0; j < kCount; j += kPack) {
      Pack<T, kPack> pack;
#pragma unroll
      for (int k = 0; k < kPack; ++k) pack.x[k] = x[j + k];
      store_pack<kPack>(to + i + j, pack);
    }
  } else {
#pragma unroll
    for (int j = 0; j < kCount; ++j) {
      if (i + j < n) to[i + j] = x[j];
    }
  }
}

}  // namespace hotloop::cuda
