// The first extreme and its index, along rows and down columns.
#pragma once

#include "kernels/cpu/common/reduce_pass.h"
#include "kernels/cpu/common/stream.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int kArgBlock = 1024;  // elements that are gathered or converted at a time
constexpr int kArgVectors = 4;   // of a group, which joins a lane's best by its own extreme in that lane

template <bool kMax, class A>
inline bool beats(A x, A best) {
  return (kMax ? x > best : x < best) | ((x != x) & (best == best));
}

template <class A>
struct IndexedValue {
  A value;
  int64_t index;  // -1: none yet
};

template <class V>
[[gnu::always_inline]] inline int64_t fold_least(V v) {
  return fold(v, [](auto a, auto b) __attribute__((always_inline)) { return b < a ? b : a; });
}

template <class A>
struct ArgGroup {
  static constexpr int kSize = kArgVectors * kLanes<A>;
  Vec<A> v[kArgVectors];

  // The first n elements from memory (n may be more than there are), the others of `pad`.
  ArgGroup(const A* p, int64_t n, Vec<A> pad) {
    if (n >= kSize) {
#pragma GCC unroll 4
      for (int j = 0; j < kArgVectors; ++j) v[j] = load(p + j * kLanes<A>);
    } else {
#pragma GCC unroll 4
      for (int j = 0; j < kArgVectors; ++j) v[j] = load_padded(p + j * kLanes<A>, int(n) - j * kLanes<A>, pad);
    }
  }

  bool has_nan() const {
    if constexpr (A(0.5) == A(0)) {
      return false;
#if defined(__AVX512F__)  // one comparison looks at two vectors
    } else if constexpr (sizeof(A) == 4) {
      return _mm512_cmp_ps_mask((__m512)v[0], (__m512)v[1], _CMP_UNORD_Q) |
             _mm512_cmp_ps_mask((__m512)v[2], (__m512)v[3], _CMP_UNORD_Q);
    } else {
      return _mm512_cmp_pd_mask((__m512d)v[0], (__m512d)v[1], _CMP_UNORD_Q) |
             _mm512_cmp_pd_mask((__m512d)v[2], (__m512d)v[3], _CMP_UNORD_Q);
#elif defined(__AVX2__)
    } else if constexpr (sizeof(A) == 4) {
      return any((i32v)_mm256_cmp_ps((__m256)v[0], (__m256)v[1], _CMP_UNORD_Q) |
                 (i32v)_mm256_cmp_ps((__m256)v[2], (__m256)v[3], _CMP_UNORD_Q));
    } else {
      return any((i64v)_mm256_cmp_pd((__m256d)v[0], (__m256d)v[1], _CMP_UNORD_Q) |
                 (i64v)_mm256_cmp_pd((__m256d)v[2], (__m256d)v[3], _CMP_UNORD_Q));
#else
    } else {
      return any((v[0] != v[0]) | (v[1] != v[1]) | (v[2] != v[2]) | (v[3] != v[3]));
#endif
    }
  }

  // Where `x`, which is among the elements, stands first; a NaN stands for all NaNs.
  int64_t first_like(A x) const {
    using Place = Mask<Vec<A>>;
    Place place, first = Place{} + kSize;
    for (int l = 0; l < kLanes<A>; ++l) place[l] = l;
#pragma GCC unroll 4
    for (int j = kArgVectors - 1; j >= 0; --j) {
      const Place like = x == x ? v[j] == broadcast(x) : v[j] != v[j];
      first = like ? place + j * kLanes<A> : first;
    }
    return fold_least(first);
  }
};

// Of contiguous elements, at most 2^31. A lane keeps the best of its groups and where the first of these starts.
template <bool kMax, class A>
IndexedValue<A> find_extreme_in_place(const A* p, int64_t count, bool far) {
  using Start = Mask<Vec<A>>;
  const auto better = [](auto a, auto b) __attribute__((always_inline)) { return (kMax ? b > a : b < a) ? b : a; };
  const Vec<A> pad = broadcast(Extreme<A, kMax>::identity());
  Vec<A> best = pad;
  Start start_of{};
  for (int64_t start = 0; start < count; start += ArgGroup<A>::kSize) {
    const ArgGroup<A> group(p + start, count - start, pad);
    if (far)  // memory goes on with the next row while the place in this one is looked for
#pragma GCC unroll 4
      for (int j = 0; j < kArgVectors; ++j) fetch_page_ahead(p + start + j * kLanes<A>);
    if (group.has_nan()) {
      const int64_t index = start + group.first_like(A(__builtin_nan("")));
      return {p[index], index};
    }
    const Vec<A> extreme = better(better(group.v[0], group.v[1]), better(group.v[2], group.v[3]));
    const Start wins = kMax ? extreme > best : extreme < best;
    best = wins ? extreme : best;
    start_of = wins ? Start{} + Element<Start>(start) : start_of;
  }
  const A extreme = fold(best, better);
  int64_t start = 0;
  if (count > ArgGroup<A>::kSize)
    start = fold_least(Start(best == broadcast(extreme) ? start_of : Start{} + INT32_MAX));
  const int64_t index = start + ArgGroup<A>(p + start, count - start, pad).first_like(extreme);
  return {p[index], index};
}

template <bool kMax, class A>
IndexedValue<A> find_extreme(const ReduceSource<A>& source, const char* in, int64_t start, int64_t count) {
  if (source.in_place()) {
    IndexedValue<A> found = find_extreme_in_place<kMax>(source.block(in, start, count, nullptr), count, source.far);
    found.index += start;
    return found;
  }
  alignas(64) A buffer[kArgBlock];
  IndexedValue<A> best{Extreme<A, kMax>::identity(), -1};
  for (int64_t i = 0; i < count; i += kArgBlock) {
    const int size = int(smaller<int64_t>(count - i, kArgBlock));
    const IndexedValue<A> found = find_extreme_in_place<kMax>(source.block(in, start + i, size, buffer), size, false);
    if (best.index < 0 || beats<kMax>(found.value, best.value)) best = {found.value, start + i + found.index};
  }
  return best;
}

template <bool kMax, class A>
IndexedValue<A> find_extreme_of_row(const ReduceSource<A>& source, const char* in) {
  if (source.outer == 1 && source.n < 2 * kSplitWork) return find_extreme<kMax>(source, in, 0, source.n);
  const bool split = source.outer * source.n >= 2 * kSplitWork;
  const SplitPlan plan = split ? plan_split(source.n, source.outer, 1) : SplitPlan{source.n, 1, source.outer, 1};
  const int64_t items = plan.spans * plan.runs;
  IndexedValue<A> few[64];
  Workspace workspace(items > 64 ? size_t(items) * sizeof few[0] : 0);
  IndexedValue<A>* found = items > 64 ? static_cast<IndexedValue<A>*>(workspace.data()) : few;
  for_chunks(items, [&](int64_t item) {
    const int64_t first = item / plan.spans * plan.run, start = item % plan.spans * plan.span;
    OuterWalk walk(source.outer_dims, source.outer_count, first);
    IndexedValue<A> best{Extreme<A, kMax>::identity(), -1};
    for (int64_t i = first; i < smaller(first + plan.run, source.outer); ++i, walk.next()) {
      const int64_t count = smaller(plan.span, source.n - start);
      const IndexedValue<A> one = find_extreme<kMax>(source, source.at(in, walk.offset), start, count);
      if (best.index < 0 || beats<kMax>(one.value, best.value)) best = {one.value, i * source.n + one.index};
    }
    found[item] = best;
  });
  IndexedValue<A> best = found[0];
  for (int64_t i = 1; i < items; ++i)
    if (beats<kMax>(found[i].value, best.value)) best = found[i];
  return best;
}

constexpr int kArgHeld = 4;  // vectors of columns whose best and its row stay in registers

// Rows of `width` columns, which fill kVectors but for part of the last. Where a row beats what `values` has of a column,
// it is put there, and the first such row with that value in row_of: -1 where none does.
template <bool kMax, int kVectors, class A, class Index>
[[gnu::noinline]] void find_extreme_row(const ReduceSource<A>& source, const char* in, int64_t rows, int width,
                                        A* values, Index* row_of) {
  constexpr int L = kLanes<A>;
  Vec<A> best[kVectors];
  Mask<Vec<A>> place[kVectors];
  for (int j = 0; j < kVectors; ++j) {
    best[j] = load(values + j * L);
    place[j] = Mask<Vec<A>>{} - 1;
  }
  alignas(64) A converted[kVectors * L];
  const int rest = width - (kVectors - 1) * L;
  for (int64_t r = 0; r < rows; ++r) {
    const char* row = source.at(in, r * source.stride);
    const A* p = reinterpret_cast<const A*>(row);
    if (!source.same_type) {
      source.load(converted, row, 1, width, 1, 0);
      p = converted;
    }
    const Mask<Vec<A>> here = Mask<Vec<A>>{} + Index(r);
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) {
      const Vec<A> x = j < kVectors - 1 || rest == L ? load(p + j * L) : load_partial(p + j * L, rest);
      // A NaN is not below a number, either.
      const Mask<Vec<A>> wins = (best[j] == best[j]) & ~(kMax ? x <= best[j] : x >= best[j]);
      best[j] = wins ? x : best[j];
      place[j] = wins ? here : place[j];
    }
  }
  for (int j = 0; j < kVectors; ++j) {
    store(values + j * L, best[j]);
    __builtin_memcpy(row_of + j * L, &place[j], sizeof place[j]);
  }
}

// Row by row over a strip of columns; the index counts in the width of A, rebased every block of rows. Whole vectors of
// values are written.
template <bool kMax, class A>
void find_extreme_of_columns(const ReduceSource<A>& source, const char* in, int width, A* values, int64_t* indices) {
  constexpr int L = kLanes<A>;
  using Index = Element<Mask<Vec<A>>>;
  alignas(64) Index row_of[kStrip<A>];
  constexpr int64_t kRebase = int64_t(1) << 30;
  for (int j = 0; j < kStrip<A>; ++j) values[j] = Extreme<A, kMax>::identity();
  for (int j = 0; j < width; ++j) indices[j] = 0;
  OuterWalk walk(source.outer_dims, source.outer_count, 0);
  for (int64_t o = 0; o < source.outer; ++o, walk.next()) {
    for (int64_t base = 0; base < source.n; base += kRebase) {
      const int64_t rows = smaller(source.n - base, kRebase);
      for (int j = 0; j < width; j += kArgHeld * L) {
        const char* at = source.at(in, walk.offset + base * source.stride + j);
        const int columns = smaller(width - j, kArgHeld * L);
        switch ((columns + L - 1) / L) {
          case 1: find_extreme_row<kMax, 1>(source, at, rows, columns, values + j, row_of + j); break;
          case 2: find_extreme_row<kMax, 2>(source, at, rows, columns, values + j, row_of + j); break;
          case 3: find_extreme_row<kMax, 3>(source, at, rows, columns, values + j, row_of + j); break;
          default: find_extreme_row<kMax, kArgHeld>(source, at, rows, columns, values + j, row_of + j); break;
        }
      }
      for (int j = 0; j < width; ++j)
        if (row_of[j] >= 0) indices[j] = o * source.n + base + row_of[j];
    }
  }
}

}  // namespace hotloop::HOTLOOP_ISA
