// Three levels. A thread's own cache serves blocks up to 256 KB without a lock; the global cache,
// behind one mutex, serves what misses there and all larger blocks; the system serves the rest.
// Every block has the size of its class, so a freed block fits every request of the class, and the
// class follows from the size asked for: blocks carry no header.
#include "core/memory.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>

#include <pthread.h>
#include <sys/mman.h>

#include "core/error.h"
#include "core/thread_local.h"

namespace hotloop {

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCaching = false;  // so that every use after free is seen
#else
constexpr bool kCaching = true;
#endif

// Size classes: eight steps a doubling, so a block is at most 1/8 larger than what was asked for.
constexpr int kStepBits = 3;
constexpr int kStepsPerDoubling = 1 << kStepBits;
constexpr size_t kMaxBytes = size_t(1) << 47;  // what an x86-64 process can address

constexpr int class_of(size_t bytes) {
  const uint64_t last = (bytes + (bytes == 0) - 1) / kAlignment;  // units of 64 bytes, less one
  if (last < kStepsPerDoubling) {
    return int(last);
  }
  const int shift = std::bit_width(last) - 1 - kStepBits;
  return shift * kStepsPerDoubling + int(last >> shift);
}

constexpr size_t class_size(int index) {
  if (index < kStepsPerDoubling) {
    return size_t(index + 1) * kAlignment;
  }
  const int shift = index / kStepsPerDoubling - 1;
  return (size_t(index % kStepsPerDoubling + kStepsPerDoubling + 1) << shift) * kAlignment;
}

constexpr int kClasses = class_of(kMaxBytes) + 1;
constexpr int kThreadClasses = class_of(256 << 10) + 1;
constexpr size_t kThreadCacheBytes = 4 << 20;  // above it a thread hands all it caches to the others
constexpr size_t kRefillBytes = 32 << 10;      // taken from the global cache at a time
constexpr int64_t kPublishBytes = 1 << 20;     // net change a thread keeps to itself

// From here on blocks come from mmap, so that they go back to the system when released.
constexpr size_t kMapBytes = 1 << 20;
// From this size on with huge pages: measured, the first touch of a block takes an eighth of the time
// (16 MB: 1.8 ms, 13.4 ms with small pages) and later passes 0 to 40 % less.
constexpr size_t kHugePage = 2 << 20;

struct Block {
  Block* next;
};

// Written by the owning thread alone, read by memory_stats in others.
class Counter {
 public:
  int64_t get() const { return value_.load(std::memory_order_relaxed); }
  void set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(int64_t change) { set(get() + change); }

 private:
  std::atomic<int64_t> value_{0};
};

struct ThreadCache {
  Block* free[kThreadClasses] = {};
  Counter cached_bytes;
  Counter allocations;
  Counter change;       // of bytes in use, since last published
  Counter peak_change;  // its highest value since then
  ThreadCache* next = nullptr;
  ThreadCache** link = nullptr;  // what points here
};

struct Global {
  std::mutex mutex;
  Block* free[kClasses] = {};
  size_t cached_bytes = 0;
  int64_t reserved_bytes = 0;
  int64_t allocated_bytes = 0;  // as far as published
  int64_t peak_bytes = 0;
  int64_t allocations = 0;  // of threads that ended or have no cache
  int64_t system_allocations = 0;
  ThreadCache* threads = nullptr;

  void change_allocated(int64_t change, int64_t peak_change) {
    peak_bytes = std::max(peak_bytes, allocated_bytes + peak_change);
    allocated_bytes += change;
  }

  void publish(ThreadCache& cache) {
    change_allocated(cache.change.get(), cache.peak_change.get());
    cache.change.set(0);
    cache.peak_change.set(0);
  }

  Block* pop(int index) {
    Block* block = free[index];
    if (block != nullptr) {
      free[index] = block->next;
      cached_bytes -= class_size(index);
    }
    return block;
  }

  void push(int index, Block* block) {
    block->next = free[index];
    free[index] = block;
    cached_bytes += class_size(index);
  }
};

constinit Global global;
constinit std::atomic<int64_t> allocations_until_failure{0};

HOTLOOP_STATIC_TLS
constinit thread_local ThreadCache* thread_cache = nullptr;
constinit thread_local bool thread_ended = false;

void* system_allocate(size_t bytes) {
  if (!kCaching || bytes < kMapBytes) {
    void* pointer = nullptr;
    return posix_memalign(&pointer, kAlignment, bytes) == 0 ? pointer : nullptr;
  }
  const auto map = [](size_t size) {
    void* pointer = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pointer == MAP_FAILED ? nullptr : static_cast<char*>(pointer);
  };
#if defined(MADV_HUGEPAGE)
  if (bytes >= kHugePage) {
    if (char* raw = map(bytes + kHugePage)) {
      const size_t before = -reinterpret_cast<uintptr_t>(raw) % kHugePage;
      char* aligned = raw + before;
      if (before > 0) {
        munmap(raw, before);
      }
      munmap(aligned + bytes, kHugePage - before);
      madvise(aligned, bytes, MADV_HUGEPAGE);
      return aligned;
    }
  }
#endif
  return map(bytes);
}

void system_free(void* pointer, size_t bytes) {
  if (!kCaching || bytes < kMapBytes) {
    std::free(pointer);
  } else {
    munmap(pointer, bytes);
  }
}

// What a block for `bytes` takes from the system.
size_t block_size(size_t bytes, int index) { return kCaching ? class_size(index) : std::max<size_t>(bytes, 1); }

// Cached blocks on their way back to the system: unlinked under the lock, freed outside it.
class Released {
 public:
  void take(Global& from, size_t keep_reserved) {
    for (int index = kClasses - 1; index >= 0; --index) {
      while (from.reserved_bytes > int64_t(keep_reserved)) {
        Block* block = from.pop(index);
        if (block == nullptr) {
          break;
        }
        from.reserved_bytes -= int64_t(class_size(index));
        block->next = blocks_[index];
        blocks_[index] = block;
      }
    }
  }

  ~Released() {
    for (int index = 0; index < kClasses; ++index) {
      while (Block* block = blocks_[index]) {
        blocks_[index] = block->next;
        system_free(block, class_size(index));
      }
    }
  }

 private:
  Block* blocks_[kClasses] = {};
};

// Caller holds the lock.
void hand_over(ThreadCache& cache) {
  for (int index = 0; index < kThreadClasses; ++index) {
    while (Block* block = cache.free[index]) {
      cache.free[index] = block->next;
      global.push(index, block);
    }
  }
  cache.cached_bytes.set(0);
}

struct ThreadEnd {
  ~ThreadEnd() {
    ThreadCache* cache = thread_cache;
    thread_cache = nullptr;
    thread_ended = true;
    std::lock_guard lock(global.mutex);
    hand_over(*cache);
    global.publish(*cache);
    global.allocations += cache->allocations.get();
    *cache->link = cache->next;
    if (cache->next != nullptr) {
      cache->next->link = cache->link;
    }
    delete cache;
  }
};

// Null in a thread that is ending, and when there is no memory for it.
ThreadCache* get_thread_cache() {
  if (thread_cache != nullptr || thread_ended) {
    return thread_cache;
  }
  ThreadCache* cache = new (std::nothrow) ThreadCache;
  if (cache == nullptr) {
    return nullptr;
  }
  {
    std::lock_guard lock(global.mutex);
    cache->next = global.threads;
    cache->link = &global.threads;
    if (cache->next != nullptr) {
      cache->next->link = &cache->next;
    }
    global.threads = cache;
  }
  thread_cache = cache;
  thread_local ThreadEnd at_thread_end;
  (void)at_thread_end;
  return cache;
}

// A child has the forking thread alone. What the others had cached stays reserved but is lost to it:
// they may have been in the middle of a change.
void forget_other_threads() {
  for (ThreadCache* cache = global.threads; cache != nullptr; cache = cache->next) {
    if (cache != thread_cache) {
      global.publish(*cache);
      global.allocations += cache->allocations.get();
    }
  }
  global.threads = thread_cache;
  if (thread_cache != nullptr) {
    thread_cache->next = nullptr;
    thread_cache->link = &global.threads;
  }
}

void before_fork() { global.mutex.lock(); }
void after_fork_in_parent() { global.mutex.unlock(); }
void after_fork_in_child() {
  forget_other_threads();
  global.mutex.unlock();
}
[[maybe_unused]] const int fork_handlers = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);

void count_allocation(ThreadCache& cache, size_t bytes) {
  cache.allocations.add(1);
  const int64_t change = cache.change.get() + int64_t(bytes);
  cache.change.set(change);
  if (change > cache.peak_change.get()) {
    cache.peak_change.set(change);
  }
}

[[noreturn, gnu::cold]] void fail_out_of_memory(size_t bytes) {
  const MemoryStats stats = memory_stats();
  fail<OutOfMemory>("cannot allocate %zu bytes: the system has no more memory (%lld bytes in use, %lld reserved)",
                    bytes, static_cast<long long>(stats.allocated_bytes), static_cast<long long>(stats.reserved_bytes));
}

// How much may stay reserved: caches of a program whose sizes drift must not grow for ever.
size_t reserve_limit() {
  constexpr int64_t kSlack = 64 << 20;
  return size_t(2 * global.peak_bytes + kSlack);
}

void* allocate_from_system(size_t size) {
  {
    Released released;
    std::lock_guard lock(global.mutex);
    global.reserved_bytes += int64_t(size);
    ++global.system_allocations;
    if (global.reserved_bytes > int64_t(reserve_limit())) {
      released.take(global, reserve_limit());
    }
  }
  void* pointer = system_allocate(size);
  if (pointer == nullptr) {
    empty_cache();
    pointer = system_allocate(size);
  }
  if (pointer == nullptr) {
    std::lock_guard lock(global.mutex);
    global.reserved_bytes -= int64_t(size);
    --global.system_allocations;
  }
  return pointer;
}

[[gnu::noinline]] void* allocate_slowly(size_t bytes) {
  if (bytes > kMaxBytes) {
    fail_out_of_memory(bytes);
  }
  const int index = class_of(bytes);
  ThreadCache* cache = get_thread_cache();
  void* pointer;
  {
    std::lock_guard lock(global.mutex);
    pointer = global.pop(index);
    if (pointer != nullptr && cache != nullptr && index < kThreadClasses) {
      for (size_t size = class_size(index), taken = size; taken < kRefillBytes; taken += size) {
        Block* block = global.pop(index);
        if (block == nullptr) {
          break;
        }
        block->next = cache->free[index];
        cache->free[index] = block;
        cache->cached_bytes.add(int64_t(size));
      }
    }
  }
  if (pointer == nullptr) {
    pointer = allocate_from_system(block_size(bytes, index));
    if (pointer == nullptr) {
      fail_out_of_memory(bytes);
    }
  }
  if (cache != nullptr) {
    count_allocation(*cache, bytes);
    if (cache->change.get() < kPublishBytes) {
      return pointer;
    }
  }
  std::lock_guard lock(global.mutex);
  if (cache != nullptr) {
    global.publish(*cache);
  } else {
    ++global.allocations;
    global.change_allocated(int64_t(bytes), int64_t(bytes));
  }
  return pointer;
}

[[gnu::noinline]] void deallocate_slowly(void* pointer, size_t bytes) noexcept {
  const int index = class_of(bytes);
  ThreadCache* cache = get_thread_cache();
  if (!kCaching) {
    system_free(pointer, block_size(bytes, index));
  }
  std::lock_guard lock(global.mutex);
  if (!kCaching) {
    global.reserved_bytes -= int64_t(block_size(bytes, index));
  } else {
    global.push(index, static_cast<Block*>(pointer));
  }
  if (cache == nullptr) {
    global.change_allocated(-int64_t(bytes), 0);
    return;
  }
  cache->change.add(-int64_t(bytes));
  if (cache->change.get() < -kPublishBytes) {
    global.publish(*cache);
  }
  if (index < kThreadClasses) {  // here because the thread's cache is full
    hand_over(*cache);
  }
}

}  // namespace

void* allocate(size_t bytes) {
  if (allocations_until_failure.load(std::memory_order_relaxed) > 0) [[unlikely]] {
    fail_if_asked(bytes);
  }
  ThreadCache* cache = thread_cache;
  if (cache != nullptr && bytes <= class_size(kThreadClasses - 1)) [[likely]] {
    const int index = class_of(bytes);
    if (Block* block = cache->free[index]) [[likely]] {
      cache->free[index] = block->next;
      cache->cached_bytes.add(-int64_t(class_size(index)));
      count_allocation(*cache, bytes);
      return block;
    }
  }
  return allocate_slowly(bytes);
}

void deallocate(void* pointer, size_t bytes) noexcept {
  if (pointer == nullptr) {
    return;
  }
  ThreadCache* cache = thread_cache;
  if (kCaching && cache != nullptr && bytes <= class_size(kThreadClasses - 1)) [[likely]] {
    const int index = class_of(bytes);
    const int64_t cached = cache->cached_bytes.get() + int64_t(class_size(index));
    if (cached <= int64_t(kThreadCacheBytes)) [[likely]] {
      Block* block = static_cast<Block*>(pointer);
      block->next = cache->free[index];
      cache->free[index] = block;
      cache->cached_bytes.set(cached);
      cache->change.add(-int64_t(bytes));
      return;
    }
  }
  deallocate_slowly(pointer, bytes);
}

MemoryStats memory_stats() {
  std::lock_guard lock(global.mutex);
  MemoryStats stats{};
  stats.allocated_bytes = global.allocated_bytes;
  stats.allocations = global.allocations;
  stats.reserved_bytes = global.reserved_bytes;
  for (const ThreadCache* cache = global.threads; cache != nullptr; cache = cache->next) {
    stats.allocated_bytes += cache->change.get();
    stats.allocations += cache->allocations.get();
  }
  stats.peak_allocated_bytes = global.peak_bytes;
  for (const ThreadCache* cache = global.threads; cache != nullptr; cache = cache->next) {
    const int64_t peak = stats.allocated_bytes - cache->change.get() + cache->peak_change.get();
    stats.peak_allocated_bytes = std::max(stats.peak_allocated_bytes, peak);
  }
  stats.cache_hits = stats.allocations - global.system_allocations;
  return stats;
}

void reset_peak_memory_stats() {
  std::lock_guard lock(global.mutex);
  int64_t in_use = global.allocated_bytes;
  for (ThreadCache* cache = global.threads; cache != nullptr; cache = cache->next) {
    in_use += cache->change.get();
    cache->peak_change.set(cache->change.get());
  }
  global.peak_bytes = in_use;
}

void empty_cache() {
  ThreadCache* cache = get_thread_cache();
  Released released;
  std::lock_guard lock(global.mutex);
  if (cache != nullptr) {
    hand_over(*cache);
  }
  released.take(global, 0);
}

[[gnu::cold]] void fail_if_asked(size_t bytes) {
  if (allocations_until_failure.load(std::memory_order_relaxed) > 0 &&
      allocations_until_failure.fetch_sub(1, std::memory_order_relaxed) == 1) {
    fail<OutOfMemory>("cannot allocate %zu bytes: failure asked for by fail_allocation_after", bytes);
  }
}

void fail_allocation_after(int64_t n) { allocations_until_failure.store(n, std::memory_order_relaxed); }

Workspace::Workspace(size_t bytes) : data_(allocate(bytes)), bytes_(bytes) {}
Workspace::~Workspace() { deallocate(data_, bytes_); }
void* Workspace::data() const { return data_; }

}  // namespace hotloop
