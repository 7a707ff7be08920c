// Packing: operands rearranged into the order in which the register tile reads them. A panel holds
// `width` columns of a (depth, width) block next to each other, step of k after step of k. The same
// function packs B (columns of B) and A (rows of A: pass its transpose).
#pragma once

#include "kernels/cpu/common/matmul_element.h"
#include "kernels/cpu/common/transpose.h"

namespace hotloop::HOTLOOP_ISA {

// Room past the end of what pack_panel writes: a panel narrower than a vector is stored in whole vectors,
// each overwriting the tail of the one before.
template <class O>
constexpr int64_t kPackSlack = kLanes<O>;

// Rows of memory fetched ahead of those being copied: rows a page apart start no hardware prefetch.
constexpr int64_t kPackAhead = 16;

// Columns next to each other in memory: rows are copied.
template <class O, class S>
inline void pack_rows(O* dst, int64_t width, const S* src, int64_t row, int64_t k, int64_t columns) {
  constexpr int L = kLanes<O>, kSkip = kStep<O>;
  for (; k > 0; k -= kSkip, dst += width, src += kSkip * row) {
    const bool second = k > 1;
    int64_t j = 0;
    if constexpr (kLoadsTwo<O, S>) {
      for (; second && j + 2 * L <= columns; j += 2 * L) {
        __builtin_prefetch(src + kPackAhead * kSkip * row + j);
        __builtin_prefetch(src + (kPackAhead + 1) * kSkip * row + j);
        Vec<O> low, high;
        load_two_columns(src + j, row, low, high);
        store(dst + j, low);
        store(dst + j + L, high);
      }
    }
    for (; j + L <= columns; j += L) {
      __builtin_prefetch(src + kPackAhead * kSkip * row + j);
      store(dst + j, load_columns<O>(src + j, row, L, second));
    }
    if (j < columns) store(dst + j, load_columns<O>(src + j, row, int(columns - j), second));
  }
}

// Steps of k next to each other in memory: squares are transposed.
template <class O, class S>
inline void pack_columns(O* dst, int64_t width, const S* src, int64_t col, int64_t k, int64_t columns) {
  using T = Sum<O>;
  constexpr int L = kLanes<O>, kElements = L * kStep<O>;
  for (int64_t j = 0; j < width; j += L) {
    const int lines = columns - j >= L ? L : columns > j ? int(columns - j) : 0;
    const S* from = src + j * col;
    T* to = (T*)(dst + j);
    for (int64_t left = k; left > 0; left -= kElements, from += kElements, to += L * width) {
      Vec<T> block[L];
      if (lines == L && left >= kElements) {
        load_square<O>(from, col, block);
      } else {
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) block[i] = i < lines ? load_along<O>(from + i * col, left) : Vec<T>{};
        transpose<T>(block);
      }
      if (left >= kElements && (j + L <= width || j == 0)) {
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) store(to + i * width, block[i]);
      } else {
        const int steps = left >= kElements ? L : int((left + kStep<O> - 1) / kStep<O>);
        const int lanes = j + L <= width || j == 0 ? L : int(width - j);
        for (int i = 0; i < steps; ++i) store_partial(to + i * width, block[i], lanes);
      }
    }
  }
}

// dst[step * width + j] = the operand of column j < columns at that step; zero for j up to width, which is
// columns or the next multiple of the vector. k counts elements: the last of an odd number makes half a pair.
template <class O, class S>
void pack_panel(O* dst, int64_t width, const S* src, int64_t row, int64_t col, int64_t k, int64_t columns) {
  if (col == 1) return pack_rows(dst, width, src, row, k, columns);
  if (row == 1) return pack_columns(dst, width, src, col, k, columns);
  for (; k > 0; k -= kStep<O>, dst += width, src += kStep<O> * row) {
    for (int64_t j = 0; j < columns; ++j) dst[j] = operand<O>(src + j * col, row, k > 1);
    for (int64_t j = columns; j < width; ++j) dst[j] = O(0);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
