// Philox4x32-10 against the vectors its authors publish, and the generator's positions.
#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "check.h"
#include "core/parallel.h"
#include "core/random.h"

using namespace hotloop;

TEST(random, philox_known_answers) {
  struct Vector {
    uint32_t counter[4], key[2], expected[4];
  };
  const Vector vectors[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},  // digits of pi
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const Vector& v : vectors) {
    uint32_t out[4];
    philox4x32(v.key, v.counter, out);
    CHECK(std::memcmp(out, v.expected, sizeof out) == 0);
  }
}

TEST(random, a_block_is_philox_of_seed_and_number) {
  uint32_t block[4], bare[4];
  const uint32_t key[2] = {0x89abcdef, 0x01234567}, counter[4] = {0x76543210, 0xfedcba98, 0, 0};
  philox_block(0x0123456789abcdef, 0xfedcba9876543210, block);
  philox4x32(key, counter, bare);
  CHECK(std::memcmp(block, bare, sizeof block) == 0);
}

TEST(random, generator_takes_whole_blocks) {
  Generator generator(7);
  CHECK_EQUAL(generator.next_offset(5).offset, uint64_t(0));
  CHECK_EQUAL(generator.next_offset(4).offset, uint64_t(2));
  CHECK_EQUAL(generator.next_offset(0).offset, uint64_t(3));
  CHECK_EQUAL(generator.next_offset(1).offset, uint64_t(3));
  CHECK_EQUAL(generator.state().offset, uint64_t(4));
  CHECK_EQUAL(generator.state().seed, uint64_t(7));
  generator.set_state({9, 100});
  const RandomState state = generator.next_offset(8);
  CHECK_EQUAL(state.seed, uint64_t(9));
  CHECK_EQUAL(state.offset, uint64_t(100));
}

TEST(random, concurrent_draws_never_overlap) {
  constexpr int kThreads = 8, kDraws = 2000;
  Generator generator(1);
  std::vector<std::vector<uint64_t>> offsets(kThreads);
  std::vector<std::thread> threads;
  for (auto& mine : offsets) {
    threads.emplace_back([&] {
      for (int i = 0; i < kDraws; ++i) {
        mine.push_back(generator.next_offset(9).offset);  // three blocks
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  std::vector<uint64_t> all;
  for (const auto& mine : offsets) {
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  for (size_t i = 0; i < all.size(); ++i) {
    CHECK_EQUAL(all[i], uint64_t(3 * i));
  }
}

TEST(random, numbers_do_not_depend_on_threads) {
  constexpr int64_t kChunks = 64, kBlocks = 100;
  const auto fill = [](int threads) {
    set_num_threads(threads);
    std::vector<uint32_t> words(kChunks * kBlocks * 4);
    parallel_run(
        kChunks,
        [](void* words, int64_t chunk) {
          for (int64_t block = chunk * kBlocks; block < (chunk + 1) * kBlocks; ++block) {
            philox_block(42, uint64_t(block), static_cast<uint32_t*>(words) + 4 * block);
          }
        },
        words.data());
    return words;
  };
  const std::vector<uint32_t> alone = fill(1);
  for (int threads : {2, 3, 8}) {
    CHECK(fill(threads) == alone);
  }
}

TEST(random, manual_seed_restarts_the_default_generator) {
  manual_seed(1234);
  default_generator().next_offset(100);
  manual_seed(1234);
  CHECK_EQUAL(default_generator().state().seed, uint64_t(1234));
  CHECK_EQUAL(default_generator().state().offset, uint64_t(0));
}
