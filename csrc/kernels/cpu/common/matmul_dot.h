// n == 1 and A's rows contiguous: a dot product a row, at load speed.
#pragma once

#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/matmul_product.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int kDotBytes = 256;  // of partial sums: 64 chains of f32, 32 of f64, whatever the vector's width

template <class S>
Compute<S> dot(const S* x, const Compute<S>* y, int64_t k) {
  using T = Compute<S>;
  constexpr int L = kLanes<T>, kChains = kDotBytes / int(sizeof(T)), NV = kChains / L;
  Vec<T> acc[NV] = {};
  int64_t i = 0;
  for (; i + kChains <= k; i += kChains) {
#pragma GCC unroll 16
    for (int j = 0; j < NV; ++j) acc[j] = fma(load_as(x + i + j * L), load(y + i + j * L), acc[j]);
  }
#pragma GCC unroll 16
  for (int j = 0; j < NV; ++j) {
    const int64_t left = k - i - j * L;
    if (left <= 0) break;
    if (left >= L)
      acc[j] = fma(load_as(x + i + j * L), load(y + i + j * L), acc[j]);
    else
      acc[j] = fma(load_partial_as(x + i + j * L, int(left)), load_partial(y + i + j * L, int(left)), acc[j]);
  }
#pragma GCC unroll 4
  for (int half = NV / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int j = 0; j < half; ++j) acc[j] += acc[j + half];
  }
  T lanes[L];
  store(lanes, acc[0]);
#pragma GCC unroll 4
  for (int half = L / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
    for (int j = 0; j < half; ++j) lanes[j] += lanes[j + half];
  }
  return lanes[0];
}

template <class S>
void dot_product(const Product<S>& p) {
  using T = Compute<S>;
  constexpr int64_t kRows = 64;               // of out a block
  constexpr int64_t kChunkBytes = 256 << 10;  // of A: some 10 us from memory
  const bool as_is = __is_same(S, T) && p.b_k == 1;
  alignas(kAlignment) T small[512];
  const bool fits = p.k <= 512;
  Workspace room(as_is || fits ? 0 : size_t(p.k) * sizeof(T));
  T* column = fits ? small : static_cast<T*>(room.data());
  const T* y = column;
  if constexpr (__is_same(S, T))
    if (as_is) y = p.b;
  if (!as_is)
    for (int64_t k = 0; k < p.k; ++k) column[k] = to_compute(p.b[k * p.b_k]);

  const int64_t row_bytes = larger<int64_t>(1, p.k * int64_t(sizeof(S)));
  const int64_t rows = p.m * row_bytes < 4 * kChunkBytes ? p.m : larger<int64_t>(1, kChunkBytes / row_bytes);
  for_chunks((p.m + rows - 1) / rows, [&](int64_t chunk) {
    const int64_t end = smaller(p.m, (chunk + 1) * rows);
    alignas(kVectorBytes) T sums[kRows * kLanes<T>];
    for (int64_t i = chunk * rows; i < end; i += kRows) {
      const int64_t n = smaller(kRows, end - i);
      for (int64_t r = 0; r < n; ++r) {
        const T sum = dot(p.a + (i + r) * p.a_row, y, p.k);
        if (p.epilogue.plain())
          store_as(p.out + (i + r) * p.out_row, broadcast(sum), 1);
        else
          store(sums + r * kLanes<T>, broadcast(sum));
      }
      if (!p.epilogue.plain()) finish(p.epilogue, i, 0, n, 1, sums, kLanes<T>, 0, p.out, p.out_row);
    }
  });
}

}  // namespace hotloop::HOTLOOP_ISA
