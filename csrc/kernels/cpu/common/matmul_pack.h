// Packing: operands rearranged into the order in which the register tile reads them. A panel holds
// `width` columns of a (depth, width) block next to each other, step of k after step of k. The same
// function packs B (columns of B) and A (rows of A: pass its transpose).
#pragma once

#include "kernels/cpu/common/matmul_element.h"
#include "kernels/cpu/common/transpose.h"

namespace hotloop::HOTLOOP_ISA {

// dst[k * width + j] = src[k * row + j * col] for j < columns, zero for j up to width; width is a multiple
// of the vector or equals columns.
template <class T, class S>
void pack_panel(T* dst, int64_t width, const S* src, int64_t row, int64_t col, int64_t depth, int64_t columns) {
  constexpr int L = kLanes<T>;
  if (col == 1) {
    for (int64_t k = 0; k < depth; ++k, dst += width, src += row) {
      int64_t j = 0;
      for (; j + L <= columns; j += L) store(dst + j, load_as(src + j));
      if (j < columns) {
        const Vec<T> last = load_partial_as(src + j, int(columns - j));
        if (j + L <= width)
          store(dst + j, last);
        else
          store_partial(dst + j, last, int(columns - j));
      }
    }
    return;
  }
  if (row == 1) {
    for (int64_t j = 0; j < columns; j += L) {
      const int lines = int(columns - j < L ? columns - j : L);  // of memory: columns of the panel
      const int written = int(width - j < L ? width - j : L);
      for (int64_t k = 0; k < depth; k += L) {
        const int steps = int(depth - k < L ? depth - k : L);
        const S* from = src + j * col + k;
        T* to = dst + k * width + j;
        Vec<T> block[L];
        if (lines == L && steps == L && written == L) {
#pragma GCC unroll 16
          for (int i = 0; i < L; ++i) block[i] = load_as(from + i * col);
          transpose<T>(block);
#pragma GCC unroll 16
          for (int i = 0; i < L; ++i) store(to + i * width, block[i]);
        } else {
          for (int i = 0; i < L; ++i) block[i] = i < lines ? load_partial_as(from + i * col, steps) : Vec<T>{};
          transpose<T>(block);
          for (int i = 0; i < steps; ++i) store_partial(to + i * width, block[i], written);
        }
      }
    }
    return;
  }
  for (int64_t k = 0; k < depth; ++k, dst += width, src += row) {
    for (int64_t j = 0; j < columns; ++j) dst[j] = to_compute(src[j * col]);
    for (int64_t j = columns; j < width; ++j) dst[j] = T(0);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
