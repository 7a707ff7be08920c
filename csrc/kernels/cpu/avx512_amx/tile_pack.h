// Operands as tiles read them, padded with zeros to whole tiles.
//
//   A: tiles of 16 rows, each step after step of 32 elements of k: (16, 32) bf16, 1 KB.
//   B: panels of up to 32 columns, each step after step: (16, width) pairs, width 16 or 32.
#pragma once

#include "kernels/cpu/avx512_amx/tile.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/matmul_pack.h"
#include "kernels/cpu/common/matmul_product.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kPanelColumns = 2 * kTileSide;

inline int64_t steps_of(int64_t depth) { return (depth + kTileDepth - 1) / kTileDepth; }
inline int64_t panel_width(int64_t columns) { return columns > kTileSide ? kPanelColumns : kTileSide; }

// A tile and a step from elements whose rows lie next to each other: squares of pairs are transposed.
inline void store_square(char* to, f32v (&square)[kTileSide]) {
  transpose<float>(square);
#pragma GCC unroll 16
  for (int r = 0; r < kTileSide; ++r) store((float*)(to + r * 64), square[r]);
}

// Rows of A next to each other, tile by tile.
inline void pack_adjacent_tiles(char* to, const bfloat16_t* a, int64_t a_k, int64_t rows, int64_t depth) {
  const int64_t steps = steps_of(depth), tile_bytes = steps * kTileBytes;
  for (int64_t s = 0; s < steps; ++s) {
    const bfloat16_t* from = a + s * kTileDepth * a_k;
    const int64_t left = depth - s * kTileDepth;
    char* step = to + s * kTileBytes;
    int64_t r = 0;
    for (; left >= kTileDepth && r + 2 * kTileSide <= rows; r += 2 * kTileSide) {
      f32v low[kTileSide], high[kTileSide];
#pragma GCC unroll 16
      for (int q = 0; q < kTileSide; ++q) {
        const bfloat16_t* pair = from + 2 * q * a_k + r;
        __builtin_prefetch(pair + kTileDepth * a_k);
        __builtin_prefetch(pair + (kTileDepth + 1) * a_k);
        load_two_columns(pair, a_k, low[q], high[q]);
      }
      store_square(step + r / kTileSide * tile_bytes, low);
      store_square(step + (r / kTileSide + 1) * tile_bytes, high);
    }
    for (; r < rows; r += kTileSide) {
      const int count = rows - r < kTileSide ? int(rows - r) : kTileSide;
      f32v square[kTileSide] = {};
      for (int64_t q = 0; 2 * q < left && q < kTileSide; ++q)
        square[q] = (f32v)load_columns<Pair>(from + 2 * q * a_k + r, a_k, count, 2 * q + 1 < left);
      store_square(step + r / kTileSide * tile_bytes, square);
    }
  }
}

// Packs rows of A, tile by tile, over a range of k.
inline void pack_tiles(char* to, const bfloat16_t* a, int64_t a_row, int64_t a_k, int64_t rows, int64_t depth) {
  const int64_t steps = steps_of(depth), tile_bytes = steps * kTileBytes;
  if (a_row == 1 && a_k != 1) return pack_adjacent_tiles(to, a, a_k, rows, depth);
  for (int64_t r = 0; r < (rows + kTileSide - 1) / kTileSide * kTileSide; ++r) {
    char* row = to + r / kTileSide * tile_bytes + r % kTileSide * 64;
    const bfloat16_t* from = a + r * a_row;
    for (int64_t s = 0, left = r < rows ? depth : 0; s < steps; ++s, left -= kTileDepth, from += kTileDepth * a_k) {
      f32v pairs{};
      if (left > 0 && a_k == 1) {
        pairs = load_along<Pair>(from, left);
      } else if (left > 0) {
        Pair gathered[kTileSide] = {};
        for (int64_t q = 0; q < kTileSide && 2 * q < left; ++q)
          gathered[q] = operand<Pair>(from + 2 * q * a_k, a_k, 2 * q + 1 < left);
        pairs = (f32v)load(gathered);
      }
      store((float*)(row + s * kTileBytes), pairs);
    }
  }
}

// Packs `columns` columns of B from `column` on, over a range of k, into panels `panel_bytes` apart.
inline void pack_group_of_b(char* to, int64_t panel_bytes, const Product<bfloat16_t>& p, int64_t column,
                            int64_t columns, int64_t k, int64_t depth) {
  constexpr int64_t kRowAhead = 16;  // rows of B fetched ahead of those being copied
  const bfloat16_t* b = p.b + k * p.b_k + column * p.b_col;
  const int64_t whole = p.b_col == 1 ? columns / kPanelColumns : 0, pairs = (depth + 1) / 2;
  // Row by row, so that memory is read in runs.
  for (int64_t q = 0; q < depth / 2; ++q) {
    const bfloat16_t* row = b + 2 * q * p.b_k;
    for (int64_t i = 0; i < whole; ++i) {
      const bfloat16_t* from = row + i * kPanelColumns;
      __builtin_prefetch(from + kRowAhead * p.b_k);
      __builtin_prefetch(from + (kRowAhead + 1) * p.b_k);
      u32v low, high;
      load_two_columns(from, p.b_k, low, high);
      Pair* pair = (Pair*)(to + i * panel_bytes) + q * kPanelColumns;
      store(pair, low);
      store(pair + kTileSide, high);
    }
  }
  for (int64_t i = 0; i * kPanelColumns < columns; ++i) {
    const int64_t left = smaller(kPanelColumns, columns - i * kPanelColumns), width = panel_width(left);
    Pair* panel = (Pair*)(to + i * panel_bytes);
    const int64_t done = i < whole ? depth / 2 : 0;
    pack_panel(panel + done * width, width, b + 2 * done * p.b_k + i * kPanelColumns * p.b_col, p.b_k, p.b_col,
               depth - 2 * done, left);
    __builtin_memset(panel + pairs * width, 0, size_t((steps_of(depth) * kTileSide - pairs) * width * 4));
  }
}

// All of B once: vectors of 16 columns, each panel over all steps.
inline void pack_panels_of_b(const PackArgs& args) {
  const int64_t steps = steps_of(args.k), vectors = (args.n + kTileSide - 1) / kTileSide;
  *args.bytes = vectors * steps * kTileBytes;
  if (!args.packed) return;
  Product<bfloat16_t> p{};
  p.n = args.n, p.k = args.k;
  p.b = static_cast<const bfloat16_t*>(args.b), p.b_k = args.b_row_stride, p.b_col = args.b_col_stride;
  for_chunks((args.n + kPanelColumns - 1) / kPanelColumns, [&](int64_t panel) {
    const int64_t column = panel * kPanelColumns, columns = smaller(kPanelColumns, args.n - column);
    char* to = static_cast<char*>(args.packed) + column / kTileSide * steps * kTileBytes;
    pack_group_of_b(to, 2 * steps * kTileBytes, p, column, columns, 0, args.k);
  });
}

}  // namespace hotloop::HOTLOOP_ISA
