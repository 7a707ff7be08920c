// The register tile of the matrix product: ROWS x NV vectors of out, one sequential chain of fused
// multiply-adds an element (kernels/args/matmul.h, "the one chain"). Per step of k it loads NV vectors
// of B and broadcasts ROWS elements of A; the accumulators never leave their registers.
#pragma once

#include "kernels/cpu/common/matmul_element.h"

namespace hotloop::HOTLOOP_ISA {

// Tile sizes: rows x vectors. 8x3 leaves registers for three vectors of B and one broadcast out of 32;
// 6x2 the same out of 16. Both reach the FMA peak from L1; 8x2 and 4x2 (eight chains) still do.
#if defined(__AVX512F__)
constexpr int kTileRows = 8;
constexpr int kTileVectors = 3;
#else
constexpr int kTileRows = 6;
constexpr int kTileVectors = 2;
#endif

// How the elements of A that one step of k needs lie: in rows of any stride, or next to each other (packed
// panels and the transpose of a row-major matrix).
enum class ASide { strided, adjacent };

// Where the vectors of B come from: packed or whole rows in place; rows in place whose last vector ends at `tail`;
// or rows in place that the tile packs as it goes, for the tiles below it (`packing`, of stored type S).
enum class BRead { whole, masked, packing, packing_masked };

template <class O>
struct TileArgs {
  const O* a;
  int64_t a_row, a_k;  // strides of A
  const void* b;       // O; S when packing
  int64_t b_k;         // stride of B between steps of k
  O* packed;           // packing: where the panel goes
  int64_t k;           // packing: elements, of which the last pair may have one
  int64_t depth;       // steps
  Sum<O>* c;           // where the tile goes, and where it begins from when `resume`
  int64_t c_row;
  bfloat16_t* rounded;  // pairs: where the sums go, rounded, in place of c; or nullptr
  int64_t rounded_row;
  int tail, b_tail;  // lanes that the last vector of C and of B has, 1 .. kLanes<O>
  bool resume;
  const char* ahead;   // one line is fetched into L2 per step, from here on: the next panel of B
  int64_t ahead_step;  // bytes
  int64_t far_bytes;   // of a row of the tile, where c is past L2; 0: it is near
};

// Steps of k by which a tile that packs fetches ahead from L2. Few, for rows a power of two apart share few lines of L1.
constexpr int64_t kTileAhead = 10;
// The same for adjacent elements of A, which come from L2.
constexpr int64_t kTileAheadA = 8;

// The vectors of B, step by step.
template <class O, class S, int NV, BRead READ>
class BReader {
  static constexpr int L = kLanes<O>;
  static constexpr bool kMasked = READ == BRead::masked || READ == BRead::packing_masked;
  static constexpr bool kPacking = READ == BRead::packing || READ == BRead::packing_masked;
  const S* b_;
  int64_t b_k_;
  int tail_;
  O* packed_;
  int64_t left_;

 public:
  explicit BReader(const TileArgs<O>& t)
      : b_(static_cast<const S*>(t.b)), b_k_(t.b_k), tail_(t.b_tail), packed_(t.packed), left_(t.k) {}

  void next(Vec<O> (&v)[NV]) {
    if constexpr (kPacking) {
      const bool second = left_ > 1;
#pragma GCC unroll 3
      for (int j = 0; j < NV; ++j) {
        __builtin_prefetch(b_ + kTileAhead * b_k_ + j * L);
        v[j] = load_columns<O>(b_ + j * L, b_k_ / kStep<O>, kMasked && j == NV - 1 ? tail_ : L, second);
        store(packed_ + j * L, v[j]);
      }
      __builtin_prefetch(b_ + kTileAhead * b_k_ + NV * L - 1);
      packed_ += NV * L;
      left_ -= kStep<O>;
    } else {
#pragma GCC unroll 3
      for (int j = 0; j < NV - 1; ++j) v[j] = load(b_ + j * L);
      v[NV - 1] = kMasked ? load_partial(b_ + (NV - 1) * L, tail_) : load(b_ + (NV - 1) * L);
    }
    b_ += b_k_;
  }
};

// Fetches a row of out that will be written; by the last bytes of lines, for those before are the last tile's.
inline void fetch_row(const void* row, int64_t bytes) {
  const char* line = static_cast<const char*>(row) + 63;
  for (const char* end = line + bytes; line < end; line += 64) __builtin_prefetch(line, 1);
}

template <class O, class S, int ROWS, int NV, ASide SIDE, BRead READ>
void tile(const TileArgs<O>& t) {
  using T = Sum<O>;
  constexpr int L = kLanes<O>;
  const int64_t a_row = SIDE == ASide::adjacent ? 1 : t.a_row;
  const int64_t c_row = t.c_row;
  const int tail = t.tail;
  Vec<T> acc[ROWS][NV] = {};
  T* c = t.c;
  if (t.resume) {
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i, c += c_row) {
#pragma GCC unroll 3
      for (int j = 0; j < NV - 1; ++j) acc[i][j] = load(c + j * L);
      acc[i][NV - 1] = load_partial(c + (NV - 1) * L, tail);
    }
    c = t.c;
  }
  const O* a = t.a;
  int64_t a_k = t.a_k;
  asm("" : "+r"(a_k));  // no second copy of the loop for a stride of one
  // Rows of A by four registers: an offset for each row would take all that there are.
  int64_t row_bytes = a_row * int64_t(sizeof(O)), row_bytes_3 = 3 * row_bytes;
  const O* a_high = ROWS > 4 ? a + 4 * a_row : a;
  asm("" : "+r"(row_bytes), "+r"(row_bytes_3), "+r"(a_high));
  const auto element = [&](int i) {
    if constexpr (SIDE == ASide::adjacent) return a[i];
    O x;  // a pair may begin at any bf16
    __builtin_memcpy(&x,
                     reinterpret_cast<const char*>(i < 4 ? a : a_high) + (i % 4 == 3 ? row_bytes_3 : i % 4 * row_bytes),
                     sizeof x);
    return x;
  };
  BReader<O, S, NV, READ> b(t);
  const char* ahead = t.ahead;
  const int64_t ahead_step = t.ahead_step;
  // A far tile is fetched while it is computed, a row in each of ROWS pieces of k: the lines of all rows at once would
  // take the places that B's lines need on their way from L2.
  const TileArgs<O>* args = &t;
  int64_t k = t.depth;
  for (int row = 0; k > 0; ++row) {
    int64_t stop = 0;
    asm("" : "+r"(args));  // read again here, not kept in registers
    if (args->far_bytes > 0) {
      fetch_row(args->c + row * args->c_row, args->far_bytes);
      if (row < ROWS - 1) stop = larger<int64_t>(0, k - (args->depth + ROWS - 1) / ROWS);
    }
    do {
      Vec<O> bv[NV];
      b.next(bv);
#pragma GCC unroll 8
      for (int i = 0; i < ROWS; ++i) {
        const Vec<O> av = broadcast_operand(element(i));
#pragma GCC unroll 3
        for (int j = 0; j < NV; ++j) acc[i][j] = multiply_add(av, bv[j], acc[i][j]);
      }
      if constexpr (READ == BRead::whole || READ == BRead::masked) {
        __builtin_prefetch(ahead, 0, 2);
        ahead += ahead_step;
      }
      // Here every step is a line of its own, and all its broadcasts would wait for it.
      if constexpr (SIDE == ASide::adjacent) __builtin_prefetch(a + kTileAheadA * a_k);
      a += a_k;
      if constexpr (SIDE == ASide::strided && ROWS > 4) a_high += a_k;
    } while (--k > stop);
  }
  if constexpr (__is_same(O, Pair)) {
    if (t.rounded) {
      bfloat16_t* to = t.rounded;
#pragma GCC unroll 8
      for (int i = 0; i < ROWS; ++i, to += t.rounded_row) {
#pragma GCC unroll 3
        for (int j = 0; j < NV; ++j) store_as(to + j * L, acc[i][j], j < NV - 1 ? L : t.b_tail);
      }
      return;
    }
  }
  if (tail == L) {
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i, c += c_row) {
#pragma GCC unroll 3
      for (int j = 0; j < NV; ++j) store(c + j * L, acc[i][j]);
    }
  } else {
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i, c += c_row) {
#pragma GCC unroll 3
      for (int j = 0; j < NV - 1; ++j) store(c + j * L, acc[i][j]);
      store_partial(c + (NV - 1) * L, acc[i][NV - 1], tail);
    }
  }
}

template <class O>
using TileFunction = void (*)(const TileArgs<O>&);

// [vectors - 1][rows - 1]; entries beyond the tile size are never used.
template <class O, int NV, ASide SIDE, BRead READ, int... ROWS>
constexpr TileFunction<O> kTilesOf[] = {tile<O, O, (ROWS < kTileRows ? ROWS : kTileRows), NV, SIDE, READ>...};
template <class O, int NV, ASide SIDE, BRead READ>
constexpr const TileFunction<O>* kTileRow = kTilesOf<O, NV, SIDE, READ, 1, 2, 3, 4, 5, 6, 7, 8>;
template <class O, ASide SIDE, BRead READ>
constexpr const TileFunction<O>* kTiles[3] = {kTileRow<O, 1, SIDE, READ>, kTileRow<O, 2, SIDE, READ>,
                                              kTileRow<O, kTileVectors, SIDE, READ>};

// The tiles of `vectors` vectors, indexed by rows - 1.
template <class O>
inline const TileFunction<O>* tile_functions(bool adjacent, bool masked, int vectors) {
  if (adjacent)
    return masked ? kTiles<O, ASide::adjacent, BRead::masked>[vectors - 1]
                  : kTiles<O, ASide::adjacent, BRead::whole>[vectors - 1];
  return masked ? kTiles<O, ASide::strided, BRead::masked>[vectors - 1]
                : kTiles<O, ASide::strided, BRead::whole>[vectors - 1];
}

// Tiles that pack, all of them of kTileRows rows: [vectors - 1].
template <class O, class S, ASide SIDE, BRead READ>
constexpr TileFunction<O> kPackingTiles[3] = {tile<O, S, kTileRows, 1, SIDE, READ>,
                                              tile<O, S, kTileRows, 2, SIDE, READ>,
                                              tile<O, S, kTileRows, kTileVectors, SIDE, READ>};

template <class O, class S>
inline TileFunction<O> packing_tile(bool adjacent, bool masked, int vectors) {
  if (adjacent)
    return masked ? kPackingTiles<O, S, ASide::adjacent, BRead::packing_masked>[vectors - 1]
                  : kPackingTiles<O, S, ASide::adjacent, BRead::packing>[vectors - 1];
  return masked ? kPackingTiles<O, S, ASide::strided, BRead::packing_masked>[vectors - 1]
                : kPackingTiles<O, S, ASide::strided, BRead::packing>[vectors - 1];
}

}  // namespace hotloop::HOTLOOP_ISA
