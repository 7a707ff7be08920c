// Bags of embeddings (kernels/args/embedding_bag.h). Forward, the sums of some vectors of a bag's elements stay in registers
// while its rows go by. Backward, positions are put in the order of rows, so that each row is written once.
#pragma once

#include "core/memory.h"
#include "kernels/args/embedding_bag.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/fold.h"
#include "kernels/cpu/common/half.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int kBagVectors = 4;                // of a bag's elements in registers
constexpr int kBagAhead = 8;                  // positions, whose rows are fetched
constexpr int64_t kBagChunkWork = 64 * 1024;  // elements; about 10 us

struct BagSpan {
  int64_t begin, end;
};
inline BagSpan span_of(const EmbeddingBagArgs& args, int64_t b) {
  if (!args.offsets) {
    const int64_t each = args.n / args.bags;
    return {b * each, (b + 1) * each};
  }
  return {args.offsets[b], b + 1 < args.bags ? args.offsets[b + 1] : args.n};
}
inline int64_t counted(const EmbeddingBagArgs& args, BagSpan span) {
  int64_t count = 0;
  for (int64_t p = span.begin; p < span.end; ++p) count += args.index[p] != args.padding;
  return count;
}

// Calls that the compiler does not look into: of loops with a known count it warns without reason.
template <class T>
[[gnu::noipa]] void load_halves(float* to, const T* from, int64_t count) {
  load_row(to, from, count);
}
template <class T>
[[gnu::noipa]] void store_halves(T* to, const float* from, int64_t count) {
  store_row(to, from, count);
}

// `count` elements of memory as the compute type: NV whole vectors, or at most one.
template <int NV, class T, class A = Compute<T>>
[[gnu::always_inline]] inline void load_vectors(const T* p, int count, Vec<A> (&x)[NV]) {
  constexpr int L = kLanes<A>;
  if (NV > 1) count = NV * L;
  if (count < 1 || count > NV * L) __builtin_unreachable();
  if constexpr (__is_same(T, A)) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) x[v] = NV > 1 || count == L ? load(p + v * L) : load_partial(p, count);
  } else {
    alignas(64) A wide[NV * L] = {};
    load_halves(wide, p, count);
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) x[v] = load(wide + v * L);
  }
}
template <int NV, class T, class A = Compute<T>>
[[gnu::always_inline]] inline void store_vectors(T* p, int count, const Vec<A> (&x)[NV]) {
  constexpr int L = kLanes<A>;
  if (NV > 1) count = NV * L;
  if (count < 1 || count > NV * L) __builtin_unreachable();
  if constexpr (__is_same(T, A)) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) NV > 1 || count == L ? store(p + v * L, x[v]) : store_partial(p, x[v], count);
  } else {
    alignas(64) A wide[NV * L];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) store(wide + v * L, x[v]);
    store_halves(p, wide, count);
  }
}

// Calls body<NV>(column, count) for stretches of a row: kBagVectors whole vectors, then one at a time.
template <class A, class F>
[[gnu::always_inline]] inline void for_stretches(int64_t width, F&& body) {
  constexpr int L = kLanes<A>;
  int64_t c = 0;
  for (; c + kBagVectors * L <= width; c += kBagVectors * L) body.template operator()<kBagVectors>(c, kBagVectors * L);
  for (; c < width; c += L) body.template operator()<1>(c, int(smaller<int64_t>(L, width - c)));
}

template <class T, int NV>
void add_bag(const EmbeddingBagArgs& args, int64_t b, BagSpan span, int64_t column, int count, Compute<T> scale) {
  using A = Compute<T>;
  const T* weight = static_cast<const T*>(args.weight) + column;
  const T* factors = static_cast<const T*>(args.factors);
  Vec<A> sum[NV] = {};
  for (int64_t p = span.begin; p < span.end; ++p) {
    if (p + kBagAhead < args.n) {
      const char* next = (const char*)(weight + args.index[p + kBagAhead] * args.width);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) __builtin_prefetch(next + v * kLanes<A> * int(sizeof(T)));
    }
    if (args.index[p] == args.padding) continue;
    Vec<A> x[NV];
    load_vectors<NV, T>(weight + args.index[p] * args.width, count, x);
    const Vec<A> factor = broadcast(factors ? to_compute(factors[p]) : A(1));
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[v] = fma(x[v], factor, sum[v]);
  }
  for (Vec<A>& s : sum) s = s * scale;
  store_vectors<NV, T>(static_cast<T*>(args.out) + b * args.width + column, count, sum);
}

template <class T, int NV>
void largest_of_bag(const EmbeddingBagArgs& args, int64_t b, BagSpan span, int64_t column, int count) {
  using A = Compute<T>;
  using M = Mask<Vec<A>>;
  constexpr int L = kLanes<A>;
  const T* weight = static_cast<const T*>(args.weight) + column;
  Vec<A> best[NV] = {};
  M place[NV];  // positions after span.begin
  for (M& m : place) m = M{} - 1;
  for (int64_t p = span.begin; p < span.end; ++p) {
    if (args.index[p] == args.padding) continue;
    Vec<A> x[NV];
    load_vectors<NV, T>(weight + args.index[p] * args.width, count, x);
    const M here = M{} + Element<M>(p - span.begin);
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) {
      const M wins = (place[v] < 0) | (x[v] > best[v]) | ((x[v] != x[v]) & (best[v] == best[v]));
      best[v] = select<Vec<A>>(wins, x[v], best[v]);
      place[v] = wins ? here : place[v];
    }
  }
  store_vectors<NV, T>(static_cast<T*>(args.out) + b * args.width + column, count, best);
  int64_t* largest = args.largest + b * args.width + column;
  for (int i = 0; i < count; ++i) {
    const int64_t at = place[i / L][i % L];
    largest[i] = at < 0 ? -1 : args.index[span.begin + at];
  }
}

template <class F>
void for_bags(const EmbeddingBagArgs& args, F&& body) {
  const int64_t work = larger<int64_t>(args.width * larger<int64_t>(args.n / larger<int64_t>(args.bags, 1), 1), 1);
  const int64_t per_chunk = larger<int64_t>(kBagChunkWork / work, 1);
  for_chunks((args.bags + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
    for (int64_t b = chunk * per_chunk; b < smaller((chunk + 1) * per_chunk, args.bags); ++b) body(b, span_of(args, b));
  });
}

template <class T>
void embedding_bag_as(const EmbeddingBagArgs& args) {
  using A = Compute<T>;
  for_bags(args, [&](int64_t b, BagSpan span) {
    if (args.mode == BagMode::max)
      return for_stretches<A>(
          args.width, [&]<int NV>(int64_t column, int count) { largest_of_bag<T, NV>(args, b, span, column, count); });
    const A scale = args.mode == BagMode::mean ? A(1) / A(larger<int64_t>(counted(args, span), 1)) : A(1);
    for_stretches<A>(args.width,
                     [&]<int NV>(int64_t column, int count) { add_bag<T, NV>(args, b, span, column, count, scale); });
  });
}

void embedding_bag(const EmbeddingBagArgs& args) {
  *args.bad_position = -1;
  uint64_t bad = 0;
  for (int64_t p = 0; p < args.n; ++p) bad |= uint64_t(args.index[p]) >= uint64_t(args.rows);
  if (bad)
    for (int64_t p = 0; p < args.n; ++p)
      if (uint64_t(args.index[p]) >= uint64_t(args.rows)) return (void)(*args.bad_position = p);
  with_float(args.dtype, [&](auto zero) { embedding_bag_as<decltype(zero)>(args); });
}

// --- backward -----------------------------------------------------------------------------------------

// The positions that take part, in the order of rows; those of row r are order[start[r]] ... order[start[r + 1] - 1].
struct BagOrder {
  Workspace memory;
  int64_t *start, *order, *bag;  // bag: of each position

  explicit BagOrder(const EmbeddingBagArgs& args)
      : memory(size_t(args.rows + 2 + 2 * args.n) * sizeof(int64_t)),
        start(static_cast<int64_t*>(memory.data())),
        order(start + args.rows + 2),
        bag(order + args.n) {
    // Counts one place on, so that filling moves each row's start to where it belongs.
    __builtin_memset(start, 0, size_t(args.rows + 2) * sizeof(int64_t));
    for (int64_t p = 0; p < args.n; ++p) start[args.index[p] + 2] += args.index[p] != args.padding;
    for (int64_t r = 2; r < args.rows + 2; ++r) start[r] += start[r - 1];
    for (int64_t b = 0; b < args.bags; ++b)
      for (int64_t p = span_of(args, b).begin; p < span_of(args, b).end; ++p) {
        bag[p] = b;
        if (args.index[p] != args.padding) order[start[args.index[p] + 1]++] = p;
      }
  }
};

template <class T, int NV>
void add_to_row(const EmbeddingBagArgs& args, const BagOrder& by_row, const Compute<T>* scale, int64_t row,
                int64_t column, int count) {
  using A = Compute<T>;
  const T* grad_out = static_cast<const T*>(args.grad_out) + column;
  const T* factors = static_cast<const T*>(args.factors);
  const int64_t begin = by_row.start[row], end = by_row.start[row + 1];
  Vec<A> sum[NV] = {};
  for (int64_t i = begin; i < end; ++i) {
    const int64_t p = by_row.order[i], b = by_row.bag[p];
    Vec<A> g[NV];
    load_vectors<NV, T>(grad_out + b * args.width, count, g);
    const Vec<A> factor = broadcast(factors ? to_compute(factors[p]) : scale ? scale[b] : A(1));
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sum[v] = fma(g[v], factor, sum[v]);
  }
  if (args.by_frequency)
    for (Vec<A>& s : sum) s = s / broadcast(A(end - begin));
  store_vectors<NV, T>(static_cast<T*>(args.grad_weight) + row * args.width + column, count, sum);
}

template <class T>
void embedding_bag_backward_as(const EmbeddingBagArgs& args) {
  using A = Compute<T>;
  const int64_t per_chunk = larger<int64_t>(kBagChunkWork / larger<int64_t>(args.width, 1), 1);
  T* grad_weight = static_cast<T*>(args.grad_weight);
  const auto for_rows = [&](auto&& body) {
    for_chunks((args.rows + per_chunk - 1) / per_chunk,
               [&](int64_t chunk) { body(chunk * per_chunk, smaller((chunk + 1) * per_chunk, args.rows)); });
  };
  if (args.mode == BagMode::max) {
    for_rows([&](int64_t begin, int64_t end) {
      __builtin_memset(grad_weight + begin * args.width, 0, size_t((end - begin) * args.width) * sizeof(T));
    });
    const T* grad_out = static_cast<const T*>(args.grad_out);
    for (int64_t i = 0; i < args.bags * args.width; ++i) {
      if (args.largest[i] < 0) continue;
      T& at = grad_weight[args.largest[i] * args.width + i % args.width];
      at = from_compute<T>(to_compute(at) + to_compute(grad_out[i]));
    }
    return;
  }
  const BagOrder by_row(args);
  const bool mean = args.mode == BagMode::mean;
  Workspace memory(mean ? size_t(args.bags) * sizeof(A) : 0);
  A* scale = mean ? static_cast<A*>(memory.data()) : nullptr;
  for (int64_t b = 0; mean && b < args.bags; ++b)
    scale[b] = A(1) / A(larger<int64_t>(counted(args, span_of(args, b)), 1));
  for_rows([&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      if (by_row.start[row] == by_row.start[row + 1]) {
        __builtin_memset(grad_weight + row * args.width, 0, size_t(args.width) * sizeof(T));
        continue;
      }
      for_stretches<A>(args.width, [&]<int NV>(int64_t column, int count) {
        add_to_row<T, NV>(args, by_row, scale, row, column, count);
      });
    }
  });
}

void embedding_bag_backward(const EmbeddingBagArgs& args) {
  with_float(args.dtype, [&](auto zero) { embedding_bag_backward_as<decltype(zero)>(args); });
}

template <class T>
void embedding_bag_factors_backward_as(const EmbeddingBagArgs& args) {
  using A = Compute<T>;
  const T* weight = static_cast<const T*>(args.weight);
  T* grad_factors = static_cast<T*>(args.grad_factors);
  if (args.offsets) __builtin_memset(grad_factors, 0, size_t(args.n) * sizeof(T));
  for_bags(args, [&](int64_t b, BagSpan span) {
    const T* grad = static_cast<const T*>(args.grad_out) + b * args.width;
    for (int64_t p = span.begin; p < span.end; ++p) {
      Vec<A> sum[kBagVectors] = {};
      if (args.index[p] != args.padding)
        for_stretches<A>(args.width, [&]<int NV>(int64_t column, int count) {
          Vec<A> g[NV], w[NV];
          load_vectors<NV, T>(grad + column, count, g);
          load_vectors<NV, T>(weight + args.index[p] * args.width + column, count, w);
#pragma GCC unroll 4
          for (int v = 0; v < NV; ++v) sum[v] = fma(g[v], w[v], sum[v]);
        });
      grad_factors[p] = from_compute<T>(fold(Vec<A>((sum[0] + sum[1]) + (sum[2] + sum[3])),
                                             [](auto x, auto y) __attribute__((always_inline)) { return x + y; }));
    }
  });
}

void embedding_bag_factors_backward(const EmbeddingBagArgs& args) {
  with_float(args.dtype, [&](auto zero) { embedding_bag_factors_backward_as<decltype(zero)>(args); });
}

}  // namespace hotloop::HOTLOOP_ISA
