// The first extreme and its index, along rows and down columns.
#pragma once

#include "kernels/cpu/common/reduce_pass.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int kArgBlock = 1024;  // a block is searched only when its extreme beats what came before

template <bool kMax, class A>
inline bool beats(A x, A best) {
  return (kMax ? x > best : x < best) | ((x != x) & (best == best));
}

template <class A>
struct IndexedValue {
  A value;
  int64_t index;  // -1: none yet
};

// Where `x`, which is among the elements, stands first; a NaN stands for all NaNs.
template <class A>
inline int first_like(const A* p, int count, A x) {
  const auto like = [x](A y) { return (y == x) | ((y != y) & (x != x)); };
  int j = 0;
  for (; j + kTreeGroup <= count; j += kTreeGroup) {  // a group at a time, without an exit
    int hits = 0;
    for (int k = 0; k < kTreeGroup; ++k) hits |= like(p[j + k]);
    if (!hits) continue;
    int first = kTreeGroup;
    for (int k = 0; k < kTreeGroup; ++k) first = smaller(first, like(p[j + k]) ? k : kTreeGroup);
    return j + first;
  }
  while (!like(p[j])) ++j;
  return j;
}

template <bool kMax, class A>
IndexedValue<A> find_extreme(const ReduceSource<A>& source, const char* in, int64_t start, int64_t count) {
  using Op = Extreme<A, kMax>;
  alignas(64) A buffer[kArgBlock];
  IndexedValue<A> best{Op::identity(), -1};
  for (int64_t i = 0; i < count; i += kArgBlock) {
    const int size = int(smaller<int64_t>(count - i, kArgBlock));
    const A* p = source.block(in, start + i, size, buffer);
    const A extreme = reduce_block<Op, A>(p, size, A(0));
    if (best.index >= 0 && !beats<kMax>(extreme, best.value)) continue;
    const int j = first_like(p, size, extreme);
    best = {p[j], start + i + j};
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

// Row by row over a strip of columns; the index counts in the width of A, rebased every block of rows.
template <bool kMax, class A>
void find_extreme_of_columns(const ReduceSource<A>& source, const char* in, int width, A* values, int64_t* indices) {
  using Lane = Vec<A>;
  using Mask = decltype(Lane{} < Lane{});
  using Index = __typeof__(Mask{}[0] + 0);  // an integer as wide as A
  alignas(64) Index row_of[kStrip<A>];
  alignas(64) A converted[kStrip<A>];
  constexpr int64_t kRebase = int64_t(1) << 30;
  OuterWalk walk(source.outer_dims, source.outer_count, 0);
  bool first = true;
  for (int64_t o = 0; o < source.outer; ++o, walk.next()) {
    for (int64_t base = 0; base < source.n; base += kRebase) {
      const int64_t rows = smaller(source.n - base, kRebase);
      for (int j = 0; j < kStrip<A>; ++j) row_of[j] = -1;
      for (int64_t r = 0; r < rows; ++r) {
        const char* row = source.at(in, walk.offset + (base + r) * source.stride);
        const A* p = reinterpret_cast<const A*>(row);
        if (!source.same_type) {
          source.load(converted, row, 1, width, 1, 0);
          p = converted;
        }
        if (first) {
          __builtin_memcpy(values, p, size_t(width) * sizeof(A));
          for (int j = 0; j < width; ++j) row_of[j] = 0;
          first = false;
          continue;
        }
        const Mask here = Mask{} + Index(r);
        const auto update = [&](int j, Lane x) __attribute__((always_inline)) {
          const Lane best = load(values + j);
          const Mask wins = (kMax ? x > best : x < best) | ((x != x) & (best == best));
          Mask index;
          __builtin_memcpy(&index, row_of + j, sizeof index);
          index = wins ? here : index;
          store(values + j, wins ? x : best);
          __builtin_memcpy(row_of + j, &index, sizeof index);
        };
        int j = 0;
        for (; j + kLanes<A> <= width; j += kLanes<A>) update(j, load(p + j));
        if (j < width) update(j, load_partial(p + j, width - j));
      }
      for (int j = 0; j < width; ++j)
        if (row_of[j] >= 0) indices[j] = o * source.n + base + row_of[j];
    }
  }
}

}  // namespace hotloop::HOTLOOP_ISA
