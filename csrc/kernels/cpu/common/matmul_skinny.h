// Few rows times a large matrix: the product is one read of B, at memory speed. B is read once, in the order
// in which it lies, and up to kSkinnyRows rows of sums wait in the caches.
#pragma once

#include "core/memory.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/matmul_pack.h"
#include "kernels/cpu/common/matmul_product.h"
#include "kernels/cpu/common/transpose.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int kSkinnyRows = 8;
// Rows of B read at once. One row: fewer leave the sums' traffic in the way, more are more streams than
// memory likes (4: 93 % of the read bandwidth, 1: 56 %, 8: 80 %). Eight rows: the sums do not fit L1.
template <int ROWS>
constexpr int kSkinnySteps = ROWS <= 4 ? 4 : 16;
// Columns of B per pass, so that the sums of eight rows (128 KB) stay in L2 while runs of B stay long.
constexpr int64_t kSkinnyColumns = 4096;
// Rows of a transposed B per chunk of work.
constexpr int64_t kSkinnyLines = 256;

// Vectors of out in registers at once.
template <int ROWS>
constexpr int kSkinnyVectors = ROWS <= 4 ? 4 : 3;

// sums[j][i] += sum over q < STEPS of a[q][i] * b[q][j], for NV vectors j, in the order of q.
template <class T, class S, int ROWS, int NV, int STEPS, bool MASKED>
inline void skinny_step(const T* a, const S* b, int64_t b_k, T* sums, int tail) {
  constexpr int L = kLanes<T>;
  Vec<T> acc[ROWS][NV];
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) acc[i][j] = load(sums + (j * ROWS + i) * L);
  }
#pragma GCC unroll 4
  for (int q = 0; q < STEPS; ++q) {
    Vec<T> bv[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j)
      bv[j] = MASKED ? load_partial_as(b + q * b_k + j * L, tail) : load_as(b + q * b_k + j * L);
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i) {
      const Vec<T> av = broadcast(a[q * ROWS + i]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) acc[i][j] = fma(av, bv[j], acc[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) store(sums + (j * ROWS + i) * L, acc[i][j]);
  }
}

template <class T, class S, int ROWS, int STEPS>
inline void skinny_steps(const T* a, const S* row, int64_t b_k, int64_t columns, T* sums) {
  constexpr int L = kLanes<T>, NV = kSkinnyVectors<ROWS>;
  const int64_t whole = columns / L, tail = columns % L;
  int64_t v = 0;
  for (; v + NV <= whole; v += NV)
    skinny_step<T, S, ROWS, NV, STEPS, false>(a, row + v * L, b_k, sums + v * ROWS * L, L);
  for (; v < whole; ++v) skinny_step<T, S, ROWS, 1, STEPS, false>(a, row + v * L, b_k, sums + v * ROWS * L, L);
  if (tail) skinny_step<T, S, ROWS, 1, STEPS, true>(a, row + v * L, b_k, sums + v * ROWS * L, int(tail));
}

// B row-major, a packed (depth, ROWS). sums: vector after vector of out's columns, ROWS rows each.
template <class T, class S, int ROWS>
void skinny_rows(const T* a, const S* b, int64_t b_k, int64_t depth, int64_t columns, T* sums) {
  constexpr int kSteps = kSkinnySteps<ROWS>;
  int64_t k = 0;
  for (; k + kSteps <= depth; k += kSteps)
    skinny_steps<T, S, ROWS, kSteps>(a + k * ROWS, b + k * b_k, b_k, columns, sums);
  for (; k < depth; ++k) skinny_steps<T, S, ROWS, 1>(a + k * ROWS, b + k * b_k, b_k, columns, sums);
}

// B as (n, k), its rows along k: squares of B are transposed in registers, so that the chain of an
// element stays in its order. NV * lanes rows of B are read together.
template <class T, class S, int ROWS, int NV>
void skinny_columns_block(const T* a, const S* b, int64_t b_col, int64_t depth,
                          int lines, T* sums) {
  constexpr int L = kLanes<T>;
  Vec<T> acc[NV][ROWS] = {};
  for (int64_t k = 0; k < depth; k += L, a += L * ROWS) {
    const int steps = depth - k < L ? int(depth - k) : L;
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) {
      Vec<T> square[L];
      const S* from = b + v * L * b_col + k;
      if (steps == L && (v + 1) * L <= lines) {
#pragma GCC unroll 16
        for (int j = 0; j < L; ++j) square[j] = load_as(from + j * b_col);
      } else {
        for (int j = 0; j < L; ++j)
          square[j] = v * L + j < lines ? load_partial_as(from + j * b_col, steps) : Vec<T>{};
      }
      transpose<T>(square);
      if (steps == L) {
#pragma GCC unroll 16
        for (int q = 0; q < L; ++q) {
#pragma GCC unroll 8
          for (int i = 0; i < ROWS; ++i) acc[v][i] = fma(broadcast(a[q * ROWS + i]), square[q], acc[v][i]);
        }
      } else {
        for (int q = 0; q < steps; ++q)
          for (int i = 0; i < ROWS; ++i) acc[v][i] = fma(broadcast(a[q * ROWS + i]), square[q], acc[v][i]);
      }
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < NV; ++v) {
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i) store(sums + (v * ROWS + i) * L, acc[v][i]);
  }
}

// Rows [0, ROWS) of a skinny product. B row-major: column blocks; else blocks of B's rows.
template <class S, int ROWS>
void skinny_product(const Product<S>& p) {
  using T = Compute<S>;
  constexpr int64_t L = kLanes<T>;
  const bool a_as_is = __is_same(S, T) && ROWS == 1 && p.a_k == 1;
  Workspace a_room(a_as_is ? 0 : size_t(p.k * ROWS + L) * sizeof(T));
  T* packed = static_cast<T*>(a_room.data());
  if (!a_as_is) pack_panel(packed, ROWS, p.a, p.a_k, p.a_row, p.k, ROWS);
  const T* a = packed;
  if constexpr (__is_same(S, T))
    if (a_as_is) a = p.a;

  const int64_t block = p.b_col == 1 ? kSkinnyColumns : kSkinnyLines;
  for_chunks((p.n + block - 1) / block, [&](int64_t chunk) {
    const int64_t begin = chunk * block, columns = smaller(block, p.n - begin);
    const int64_t vectors = (columns + L - 1) / L;
    Workspace room(size_t(vectors * ROWS) * kVectorBytes);
    T* sums = static_cast<T*>(room.data());
    if (p.b_col == 1) {
      __builtin_memset(sums, 0, size_t(vectors * ROWS) * kVectorBytes);
      skinny_rows<T, S, ROWS>(a, p.b + begin, p.b_k, p.k, columns, sums);
    } else {
      for (int64_t v = 0; v < vectors; ++v)
        skinny_columns_block<T, S, ROWS, 1>(a, p.b + (begin + v * L) * p.b_col, p.b_col, p.k,
                                            int(smaller(L, columns - v * L)), sums + v * ROWS * L);
    }
    finish(p.epilogue, 0, begin, ROWS, columns, sums, L, ROWS * L, p.out, p.out_row);
  });
}

template <class S>
void skinny_product(const Product<S>& p) {
  switch (p.m) {
    case 1: return skinny_product<S, 1>(p);
    case 2: return skinny_product<S, 2>(p);
    case 3: return skinny_product<S, 3>(p);
    case 4: return skinny_product<S, 4>(p);
    case 5: return skinny_product<S, 5>(p);
    case 6: return skinny_product<S, 6>(p);
    case 7: return skinny_product<S, 7>(p);
    case 8: return skinny_product<S, 8>(p);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
