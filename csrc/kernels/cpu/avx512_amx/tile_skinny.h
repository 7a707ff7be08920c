// Few rows times a large row-major B: one read of B, at memory speed. Bands of B's rows are packed in the order in
// which they lie, and multiplied while the next band is fetched; the sums of all columns wait in L2.
#pragma once

#include "kernels/cpu/avx512_amx/tile_blocks.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kSkinnyTileRows = kTileSide;
// A band of 64 x 2048 elements: 256 KB, in runs of a page.
constexpr int64_t kBandColumns = 2048;
constexpr int64_t kBandDepth = 2 * kTileDepth;

inline void tile_skinny_product(const Product<bfloat16_t>& p) {
  const int64_t steps = steps_of(p.k), kBandSteps = kBandDepth / kTileDepth;
  Workspace a_room(size_t(steps * kTileBytes));
  char* a = static_cast<char*>(a_room.data());
  pack_tiles(a, p.a, p.a_row, p.a_k, p.m, p.k);
  for_chunks(ceil_div(p.n, kBandColumns), [&](int64_t chunk) {
    const int64_t begin = chunk * kBandColumns, columns = smaller(kBandColumns, p.n - begin);
    const int64_t vectors = ceil_div(columns, kTileSide);
    // Not a power of two, or the rows of a tile would share a few sets of the caches.
    const int64_t width = vectors * kTileSide, row_bytes = width * 4 + 64;
    Workspace room(size_t(vectors * kTileBytes + kBandDepth / 2 * row_bytes));
    char* sums = static_cast<char*>(room.data());
    char* band = sums + vectors * kTileBytes;
    const TileScope scope;
    for (int64_t step = 0; step < steps; step += kBandSteps) {
      const int64_t k = step * kTileDepth, depth = smaller(kBandDepth, p.k - k), count = steps_of(depth);
      const bfloat16_t* b = p.b + begin + k * p.b_k;
      for (int64_t q = 0; q < count * kTileDepth; q += 2) {
        char* row = band + q / 2 * row_bytes;
        if (q < depth)
          pack_rows((Pair*)row, width, b + q * p.b_k, p.b_k, smaller<int64_t>(2, depth - q), columns);
        else
          __builtin_memset(row, 0, size_t(width * 4));
      }
      const int64_t next = smaller(kBandDepth, p.k - k - depth);
      LinesAhead ahead{(const char*)(b + kBandDepth * p.b_k), p.b_k * 2, columns * 2, larger<int64_t>(0, next)};
      ahead.spread(vectors);
      load_tile<4>(a + step * kTileBytes, 64);
      if (count > 1) load_tile<5>(a + (step + 1) * kTileBytes, 64);
      for (int64_t v = 0; v < vectors; ++v) {
        ahead.fetch();
        if (step > 0)
          load_tile<0>(sums + v * kTileBytes, 64);
        else
          zero_tile<0>();
        load_tile<6>(band + v * 64, row_bytes);
        multiply_tiles<0, 4, 6>();
        if (count > 1) {
          load_tile<7>(band + kTileSide * row_bytes + v * 64, row_bytes);
          multiply_tiles<0, 5, 7>();
        }
        store_tile<0>(sums + v * kTileBytes, 64);
      }
    }
    finish(p.epilogue, 0, begin, p.m, columns, (const float*)sums, kTileSide, kTileBytes / 4, p.out, p.out_row);
  });
}

}  // namespace hotloop::HOTLOOP_ISA
