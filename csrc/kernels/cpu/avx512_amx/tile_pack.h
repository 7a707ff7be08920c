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

// Packs `columns` columns of B from `column` on, over a range of k, into panels `panel_bytes` apart: bit by bit, in the
// shadow of multiplications, or all at once.
class GroupPacking {
 public:
  GroupPacking() = default;
  GroupPacking(char* to, int64_t panel_bytes, const Product<bfloat16_t>& p, int64_t column, int64_t columns, int64_t k,
               int64_t depth)
      : to_(to),
        panel_bytes_(panel_bytes),
        b_(p.b + k * p.b_k + column * p.b_col),
        b_k_(p.b_k),
        b_col_(p.b_col),
        columns_(columns),
        depth_(depth),
        whole_(p.b_col == 1 ? columns / kPanelColumns : 0),
        units_(whole_ * (depth / 2)) {}

  int64_t units() const { return units_; }
  // The next units: two rows of B of the width of a panel. Row by row, so that memory is read in runs.
  void some(int64_t units) {
    constexpr int64_t kRowAhead = 16;  // rows of B fetched ahead of those being copied
    for (; units > 0 && units_ > 0; --units, --units_) {
      const bfloat16_t* from = b_ + 2 * pair_ * b_k_ + panel_ * kPanelColumns;
      __builtin_prefetch(from + kRowAhead * b_k_);
      __builtin_prefetch(from + (kRowAhead + 1) * b_k_);
      u32v low, high;
      load_two_columns(from, b_k_, low, high);
      Pair* pair = (Pair*)(to_ + panel_ * panel_bytes_) + pair_ * kPanelColumns;
      store(pair, low);
      store(pair + kTileSide, high);
      if (++panel_ == whole_) panel_ = 0, ++pair_;
    }
  }
  // What is left, and the edges.
  void rest() {
    some(units_);
    const int64_t pairs = (depth_ + 1) / 2;
    for (int64_t i = 0; i * kPanelColumns < columns_; ++i) {
      const int64_t left = smaller(kPanelColumns, columns_ - i * kPanelColumns), width = panel_width(left);
      Pair* panel = (Pair*)(to_ + i * panel_bytes_);
      const int64_t done = i < whole_ ? depth_ / 2 : 0;
      pack_panel(panel + done * width, width, b_ + 2 * done * b_k_ + i * kPanelColumns * b_col_, b_k_, b_col_,
                 depth_ - 2 * done, left);
      __builtin_memset(panel + pairs * width, 0, size_t((steps_of(depth_) * kTileSide - pairs) * width * 4));
    }
    columns_ = 0;
  }

 private:
  char* to_ = nullptr;
  int64_t panel_bytes_ = 0;
  const bfloat16_t* b_ = nullptr;
  int64_t b_k_ = 0, b_col_ = 0, columns_ = 0, depth_ = 0;
  int64_t whole_ = 0, units_ = 0, pair_ = 0, panel_ = 0;
};

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
    GroupPacking(to, 2 * steps * kTileBytes, p, column, columns, 0, args.k).rest();
  });
}

}  // namespace hotloop::HOTLOOP_ISA
