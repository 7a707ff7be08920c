// Blocks of a bf16 product around 32 x 32 sums (2 x 2 tile registers).
//
// Per pass of columns and block of k, blocks of rows of A stay in L2 while groups of panels of B go by, each packed while
// the first block of rows multiplies the one before. Where there are few columns, B is packed first and A's rows stream.
#pragma once

#include "core/memory.h"
#include "kernels/cpu/avx512_amx/tile_pack.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/matmul_blocks.h"

namespace hotloop::HOTLOOP_ISA {

// Elements of k of one block of A: with 192 rows 768 KB, beside the panels in an L2 of 2 MB.
constexpr int64_t kTileBlockDepth = 2048;
constexpr int64_t kTileBlockBytes = 768 << 10;
// The same where A streams past a few columns.
constexpr int64_t kTileStreamBytes = 128 << 10;
// Bytes of the panels that a block of rows meets together: beside it in L2. Their columns of a row-major B are read, and
// those of out written, in runs.
constexpr int64_t kGroupBytes = 256 << 10;
constexpr int64_t kGroupPanels = 16;
// Elements of k that two tiles of A stay in L1 for, 32 KB, while the group's panels stream past from L2.
constexpr int64_t kNearDepth = 512;
// Bytes of packed B per pass over A.
constexpr int64_t kTilePassBytes = 8 << 20;
// From here on lines of out are fetched before they are written: they are not in L2.
constexpr int64_t kFarTileOutBytes = 2 << 20;

// Multiply-adds of a product worth threads: some 10 us on one core.
constexpr int64_t kTileThreadsWork = 16 << 20;

// Tiles of A: from row to row of a tile, from step to step, and from a tile to the one below it, in bytes.
struct TilesOfA {
  const char* a;
  int64_t row, step, tile;
};
inline TilesOfA packed_tiles(const char* a, int64_t steps) { return {a, 64, kTileBytes, steps * kTileBytes}; }

// Lines of memory to fetch into L2 while tiles are multiplied: runs of `bytes`, `step` apart.
struct LinesAhead {
  const char* run = nullptr;
  int64_t step = 0, bytes = 0, runs = 0;
  int64_t at = 0;

  int64_t a_step = 0;  // lines

  // All of them within so many steps.
  void spread(int64_t steps) { a_step = ceil_div(runs * ceil_div(bytes, 64), larger<int64_t>(1, steps)); }
  void fetch() {
    for (int64_t i = 0; i < a_step && runs > 0; ++i) {
      __builtin_prefetch(run + at, 0, 2);
      at += 64;
      if (at >= bytes) at = 0, run += step, --runs;
    }
  }
};

// What is done in the shadow of multiplications, some at each step: the block before is finished, the next panels are
// packed, and what the next blocks will read is fetched.
class Chores {
 public:
  explicit Chores(const Product<bfloat16_t>& p) : p_(p) {}

  GroupPacking packing;
  LinesAhead panels, rows, out;

  // All of the packing and of the panels ahead within so many steps.
  void spread(int64_t steps) {
    panels.spread(steps);
    pack_units_ = ceil_div(packing.units(), larger<int64_t>(1, steps));
  }
  void step() {
    if (done_ < block_.rows) finish_some();
    packing.some(pack_units_);
    panels.fetch(), rows.fetch(), out.fetch();
  }

  struct Block {
    int64_t row, column, rows, columns;  // of out
    const float* sums;
    int64_t sums_row;
  };
  // The block's sums are known: its rows are finished within so many steps, and before the next sums are stored.
  void finish_later(const Block& block, int64_t steps) {
    block_ = block;
    done_ = 0;
    finish_rows_ = ceil_div(block.rows, larger<int64_t>(1, steps));
  }
  void finish_rest() {
    while (done_ < block_.rows) finish_some();
  }

 private:
  void finish_some() {
    const Block& b = block_;
    const int64_t count = smaller(finish_rows_, b.rows - done_), row = b.row + done_;
    const float* from = b.sums + done_ * b.sums_row;
    done_ += count;
    if (b.columns != kPanelColumns || !p_.epilogue.plain())
      return finish(p_.epilogue, row, b.column, count, b.columns, from, b.sums_row, kTileSide, p_.out, p_.out_row);
    bfloat16_t* to = p_.out + row * p_.out_row + b.column;
    for (int64_t i = 0; i < count; ++i, to += p_.out_row, from += b.sums_row) {
      store_as(to, load(from), kTileSide);
      store_as(to + kTileSide, load(from + kTileSide), kTileSide);
    }
  }

  const Product<bfloat16_t>& p_;
  Block block_{};
  int64_t done_ = 0, finish_rows_ = 0, pack_units_ = 0;
};

// sums (16 ROWS, 16 COLUMNS) (+)= tiles of A times a panel of B.
template <int ROWS, int COLUMNS>
void multiply_block(TilesOfA a, const char* b, int64_t b_row, int64_t steps, float* sums, int64_t sums_row, bool resume,
                    Chores& chores) {
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
  for (; steps > 0; --steps, a.a += a.step, b += b_step) {
    chores.step();
    load_tile<4>(a.a, a.row);
    load_tile_once<6>(b, b_row);
    multiply_tiles<0, 4, 6>();
    if constexpr (COLUMNS > 1) {
      load_tile_once<7>(b + 64, b_row);
      multiply_tiles<1, 4, 7>();
    }
    if constexpr (ROWS > 1) {
      load_tile<5>(a.a + a.tile, a.row);
      multiply_tiles<2, 5, 6>();
      if constexpr (COLUMNS > 1) multiply_tiles<3, 5, 7>();
    }
  }
  chores.finish_rest();  // it may lie where these sums will
  store_tile<0>(c, row_bytes);
  if constexpr (COLUMNS > 1) store_tile<1>(c + 64, row_bytes);
  if constexpr (ROWS > 1) store_tile<2>(c + tile_bytes, row_bytes);
  if constexpr (ROWS > 1 && COLUMNS > 1) store_tile<3>(c + tile_bytes + 64, row_bytes);
}

// Body over [0, count), in chunks of `group` shared among threads where there are enough.
template <class F>
inline void in_chunks(int64_t count, int64_t group, const F& body) {
  const int64_t chunks = ceil_div(count, group);
  if (chunks < 4) {
    for (int64_t first = 0; first < count; first += group) body(first, smaller(count, first + group));
    return;
  }
  for_chunks(chunks, [&](int64_t chunk) { body(chunk * group, smaller(count, (chunk + 1) * group)); });
}

inline int64_t whole_blocks(int64_t rows) { return ceil_div(rows, 2 * kTileSide) * 2 * kTileSide; }

class TileProduct {
 public:
  explicit TileProduct(const Product<bfloat16_t>& product) : p(product) {}

  void run() {
    const int64_t most_steps = larger<int64_t>(1, steps_of(smaller(p.k, kTileBlockDepth)));
    const int64_t panel_most = most_steps * 2 * kTileBytes;
    const int64_t pass_columns = kTilePassBytes / panel_most * kPanelColumns;
    for (pass = 0; pass < p.n; pass += pass_columns) {
      columns = smaller(pass_columns, p.n - pass);
      panels = ceil_div(columns, kPanelColumns);
      group = smaller(kGroupPanels, larger<int64_t>(1, kGroupBytes / panel_most));
      streams = panels <= 2;
      const int64_t most_rows = (streams ? kTileStreamBytes : kTileBlockBytes) / (64 * most_steps);
      block_rows = whole_blocks(ceil_div(p.m, ceil_div(p.m, larger(2 * kPanelColumns, most_rows))));
      sums_row = p.k > kTileBlockDepth ? ceil_div(columns, kTileSide) * kTileSide : 0;
      Workspace kept(size_t(whole_blocks(p.m) * sums_row) * 4);
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
  int64_t pass, columns, panels, group;  // the pass over columns; panels that go together
  bool streams;  // rows of A, past a few panels: the CPU itself fetches them, and faster than when asked to
  int64_t block_rows;
  int64_t k, depth, steps;  // the block of k
  int64_t sums_row;         // 0: sums are not kept between blocks of k
  float* sums;

  int64_t panel_bytes() const { return steps * 2 * kTileBytes; }
  int64_t columns_of(int64_t panel) const { return smaller(kPanelColumns, columns - panel * kPanelColumns); }

  // Where a panel of the block of k is: of those packed here, or of matrix B packed before.
  char* place(char* packed, int64_t panel) const {
    if (!p.packed_b) return packed + panel * panel_bytes();
    const int64_t column = pass + panel * kPanelColumns;
    return static_cast<char*>(const_cast<void*>(p.packed_b)) + steps_of(p.k) * kTileSide * column * 4 +
           k / 2 * panel_width(p.n - column) * 4;
  }
  bool a_in_place() const { return p.a_k == 1 && depth % kTileDepth == 0; }

  void pack_rows_of_a(char* tiles, int64_t row, int64_t rows) const {
    pack_tiles(tiles, p.a + row * p.a_row + k * p.a_k, p.a_row, p.a_k, rows, depth);
  }
  GroupPacking packing_of(char* packed, int64_t first, int64_t end) const {
    const int64_t column = pass + first * kPanelColumns;
    return {packed, panel_bytes(), p, column, smaller((end - first) * kPanelColumns, p.n - column), k, depth};
  }

  // Rows [row, row + rows) times panels [first, end), of which `packed` is the first; tiles: the rows, packed, or null.
  void multiply(const char* tiles, int64_t row, int64_t rows, char* packed, int64_t first, int64_t end,
                Chores& chores) const {
    constexpr decltype(&multiply_block<1, 1>) kMultiply[2][2] = {{multiply_block<1, 1>, multiply_block<1, 2>},
                                                                 {multiply_block<2, 1>, multiply_block<2, 2>}};
    // Sums between the near parts of k; else one panel after the other uses the first.
    alignas(kAlignment) float scratch[kPanelColumns * kPanelColumns * kGroupPanels];
    constexpr int64_t kNearSteps = kNearDepth / kTileDepth;
    const bool parts = steps > kNearSteps;
    chores.spread(ceil_div(rows, kPanelColumns) * (end - first) * steps);
    const bool last = k + depth == p.k, far_out = !p.out_transposed && p.m * p.n * 2 >= kFarTileOutBytes;
    const TileScope scope;
    for (int64_t r = 0; r < rows; r += kPanelColumns) {
      const int64_t count = smaller(kPanelColumns, rows - r);
      TilesOfA a = packed_tiles(tiles + r * steps * 64, steps);
      if (!tiles) a = {(const char*)(p.a + (row + r) * p.a_row + k), p.a_row * 2, 64, kTileSide * p.a_row * 2};
      if (!tiles && !streams && first == 0 && r + count < rows) {
        const int64_t next = smaller(kPanelColumns, rows - r - count);
        chores.rows = {(const char*)(p.a + (row + r + count) * p.a_row + k), p.a_row * 2, depth * 2, next};
        chores.rows.spread((end - first) * steps);
      }
      int64_t near = 0;
      do {
        const int64_t near_steps = smaller(kNearSteps, steps - near);
        for (int64_t i = first; i < end; ++i) {
          const int64_t column = pass + i * kPanelColumns, width = panel_width(columns_of(i));
          const int64_t c_row = sums_row ? sums_row : kPanelColumns;
          float* c = sums_row ? sums + (row + r) * sums_row + i * kPanelColumns
                     : parts  ? scratch + (i - first) * kPanelColumns * kPanelColumns
                              : scratch;
          if (far_out && last && near + near_steps == steps) {
            // By their last bytes: where rows are not aligned, the panel before has fetched the lines they begin in.
            chores.out = {(const char*)(p.out + (row + r) * p.out_row + column) + 63, p.out_row * 2, 64, count};
            chores.out.spread(near_steps);
          }
          const char* b = (p.packed_b ? place(nullptr, i) : place(packed, i - first)) + near * kTileSide * width * 4;
          kMultiply[count > kTileSide][width > kTileSide](a, b, width * 4, near_steps, c, c_row, k > 0 || near > 0,
                                                          chores);
          if (!last || near + near_steps < steps) continue;
          if (p.out_transposed)
            finish_transposed(p.epilogue, row + r, column, count, columns_of(i), c, c_row, p.out, p.out_row);
          else
            chores.finish_later({row + r, column, count, columns_of(i), c, c_row}, smaller(kNearSteps, steps));
        }
        near += near_steps;
        a.a += near_steps * a.step;
      } while (near < steps);
    }
    chores.finish_rest();
  }

  // What panels [first, end) will be made from, where columns of B lie along k.
  LinesAhead columns_of_b(int64_t first, int64_t end) const {
    const int64_t column = pass + first * kPanelColumns;
    return {(const char*)(p.b + k + column * p.b_col), p.b_col * 2, depth * 2,
            smaller((end - first) * kPanelColumns, p.n - column)};
  }

  // Few columns: B is packed, then each chunk takes its rows.
  void stream_rows() const {
    Workspace shared(p.packed_b ? 0 : size_t(panels * panel_bytes()));
    char* packed = static_cast<char*>(shared.data());
    if (!p.packed_b) packing_of(packed, 0, panels).rest();
    in_chunks(ceil_div(p.m, block_rows), 1, [&](int64_t block, int64_t) {
      const int64_t row = block * block_rows, rows = smaller(block_rows, p.m - row);
      const int64_t in_place = a_in_place() ? rows / kTileSide * kTileSide : 0;
      Chores chores(p);
      if (in_place > 0) multiply(nullptr, row, in_place, packed, 0, panels, chores);
      if (in_place == rows) return;
      Workspace room(size_t(whole_blocks(rows - in_place) * steps * 64));
      char* tiles = static_cast<char*>(room.data());
      pack_rows_of_a(tiles, row + in_place, rows - in_place);
      multiply(tiles, row + in_place, rows - in_place, packed, 0, panels, chores);
    });
  }

  // Blocks of rows one after the other, each read in place or packed once for all panels.
  void keep_rows() const {
    const bool share = p.m > block_rows && !p.packed_b;
    Workspace shared(share ? size_t(panels * panel_bytes()) : 0);
    // Rows 2 KB apart would throw each other out of L1.
    const bool pack_a = !a_in_place() || p.a_row % 1024 == 0 || p.m % kTileSide != 0;
    Workspace room(pack_a ? size_t(block_rows * steps * 64) : 0);
    char* tiles = static_cast<char*>(room.data());
    for (int64_t row = 0; row < p.m; row += block_rows) {
      const int64_t rows = smaller(block_rows, p.m - row);
      const int64_t pack_group = whole_blocks(ceil_div(kPackWork, larger<int64_t>(depth, 1)));
      in_chunks(pack_a ? ceil_div(rows, pack_group) : 0, 1, [&](int64_t chunk, int64_t) {
        const int64_t first = chunk * pack_group;
        pack_rows_of_a(tiles + first * steps * 64, row + first, smaller(pack_group, rows - first));
      });
      const bool pack = !p.packed_b && row == 0;
      // Groups one after the other, each packed while the one before is multiplied.
      const bool threads = num_threads() > 1 && rows * columns * depth >= kTileThreadsWork;
      const int64_t span = threads ? smaller(group, ceil_div(panels, 4 * num_threads())) : panels;
      in_chunks(panels, span, [&](int64_t from, int64_t to) {
        Workspace own(p.packed_b || share ? 0 : size_t(2 * group * panel_bytes()));
        const auto packed_at = [&](int64_t panel) {
          if (p.packed_b) return place(nullptr, panel);
          if (share) return static_cast<char*>(shared.data()) + panel * panel_bytes();
          return static_cast<char*>(own.data()) + (panel - from) / group % 2 * group * panel_bytes();
        };
        if (pack) packing_of(packed_at(from), from, smaller(from + group, to)).rest();
        for (int64_t first = from; first < to; first += group) {
          const int64_t end = smaller(first + group, to), next = smaller(end + group, to);
          Chores chores(p);
          if (end < next && pack) chores.packing = packing_of(packed_at(end), end, next);
          if (end < next && pack && p.b_k == 1) chores.panels = columns_of_b(end, next);
          if (end < next && !pack) chores.panels = {packed_at(end), 0, (next - end) * panel_bytes(), 1};
          multiply(pack_a ? tiles : nullptr, row, rows, packed_at(first), first, end, chores);
          if (end < next && pack) chores.packing.rest();
        }
      });
    }
  }
};

// Elements that must change their order for tiles, in squares: rows of A that are not along k, columns of B that are,
// and a transposed out.
inline int64_t transposed_elements(const Product<bfloat16_t>& p) {
  return (p.a_k != 1 ? p.m * p.k : 0) + (p.b_col != 1 ? p.n * p.k : 0) + (p.out_transposed ? p.m * p.n : 0);
}

inline void tile_product(const Product<bfloat16_t>& p) {
  if (!p.packed_b) {
    const Product<bfloat16_t> t = transposed(p);
    if (transposed_elements(t) < transposed_elements(p)) return TileProduct(t).run();
  }
  TileProduct(p).run();
}

}  // namespace hotloop::HOTLOOP_ISA
