#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "core/error.h"
#include "core/memory.h"

using namespace hotloop;

namespace {

constexpr size_t kKiB = 1 << 10, kMiB = 1 << 20;

#define NEEDS_CACHING()                                                                    \
  if (kAddressSanitizer) {                                                                 \
    throw check::Skipped{"nothing is cached under AddressSanitizer, so that it sees all"}; \
  }

std::vector<size_t> sizes_of_interest() {
  std::vector<size_t> sizes = {0, 1, 63, 64, 65, 511, 512, 513, 575, 576, 577};
  for (size_t power = 1024; power <= 16 * kMiB; power *= 2) {
    for (size_t size : {power - 1, power, power + 1, power + power / 8, power + power / 8 + 1}) {
      sizes.push_back(size);
    }
  }
  return sizes;
}

}  // namespace

TEST(memory, blocks_are_aligned_and_apart) {
  std::vector<std::pair<unsigned char*, size_t>> blocks;
  for (size_t size : sizes_of_interest()) {
    for (int i = 0; i < 2; ++i) {
      auto* block = static_cast<unsigned char*>(allocate(size));
      CHECK(block != nullptr);
      CHECK_EQUAL(reinterpret_cast<uintptr_t>(block) % kAlignment, uintptr_t(0));
      std::memset(block, int(blocks.size() % 251), size);
      blocks.emplace_back(block, size);
    }
  }
  for (size_t i = 0; i < blocks.size(); ++i) {
    const auto [block, size] = blocks[i];
    size_t same = 0;
    for (size_t j = 0; j < size; ++j) {
      same += block[j] == i % 251;
    }
    CHECK_EQUAL(same, size);
    deallocate(block, size);
  }
  deallocate(nullptr, 8);
}

TEST(memory, freed_blocks_are_given_out_again) {
  NEEDS_CACHING();
  for (size_t size : sizes_of_interest()) {
    void* first = allocate(size);
    deallocate(first, size);
    const MemoryStats before = memory_stats();
    void* second = allocate(size);
    CHECK(second == first);
    CHECK_EQUAL(memory_stats().cache_hits, before.cache_hits + 1);
    deallocate(second, size);
  }
}

TEST(memory, waste_is_at_most_an_eighth) {
  NEEDS_CACHING();
  empty_cache();
  for (size_t size : sizes_of_interest()) {
    const int64_t before = memory_stats().reserved_bytes;
    void* block = allocate(size);
    const auto taken = size_t(memory_stats().reserved_bytes - before);
    CHECK(taken >= size);
    CHECK(taken <= std::max<size_t>(size + size / 8, (size + 127) / 64 * 64));
    deallocate(block, size);
    empty_cache();
  }
}

TEST(memory, stats_are_exact) {
  empty_cache();
  const MemoryStats start = memory_stats();
  reset_peak_memory_stats();
  CHECK_EQUAL(memory_stats().peak_allocated_bytes, start.allocated_bytes);
  int64_t in_use = 0, peak = 0, calls = 0;
  std::vector<std::pair<void*, size_t>> blocks;
  std::mt19937 random(1);
  for (int i = 0; i < 3000; ++i) {
    if (blocks.empty() || random() % 5 < 3) {
      const size_t size = random() % (i % 10 == 0 ? 2 * kMiB : 3000);
      blocks.emplace_back(allocate(size), size);
      in_use += int64_t(size);
      peak = std::max(peak, in_use);
      ++calls;
    } else {
      const size_t which = random() % blocks.size();
      deallocate(blocks[which].first, blocks[which].second);
      in_use -= int64_t(blocks[which].second);
      blocks[which] = blocks.back();
      blocks.pop_back();
    }
    if (i % 100 == 0 || i > 2900) {
      const MemoryStats stats = memory_stats();
      CHECK_EQUAL(stats.allocated_bytes - start.allocated_bytes, in_use);
      CHECK_EQUAL(stats.peak_allocated_bytes - start.allocated_bytes, peak);
      CHECK_EQUAL(stats.allocations - start.allocations, calls);
      CHECK(stats.reserved_bytes >= stats.allocated_bytes);
      CHECK(stats.cache_hits <= stats.allocations);
    }
  }
  for (auto [block, size] : blocks) {
    deallocate(block, size);
  }
  CHECK_EQUAL(memory_stats().allocated_bytes, start.allocated_bytes);
  CHECK_EQUAL(memory_stats().peak_allocated_bytes - start.allocated_bytes, peak);
  empty_cache();
  CHECK_EQUAL(memory_stats().reserved_bytes, start.reserved_bytes);
}

TEST(memory, blocks_freed_in_another_thread) {
  const MemoryStats start = memory_stats();
  for (size_t size : {100 * size_t(1), 10 * kKiB, 500 * kKiB, 5 * kMiB}) {
    for (int round = 0; round < 3; ++round) {
      std::vector<void*> blocks;
      for (int i = 0; i < 20; ++i) {
        blocks.push_back(allocate(size));
        std::memset(blocks.back(), 1, size);
      }
      std::thread([&] {
        for (void* block : blocks) {
          deallocate(block, size);
        }
      }).join();
    }
  }
  CHECK_EQUAL(memory_stats().allocated_bytes, start.allocated_bytes);
  CHECK_EQUAL(memory_stats().allocations, start.allocations + 240);
}

TEST(memory, an_ending_thread_gives_its_cache_to_the_others) {
  NEEDS_CACHING();
  empty_cache();
  void* block = nullptr;
  std::thread([&] {
    block = allocate(1000);
    deallocate(block, 1000);
  }).join();
  const MemoryStats before = memory_stats();
  void* again = allocate(1000);
  CHECK(again == block);
  CHECK_EQUAL(memory_stats().cache_hits, before.cache_hits + 1);
  deallocate(again, 1000);
}

namespace {

// Frees and allocates after the thread's cache is gone.
struct LateUser {
  void* block = nullptr;
  ~LateUser() {
    deallocate(block, 64);
    deallocate(allocate(300), 300);
  }
};

}  // namespace

TEST(memory, blocks_freed_by_destructors_at_thread_end) {
  const MemoryStats start = memory_stats();
  std::thread([] {
    static thread_local LateUser late;  // made before the cache, so destroyed after it
    late.block = nullptr;
    late.block = allocate(64);
  }).join();
  CHECK_EQUAL(memory_stats().allocated_bytes, start.allocated_bytes);
  CHECK_EQUAL(memory_stats().allocations, start.allocations + 2);
}

TEST(memory, a_thread_does_not_hoard) {
  NEEDS_CACHING();
  empty_cache();
  constexpr size_t kSize = 100 * kKiB;
  constexpr int kCount = 200;  // 20 MB, far above what a thread may keep
  std::vector<void*> blocks;
  for (int i = 0; i < kCount; ++i) {
    blocks.push_back(allocate(kSize));
  }
  for (void* block : blocks) {
    deallocate(block, kSize);
  }
  const int64_t hits = memory_stats().cache_hits;
  std::thread([&] {
    for (int i = 0; i < kCount / 2; ++i) {
      blocks[size_t(i)] = allocate(kSize);
    }
  }).join();
  CHECK_EQUAL(memory_stats().cache_hits, hits + kCount / 2);
  for (int i = 0; i < kCount / 2; ++i) {
    deallocate(blocks[size_t(i)], kSize);
  }
}

TEST(memory, the_cache_stays_bounded_when_sizes_drift) {
  NEEDS_CACHING();
  empty_cache();
  reset_peak_memory_stats();
  int64_t most = 0;
  for (size_t size = 8 * kMiB; size < 512 * kMiB; size += size / 7) {
    deallocate(allocate(size), size);
    most = std::max(most, memory_stats().reserved_bytes);
  }
  CHECK(most <= 2 * memory_stats().peak_allocated_bytes + int64_t(64 * kMiB));
  empty_cache();
}

TEST(memory, failure_at_any_point_leaves_all_usable) {
  const int64_t in_use = memory_stats().allocated_bytes;
  for (int point = 1; point <= 10; ++point) {
    fail_allocation_after(point);
    int made = 0;
    const std::string message = check::message_of<OutOfMemory>([&] {
      Workspace a(10), b(1000), c(100 * kKiB), d(3 * kMiB);
      made = 4;
      Workspace e(10), f(1000), g(100 * kKiB), h(3 * kMiB), i(0), j(5 * kMiB);
    });
    CHECK(message.find("cannot allocate ") == 0);
    CHECK_EQUAL(made, point <= 4 ? 0 : 4);
    CHECK_EQUAL(memory_stats().allocated_bytes, in_use);
    Workspace after(1000);  // once only
    CHECK(after.data() != nullptr);
  }
  fail_allocation_after(3);
  fail_allocation_after(0);
  Workspace a(1), b(1), c(1), d(1);
}

TEST(memory, what_cannot_be_had_is_out_of_memory) {
  const std::string message = check::message_of<OutOfMemory>([] { allocate(size_t(1) << 60); });
  CHECK(message.find("cannot allocate 1152921504606846976 bytes") == 0);
  CHECK(message.find("in use") != std::string::npos && message.find("reserved") != std::string::npos);
  check::message_of<OutOfMemory>([] { allocate(SIZE_MAX); });
  deallocate(allocate(100), 100);
}

namespace {

// From now on this process gets `more` bytes of address space and then no more.
void limit_address_space(size_t more) {
  long pages = 0;
  FILE* statm = std::fopen("/proc/self/statm", "r");
  CHECK_EQUAL(std::fscanf(statm, "%ld", &pages), 1);
  std::fclose(statm);
  const rlim_t limit = rlim_t(pages) * rlim_t(sysconf(_SC_PAGESIZE)) + more;
  const rlimit now = {limit, limit};
  CHECK_EQUAL(setrlimit(RLIMIT_AS, &now), 0);
}

}  // namespace

TEST(memory, a_refusal_empties_the_cache_first) {
  NEEDS_CACHING();
  const bool limits_hold = check::passes_in_child(
      [] {
        limit_address_space(200 * kMiB);
        if (mmap(nullptr, 300 * kMiB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) {
          _exit(1);
        }
      },
      5);
  if (kThreadSanitizer || !limits_hold) {
    throw check::Skipped{"the address space of a process cannot be limited in this setting"};
  }
  CHECK(check::passes_in_child(
      [] {
        empty_cache();
        deallocate(allocate(100 * kMiB), 100 * kMiB);
        limit_address_space(80 * kMiB);
        {
          Workspace fits_without_the_cache(150 * kMiB);
          std::memset(fits_without_the_cache.data(), 1, 150 * kMiB);
          check::message_of<OutOfMemory>([] { Workspace too_much(150 * kMiB); });
        }
        Workspace again(150 * kMiB);
      },
      20));
}

TEST(memory, a_forked_child_allocates) {
  NEEDS_THREADS_IN_CHILDREN();
  if (kAddressSanitizer) {
    throw check::Skipped{"AddressSanitizer's own malloc may be locked in a child of a thread that did not hold it"};
  }
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop) {
      for (size_t size : {size_t(100), 50 * kKiB, 600 * kKiB}) {
        deallocate(allocate(size), size);
      }
    }
  });
  for (int i = 0; i < 100; ++i) {
    void* mine = allocate(5000);
    CHECK(check::passes_in_child(
        [&] {
          deallocate(mine, 5000);
          std::thread([] { deallocate(allocate(600 * kKiB), 600 * kKiB); }).join();
          Workspace scratch(100);
          empty_cache();
          CHECK(memory_stats().reserved_bytes >= memory_stats().allocated_bytes);
        },
        2));
    deallocate(mine, 5000);
  }
  stop = true;
  other.join();
}

TEST(memory, sixteen_threads_hammer) {
  const MemoryStats start = memory_stats();
  constexpr int kThreads = 16, kSlots = 64;
  struct Slot {
    std::atomic<unsigned char*> block{nullptr};
  };
  // Blocks travel: a thread puts its block in a shared slot and frees what it finds there. A block's
  // first bytes hold its size, the rest a pattern of it.
  std::vector<Slot> slots(kSlots);
  const auto check_and_free = [](unsigned char* block) {
    if (block == nullptr) {
      return;
    }
    uint64_t size;
    std::memcpy(&size, block, sizeof size);
    CHECK(block[8] == size % 253 && block[size / 2] == size % 253 && block[size - 1] == size % 253);
    deallocate(block, size);
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random{unsigned(t)};
      for (int i = 0; i < 3000; ++i) {
        const uint64_t size = 16 + random() % (i % 50 == 0 ? 2 * kMiB : i % 5 == 0 ? 300 * kKiB : 4 * kKiB);
        auto* block = static_cast<unsigned char*>(allocate(size));
        block[8] = block[size / 2] = block[size - 1] = static_cast<unsigned char>(size % 253);
        std::memcpy(block, &size, sizeof size);
        check_and_free(slots[random() % kSlots].block.exchange(block));
        if (i % 500 == 0) {
          empty_cache();
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (Slot& slot : slots) {
    check_and_free(slot.block.exchange(nullptr));
  }
  const MemoryStats end = memory_stats();
  CHECK_EQUAL(end.allocated_bytes, start.allocated_bytes);
  CHECK_EQUAL(end.allocations, start.allocations + kThreads * 3000);
  empty_cache();
  CHECK(memory_stats().reserved_bytes <= start.reserved_bytes);
}
