// Philox4x32-10, a block in each 64-bit lane.
#pragma once

#include "kernels/cpu/common/transpose_tile.h"

namespace hotloop::HOTLOOP_ISA {

// The product of the low halves.
inline u64v multiply_low(u64v a, uint32_t b) {
#if defined(__AVX512F__)
  return (u64v)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(b));
#elif defined(__AVX2__)
  return (u64v)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
#else
  return (a & 0xffffffff) * uint64_t(b);
#endif
}

constexpr int kBlocksAtOnce = kLanes<int64_t>;

// The words of blocks first, first + 1, ... in order: 4 * kBlocksAtOnce of them.
inline void philox_vectors(uint64_t seed, uint64_t first, uint32_t* words) {
  u64v n;
  for (int i = 0; i < kBlocksAtOnce; ++i) n[i] = first + uint64_t(i);
  // Only the low halves of the counters count; what stands above them is left as it falls.
  u64v c0 = n, c1 = n >> 32, c2{}, c3{};
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const u64v p0 = multiply_low(c0, 0xd2511f53), p1 = multiply_low(c2, 0xcd9e8d57);
    c0 = (p1 >> 32) ^ c1 ^ uint64_t(k0);
    c1 = p1;
    c2 = (p0 >> 32) ^ c3 ^ uint64_t(k1);
    c3 = p0;
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  const auto head = (i64v)((c0 & 0xffffffff) | (c1 << 32)), tail = (i64v)((c2 & 0xffffffff) | (c3 << 32));
  const i64v low = interleave<int64_t, 0>(head, tail), high = interleave<int64_t, kBlocksAtOnce / 2>(head, tail);
  __builtin_memcpy(words, &low, sizeof low);
  __builtin_memcpy(words + 2 * kBlocksAtOnce, &high, sizeof high);
}

// Words come in batches of kBatchWords, made whole: `words` has room for them.
constexpr int kBatchWords = 1024;
inline void philox_batch(uint64_t seed, uint64_t first, uint32_t* words) {
  for (int i = 0; i < kBatchWords; i += 4 * kBlocksAtOnce) philox_vectors(seed, first + uint64_t(i / 4), words + i);
}

}  // namespace hotloop::HOTLOOP_ISA
