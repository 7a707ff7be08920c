// Transposes of tiles in memory, block by block in registers: what permuted copies and transposed operands are made of.
#pragma once

#include "kernels/cpu/common/transpose.h"

namespace hotloop::HOTLOOP_ISA {

// The halves of a and b, lane by lane in turn: a0 b0 a1 b1 ...
template <class T, int kFirst>
inline Vec<T> interleave(Vec<T> a, Vec<T> b) {
  constexpr int lanes = kLanes<T>;
  Vec<T> index;
  for (int i = 0; i < lanes; ++i) index[i] = T((i & 1 ? lanes : 0) + kFirst + i / 2);
  return __builtin_shuffle(a, b, index);
}

// to[r][c] = from[c][r] for a square block of one vector's lanes; strides count elements.
template <class T>
inline void transpose_block(const T* from, int64_t from_stride, T* to, int64_t to_stride) {
  constexpr int lanes = kLanes<T>;
  Vec<T> block[lanes];
#pragma GCC unroll 16
  for (int c = 0; c < lanes; ++c) block[c] = load(from + c * from_stride);
  transpose<T>(block);
#pragma GCC unroll 16
  for (int r = 0; r < lanes; ++r) store(to + r * to_stride, block[r]);
}
// The same for fewer rows or columns.
template <class T>
inline void transpose_partial_block(const T* from, int64_t from_stride, T* to, int64_t to_stride, int rows, int cols) {
  constexpr int lanes = kLanes<T>;
  Vec<T> block[lanes] = {};
  for (int c = 0; c < cols; ++c) block[c] = load_partial(from + c * from_stride, rows);
  transpose<T>(block);
  for (int r = 0; r < rows; ++r) store_partial(to + r * to_stride, block[r], cols);
}

template <int kBytes>
struct FloatOfSize {
  using type = float;
};
template <>
struct FloatOfSize<8> {
  using type = double;
};

// to[r][c] = from[c][r] for r < rows, c < cols.
template <class T>
inline void transpose_tile(const T* from, int64_t from_stride, T* to, int64_t to_stride, int64_t rows, int64_t cols) {
  if constexpr (sizeof(T) == 4 || sizeof(T) == 8) {
    using F = typename FloatOfSize<sizeof(T)>::type;  // moved as it is: no arithmetic touches it
    constexpr int lanes = kLanes<F>;
    const auto* f = (const F*)from;
    auto* t = (F*)to;
    for (int64_t r = 0; r < rows; r += lanes) {
      for (int64_t c = 0; c < cols; c += lanes) {
        const F* block = f + c * from_stride + r;
        if (r + lanes <= rows && c + lanes <= cols) {
          transpose_block(block, from_stride, t + r * to_stride + c, to_stride);
        } else {
          transpose_partial_block(block, from_stride, t + r * to_stride + c, to_stride,
                                  int(rows - r < lanes ? rows - r : lanes), int(cols - c < lanes ? cols - c : lanes));
        }
      }
    }
  } else {
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) to[r * to_stride + c] = from[c * from_stride + r];
  }
}

}  // namespace hotloop::HOTLOOP_ISA
