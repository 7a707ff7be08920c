// Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC'11). A number
// depends on the seed and its position alone, so any device and any number of threads can make the
// same stream.
//
// Position: draw i of an op that got `offset` from next_offset is word i % 4 of block offset + i / 4,
// where i counts 32-bit words. Block n of a seed is Philox with key (low, high word of seed) and
// counter (low, high word of n, 0, 0).
#pragma once

#include <atomic>
#include <cstdint>

#include "core/random_state.h"

namespace hotloop {

// The bare function, with the words in the paper's order.
void philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]);

// The four words of block n of a seed.
void philox_block(uint64_t seed, uint64_t n, uint32_t out[4]);

// Safe to use from any number of threads.
class Generator {
 public:
  explicit Generator(uint64_t seed) : seed_(seed), offset_(0) {}

  void set_state(RandomState state);
  RandomState state() const;

  // Takes the blocks for `words` 32-bit words; the state returned is where they begin.
  RandomState next_offset(int64_t words);

 private:
  std::atomic<uint64_t> seed_;
  std::atomic<uint64_t> offset_;
};

// Seeded by the operating system until manual_seed is called.
Generator& default_generator();
void manual_seed(uint64_t seed);

}  // namespace hotloop
