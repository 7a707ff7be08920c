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

template <class O>
struct TileArgs {
  const O* a;
  int64_t a_row, a_k;  // strides of A
  const O* b;
  int64_t b_k;    // stride of B between steps of k
  int64_t depth;  // steps
  Sum<O>* c;      // where the tile goes, and where it begins from when `resume`
  int64_t c_row;
  int tail;  // lanes of the last vector that exist, 1 .. kLanes<O>
  bool resume;
  const char* ahead;   // one line is fetched into L2 per step, from here on: the next panel of B
  int64_t ahead_step;  // bytes
};

// MASKED: B is read in place, so the lanes of its last vector past `tail` must not be touched.
template <class O, int ROWS, int NV, ASide SIDE, bool MASKED>
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
  const O* b = t.b;
  int64_t a_k = t.a_k;
  const int64_t b_k = t.b_k;
  asm("" : "+r"(a_k));  // no second copy of the loop for a stride of one
  const char* ahead = t.ahead;
  const int64_t ahead_step = t.ahead_step;
  for (int64_t k = t.depth; k > 0; --k) {
    Vec<O> bv[NV];
#pragma GCC unroll 3
    for (int j = 0; j < NV - 1; ++j) bv[j] = load(b + j * L);
    bv[NV - 1] = MASKED ? load_partial(b + (NV - 1) * L, tail) : load(b + (NV - 1) * L);
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i) {
      const Vec<O> av = broadcast_operand(a[i * a_row]);
#pragma GCC unroll 3
      for (int j = 0; j < NV; ++j) acc[i][j] = multiply_add(av, bv[j], acc[i][j]);
    }
    __builtin_prefetch(ahead, 0, 2);
    ahead += ahead_step;
    a += a_k;
    b += b_k;
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
template <class O, int NV, ASide SIDE, bool MASKED, int... ROWS>
constexpr TileFunction<O> kTilesOf[] = {tile<O, (ROWS < kTileRows ? ROWS : kTileRows), NV, SIDE, MASKED>...};
template <class O, int NV, ASide SIDE, bool MASKED>
constexpr const TileFunction<O>* kTileRow = kTilesOf<O, NV, SIDE, MASKED, 1, 2, 3, 4, 5, 6, 7, 8>;
template <class O, ASide SIDE, bool MASKED>
constexpr const TileFunction<O>* kTiles[3] = {kTileRow<O, 1, SIDE, MASKED>, kTileRow<O, 2, SIDE, MASKED>,
                                              kTileRow<O, kTileVectors, SIDE, MASKED>};

// The tiles of `vectors` vectors, indexed by rows - 1.
template <class O>
inline const TileFunction<O>* tile_functions(bool adjacent, bool masked, int vectors) {
  if (adjacent)
    return masked ? kTiles<O, ASide::adjacent, true>[vectors - 1] : kTiles<O, ASide::adjacent, false>[vectors - 1];
  return masked ? kTiles<O, ASide::strided, true>[vectors - 1] : kTiles<O, ASide::strided, false>[vectors - 1];
}

}  // namespace hotloop::HOTLOOP_ISA
