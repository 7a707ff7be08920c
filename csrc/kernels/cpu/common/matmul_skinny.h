// Few rows times a large matrix: the product is one read of B, at memory speed. B is read once, in the order
// in which it lies, and up to kSkinnyRows rows of sums wait in the caches.
#pragma once

#include "core/cpu_features.h"
#include "core/memory.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/matmul_pack.h"
#include "kernels/cpu/common/matmul_product.h"
#include "kernels/cpu/common/transpose.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int kSkinnyRows = 8;
// Rows of B read at once: fewer leave the sums' traffic in the way, more are more streams than memory likes. Where the
// CPU fetches many rows by itself, sixteen. Else four for one row of sums (4: 93 % of the read bandwidth, 1: 56 %,
// 8: 80 %); more rows of sums do not fit L1, which asks for longer steps and for fetching ahead (eight rows of sums:
// 48 % without, 67 % with).
inline int64_t skinny_steps(int rows) { return fetches_many_rows() ? 16 : rows == 1 ? 4 : 8; }
// B from here on comes from memory, not from L3.
constexpr int64_t kStreamedBytes = 16 << 20;
// Columns of B per pass, so that the sums of eight rows (128 KB) stay in L2 while runs of B stay long.
constexpr int64_t kSkinnyColumns = 4096;
// Rows of a transposed B per chunk of work.
constexpr int64_t kSkinnyLines = 256;

// Vectors of out in registers at once.
template <int ROWS>
constexpr int kSkinnyVectors = ROWS <= 4 ? 4 : 3;

// sums[j][i] += sum over q < steps of a[q][i] * b[q][j], for NV vectors j, in the order of q. HALF: the one
// step is the first half of a pair. `own_rows`: lines of each row are fetched two squares ahead, for with several rows of
// sums too few squares are under way at once to wait for memory together.
template <class O, class S, int ROWS, int NV, bool HALF>
inline void skinny_square(const O* a, const S* b, int64_t b_k, int64_t steps, Sum<O>* sums, int n, bool own_rows) {
  using T = Sum<O>;
  constexpr int L = kLanes<O>;
  Vec<T> acc[ROWS][NV];
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) acc[i][j] = load(sums + (j * ROWS + i) * L);
  }
#pragma GCC unroll 4
  for (int64_t q = 0; q < steps; ++q) {
    Vec<O> bv[NV];
    const S* row = b + q * kStep<O> * b_k;
    if (ROWS > 1 && own_rows) {
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) __builtin_prefetch(row + (2 * NV + j) * L);
    }
    constexpr int kTwos = kLoadsTwo<O, S> && ROWS == 1 && !HALF ? NV / 2 * 2 : 0;
#pragma GCC unroll 2
    for (int j = 0; j < kTwos; j += 2) load_two_columns(row + j * L, b_k, bv[j], bv[j + 1]);
#pragma GCC unroll 4
    for (int j = kTwos; j < NV; ++j) bv[j] = load_columns<O>(row + j * L, b_k, n, !HALF);
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i) {
      const Vec<O> av = broadcast_operand(a[q * ROWS + i]);
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) acc[i][j] = multiply_add(av, bv[j], acc[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < ROWS; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) store(sums + (j * ROWS + i) * L, acc[i][j]);
  }
}

// Fetches rows of memory one after the other, each in one run: memory gives runs faster than the squares,
// a line of each of many rows, that the sums are made from.
struct RunAhead {
  const char* row;
  int64_t row_step, row_bytes;
  int64_t at = 0;

  void fetch(int64_t lines) {
#pragma GCC unroll 8
    for (int64_t i = 0; i < lines; ++i) __builtin_prefetch(row + at + i * 64);
    at += lines * 64;
    if (at >= row_bytes) {
      at = 0;
      row += row_step;
    }
  }
};

template <class O, class S, int ROWS, bool HALF = false>
inline void skinny_band(const O* a, const S* b, int64_t b_k, int64_t steps, int64_t columns, Sum<O>* sums,
                        bool fetches) {
  constexpr int L = kLanes<O>, NV = kSkinnyVectors<ROWS>;
  const int64_t whole = columns / L, tail = columns % L;
  int64_t v = 0;
  const bool own_rows = fetches_many_rows();
  RunAhead ahead{(const char*)(b + steps * kStep<O> * b_k), b_k * int64_t(sizeof(S)), columns * int64_t(sizeof(S))};
  for (; v + NV <= whole; v += NV) {
    if (fetches) ahead.fetch(NV * steps);
    skinny_square<O, S, ROWS, NV, HALF>(a, b + v * L, b_k, steps, sums + v * ROWS * L, L, own_rows);
  }
  for (; v < whole; ++v) skinny_square<O, S, ROWS, 1, HALF>(a, b + v * L, b_k, steps, sums + v * ROWS * L, L, own_rows);
  if (tail) skinny_square<O, S, ROWS, 1, HALF>(a, b + v * L, b_k, steps, sums + v * ROWS * L, int(tail), own_rows);
}

// B row-major, a packed (steps, ROWS). sums: vector after vector of out's columns, ROWS rows each.
template <class O, class S, int ROWS>
void skinny_rows(const O* a, const S* b, int64_t b_k, int64_t k, int64_t columns, Sum<O>* sums, bool streamed) {
  const int64_t most = skinny_steps(ROWS) / kStep<O>;  // so many rows of B
  const bool fetches = streamed && ROWS > 1 && !fetches_many_rows();
  for (int64_t steps; k >= kStep<O>; k -= steps * kStep<O>, a += steps * ROWS, b += steps * kStep<O> * b_k) {
    steps = smaller(most, k / kStep<O>);
    skinny_band<O, S, ROWS>(a, b, b_k, steps, columns, sums, fetches && steps == most);
  }
  if (k > 0) skinny_band<O, S, ROWS, true>(a, b, b_k, 1, columns, sums, false);
}

// How the lines of a streamed B are fetched ahead of its squares. Eight rows of f64, or more work a square, leave memory
// to be read as it likes best, the rows of the next block one after the other. One row of sums over sixteen rows of f32
// does better by fetching its own rows: half of them from near into L1, half from farther into L2 alone, because rows a
// power of two apart share one set of L1, which has fewer ways.
template <class O, int ROWS>
constexpr bool kOwnRowsAhead = ROWS == 1 && kLanes<O> > 8;
constexpr int64_t kSquaresNear = 8, kSquaresFar = 16;

// acc[i] += sum over q of a[q][i] * square[q], in the order of q.
template <class O, int ROWS>
inline void multiply_square(const O* a, const Vec<Sum<O>> (&square)[kLanes<O>], Vec<Sum<O>> (&acc)[ROWS]) {
#pragma GCC unroll 16
  for (int q = 0; q < kLanes<O>; ++q) {
#pragma GCC unroll 8
    for (int i = 0; i < ROWS; ++i) acc[i] = multiply_add(broadcast_operand(a[q * ROWS + i]), (Vec<O>)square[q], acc[i]);
  }
}

// The same for a square at b of which `lines` rows and `left` elements of each exist.
template <class O, class S, int ROWS>
[[gnu::noinline]] void multiply_edge(const O* a, const S* b, int64_t b_col, int64_t left, int lines,
                                     Vec<Sum<O>> (&acc)[ROWS]) {
  constexpr int L = kLanes<O>, kElements = L * kStep<O>;
  Vec<Sum<O>> square[L];
  for (int j = 0; j < L; ++j) square[j] = j < lines ? load_along<O>(b + j * b_col, left) : Vec<Sum<O>>{};
  transpose<Sum<O>>(square);
  const int steps = left >= kElements ? L : int((left + kStep<O> - 1) / kStep<O>);
  for (int q = 0; q < steps; ++q)
    for (int i = 0; i < ROWS; ++i) acc[i] = multiply_add(broadcast_operand(a[q * ROWS + i]), (Vec<O>)square[q], acc[i]);
}

// B as (n, k), its rows along k: squares of B are transposed in registers, so that the chain of an element stays in
// its order. GROUPS blocks of a vector's lanes of rows go side by side: a chain waits for each sum before the next,
// which the other block's chains and squares fill.
template <class O, class S, int ROWS, int GROUPS, bool STREAMED>
void skinny_columns(const O* a, const S* b, int64_t b_col, int64_t k, Sum<O>* sums) {
  using T = Sum<O>;
  constexpr int L = kLanes<O>, kElements = L * kStep<O>;
  [[maybe_unused]] RunAhead next_rows{(const char*)(b + GROUPS * L * b_col), b_col * int64_t(sizeof(S)),
                                      k * int64_t(sizeof(S))};
  Vec<T> acc[GROUPS][ROWS] = {};
  int64_t left = k;
  for (; left >= kElements; left -= kElements, a += L * ROWS, b += kElements) {
    if constexpr (STREAMED && kOwnRowsAhead<O, ROWS>) {
      constexpr int64_t kNear = kSquaresNear * kElements, kFar = kSquaresFar * kElements;
      // At the end of its rows, the beginning of the next.
      const int64_t next = GROUPS * L * b_col - k;
      const S* near = b + kNear + (left > kNear ? 0 : next);
      const S* far = b + kFar + (left > kFar ? 0 : next);
#pragma GCC unroll 16
      for (int j = 0; j < L / 2; ++j) __builtin_prefetch(near + j * b_col);
#pragma GCC unroll 16
      for (int j = L / 2; j < L; ++j) __builtin_prefetch(far + j * b_col, 0, 2);
    }
    if constexpr (STREAMED && !kOwnRowsAhead<O, ROWS>) next_rows.fetch(GROUPS * L);
#pragma GCC unroll 2
    for (int g = 0; g < GROUPS; ++g) {
      Vec<T> square[L];
      load_square<O>(b + g * L * b_col, b_col, square);
      multiply_square<O, ROWS>(a, square, acc[g]);
      // Not the lines of both blocks at once: rows a power of two apart would throw each other out of L1.
      asm volatile("" ::: "memory");
    }
  }
#pragma GCC unroll 2
  for (int g = 0; g < GROUPS; ++g) {
    if (left > 0) multiply_edge<O, S, ROWS>(a, b + g * L * b_col, b_col, left, L, acc[g]);
    for (int i = 0; i < ROWS; ++i) store(sums + (g * ROWS + i) * L, acc[g][i]);
  }
}

// The last rows of B, fewer than a vector's lanes: the last one stands for those that do not exist.
template <class O, class S, int ROWS>
void skinny_last_columns(const O* a, const S* b, int64_t b_col, int64_t k, int lines, Sum<O>* sums) {
  using T = Sum<O>;
  constexpr int L = kLanes<O>, kElements = L * kStep<O>;
  Vec<T> acc[ROWS] = {};
  int64_t left = k;
  for (; left >= kElements; left -= kElements, a += L * ROWS, b += kElements) {
    Vec<T> square[L];
#pragma GCC unroll 16
    for (int j = 0; j < L; ++j) square[j] = load_along<O>(b + smaller(j, lines - 1) * b_col, kElements);
    transpose<T>(square);
    multiply_square<O, ROWS>(a, square, acc);
  }
  if (left > 0) multiply_edge<O, S, ROWS>(a, b, b_col, left, lines, acc);
  for (int i = 0; i < ROWS; ++i) store(sums + i * L, acc[i]);
}

// Rows [0, ROWS) of a skinny product. B row-major: column blocks; else blocks of B's rows.
template <class S, class O, int ROWS>
void skinny_product(const Product<S>& p) {
  using T = Sum<O>;
  constexpr int64_t L = kLanes<O>;
  const int64_t steps = (p.k + kStep<O> - 1) / kStep<O>;
  const bool a_as_is = __is_same(S, O) && ROWS == 1 && p.a_k == 1;
  Workspace a_room(a_as_is ? 0 : size_t(steps * ROWS + kPackSlack<O>) * sizeof(O));
  O* packed = static_cast<O*>(a_room.data());
  if (!a_as_is) pack_panel(packed, ROWS, p.a, p.a_k, p.a_row, p.k, ROWS);
  const O* a = packed;
  if constexpr (__is_same(S, O))
    if (a_as_is) a = p.a;

  const bool streamed = p.n * p.k * int64_t(sizeof(S)) > kStreamedBytes;
  const int64_t block = p.b_col == 1 ? kSkinnyColumns : kSkinnyLines;
  for_chunks((p.n + block - 1) / block, [&](int64_t chunk) {
    const int64_t begin = chunk * block, columns = smaller(block, p.n - begin);
    const int64_t vectors = (columns + L - 1) / L;
    Workspace room(size_t(vectors * ROWS) * kVectorBytes);
    T* sums = static_cast<T*>(room.data());
    if (p.b_col == 1) {
      __builtin_memset(sums, 0, size_t(vectors * ROWS) * kVectorBytes);
      skinny_rows<O, S, ROWS>(a, p.b + begin, p.b_k, p.k, columns, sums, streamed);
    } else {
      const int64_t whole = columns / L;
      const auto run = [&]<int GROUPS, bool STREAMED>(int64_t v) {
        skinny_columns<O, S, ROWS, GROUPS, STREAMED>(a, p.b + (begin + v * L) * p.b_col, p.b_col, p.k,
                                                     sums + v * ROWS * L);
      };
      constexpr int kGroups = ROWS <= 2 ? 2 : 1;
      int64_t v = 0;
      if (streamed && (kOwnRowsAhead<O, ROWS> || !fetches_many_rows())) {
        for (; v < whole; ++v) run.template operator()<1, true>(v);
      } else {
        for (; v + kGroups <= whole; v += kGroups) run.template operator()<kGroups, false>(v);
        for (; v < whole; ++v) run.template operator()<1, false>(v);
      }
      if (v < vectors)
        skinny_last_columns<O, S, ROWS>(a, p.b + (begin + v * L) * p.b_col, p.b_col, p.k, int(columns - v * L),
                                        sums + v * ROWS * L);
    }
    finish(p.epilogue, 0, begin, ROWS, columns, sums, L, ROWS * L, p.out, p.out_row);
  });
}

template <class S, class O = Compute<S>>
void skinny_product(const Product<S>& p) {
  switch (p.m) {
    case 1: return skinny_product<S, O, 1>(p);
    case 2: return skinny_product<S, O, 2>(p);
    case 3: return skinny_product<S, O, 3>(p);
    case 4: return skinny_product<S, O, 4>(p);
    case 5: return skinny_product<S, O, 5>(p);
    case 6: return skinny_product<S, O, 6>(p);
    case 7: return skinny_product<S, O, 7>(p);
    case 8: return skinny_product<S, O, 8>(p);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
