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

// Word j of each block, in the low half of its lane: what stands above is left as it falls.
struct PhiloxBlocks {
  u64v word[4];
};
// Of the blocks with the counters (low, high word of first + lane, third, fourth).
inline PhiloxBlocks philox_blocks(uint64_t seed, uint64_t first, uint32_t third, uint32_t fourth) {
  u64v n;
  for (int i = 0; i < kBlocksAtOnce; ++i) n[i] = first + uint64_t(i);
  u64v c0 = n, c1 = n >> 32, c2 = u64v{} + third, c3 = u64v{} + fourth;
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
  return {{c0, c1, c2, c3}};
}

// The words of blocks first, first + 1, ... in order: 4 * kBlocksAtOnce of them.
inline void philox_vectors(uint64_t seed, uint64_t first, uint32_t* words) {
  const auto [word] = philox_blocks(seed, first, 0, 0);
  const auto head = (i64v)((word[0] & 0xffffffff) | (word[1] << 32));
  const auto tail = (i64v)((word[2] & 0xffffffff) | (word[3] << 32));
  const i64v low = interleave<int64_t, 0>(head, tail), high = interleave<int64_t, kBlocksAtOnce / 2>(head, tail);
  __builtin_memcpy(words, &low, sizeof low);
  __builtin_memcpy(words + 2 * kBlocksAtOnce, &high, sizeof high);
}

// Words come in batches of up to kBatchWords. Whole vectors of them are made: as many as words_made(count).
constexpr int kBatchWords = 1024;
constexpr int64_t words_made(int64_t count) {
  constexpr int64_t kWords = 4 * kBlocksAtOnce;
  return (count + kWords - 1) / kWords * kWords;
}
inline void philox_batch(uint64_t seed, uint64_t first, int64_t count, uint32_t* words) {
  for (int64_t i = 0; i < count; i += 4 * kBlocksAtOnce) philox_vectors(seed, first + uint64_t(i / 4), words + i);
}

}  // namespace hotloop::HOTLOOP_ISA
