// Philox4x32-10 (core/random.h). Never run on a GPU yet.
#pragma once

#include "core/random_state.h"
#include "kernels/cuda/common/device.h"

namespace hotloop::cuda {

// The four words of a seed at the counter (low, high word of n, c2, c3); blocks of a seed have c2 = c3 = 0.
__device__ __forceinline__ void philox(uint64_t seed, uint64_t n, uint32_t c2, uint32_t c3, uint32_t* words) {
  uint32_t c0 = uint32_t(n), c1 = uint32_t(n >> 32);
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t(c0) * 0xd2511f53u, p1 = uint64_t(c2) * 0xcd9e8d57u;
    c0 = uint32_t(p1 >> 32) ^ c1 ^ k0;
    c1 = uint32_t(p1);
    c2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
    c3 = uint32_t(p0);
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  words[0] = c0;
  words[1] = c1;
  words[2] = c2;
  words[3] = c3;
}

// The seed, and the first block of an op whose arguments say `given` and `base` (kernels/args/random.h).
__device__ __forceinline__ RandomState beginning(RandomState given, const RandomState* base) {
  return base ? RandomState{base->seed, base->offset + given.offset} : given;
}

}  // namespace hotloop::cuda
