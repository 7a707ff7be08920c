// The caching allocator of host memory: blocks are 64-byte aligned, freed blocks are kept by size
// class and given out again.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hotloop {

constexpr size_t kAlignment = 64;

// Never returns null: throws OutOfMemory (core/error.h) naming the bytes asked for and those in use.
// allocate(0) gives a valid pointer. Freed blocks are cached per thread, then globally.
void* allocate(size_t bytes);
void deallocate(void* pointer, size_t bytes) noexcept;  // bytes as given to allocate

struct MemoryStats {
  int64_t allocated_bytes;  // in use now
  int64_t peak_allocated_bytes;
  int64_t reserved_bytes;  // in use or cached
  int64_t allocations;     // calls to allocate so far
  int64_t cache_hits;      // of them, served without the system
};
MemoryStats memory_stats();
void reset_peak_memory_stats();
void empty_cache();  // gives cached blocks back to the system

// Fails the n-th allocation from now (1 = the next) with OutOfMemory, once; 0 switches it off.
// For the tests that walk every failure point.
void fail_allocation_after(int64_t n);
// Throws where an allocation of host or GPU memory was asked to fail; every allocator calls it first.
void fail_if_asked(size_t bytes);

// Scratch memory of a kernel, from the same allocator.
class Workspace {
 public:
  explicit Workspace(size_t bytes);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  void* data() const;

 private:
  void* data_;
  size_t bytes_;
};

}  // namespace hotloop
