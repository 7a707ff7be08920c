// Transposes of blocks, in registers: what permuted copies and transposed operands are made of.
#pragma once

#include "kernels/cpu/common/vec.h"

namespace hotloop::HOTLOOP_ISA {

// The halves of a and b, lane by lane in turn: a0 b0 a1 b1 ...
template <class T, int kFirst>
inline Vec<T> interleave(Vec<T> a, Vec<T> b) {
  constexpr int lanes = kLanes<T>;
  Vec<T> index;
  for (int i = 0; i < lanes; ++i) index[i] = T((i & 1 ? lanes : 0) + kFirst + i / 2);
  return __builtin_shuffle(a, b, index);
}

// to[j][i] = from[i][j] for a square block of one vector's lanes; T is an integer of 4 or 8 bytes, strides count T.
// log2(lanes) perfect shuffles of all rows make a transpose.
template <class T>
inline void transpose_block(const T* from, int64_t from_stride, T* to, int64_t to_stride) {
  constexpr int lanes = kLanes<T>;
  Vec<T> rows[lanes], shuffled[lanes];
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) rows[i] = load(from + i * from_stride);
#pragma GCC unroll 4
  for (int step = 1; step < lanes; step *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < lanes / 2; ++i) {
      shuffled[2 * i] = interleave<T, 0>(rows[i], rows[i + lanes / 2]);
      shuffled[2 * i + 1] = interleave<T, lanes / 2>(rows[i], rows[i + lanes / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) rows[i] = shuffled[i];
  }
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) store(to + i * to_stride, rows[i]);
}

// to[r][c] = from[c][r] for r < rows, c < cols.
template <class T>
inline void transpose_tile(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t rows, int64_t cols) {
  int64_t r = 0;
  if constexpr (sizeof(T) >= 4) {
    constexpr int lanes = kLanes<T>;
    for (; r + lanes <= rows; r += lanes) {
      int64_t c = 0;
      for (; c + lanes <= cols; c += lanes)
        transpose_block(from + c * from_stride + r, from_stride, to + r * to_stride + c, to_stride);
      for (; c < cols; ++c)
        for (int i = 0; i < lanes; ++i) to[(r + i) * to_stride + c] = from[c * from_stride + r + i];
    }
  }
  for (; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) to[r * to_stride + c] = from[c * from_stride + r];
}

}  // namespace hotloop::HOTLOOP_ISA
