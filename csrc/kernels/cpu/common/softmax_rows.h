// Rows for softmax and its kin: vector loops over contiguous rows, and rows of any layout brought into such.
#pragma once

#include "core/memory.h"
#include "kernels/args/softmax.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/fold.h"
#include "kernels/cpu/common/half.h"
#include "kernels/cpu/common/stream.h"
#include "kernels/cpu/common/vec_math_exp.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int kRowBlock = 1024;                // partial sums of a block are added in double
constexpr int64_t kRowChunkWork = 16384;       // elements of a chunk; about 5 us with an exponential each
constexpr int64_t kRowTileBytes = 128 * 1024;  // rows gathered at once, for an L2
constexpr int64_t kFetchedRowBytes = 16384;    // of longer rows, one and the next don't fit into L1

template <class A>
inline A sum_of_lanes(Vec<A> v) {
  return fold(v, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}

// Sum over i of term(i, get): term may also write; it is called for whole vectors and once for the rest, whose
// lanes past the end must give 0.
template <class A, class Term>
[[gnu::always_inline]] inline A sum_row(int64_t n, Term term) {
  constexpr int L = kLanes<A>;
  double total = 0;
  for (int64_t start = 0; start < n; start += kRowBlock) {
    const int64_t end = smaller<int64_t>(start + kRowBlock, n);
    Vec<A> a{}, b{}, c{}, d{};
    int64_t i = start;
    for (; i + 4 * L <= end; i += 4 * L) {
      a += term(i, L);
      b += term(i + L, L);
      c += term(i + 2 * L, L);
      d += term(i + 3 * L, L);
    }
    for (; i + L <= end; i += L) a += term(i, L);
    if (i < end) b += term(i, int(end - i));
    total += double(sum_of_lanes<A>((a + b) + (c + d)));
  }
  return A(total);
}

template <class A>
[[gnu::always_inline]] inline Vec<A> load_some(const A* p, int count) {
  if (count == kLanes<A>) return load(p);
  if (count < 1 || count > kLanes<A>) __builtin_unreachable();
  return load_partial(p, count);
}
template <class A>
[[gnu::always_inline]] inline void store_some(A* p, Vec<A> v, int count) {
  if (count == kLanes<A>) return store(p, v);
  if (count < 1 || count > kLanes<A>) __builtin_unreachable();
  store_partial(p, v, count);
}
// The first `count` lanes of v, zero in the others.
template <class A>
[[gnu::always_inline]] inline Vec<A> keep_lanes(Vec<A> v, int count) {
  if (count == kLanes<A>) return v;
  return bits_as<Vec<A>>(bits_of(v) & first_lanes<Element<Mask<Vec<A>>>>(count));
}

// body(i, count) for each vector of n elements, the last of them partial.
template <class A, class F>
[[gnu::always_inline]] inline void for_vectors(int64_t n, F body) {
  constexpr int L = kLanes<A>;
  int64_t i = 0;
  for (; i + L <= n; i += L) body(i, L);
  if (i < n) body(i, int(n - i));
}

template <class A>
inline A lowest() {
  return -A(__builtin_inff());
}

// The largest element, NaN passed over: what is subtracted from it shows the NaN.
template <class A>
inline A max_of_row(const A* x, int64_t n) {
  constexpr int L = kLanes<A>;
  const auto larger_of = [](auto a, auto b) __attribute__((always_inline)) { return b > a ? b : a; };
  const Vec<A> none = broadcast(lowest<A>());
  Vec<A> a = none, b = none, c = none, d = none;
  int64_t i = 0;
  for (; i + 4 * L <= n; i += 4 * L) {
    a = larger_of(a, load(x + i));
    b = larger_of(b, load(x + i + L));
    c = larger_of(c, load(x + i + 2 * L));
    d = larger_of(d, load(x + i + 3 * L));
  }
  for (; i + L <= n; i += L) a = larger_of(a, load(x + i));
  if (i < n) {
    const int count = int(n - i);
    b = larger_of(b, select<Vec<A>>(first_lanes<Element<Mask<Vec<A>>>>(count), load_partial(x + i, count), none));
  }
  return fold(larger_of(larger_of(a, b), larger_of(c, d)), larger_of);
}

// A row is read from memory once and from L1 from then on, and memory would rest meanwhile: the second pass fetches the
// row that comes next, vector by vector, which takes a quarter off a layer norm or softmax of 1200 x 1500.
template <class A>
inline A* next_row(A* row, int64_t stride, int64_t n) {
  return n * int64_t(sizeof(A)) <= kFetchedRowBytes ? row + stride : row;
}
inline int64_t row_stride(const RowStrides& strides, int64_t inner) {
  return inner > 1 ? strides.inner : strides.outer;
}
// Inlined at once: GCC takes a function that only fetches for one without effect, and drops calls of it.
[[gnu::always_inline]] inline void fetch(const void* p) { __builtin_prefetch(p, 0, 3); }
[[gnu::always_inline]] inline void fetch_to_write(const void* p) { __builtin_prefetch(p, 1, 3); }

template <class A>
inline A sum_exp_of_row(const A* x, const A* next, int64_t n, A shift) {
  return sum_row<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    fetch(next + i);
    return keep_lanes<A>(exp_nonpositive(load_some(x + i, count) - shift), count);
  });
}

// `rows` rows of n numbers, row r at p + r * row_stride, between memory of type T and contiguous rows of A.
template <class T, class A>
void gather_rows(A* dst, const T* p, int64_t row_stride, int64_t stride, int64_t rows, int64_t n) {
  if (stride == 1) {
    for (int64_t r = 0; r < rows; ++r) {
      if constexpr (__is_same(T, A))
        __builtin_memcpy(dst + r * n, p + r * row_stride, size_t(n) * sizeof(A));
      else
        load_row(dst + r * n, p + r * row_stride, n);
    }
  } else {
    for (int64_t i = 0; i < n; ++i)
      for (int64_t r = 0; r < rows; ++r) dst[r * n + i] = to_compute(p[r * row_stride + i * stride]);
  }
}
template <class T, class A>
void scatter_rows(T* p, int64_t row_stride, int64_t stride, const A* src, int64_t rows, int64_t n) {
  if (stride == 1) {
    for (int64_t r = 0; r < rows; ++r) {
      if constexpr (__is_same(T, A))
        __builtin_memcpy(p + r * row_stride, src + r * n, size_t(n) * sizeof(A));
      else
        store_row(p + r * row_stride, src + r * n, n);
    }
  } else {
    for (int64_t i = 0; i < n; ++i)
      for (int64_t r = 0; r < rows; ++r) p[r * row_stride + i * stride] = from_compute<T>(src[r * n + i]);
  }
}

// Runs body(o, j, rows) over runs of rows (o, j) ... (o, j + rows - 1) of (outer, inner), in chunks of fixed work;
// runs have at most `most` rows.
template <class F>
void for_row_runs(int64_t outer, int64_t inner, int64_t n, int64_t most, F&& body) {
  if (outer * inner == 0) return;
  const int64_t run = smaller(most, inner), runs = (inner + run - 1) / run, total = outer * runs;
  const int64_t work = larger<int64_t>(run * n, 1);
  const int64_t per_chunk = total * work < 2 * kRowChunkWork ? total : larger<int64_t>(kRowChunkWork / work, 1);
  for_chunks((total + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
    const int64_t end = smaller((chunk + 1) * per_chunk, total);
    for (int64_t i = chunk * per_chunk; i < end; ++i) {
      const int64_t j = i % runs * run;
      body(i / runs, j, smaller(run, inner - j));
    }
  });
}

inline int64_t rows_of_chunk(int64_t n) { return larger<int64_t>(kRowChunkWork / larger<int64_t>(n, 1), 1); }
inline int64_t rows_of_tile(int64_t n, int64_t itemsize) {
  return larger<int64_t>(smaller<int64_t>(kRowTileBytes / (larger<int64_t>(n, 1) * itemsize), 64), 1);
}

}  // namespace hotloop::HOTLOOP_ISA
