// Blocks of a matrix product around the register tile.
//
// A block is rows x panels of out over one range of k. Its panels of B (up to kTileVectors vectors of
// columns) stay in L2 while the rows go by; its rows of A are read in place or from packed tiles, and
// stay in L2 while the panels go by. A sum longer than kBlockDepth continues in the next block of k.
#pragma once

#include "core/cpu_features.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/matmul_pack.h"
#include "kernels/cpu/common/matmul_product.h"
#include "kernels/cpu/common/matmul_tile.h"

namespace hotloop::HOTLOOP_ISA {

// Steps of k of one block: a panel of B, 48 columns of f32, is then 384 KB, and 8 rows of A fit L1 twice.
template <class O>
constexpr int64_t kBlockDepth = 8192 / sizeof(O);
// Products of few rows and long sums, which are soon continued, take less: rows of B some KB apart share so few sets of L2
// that a deeper panel and the next one, fetched meanwhile, would throw each other out.
constexpr int64_t kFewRows = 128;
template <class O>
inline int64_t block_depth(int64_t rows, int64_t steps) {
  const bool whole = rows > kFewRows || steps <= kBlockDepth<O> / 2;
  return whole ? kBlockDepth<O> : kBlockDepth<O> / (rows > kFewRows / 2 ? 4 : 8);
}
// Bytes of A of one block: a part of L2, beside panels of B and what else comes through, and what runs on the other half
// of a physical core takes.
inline int64_t block_bytes() { return second_cache_bytes() / 4 + (128 << 10); }
// From here on the lines of out are fetched before a tile is written to them: they are not in L2.
constexpr int64_t kFarOutBytes = 1 << 20;
// Bytes of A with adjacent rows that tiles read in place: a line a step, of which one uses a part.
constexpr int64_t kAdjacentBytes = 512 << 10;
// Vectors of columns per pass over A, so that the packed B is at most 6 MB of L3.
template <class O>
constexpr int64_t kPassVectors = (6 << 20) / (kVectorBytes * kBlockDepth<O>) / kTileVectors * kTileVectors;
// Multiply-adds worth another thread: some 10 us on one core.
constexpr int64_t kChunkWork = 1 << 20;
// Elements whose packing takes as long.
constexpr int64_t kPackWork = 1 << 17;
// Sums up to here are soon done, and writing out bounds the product: its rows are then written in long runs, by groups of
// panels that go past strips of rows.
constexpr int64_t kShallowDepth = 128;
constexpr int64_t kShallowPanels = 8;
constexpr int64_t kStripRows = 2 * kTileRows;
// Bytes of packed A per pass over the rows: they stay near L2.
constexpr int64_t kPassBytes = 1536 << 10;

// The next of the pieces of at most `most` that `left` is cut into, the last two alike.
inline int64_t next_piece(int64_t left, int64_t most) {
  return left <= most ? left : left < 2 * most ? (left + 1) / 2 : most;
}
// Where piece i begins; i == pieces gives the end.
inline int64_t piece_begin(int64_t i, int64_t pieces, int64_t total, int64_t most) {
  if (i >= pieces) return total;
  if (i < pieces - 1 || i == 0) return i * most;
  return (i - 1) * most + next_piece(total - (i - 1) * most, most);
}
inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

template <class T>
inline int64_t vectors_of(int64_t columns) {
  return ceil_div(columns, kLanes<T>);
}

// Packs the `count` vectors of columns of one panel, from vector `first` on, over a range of k.
template <class S, class O>
void pack_panel_of_b(O* packed, const Product<S>& p, int64_t first, int64_t count, int64_t k, int64_t depth) {
  const int64_t column = first * kLanes<O>, width = count * kLanes<O>;
  pack_panel(packed, width, p.b + k * p.b_k + column * p.b_col, p.b_k, p.b_col, depth, smaller(width, p.n - column));
}

// Packs panels [first, last) of a pass that begins at vector `pass` and has `vectors`.
template <class S, class O>
void pack_panels(O* packed, const Product<S>& p, int64_t pass, int64_t vectors, int64_t first, int64_t last, int64_t k,
                 int64_t depth) {
  constexpr int64_t L = kLanes<O>;
  const int64_t panels = ceil_div(vectors, kTileVectors), steps = ceil_div(depth, kStep<O>);
  for (int64_t i = first; i < last; ++i) {
    const int64_t begin = piece_begin(i, panels, vectors, kTileVectors);
    const int64_t count = piece_begin(i + 1, panels, vectors, kTileVectors) - begin;
    pack_panel_of_b(packed + begin * L * steps, p, pass + begin, count, k, depth);
  }
}

// The same for a row-major B, row by row: memory is read in runs as long as the panels are wide together.
template <class S, class O>
void pack_panels_by_rows(O* packed, const Product<S>& p, int64_t pass, int64_t vectors, int64_t first, int64_t last,
                         int64_t k, int64_t depth) {
  constexpr int64_t L = kLanes<O>;
  const int64_t panels = ceil_div(vectors, kTileVectors), steps = ceil_div(depth, kStep<O>);
  for (int64_t s = 0; s < steps; ++s) {
    const S* row = p.b + (k + s * kStep<O>)*p.b_k;
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = piece_begin(i, panels, vectors, kTileVectors), column = (pass + begin) * L;
      const int64_t width = (piece_begin(i + 1, panels, vectors, kTileVectors) - begin) * L;
      pack_rows(packed + begin * L * steps + s * width, width, row + column, p.b_k,
                smaller<int64_t>(kStep<O>, depth - s * kStep<O>), smaller(width, p.n - column));
    }
  }
}

// Packs tiles of rows that lie next to each other, several tiles together so that whole lines are read. Where a vector
// is two tiles wide, two steps of them change places, and whole lines are written too.
template <class S, class O>
void pack_adjacent_rows(O* tiles, const S* a, int64_t a_k, int64_t rows, int64_t depth) {
  constexpr int L = kLanes<O>;
  constexpr int64_t kTogether = 8;  // tiles
  constexpr bool kTwoTiles = L == 2 * kTileRows;
  const int64_t steps = ceil_div(depth, kStep<O>), step = kStep<O> * a_k;
  for (int64_t begin = 0, end; begin < rows; begin = end) {
    end = begin;
    for (int64_t i = 0; i < kTogether && end < rows; ++i) end += next_piece(rows - end, kTileRows);
    int64_t s = 0;
    if constexpr (kTwoTiles) {
      if (end - begin == kTogether * kTileRows) {
        for (; (s + 2) * kStep<O> <= depth; s += 2) {
          const S* from = a + s * step + begin;
          O* to = tiles + begin * steps + s * kTileRows;
#pragma GCC unroll 4
          for (int64_t r = 0; r < kTogether * kTileRows; r += L) {
            __builtin_prefetch(from + kPackAhead * step + r);
            __builtin_prefetch(from + (kPackAhead + 1) * step + r);
            Vec<O> x = load_columns<O>(from + r, a_k, L, true), y = load_columns<O>(from + step + r, a_k, L, true);
            swap_halves(x, y);
            store(to + r * steps, x);
            store(to + (r + kTileRows) * steps, y);
          }
        }
      }
    }
    for (; s < steps; ++s) {
      const S* from = a + s * step;
      const bool second = (s + 1) * kStep<O> <= depth;
      for (int64_t r = begin, n; r < end; r += n) {
        n = next_piece(rows - r, kTileRows);
        __builtin_prefetch(from + kPackAhead * step + r);
        O* to = tiles + r * steps + s * n;
        for (int64_t j = 0; j < n; j += L) {
          const Vec<O> v = load_columns<O>(from + r + j, a_k, int(smaller<int64_t>(L, rows - r - j)), second);
          // A whole vector where its tail falls on this tile's own later steps.
          if (j + L <= n || (j == 0 && (steps - s) * n >= L))
            store(to + j, v);
          else
            store_partial(to + j, v, int(n - j));
        }
      }
    }
  }
}

// Packs rows [row, row + rows) of A into tiles, over a range of k.
template <class S, class O>
void pack_rows_of_a(O* tiles, const Product<S>& p, int64_t row, int64_t rows, int64_t k, int64_t depth) {
  const int64_t steps = ceil_div(depth, kStep<O>);
  const S* a = p.a + row * p.a_row + k * p.a_k;
  if (p.a_row == 1) return pack_adjacent_rows(tiles, a, p.a_k, rows, depth);
  for (int64_t r = 0, n; r < rows; r += n) {
    n = next_piece(rows - r, kTileRows);
    pack_panel(tiles + r * steps, n, a + r * p.a_row, p.a_k, p.a_row, depth, n);
  }
}

// How the panels of B are there: as rows in place; packed; packed when their block begins; or packed by the first
// tile of their block, for which B's rows must be contiguous and the block have a whole tile of rows.
enum class BSide { in_place, packed, packed_first, packed_by_tile };

template <class O>
struct Block {
  int64_t row, rows;           // of out
  int64_t pass, pass_vectors;  // the pass over columns that the panels belong to, in vectors
  int64_t first, last;         // panels of the pass
  int64_t k, depth;            // elements
  const O* a;                  // row `row` at step k, or packed tiles
  int64_t a_row, a_k;
  bool a_packed;
  BSide b_side;
  O* b;          // the pass's packed panels
  O* panel;      // room for one panel instead, where no other block uses it
  Sum<O>* sums;  // rows of out from `row` on between blocks of k; nullptr: one block, or out itself
  int64_t sums_row;
  bool plain;  // tiles go straight to out
  bool far_out;
};

// Lines to fetch while tiles run: one a step of k, for the first `tiles` tiles.
struct Ahead {
  const char* line;
  int64_t step, tile_step, tiles;  // bytes from step to step and from tile to tile
};

// Where the next panel, beginning at vector v of the pass, will be read.
template <class S, class O>
Ahead next_panel(const Product<S>& p, const Block<O>& w, int64_t v, int64_t steps) {
  constexpr int64_t kLine = 64, L = kLanes<O>;
  constexpr int64_t kPanelLines = kTileVectors * kVectorBytes / kLine;  // a step
  if (w.b_side == BSide::packed) {  // evenly over the tiles, which meet a line several times then
    const int64_t tiles = ceil_div(w.rows, kTileRows), step = ceil_div(kPanelLines * kLine, tiles);
    return {(const char*)(w.b + v * L * steps), step, steps * step, tiles};
  }
  if (w.b_side == BSide::in_place) return {};
  const S* b = p.b + w.k * p.b_k + (w.pass + v) * L * p.b_col;
  const int64_t row_bytes = p.b_k * kStep<O> * int64_t(sizeof(S));
  // Rows a multiple of 2 KB apart share so few sets of L2 that they would throw each other out.
  if (p.b_col == 1 && row_bytes % 2048 == 0) return {};
  if (p.b_col == 1)
    return {(const char*)b, row_bytes, kLine, (kTileVectors * L * int64_t(sizeof(S)) + kLine - 1) / kLine};
  // Columns that follow each other without gaps are one run.
  if (p.b_k == 1 && p.b_col == w.depth) return {(const char*)b, kLine, steps * kLine, kPanelLines};
  return {};
}

inline Ahead lines_of(Run run, int64_t steps) {
  return {run.begin, 64, 64 * steps, ceil_div(run.bytes, 64 * larger<int64_t>(1, steps))};
}

template <class S, class O>
void run_block(const Product<S>& p, const Block<O>& w) {
  using T = Sum<O>;
  constexpr int64_t L = kLanes<O>;
  const int64_t steps = ceil_div(w.depth, kStep<O>);
  const int64_t panels = ceil_div(w.pass_vectors, kTileVectors);
  const bool last_block = w.k + w.depth == p.k;
  // Rows of a transposed out are held until they fill its lines.
  constexpr int64_t kHeldRows = L >= 2 * kTileRows ? 2 * kTileRows : kTileRows;
  alignas(kVectorBytes) T scratch[kHeldRows * kTileVectors * L];
  TileArgs<O> t;
  t.depth = steps;
  t.resume = w.k > 0;
  t.rounded = nullptr;
  t.far_bytes = 0;
  t.rounded_row = p.out_row;
  const bool rounded = __is_same(O, Pair) && last_block && p.epilogue.plain() && !p.out_transposed;
  const bool adjacent = w.a_packed || w.a_row == 1;
  // After a block's own panels, what the batch's next product will read and write.
  Ahead next_product[] = {lines_of(p.next_b, steps), lines_of(p.next_a, steps), lines_of(p.next_out, steps)};
  Ahead *queue = next_product, *const last_queued = next_product + 2;
  for (int64_t i = w.first; i < w.last; ++i) {
    const int64_t v = piece_begin(i, panels, w.pass_vectors, kTileVectors);
    const int64_t nv = piece_begin(i + 1, panels, w.pass_vectors, kTileVectors) - v;
    const int64_t column = (w.pass + v) * L;
    const int64_t columns = smaller(nv * L, p.n - column);
    const int tail = int(columns - (nv - 1) * L);
    const bool masked = w.b_side == BSide::in_place && tail != L;
    const bool packing = w.b_side == BSide::packed_by_tile;
    t.tail = w.plain ? tail : int(L);  // scratch and sums have room for whole vectors
    t.b_tail = tail;
    O* packed = w.panel ? w.panel : w.b + v * L * steps;
    t.b = packed;
    t.b_k = nv * L;
    if constexpr (__is_same(S, O)) {
      if (w.b_side == BSide::in_place) {
        t.b = p.b + w.k * p.b_k + column;
        t.b_k = p.b_k;
      }
    }
    if (w.b_side == BSide::packed_first) pack_panel_of_b(packed, p, w.pass + v, nv, w.k, w.depth);
    const TileFunction<O>* tiles = tile_functions<O>(adjacent, masked, int(nv));
    Ahead panel = i + 1 < w.last ? next_panel(p, w, v + nv, steps) : Ahead{};
    int64_t held = 0;
    for (int64_t r = 0, rows; r < w.rows; r += rows) {
      rows = next_piece(w.rows - r, kTileRows);
      while (queue->tiles <= 0 && queue < last_queued) ++queue;
      Ahead& next = panel.tiles > 0 ? panel : *queue;
      const bool fetches = next.tiles > 0 && !(packing && r == 0);
      t.ahead = fetches ? next.line : static_cast<const char*>(t.b);
      t.ahead_step = fetches ? next.step : 0;
      if (fetches) next.line += next.tile_step, --next.tiles;
      t.a = w.a_packed ? w.a + r * steps : w.a + r * w.a_row;
      t.a_row = w.a_row;
      t.a_k = w.a_packed ? rows : w.a_k;
      TileFunction<O> run = tiles[rows - 1];
      if (packing && r == 0) {
        t.packed = packed;
        t.k = w.depth;
        t.b = p.b + w.k * p.b_k + column;
        t.b_k = kStep<O> * p.b_k;
        run = packing_tile<O, S>(adjacent, tail != L, int(nv));
      } else if (packing) {
        t.b = packed;
        t.b_k = nv * L;
      }
      if constexpr (__is_same(S, O)) {
        if (w.plain) {
          t.c = p.out + (w.row + r) * p.out_row + column;
          t.c_row = p.out_row;
          t.far_bytes = w.far_out ? columns * int64_t(sizeof(T)) : 0;
          run(t);
          continue;
        }
      }
      if (w.sums) {
        t.c = w.sums + r * w.sums_row + (column - w.pass * L);
        t.c_row = w.sums_row;
      } else {
        t.c = scratch + held * nv * L;
        t.c_row = nv * L;
      }
      if constexpr (__is_same(O, Pair)) {
        if (rounded) t.rounded = p.out + (w.row + r) * p.out_row + column;
      }
      run(t);
      if (!last_block || rounded) continue;
      if (!p.out_transposed) {
        finish(p.epilogue, w.row + r, column, rows, columns, t.c, t.c_row, L, p.out, p.out_row);
      } else if (held += rows; held + kTileRows > kHeldRows || r + rows == w.rows) {
        finish_transposed(p.epilogue, w.row + r + rows - held, column, held, columns, t.c + (rows - held) * t.c_row,
                          t.c_row, p.out, p.out_row);
        held = 0;
      }
    }
  }
}

// Bytes of a B that many rows of A read in place: it stays in L1, or comes from L2 in whole lines.
constexpr int64_t kNearAligned = 128 << 10, kNearMisaligned = 32 << 10;

// Small products: A and, where its rows are contiguous, B in place; one thread.
template <class S, class O = Compute<S>>
void small_product(const Product<S>& p) {
  if (better_transposed(p, 2 * kTileRows)) return small_product<S, O>(transposed(p));
  const int64_t vectors = vectors_of<O>(p.n), steps = ceil_div(p.k, kStep<O>);
  // Rows of B a multiple of 4 KB apart share few lines of L1, and vectors across two lines come slowly from L2.
  const int64_t row_bytes = p.b_k * int64_t(sizeof(S));
  const bool aligned = reinterpret_cast<uintptr_t>(p.b) % 64 == 0 && row_bytes % 64 == 0;
  const int64_t near = aligned ? kNearAligned : kNearMisaligned;
  const bool is_near = row_bytes < 4096 && p.k * p.n * int64_t(sizeof(S)) < near;
  const bool in_place = __is_same(S, O) && p.b_col == 1 && (p.m <= 2 * kTileRows || is_near);
  const bool by_tile = p.b_col == 1 && p.m >= 2 * kTileRows;
  const BSide b_side = in_place ? BSide::in_place : by_tile ? BSide::packed_by_tile : BSide::packed_first;
  InPlace<O> a = a_in_place<O>(p);
  const bool pack_a = !a.a;
  const int64_t panel_bytes = in_place ? 0 : steps * smaller<int64_t>(vectors, kTileVectors) * kVectorBytes;
  const int64_t a_bytes = pack_a ? (p.m * steps + kPackSlack<O>)*int64_t(sizeof(O)) : 0;
  alignas(kAlignment) char room[8 << 10];
  const auto run = [&](O* panel) {
    if (pack_a) {
      a = {panel + panel_bytes / int64_t(sizeof(O)), 1, 0};
      pack_rows_of_a(const_cast<O*>(a.a), p, 0, p.m, 0, p.k);
    }
    const Block<O> w{
        0,      p.m,     0,     vectors, 0,      ceil_div(vectors, kTileVectors),
        0,      p.k,     a.a,   a.row,   a.step, pack_a,
        b_side, nullptr, panel, nullptr, 0,      __is_same(S, Sum<O>) && p.epilogue.plain() && !p.out_transposed,
        false};
    run_block(p, w);
  };
  if (panel_bytes + a_bytes <= int64_t(sizeof room)) return run((O*)room);
  Workspace workspace(size_t(panel_bytes + a_bytes));
  run(static_cast<O*>(workspace.data()));
}

// Any product: blocks over a grid fixed by the shape, shared among threads. Per pass of columns and block of k, B's
// panels are packed once for all rows: by the first tiles of the first block of rows, which then comes before the
// others, or beforehand where they must be transposed. Per pass of rows, those of A that cannot be read in place are
// packed once for all panels.
template <class S, class O = Compute<S>>
void blocked_product(const Product<S>& p) {
  using T = Sum<O>;
  constexpr int64_t L = kLanes<O>;
  if (better_transposed(p, 2 * kTileRows)) return blocked_product<S, O>(transposed(p));
  // Packed before, B is in blocks of the greater depth.
  const int64_t all_steps = ceil_div(p.k, kStep<O>);
  const int64_t most_depth = kStep<O> * (p.packed_b ? kBlockDepth<O> : block_depth<O>(p.m, all_steps));
  const bool plain = __is_same(S, T) && p.epilogue.plain() && !p.out_transposed;
  const bool many = p.k > most_depth;
  const InPlace<O> in_place = a_in_place<O>(p);
  const bool pack_a = !in_place.a || (in_place.step != 1 && p.m * p.k * int64_t(sizeof(S)) > kAdjacentBytes);
  const int64_t all_vectors = vectors_of<O>(p.n);
  // An even cut of the rows into blocks, in whole tiles, and of the blocks into passes.
  const int64_t step_bytes = larger<int64_t>(1, ceil_div(smaller(p.k, most_depth), kStep<O>)) * int64_t(sizeof(O));
  const int64_t most_rows = larger<int64_t>(4 * kTileRows, block_bytes() / step_bytes);
  const int64_t block_rows = ceil_div(ceil_div(p.m, ceil_div(p.m, most_rows)), kTileRows) * kTileRows;
  const int64_t pass_rows = pack_a ? larger<int64_t>(1, kPassBytes / (step_bytes * block_rows)) * block_rows : p.m;

  const bool shallow = p.k <= kShallowDepth && !pack_a && !p.packed_b && all_vectors > kPassVectors<O>;
  const int64_t pass_vectors =
      shallow ? kPassVectors<O> * (kBlockDepth<O> * kStep<O> / kShallowDepth) : kPassVectors<O>;

  for (int64_t pass = 0; pass < all_vectors; pass += pass_vectors) {
    const int64_t vectors = smaller(pass_vectors, all_vectors - pass);
    const int64_t panels = ceil_div(vectors, kTileVectors), width = vectors * L;
    Workspace sums(many && !plain ? size_t(p.m * width) * sizeof(T) : 0);
    int64_t k = 0;
    do {
      const int64_t depth = smaller(most_depth, p.k - k), steps = ceil_div(depth, kStep<O>);
      const bool by_tile = p.b_col == 1 && p.m >= 2 * kTileRows && !p.packed_b;
      const bool share_b = (p.m > block_rows || shallow) && !p.packed_b, own_panel = !share_b && !p.packed_b;
      Workspace shared_b(share_b ? size_t(width * steps) * sizeof(O) : 0);
      O* b = static_cast<O*>(shared_b.data());
      if (p.packed_b)
        b = static_cast<O*>(const_cast<void*>(p.packed_b)) + pass * L * ceil_div(p.k, kStep<O>) + k / kStep<O> * width;
      if (share_b && !by_tile) {
        const int64_t group = larger<int64_t>(1, ceil_div(kPackWork, larger<int64_t>(1, steps) * kTileVectors * L));
        for_chunks(ceil_div(panels, group), [&](int64_t chunk) {
          pack_panels(b, p, pass, vectors, chunk * group, smaller(panels, (chunk + 1) * group), k, depth);
        });
      }
      for (int64_t first_row = 0; first_row < p.m; first_row += pass_rows) {
        const int64_t rows = smaller(pass_rows, p.m - first_row), row_blocks = ceil_div(rows, block_rows);
        Workspace shared_a(pack_a ? size_t(rows * steps + kPackSlack<O>) * sizeof(O) : 0);
        O* tiles = static_cast<O*>(shared_a.data());
        if (pack_a) {
          // Block by block, each cut into tiles as run_block cuts it. Blocks are packed in order: what spills over a
          // block's end is written again.
          for (int64_t begin = 0; begin < rows; begin += block_rows)
            pack_rows_of_a(tiles + begin * steps, p, first_row + begin, smaller(block_rows, rows - begin), k, depth);
        }
        const int64_t work = rows * smaller(width, p.n - pass * L) * larger<int64_t>(depth, 1);
        // One thread goes through all panels, and fetches each before it gets there.
        const int64_t wanted =
            work < 4 * kChunkWork || num_threads() == 1 ? 1 : smaller<int64_t>(4 * num_threads(), work / kChunkWork);
        const int64_t group =
            shallow ? kShallowPanels : ceil_div(panels, smaller(panels, ceil_div(wanted, row_blocks)));
        const int64_t groups = ceil_div(panels, group);
        const auto run = [&](int64_t chunk) {
          const int64_t begin = chunk / groups * block_rows, first = chunk % groups * group;
          const int64_t row = first_row + begin;
          Workspace panel(own_panel ? size_t(kTileVectors * kVectorBytes * steps) : 0);
          BSide b_side = BSide::packed;
          if (!p.packed_b && row == 0 && by_tile) b_side = BSide::packed_by_tile;
          if (own_panel && !by_tile) b_side = BSide::packed_first;
          const O* a = pack_a ? tiles + begin * steps : in_place.a + row * in_place.row + k / kStep<O> * in_place.step;
          Block<O> w{row,
                     smaller(block_rows, rows - begin),
                     pass,
                     vectors,
                     first,
                     smaller(panels, first + group),
                     k,
                     depth,
                     a,
                     in_place.row,
                     in_place.step,
                     pack_a,
                     b_side,
                     b,
                     own_panel ? static_cast<O*>(panel.data()) : nullptr,
                     many && !plain ? static_cast<T*>(sums.data()) + row * width : nullptr,
                     width,
                     plain,
                     p.m * p.n * int64_t(sizeof(T)) >= kFarOutBytes};
          if (!shallow) return run_block(p, w);
          if (b_side == BSide::packed_by_tile) pack_panels_by_rows(b, p, pass, vectors, w.first, w.last, k, depth);
          const int64_t end = w.row + w.rows;
          w.b_side = BSide::packed;
          for (; w.row < end; w.row += w.rows, w.a += w.rows * w.a_row) {
            w.rows = next_piece(end - w.row, kStripRows);
            run_block(p, w);
          }
        };
        const auto run_all = [&](int64_t first, int64_t last) {
          if (wanted == 1)
            for (int64_t chunk = first; chunk < last; ++chunk) run(chunk);
          else
            for_chunks(last - first, [&](int64_t chunk) { run(first + chunk); });
        };
        const int64_t packing = by_tile && share_b && first_row == 0 ? groups : 0;
        if (packing) run_all(0, packing);
        if (packing < row_blocks * groups) run_all(packing, row_blocks * groups);
      }
      k += depth;
    } while (k < p.k);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
