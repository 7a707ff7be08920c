// Few rows times a large row-major B: one read of B, at memory speed. Bands of B's rows are packed in the order in
// which they lie while the band before is multiplied; the sums of all columns wait in L1 or L2.
#pragma once

#include "kernels/cpu/avx512_amx/tile_blocks.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kSkinnyTileRows = kTileSide;
// A band of 64 x 2048 elements: 256 KB, in runs of a page.
constexpr int64_t kBandColumns = 2048;
constexpr int64_t kBandDepth = 2 * kTileDepth;

// Packs `columns` columns of a band of B, `depth` rows from b on, piece by piece. Pieces are of eight rows: memory gives
// a few runs side by side faster than one after the other, without being asked ahead.
class BandPacking {
 public:
  BandPacking(char* to, int64_t to_row, const bfloat16_t* b, int64_t b_k, int64_t depth, int64_t columns)
      : to_(to),
        to_row_(to_row),
        b_(b),
        b_k_(b_k),
        depth_(depth),
        columns_(columns),
        pairs_(steps_of(depth) * kTileSide) {}

  int64_t pieces() const { return pairs_ / kPiecePairs * ceil_div(columns_, kPieceColumns); }
  void some(int64_t pieces) {
    for (; pieces > 0 && pair_ < pairs_; --pieces) {
      if (columns_ - column_ >= kPieceColumns && depth_ - 2 * pair_ >= 2 * kPiecePairs)
        whole_piece();
      else
        edge();
      column_ += kPieceColumns;
      if (column_ >= columns_) column_ = 0, pair_ += kPiecePairs;
    }
  }

 private:
  static constexpr int64_t kPiecePairs = 4, kPieceColumns = 128;

  Pair* place(int64_t pair) const { return (Pair*)(to_ + pair * to_row_) + column_; }
  void whole_piece() const {
    const bfloat16_t* from = b_ + 2 * pair_ * b_k_ + column_;
    for (int64_t j = 0; j < kPieceColumns; j += 2 * kTileSide) {
#pragma GCC unroll 4
      for (int64_t i = 0; i < kPiecePairs; ++i) {
        u32v low, high;
        load_two_columns(from + 2 * i * b_k_ + j, b_k_, low, high);
        store(place(pair_ + i) + j, low);
        store(place(pair_ + i) + j + kTileSide, high);
      }
    }
  }
  void edge() const {
    const int64_t count = smaller(kPieceColumns, columns_ - column_);
    for (int64_t pair = pair_; pair < pair_ + kPiecePairs; ++pair) {
      const int64_t left = depth_ - 2 * pair;
      if (left > 0)
        pack_rows(place(pair), count, b_ + 2 * pair * b_k_ + column_, b_k_, smaller<int64_t>(2, left), count);
      else
        __builtin_memset(place(pair), 0, size_t(count * 4));
    }
  }

  char* to_;
  int64_t to_row_;  // bytes
  const bfloat16_t* b_;
  int64_t b_k_, depth_, columns_;
  int64_t pairs_;  // rows of the band, with those of zeros
  int64_t pair_ = 0, column_ = 0;
};

inline void tile_skinny_product(const Product<bfloat16_t>& p) {
  const int64_t steps = steps_of(p.k), kBandSteps = kBandDepth / kTileDepth;
  Workspace a_room(size_t(steps * kTileBytes));
  char* a = static_cast<char*>(a_room.data());
  pack_tiles(a, p.a, p.a_row, p.a_k, p.m, p.k);
  for_chunks(ceil_div(p.n, kBandColumns), [&](int64_t chunk) {
    const int64_t begin = chunk * kBandColumns, columns = smaller(kBandColumns, p.n - begin);
    const int64_t vectors = ceil_div(columns, kTileSide), sums_bytes = p.m * 64;  // of a vector of columns
    // Not a power of two, or the rows of a tile would share a few sets of the caches.
    const int64_t row_bytes = vectors * 64 + 64, band_bytes = kBandDepth / 2 * row_bytes;
    Workspace room(size_t(vectors * sums_bytes + 2 * band_bytes));
    char* sums = static_cast<char*>(room.data());
    const auto band_at = [&](int64_t step) { return sums + vectors * sums_bytes + step / kBandSteps % 2 * band_bytes; };
    const auto packing_of = [&](int64_t step) {
      const int64_t k = smaller(step * kTileDepth, p.k), depth = smaller(kBandDepth, p.k - k);
      return BandPacking(band_at(step), row_bytes, p.b + begin + k * p.b_k, p.b_k, depth, columns);
    };
    BandPacking first = packing_of(0);
    first.some(first.pieces());
    const TileScope scope{int(p.m)};
    for (int64_t step = 0; step < steps; step += kBandSteps) {
      const char* band = band_at(step);
      const int64_t count = smaller(kBandSteps, steps - step);
      BandPacking next = packing_of(step + kBandSteps);
      const int64_t pieces = ceil_div(next.pieces(), vectors);  // a vector
      load_tile<4>(a + step * kTileBytes, 64);
      if (count > 1) load_tile<5>(a + (step + 1) * kTileBytes, 64);
      for (int64_t v = 0; v < vectors; ++v) {
        if (step > 0)
          load_tile<0>(sums + v * sums_bytes, 64);
        else
          zero_tile<0>();
        load_tile<6>(band + v * 64, row_bytes);
        multiply_tiles<0, 4, 6>();
        if (count > 1) {
          load_tile<7>(band + kTileSide * row_bytes + v * 64, row_bytes);
          multiply_tiles<0, 5, 7>();
        }
        next.some(pieces);
        store_tile<0>(sums + v * sums_bytes, 64);
      }
    }
    finish(p.epilogue, 0, begin, p.m, columns, (const float*)sums, kTileSide, sums_bytes / 4, p.out, p.out_row);
  });
}

}  // namespace hotloop::HOTLOOP_ISA
