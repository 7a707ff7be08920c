#include "core/random.h"

#include <random>

namespace hotloop {

void philox4x32(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]) {
  constexpr int kRounds = 10;
  constexpr uint32_t kMultiplier0 = 0xd2511f53u, kMultiplier1 = 0xcd9e8d57u;
  constexpr uint32_t kWeyl0 = 0x9e3779b9u, kWeyl1 = 0xbb67ae85u;  // golden ratio, sqrt(3) - 1
  uint32_t k0 = key[0], k1 = key[1];
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  for (int round = 0; round < kRounds; ++round) {
    const uint64_t product0 = uint64_t(kMultiplier0) * c0;
    const uint64_t product1 = uint64_t(kMultiplier1) * c2;
    c0 = uint32_t(product1 >> 32) ^ c1 ^ k0;
    c1 = uint32_t(product1);
    c2 = uint32_t(product0 >> 32) ^ c3 ^ k1;
    c3 = uint32_t(product0);
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

void philox_block(uint64_t seed, uint64_t n, uint32_t out[4]) {
  const uint32_t key[2] = {uint32_t(seed), uint32_t(seed >> 32)};
  const uint32_t counter[4] = {uint32_t(n), uint32_t(n >> 32), 0, 0};
  philox4x32(key, counter, out);
}

void Generator::set_state(RandomState state) {
  seed_.store(state.seed, std::memory_order_relaxed);
  offset_.store(state.offset, std::memory_order_relaxed);
}

RandomState Generator::state() const {
  return {seed_.load(std::memory_order_relaxed), offset_.load(std::memory_order_relaxed)};
}

RandomState Generator::next_offset(int64_t words) {
  const uint64_t blocks = (uint64_t(words) + 3) / 4;
  const uint64_t offset = offset_.fetch_add(blocks, std::memory_order_relaxed);
  return {seed_.load(std::memory_order_relaxed), offset};
}

Generator& default_generator() {
  static Generator generator([] {
    std::random_device device;
    return uint64_t(device()) << 32 | device();
  }());
  return generator;
}

void manual_seed(uint64_t seed) { default_generator().set_state({seed, 0}); }

}  // namespace hotloop
