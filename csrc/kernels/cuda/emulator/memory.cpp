// Global memory: an arena of address space, never moved, in which freed memory rests before it is used again.
#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <new>

#include "kernels/cuda/emulator/grid.h"

namespace hotloop::emulator {

namespace {

constexpr size_t kArenaBytes = size_t(32) << 30, kDefaultLimit = size_t(8) << 30;
constexpr size_t kAlign = 256;         // as cudaMalloc
constexpr size_t kRedZone = 512;       // on either side
constexpr size_t kResting = 64 << 20;  // bytes of freed memory that rest
constexpr size_t kDiscard = 1 << 20;   // pieces from here on go back to the operating system
constexpr int kPoison = 0xff;          // NaN in every floating dtype, -1 in integers

// Pieces come in classes of size, an eighth of a power of two apart, so that they can be used again.
size_t piece_size(size_t bytes) {
  size_t step = kAlign;
  while (step * 16 < bytes) step *= 2;
  return (bytes + step - 1) / step * step + kRedZone;
}

struct Piece {
  size_t bytes;  // as asked for
  size_t size;   // with the red zone behind it
  bool alive;
};

struct Memory {
  Arena arena{kArenaBytes};
  std::mutex mutex;
  std::map<size_t, Piece> pieces;              // by offset
  std::map<size_t, std::vector<size_t>> free;  // by size: offsets
  std::deque<size_t> resting;                  // offsets, the oldest first
  size_t resting_bytes = 0;
  size_t end = kRedZone;
  size_t in_use = 0, limit = kDefaultLimit;
};

Memory& memory() {
  static Memory* const memory = new Memory;  // lives as long as what may still free into it
  return *memory;
}

void wake(Memory& m) {
  while (m.resting_bytes > kResting) {
    const size_t offset = m.resting.front();
    m.resting.pop_front();
    const Piece piece = m.pieces.at(offset);
    m.resting_bytes -= piece.size;
    m.pieces.erase(offset);
    m.free[piece.size].push_back(offset);
    if (piece.size >= kDiscard) {
      // Whole pages inside of it.
      const size_t first = (offset + 4095) & ~size_t(4095), last = (offset + piece.size) & ~size_t(4095);
      m.arena.discard(first, last - first);
    }
  }
}

}  // namespace

Arena& global_arena() {
  static Arena& arena = memory().arena;
  return arena;
}

void* allocate(size_t bytes) {
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  const size_t size = piece_size(bytes);
  if (bytes > m.limit || m.in_use + bytes > m.limit) return nullptr;
  size_t offset;
  if (auto& list = m.free[size]; !list.empty()) {
    offset = list.back();
    list.pop_back();
  } else if (size <= m.arena.size() - m.end) {
    offset = m.end;
    m.end += size;
  } else {
    return nullptr;
  }
  m.in_use += bytes;
  m.pieces[offset] = {bytes, size, true};
  m.arena.set_state(offset, bytes, clean);
  m.arena.set_state(offset + bytes, size - bytes, unmapped);
  std::memset(m.arena.base() + offset, kPoison, bytes);
  return m.arena.base() + offset;
}

void release(void* pointer) {
  if (pointer == nullptr) return;
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  const size_t offset = m.arena.offset(pointer);
  const auto piece = m.pieces.find(offset);
  if (piece == m.pieces.end() || !piece->second.alive) {
    fail<RuntimeError>("emulator: release(%p): no memory begins there, or it was freed before", pointer);
  }
  m.in_use -= piece->second.bytes;
  piece->second.alive = false;
  m.arena.set_state(offset, piece->second.bytes, freed);
  std::memset(pointer, kPoison, piece->second.bytes);
  m.resting.push_back(offset);
  m.resting_bytes += piece->second.size;
  wake(m);
}

bool is_global_memory(const void* pointer) { return global_arena().holds(pointer); }

void set_memory_limit(size_t bytes) {
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  m.limit = bytes;
}

size_t memory_limit() { return memory().limit; }
size_t memory_in_use() { return memory().in_use; }

std::string describe_global(const void* p) {
  Memory& m = memory();
  std::lock_guard lock(m.mutex);
  const size_t offset = m.arena.offset(p);
  // The piece that it is in or behind, unless the next one is nearer.
  auto piece = m.pieces.upper_bound(offset);
  const auto next = piece;
  const bool has_before = piece != m.pieces.begin();
  if (has_before) --piece;
  if (next != m.pieces.end() && (!has_before || (offset >= piece->first + piece->second.bytes &&
                                                 next->first - offset < offset - piece->first - piece->second.bytes))) {
    piece = next;
  }
  if (piece == m.pieces.end()) return "global memory that was never given out";
  const bool below = offset < piece->first;
  return "global memory of " + std::to_string(piece->second.bytes) + " bytes" + (below ? " - " : " + ") +
         std::to_string(below ? piece->first - offset : offset - piece->first);
}

}  // namespace hotloop::emulator
