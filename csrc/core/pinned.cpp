#include "core/pinned.h"

#include <bit>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "core/capture.h"
#include "core/error.h"

namespace hotloop::gpu {

namespace {

struct Block {
  size_t bytes;
  bool alive;
  std::vector<GpuEvent> reads;  // copies that may not be done
};

// Outlives every tensor.
struct Pinned {
  std::mutex mutex;
  std::map<const char*, Block> blocks;
};
Pinned& pinned() {
  static auto* const all = new Pinned;
  return *all;
}

constexpr size_t kLeastBytes = 4096;  // sizes are powers of two from here on

// The block that holds an address, or the end.
std::map<const char*, Block>::iterator find(Pinned& all, const void* pointer) {
  const auto* p = static_cast<const char*>(pointer);
  auto after = all.blocks.upper_bound(p);
  if (after == all.blocks.begin()) return all.blocks.end();
  --after;
  return size_t(p - after->first) < after->second.bytes ? after : all.blocks.end();
}

bool is_read(Block& block) {
  while (!block.reads.empty()) {
    if (!driver::is_done_event(block.reads.back())) return false;
    driver::delete_event(block.reads.back());
    block.reads.pop_back();
  }
  return true;
}

}  // namespace

void* allocate_pinned(size_t bytes) {
  const size_t size = std::bit_ceil(bytes < kLeastBytes ? kLeastBytes : bytes);
  Pinned& all = pinned();
  std::lock_guard lock(all.mutex);
  for (auto& [begin, block] : all.blocks) {
    if (block.alive || block.bytes != size || !is_read(block)) continue;
    block.alive = true;
    return const_cast<char*>(begin);
  }
  const DeviceGuard guard(current_device());
  void* pointer = driver::allocate_pinned(size);
  if (!pointer) fail<OutOfMemory>("cannot allocate %zu bytes of pinned host memory", bytes);
  all.blocks[static_cast<const char*>(pointer)] = {size, true, {}};
  return pointer;
}

void release_pinned(void* pointer) noexcept {
  Pinned& all = pinned();
  std::lock_guard lock(all.mutex);
  if (const auto block = find(all, pointer); block != all.blocks.end()) block->second.alive = false;
}

bool is_pinned(const void* pointer) {
  Pinned& all = pinned();
  std::lock_guard lock(all.mutex);
  return find(all, pointer) != all.blocks.end();
}

void copy_from_pinned(void* to, const void* from, size_t bytes, int device) {
  if (bytes == 0) return;
  const GpuStream stream = current_stream(device);
  refuse_while_capturing(device, stream, "what the host has can't be copied to the GPU");
  const DeviceGuard guard(device);
  driver::copy(to, from, bytes, driver::Direction::from_host, stream);
  const GpuEvent event = driver::new_event(false);
  driver::record(event, stream);
  Pinned& all = pinned();
  std::lock_guard lock(all.mutex);
  find(all, from)->second.reads.push_back(event);
}

}  // namespace hotloop::gpu
