// Lines of keys in order, with where each key was. All items (a key and its position) are different, so any way of
// ordering them is stable.
//
//   up to kTile keys   a block sorts them in shared memory by a bitonic network; several short lines share a block
//   more               radix, 8 bits a pass from the lowest on: the digits of each tile are counted, the counts of a
//                      digit are summed over the tiles before, and each warp moves its keys in turn
//
// Keys and positions of longer lines are read twice and written once a pass. Never run on a GPU yet.
#pragma once

#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

// --- items ----------------------------------------------------------------------------------------------

// Keys of up to 32 bits share a word with their position.
struct PackedItem {
  uint64_t word;
  static __device__ __forceinline__ PackedItem make(uint64_t key, uint32_t position) { return {key << 32 | position}; }
  static __device__ __forceinline__ PackedItem none() { return {~uint64_t(0)}; }
  __device__ __forceinline__ uint64_t key() const { return word >> 32; }
  __device__ __forceinline__ uint32_t position() const { return uint32_t(word); }
  __device__ __forceinline__ bool below(PackedItem other) const { return word < other.word; }
};
struct WideItem {
  uint64_t word, where;
  static __device__ __forceinline__ WideItem make(uint64_t key, uint32_t position) { return {key, position}; }
  static __device__ __forceinline__ WideItem none() { return {~uint64_t(0), ~uint64_t(0)}; }
  __device__ __forceinline__ uint64_t key() const { return word; }
  __device__ __forceinline__ uint32_t position() const { return uint32_t(where); }
  __device__ __forceinline__ bool below(WideItem other) const {
    return word < other.word || (word == other.word && where < other.where);
  }
};
template <class Key>
using ItemOf = std::conditional_t<sizeof(Key) == 8, WideItem, PackedItem>;

// --- in a block -------------------------------------------------------------------------------------------

constexpr int kTile = 2048;       // items that a block sorts
constexpr int kShortItems = 512;  // of short lines together
constexpr int kTileThreads = 512;

// Items 0 to count - 1, by groups of `padded`, a power of 2. All threads of the block call.
template <class Item>
__device__ void sort_groups(Item* items, int count, int padded) {
  for (int size = 2; size <= padded; size *= 2) {
    for (int apart = size / 2; apart > 0; apart /= 2) {
      __syncthreads();
      for (int c = int(threadIdx.x); c < count / 2; c += int(blockDim.x)) {
        const int low = c & (apart - 1), i = (c - low) * 2 + low, j = i + apart;
        const bool descends = i & (padded - 1) & size;
        const Item a = items[i], b = items[j];
        if (b.below(a) != descends) {
          items[i] = b;
          items[j] = a;
        }
      }
    }
  }
  __syncthreads();
}

// Sorts each tile of each line: source(line, i) gives the items of a line, sink(line, j, item) takes the first `keep`
// of each tile, j counting over the tiles of a line. A tile that has fewer fills up with Item::none().
template <class Item, class Source, class Sink>
__global__ void __launch_bounds__(kTileThreads)
    sort_tiles(Source source, Sink sink, int64_t lines, int64_t n, int64_t tiles, int padded, int groups, int keep) {
  SHARED(Item[kTile], items);
  const int count = groups * padded;
  const int64_t first = int64_t(blockIdx.x) * groups;
  for (int i = int(threadIdx.x); i < count; i += int(blockDim.x)) {
    const int64_t group = first + i / padded, line = group / tiles;
    const int64_t at = (group - line * tiles) * kTile + i % padded;
    items[i] = line < lines && at < n ? source(line, at) : Item::none();
  }
  sort_groups(items, count, padded);
  for (int i = int(threadIdx.x); i < groups * keep; i += int(blockDim.x)) {
    const int64_t group = first + i / keep, line = group / tiles;
    if (line < lines) sink(line, (group - line * tiles) * keep + i % keep, items[i / keep * padded + i % keep]);
  }
}

template <class Item, class Source, class Sink>
void run_sort_tiles(GpuStream stream, Source source, Sink sink, int64_t lines, int64_t n, int keep) {
  const int64_t tiles = (n + kTile - 1) / kTile;
  int padded = 2;
  while (padded < n && padded < kTile) padded *= 2;
  int64_t groups = padded < kShortItems && tiles == 1 ? kShortItems / padded : 1;
  while (groups > 1 && groups / 2 >= lines) groups /= 2;
  const int64_t pairs = groups * padded / 2;
  const int64_t threads = pairs < kWarpSize ? kWarpSize : pairs < kTileThreads ? pairs : kTileThreads;
  launch(stream, blocks_for(lines * tiles, groups), unsigned(threads), 0, sort_tiles<Item, Source, Sink>, source, sink,
         lines, n, tiles, padded, int(groups), keep);
}

// --- by radix -----------------------------------------------------------------------------------------------

constexpr int kDigits = 256;
constexpr int kRadixThreads = 256;  // a digit each
constexpr int kRadixWarps = kRadixThreads / kWarpSize;
constexpr int kRadixRounds = 16;  // items of a thread
constexpr int kWarpItems = kWarpSize * kRadixRounds;
constexpr int kRadixTile = kRadixWarps * kWarpItems;

// The tile of a block in (lines, tiles).
struct RadixPlace {
  int64_t line, tile, base, begin, end;  // base: of the line in keys; begin, end: of the tile in the line
  __device__ __forceinline__ RadixPlace(int64_t n, int64_t tiles)
      : line(blockIdx.x / tiles),
        tile(blockIdx.x - line * tiles),
        base(line * n),
        begin(tile * kRadixTile),
        end(begin + kRadixTile < n ? begin + kRadixTile : n) {}
};

// counts[line][digit][tile]
template <class Key>
__global__ void __launch_bounds__(kRadixThreads)
    count_digits(const Key* keys, uint32_t* counts, int64_t n, int64_t tiles, int shift) {
  SHARED(unsigned[kDigits], count);
  const RadixPlace at(n, tiles);
  count[threadIdx.x] = 0;
  __syncthreads();
  for (int64_t i = at.begin + threadIdx.x; i < at.end; i += kRadixThreads)
    atomicAdd(&count[unsigned(keys[at.base + i] >> shift) % kDigits], 1u);
  __syncthreads();
  counts[(at.line * kDigits + threadIdx.x) * tiles + at.tile] = count[threadIdx.x];
}

// A warp a (line, digit): counts become those of the tiles before; totals[line][digit] are those of all.
static __global__ void __launch_bounds__(kRadixThreads)
    sum_counts(uint32_t* counts, uint32_t* totals, int64_t rows, int64_t tiles) {
  const int64_t row = grid_index() / kWarpSize;
  if (row >= rows) return;
  const unsigned lane = lane_index();
  uint32_t before = 0;
  for (int64_t first = 0; first < tiles; first += kWarpSize) {
    const int64_t tile = first + lane;
    const uint32_t own = tile < tiles ? counts[row * tiles + tile] : 0;
    const uint32_t until = warp_scan(own, Add{});
    if (tile < tiles) counts[row * tiles + tile] = before + until - own;
    before += shuffle_from(until, kWarpSize - 1);
  }
  if (lane == 0) totals[row] = before;
}

// `positions` null: those of the keys as they lie.
template <class Key>
__global__ void __launch_bounds__(kRadixThreads)
    move_by_digit(const Key* keys, const uint32_t* positions, Key* to_keys, uint32_t* to_positions,
                  const uint32_t* counts, const uint32_t* totals, int64_t n, int64_t tiles, int shift) {
  SHARED(uint32_t[kRadixWarps][kDigits], place);
  const RadixPlace at(n, tiles);
  const unsigned lane = lane_index(), warp = threadIdx.x / kWarpSize;
  for (unsigned d = lane; d < kDigits; d += kWarpSize) place[warp][d] = 0;
  __syncwarp();

  // Where a key stands among those of its warp with the same digit.
  Key key[kRadixRounds];
  uint32_t rank[kRadixRounds];
  const int64_t first = at.begin + warp * kWarpItems + lane;
#pragma unroll
  for (int r = 0; r < kRadixRounds; ++r) {
    const int64_t i = first + r * kWarpSize;
    key[r] = i < at.end ? keys[at.base + i] : Key(0);
  }
#pragma unroll
  for (int r = 0; r < kRadixRounds; ++r) {
    const unsigned digit = first + r * kWarpSize < at.end ? unsigned(key[r] >> shift) % kDigits : unsigned(kDigits);
    const unsigned same = __match_any_sync(kAllLanes, digit);
    const unsigned below = __popc(same & ((1u << lane) - 1));
    uint32_t before = 0;
    if (below == 0 && digit < kDigits) {
      before = place[warp][digit];
      place[warp][digit] = before + unsigned(__popc(same));
    }
    rank[r] = __shfl_sync(kAllLanes, before, __ffs(int(same)) - 1) + below;
    __syncwarp();
  }
  __syncthreads();

  // The first place of each warp's keys of a digit, in the line.
  const unsigned d = threadIdx.x;
  uint32_t total;
  uint32_t next = block_exclusive_scan<kRadixThreads>(totals[at.line * kDigits + d], Add{}, uint32_t(0), total) +
                  counts[(at.line * kDigits + d) * tiles + at.tile];
  for (int w = 0; w < kRadixWarps; ++w) {
    const uint32_t own = place[w][d];
    place[w][d] = next;
    next += own;
  }
  __syncthreads();
#pragma unroll
  for (int r = 0; r < kRadixRounds; ++r) {
    const int64_t i = first + r * kWarpSize;
    if (i >= at.end) continue;
    const int64_t to = at.base + place[warp][unsigned(key[r] >> shift) % kDigits] + rank[r];
    to_keys[to] = key[r];
    to_positions[to] = positions ? positions[at.base + i] : uint32_t(i);
  }
}

// Lines of n keys by their lowest `bits`, with their positions, for as long as this lives.
template <class Key>
class RadixSort {
 public:
  RadixSort(int64_t lines, int64_t n, int bits, GpuStream stream)
      : lines_(lines),
        n_(n),
        tiles_((n + kRadixTile - 1) / kRadixTile),
        bits_(bits),
        stream_(stream),
        keys_(size_t(2 * lines * n) * sizeof(Key), gpu::current_device(), stream),
        positions_(size_t(2 * lines * n) * sizeof(uint32_t), gpu::current_device(), stream),
        counts_(size_t(lines * kDigits * (tiles_ + 1)) * sizeof(uint32_t), gpu::current_device(), stream) {}

  // Where the keys are to be written before run(), and are in order after it.
  Key* keys() const { return keys_.data<Key>() + at_ * lines_ * n_; }
  uint32_t* positions() const { return positions_.data<uint32_t>() + at_ * lines_ * n_; }

  void run() {
    auto* counts = counts_.data<uint32_t>();
    uint32_t* totals = counts + lines_ * kDigits * tiles_;
    for (int shift = 0; shift < bits_; shift += 8) {
      const Key* from = keys();
      const uint32_t* from_positions = shift == 0 ? nullptr : positions();
      at_ = 1 - at_;
      launch(stream_, unsigned(lines_ * tiles_), kRadixThreads, 0, count_digits<Key>, from, counts, n_, tiles_, shift);
      launch(stream_, blocks_for(lines_ * kDigits, kRadixWarps), kRadixThreads, 0, sum_counts, counts, totals,
             lines_ * kDigits, tiles_);
      launch(stream_, unsigned(lines_ * tiles_), kRadixThreads, 0, move_by_digit<Key>, from, from_positions, keys(),
             positions(), static_cast<const uint32_t*>(counts), static_cast<const uint32_t*>(totals), n_, tiles_,
             shift);
    }
  }

 private:
  int64_t lines_, n_, tiles_;
  int bits_, at_ = 0;
  GpuStream stream_;
  gpu::Scratch keys_, positions_, counts_;
};

}  // namespace hotloop::sm80
