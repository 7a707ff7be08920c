// Blocks of a bf16 product around tiles of 32 x 32 sums (2 x 2 tile registers).
//
// Per pass of columns and block of k, blocks of packed rows of A stay in L2 while panels of B go by, each packed by the
// first block of rows that meets it. Where there are few columns, B is packed first and A's blocks stream.
#pragma once

#include "core/memory.h"
#include "kernels/cpu/avx512_amx/tile_pack.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/matmul_blocks.h"

namespace hotloop::HOTLOOP_ISA {

// Elements of k of one block of A: with 256 rows 1 MB, half of L2.
constexpr int64_t kTileBlockDepth = 2048;
constexpr int64_t kTileBlockBytes = 1 << 20;
// The same where A streams past a few columns.
constexpr int64_t kTileStreamBytes = 128 << 10;
// Elements of k after which a panel's sums go to memory: so much of a panel of B stays in L1.
constexpr int64_t kNearDepth = 512;
// Bytes of packed B per pass over A.
constexpr int64_t kTilePassBytes = 8 << 20;
// Multiply-adds worth another thread: some 10 us on one core.
constexpr int64_t kTileChunkWork = 8 << 20;

// sums (16 ROWS, 16 COLUMNS) (+)= tiles of A times a panel of B.
template <int ROWS, int COLUMNS>
void multiply_block(const char* a, int64_t a_tile, const char* b, int64_t b_row, int64_t steps, float* sums,
                    int64_t sums_row, bool resume) {
  const int64_t row_bytes = sums_row * 4, tile_bytes = kTileSide * row_bytes;
  char* c = (char*)sums;
  if (resume) {
    load_tile<0>(c, row_bytes);
    if constexpr (COLUMNS > 1) load_tile<1>(c + 64, row_bytes);
    if constexpr (ROWS > 1) load_tile<2>(c + tile_bytes, row_bytes);
    if constexpr (ROWS > 1 && COLUMNS > 1) load_tile<3>(c + tile_bytes + 64, row_bytes);
  } else {
    zero_tile<0>();
    if constexpr (COLUMNS > 1) zero_tile<1>();
    if constexpr (ROWS > 1) zero_tile<2>();
    if constexpr (ROWS > 1 && COLUMNS > 1) zero_tile<3>();
  }
  const int64_t b_step = kTileSide * b_row;
  for (; steps > 0; --steps, a += kTileBytes, b += b_step) {
    load_tile<4>(a, 64);
    load_tile<6>(b, b_row);
    multiply_tiles<0, 4, 6>();
    if constexpr (COLUMNS > 1) {
      load_tile<7>(b + 64, b_row);
      multiply_tiles<1, 4, 7>();
    }
    if constexpr (ROWS > 1) {
      load_tile<5>(a + a_tile, 64);
      multiply_tiles<2, 5, 6>();
      if constexpr (COLUMNS > 1) multiply_tiles<3, 5, 7>();
    }
  }
  store_tile<0>(c, row_bytes);
  if constexpr (COLUMNS > 1) store_tile<1>(c + 64, row_bytes);
  if constexpr (ROWS > 1) store_tile<2>(c + tile_bytes, row_bytes);
  if constexpr (ROWS > 1 && COLUMNS > 1) store_tile<3>(c + tile_bytes + 64, row_bytes);
}

// Lines of memory to fetch into L2 while tiles are multiplied: runs of `bytes`, `step` apart.
struct LinesAhead {
  const char* run = nullptr;
  int64_t step = 0, bytes = 0, runs = 0;
  int64_t at = 0;

  int64_t lines() const { return runs * ((bytes + 63) / 64); }
  void fetch(int64_t count) {
    for (; count > 0 && runs > 0; --count) {
      __builtin_prefetch(run + at, 0, 2);
      at += 64;
      if (at >= bytes) at = 0, run += step, --runs;
    }
  }
};

struct TileRows {
  const char* tiles;  // packed
  int64_t row, rows;  // of out
};

// One panel of a block of k.
struct TilePanel {
  char* packed;
  int64_t column, columns;
  int64_t k, depth;
  bool pack;  // not yet packed
};

// Rows times a panel. sums: the panel's columns of the block's rows, kept from block to block of k.
inline void multiply_panel(const Product<bfloat16_t>& p, const TileRows& a, const TilePanel& b, float* sums,
                           int64_t sums_row, LinesAhead ahead) {
  constexpr decltype(&multiply_block<1, 1>) kMultiply[2][2] = {{multiply_block<1, 1>, multiply_block<1, 2>},
                                                               {multiply_block<2, 1>, multiply_block<2, 2>}};
  const int64_t steps = steps_of(b.depth), width = panel_width(b.columns), a_tile = steps * kTileBytes;
  const int64_t pairs = ceil_div(a.rows, kPanelColumns), nears = larger<int64_t>(1, ceil_div(b.depth, kNearDepth));
  const int64_t lines = ceil_div(ahead.lines(), pairs * nears);
  const bool once = nears == 1 && b.depth == p.k;  // sums need no place beyond the epilogue
  for (int64_t near = 0; near < nears; ++near) {
    const int64_t from = near * kNearDepth, depth = smaller(kNearDepth, b.depth - from);
    char* packed = b.packed + from / 2 * width * 4;
    if (b.pack) pack_columns_of_b(packed, width, p, b.column, b.columns, b.k + from, depth);
    const bool last = b.k + from + depth >= p.k;
    for (int64_t r = 0; r < a.rows; r += 2 * kTileSide) {
      ahead.fetch(lines);
      const int64_t rows = smaller<int64_t>(2 * kTileSide, a.rows - r);
      float* c = once ? sums : sums + r * sums_row;
      kMultiply[rows > kTileSide][width > kTileSide](a.tiles + r / kTileSide * a_tile + from / kTileDepth * kTileBytes,
                                                     a_tile, packed, width * 4, steps_of(depth), c, sums_row,
                                                     b.k + from > 0);
      if (!last) continue;
      if (p.out_transposed)
        finish_transposed(p.epilogue, a.row + r, b.column, rows, b.columns, c, sums_row, p.out, p.out_row);
      else
        finish(p.epilogue, a.row + r, b.column, rows, b.columns, c, sums_row, kTileSide, p.out, p.out_row);
    }
  }
}

// Body over [0, count), in chunks of `group` shared among threads where there are enough.
template <class F>
inline void in_chunks(int64_t count, int64_t group, const F& body) {
  const int64_t chunks = ceil_div(count, group);
  if (chunks < 4) return body(int64_t(0), count);
  for_chunks(chunks, [&](int64_t chunk) { body(chunk * group, smaller(count, (chunk + 1) * group)); });
}

// Elements that must change their order for tiles, in squares: rows of A that are not along k, columns of B that are,
// and a transposed out.
inline int64_t transposed_elements(const Product<bfloat16_t>& p) {
  return (p.a_k != 1 ? p.m * p.k : 0) + (p.b_col != 1 ? p.n * p.k : 0) + (p.out_transposed ? p.m * p.n : 0);
}

class TileProduct {
 public:
  explicit TileProduct(const Product<bfloat16_t>& product) : p(product) {}

  void run() {
    const int64_t most_depth = smaller(p.k, kTileBlockDepth);
    const int64_t pass_columns = larger<int64_t>(
        4 * kPanelColumns, kTilePassBytes / (2 * larger<int64_t>(most_depth, 1)) / kPanelColumns * kPanelColumns);
    for (pass = 0; pass < p.n; pass += pass_columns) {
      columns = smaller(pass_columns, p.n - pass);
      panels = ceil_div(columns, kPanelColumns);
      const bool streams = panels <= 2;
      const int64_t bytes = streams ? kTileStreamBytes : kTileBlockBytes;
      block_rows = larger<int64_t>(4 * kTileSide, bytes / (64 * larger<int64_t>(1, steps_of(most_depth))));
      block_rows = ceil_div(ceil_div(p.m, ceil_div(p.m, block_rows)), 2 * kTileSide) * 2 * kTileSide;
      row_blocks = ceil_div(p.m, block_rows);
      sums_columns = p.k > kTileBlockDepth ? ceil_div(columns, kTileSide) * kTileSide : 0;
      Workspace kept(size_t(padded_rows(p.m) * sums_columns) * 4);
      sums = static_cast<float*>(kept.data());
      k = 0;
      do {
        depth = smaller(kTileBlockDepth, p.k - k);
        steps = steps_of(depth);
        if (streams)
          stream_rows();
        else
          keep_rows();
        k += depth;
      } while (k < p.k);
    }
  }

 private:
  const Product<bfloat16_t> p;
  int64_t pass, columns, panels;  // the pass over columns
  int64_t block_rows, row_blocks;
  int64_t k, depth, steps;  // the block of k
  int64_t sums_columns;     // 0: sums are not kept between blocks of k
  float* sums;

  static int64_t padded_rows(int64_t rows) { return ceil_div(rows, 2 * kTileSide) * 2 * kTileSide; }

  TilePanel panel(int64_t i, char* packed, bool pack) const {
    const int64_t column = pass + i * kPanelColumns;
    return {packed, column, smaller(kPanelColumns, p.n - column), k, depth, pack};
  }
  int64_t panel_bytes() const { return steps * kTileSide * kPanelColumns * 4; }
  // Where matrix B is packed already: (vectors of 16 columns, all steps).
  char* packed_before(int64_t i) const {
    const int64_t column = pass + i * kPanelColumns, width = panel_width(p.n - column);
    return static_cast<char*>(const_cast<void*>(p.packed_b)) + steps_of(p.k) * kTileSide * column * 4 +
           k / 2 * width * 4;
  }

  void pack_rows(char* tiles, int64_t row, int64_t rows) const {
    pack_tiles(tiles, p.a + row * p.a_row + k * p.a_k, p.a_row, p.a_k, rows, depth);
  }

  // What the next panel will be made from.
  LinesAhead lines_of(const TilePanel& next) const {
    if (!next.pack) return {next.packed, 0, steps * kTileSide * panel_width(next.columns) * 4, 1};
    const char* b = (const char*)(p.b + k * p.b_k + next.column * p.b_col);
    if (p.b_col == 1) return {b, p.b_k * 2, next.columns * 2, depth};
    if (p.b_k == 1) return {b, p.b_col * 2, depth * 2, next.columns};
    return {};
  }

  void multiply(const TileRows& rows, const TilePanel& b, float* own_sums, const LinesAhead& ahead) const {
    if (sums_columns)
      multiply_panel(p, rows, b, sums + rows.row * sums_columns + (b.column - pass), sums_columns, ahead);
    else
      multiply_panel(p, rows, b, own_sums, kPanelColumns, ahead);
  }

  // Few columns: B is packed, then each chunk packs and multiplies its rows.
  void stream_rows() const {
    Workspace shared(p.packed_b ? 0 : size_t(panels * panel_bytes()));
    char* packed[2];
    for (int64_t i = 0; i < panels; ++i) {
      packed[i] = p.packed_b ? packed_before(i) : static_cast<char*>(shared.data()) + i * panel_bytes();
      const TilePanel b = panel(i, packed[i], false);
      if (!p.packed_b) pack_columns_of_b(packed[i], panel_width(b.columns), p, b.column, b.columns, k, depth);
    }
    const auto run = [&](int64_t block) {
      const int64_t row = block * block_rows, rows = smaller(block_rows, p.m - row);
      Workspace room(size_t(padded_rows(rows) * (steps * 64 + kPanelColumns * 4)));
      char* tiles = static_cast<char*>(room.data());
      float* own = reinterpret_cast<float*>(tiles + padded_rows(rows) * steps * 64);
      pack_rows(tiles, row, rows);
      const int64_t next = smaller(block_rows, p.m - row - rows);
      const char* from = (const char*)(p.a + (row + rows) * p.a_row + k * p.a_k);
      LinesAhead ahead;
      if (next > 0 && p.a_k == 1) ahead = {from, p.a_row * 2, depth * 2, next};
      const TileScope scope;
      for (int64_t i = 0; i < panels; ++i) {
        multiply({tiles, row, rows}, panel(i, packed[i], false), own, ahead);
        ahead = {};
      }
    };
    in_chunks(row_blocks, 1, [&](int64_t first, int64_t end) {
      for (int64_t block = first; block < end; ++block) run(block);
    });
  }

  // Blocks of rows one after the other, each packed once for all panels.
  void keep_rows() const {
    const bool share = row_blocks > 1 && !p.packed_b;
    Workspace shared(share ? size_t(panels * panel_bytes()) : 0);
    Workspace room(size_t(padded_rows(block_rows) * steps * 64));
    char* tiles = static_cast<char*>(room.data());
    for (int64_t row = 0; row < p.m; row += block_rows) {
      const int64_t rows = smaller(block_rows, p.m - row);
      const int64_t pack_group = ceil_div(kPackWork, 2 * kTileSide * larger<int64_t>(depth, 1)) * 2 * kTileSide;
      for_chunks(ceil_div(rows, pack_group), [&](int64_t chunk) {
        const int64_t first = chunk * pack_group;
        pack_rows(tiles + first * steps * 64, row + first, smaller(pack_group, rows - first));
      });
      const int64_t panel_work = rows * kPanelColumns * larger<int64_t>(depth, 1);
      in_chunks(panels, ceil_div(kTileChunkWork, panel_work), [&](int64_t first, int64_t end) {
        Workspace own_room((p.packed_b || share ? 0 : size_t(panel_bytes())) +
                           size_t(sums_columns ? 0 : padded_rows(rows) * kPanelColumns * 4));
        float* own = static_cast<float*>(own_room.data());
        char* own_panel =
            static_cast<char*>(own_room.data()) + (sums_columns ? 0 : padded_rows(rows) * kPanelColumns * 4);
        const auto place = [&](int64_t i) {
          char* packed = p.packed_b ? packed_before(i)
                         : share    ? static_cast<char*>(shared.data()) + i * panel_bytes()
                                    : own_panel;
          return panel(i, packed, !p.packed_b && row == 0);
        };
        const TileScope scope;
        for (int64_t i = first; i < end; ++i)
          multiply({tiles, row, rows}, place(i), own, i + 1 < panels ? lines_of(place(i + 1)) : LinesAhead{});
      });
    }
  }
};

inline void tile_product(const Product<bfloat16_t>& p) {
  if (!p.packed_b) {
    const Product<bfloat16_t> t = transposed(p);
    if (transposed_elements(t) < transposed_elements(p)) return TileProduct(t).run();
  }
  TileProduct(p).run();
}

}  // namespace hotloop::HOTLOOP_ISA
