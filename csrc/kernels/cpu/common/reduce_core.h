// The fixed tree of a reduction (kernels/args/reduce.h), along rows and down columns.
#pragma once

#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/fold.h"
#include "kernels/cpu/common/vec_math_exp.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int kTreeLanes = 16;    // element i of a block belongs to lane i % 16
constexpr int kTreeGroup = 64;    // four elements a lane are combined, then join the lane's accumulator
constexpr int kTreeRows = 4;      // blocks that go side by side: folding the lanes of one waits for each step
constexpr int kTreeBlock = 4096;  // blocks are combined pairwise; 16 KB of f32, half an L1
template <class A>
constexpr int kStrip = 256 / int(sizeof(A));  // columns: 4 lines a row come from memory a third faster than 16 do

// An op: map(x, c) before accumulation, c a constant of the output; combine; pad(c), whose map is the identity.
template <class A>
struct Sum {
  static constexpr bool kUsesConstant = false;
  template <class V>
  static V map(V x, V) {
    return x;
  }
  template <class V>
  static V combine(V a, V b) {
    return a + b;
  }
  static constexpr A identity() { return A(0); }
  static A pad(A) { return A(0); }
};
template <class A>
struct Prod {
  static constexpr bool kUsesConstant = false;
  template <class V>
  static V map(V x, V) {
    return x;
  }
  template <class V>
  static V combine(V a, V b) {
    return a * b;
  }
  static constexpr A identity() { return A(1); }
  static A pad(A) { return A(1); }
};
template <class A, bool kMax>
struct Extreme {
  static constexpr bool kUsesConstant = false;
  template <class V>
  static V map(V x, V) {
    return x;
  }
  template <class V>
  static V combine(V a, V b) {  // a NaN on either side wins
    if constexpr (A(0.5) == A(0))
      return kMax ? (b > a ? b : a) : (b < a ? b : a);
    else
      return ((kMax ? b > a : b < a) | (b != b)) ? b : a;
  }
  static constexpr A identity() {
    if constexpr (__is_same(A, float)) return kMax ? -__builtin_inff() : __builtin_inff();
    if constexpr (__is_same(A, double)) return kMax ? -__builtin_inf() : __builtin_inf();
    if constexpr (__is_same(A, int32_t)) return kMax ? INT32_MIN : INT32_MAX;
    if constexpr (__is_same(A, int64_t)) return kMax ? INT64_MIN : INT64_MAX;
  }
  static A pad(A) { return identity(); }
};
template <class A>
struct SumNumbers : Sum<A> {  // NaN is no number
  template <class V>
  static V map(V x, V) {
    return select<V>(x == x, x, V{});
  }
};
template <class A>
struct SumSquares : Sum<A> {
  template <class V>
  static V map(V x, V) {
    return x * x;
  }
};
template <class A>
struct SumCentredSquares : Sum<A> {
  static constexpr bool kUsesConstant = true;
  template <class V>
  static V map(V x, V c) {
    return (x - c) * (x - c);
  }
  static A pad(A c) { return c; }
};
template <class A>
struct SumExp : Sum<A> {
  static constexpr bool kUsesConstant = true;
  template <class V>
  static V map(V x, V c) {
    return exp(x - c);
  }
  static A pad(A) { return -A(__builtin_inff()); }
};

// What the passes need of an op: the rest of their code is the same for all and compiled once for each A.
template <class A>
struct TreeOp {
  A (*row_block)(const A* p, int count, A c);
  void (*row_blocks)(const A* p, int64_t row_stride, int count, const A* c, A* out);  // of kTreeRows outputs
  void (*column_group)(A* acc, bool first, const A* p, int64_t row_stride, int rows, const A* c, int width);
  void (*merge)(A* into, const A* earlier, int64_t width);  // into = combine(earlier, into)
  A (*narrow_block)(const float* p, int count);             // as row_block, of f32; null where A or the op has none
  A identity;
  bool uses_constant;
};

// One lane set: kTreeLanes accumulators in as many vectors as the instruction set needs.
template <class A>
struct TreeLanes {
  static constexpr int kVectors = kTreeLanes / kLanes<A>;
  Vec<A> v[kVectors];
};

template <class Op, class A>
[[gnu::always_inline]] inline void add_group(TreeLanes<A>& acc, const A* p, Vec<A> c) {
  constexpr int kVectors = TreeLanes<A>::kVectors;
#pragma GCC unroll 8
  for (int j = 0; j < kVectors; ++j) {
    const A* q = p + j * kLanes<A>;
    const Vec<A> x01 = Op::combine(Op::map(load(q), c), Op::map(load(q + 16), c));
    const Vec<A> x23 = Op::combine(Op::map(load(q + 32), c), Op::map(load(q + 48), c));
    acc.v[j] = Op::combine(acc.v[j], Op::combine(x01, x23));
  }
}

// The first n lanes from memory, the others of `pad`; n may be anything.
template <class A>
[[gnu::always_inline]] inline Vec<A> load_padded(const A* p, int n, Vec<A> pad) {
  if (n >= kLanes<A>) return load(p);
  if (n <= 0) return pad;
  return select<Vec<A>>(first_lanes<Element<Mask<Vec<A>>>>(n), load_partial(p, n), pad);
}

// Fewer elements than a group, by way of registers: a copy in memory, read back wider than it was written, would wait.
template <class Op, class A>
inline void add_tail(TreeLanes<A>& acc, const A* p, int n, Vec<A> c, Vec<A> pad) {
  for (int j = 0; j < TreeLanes<A>::kVectors; ++j) {
    Vec<A> x[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int at = 16 * i + j * kLanes<A>;
      x[i] = Op::map(load_padded(p + at, n - at, pad), c);
    }
    acc.v[j] = Op::combine(acc.v[j], Op::combine(Op::combine(x[0], x[1]), Op::combine(x[2], x[3])));
  }
}

// Lane l with l + 8, then + 4, + 2, + 1.
template <class Op, class A>
[[gnu::always_inline]] inline A fold_lanes(TreeLanes<A> acc) {
#pragma GCC unroll 4
  for (int half = TreeLanes<A>::kVectors / 2; half > 0; half /= 2)
#pragma GCC unroll 4
    for (int j = 0; j < half; ++j) acc.v[j] = Op::combine(acc.v[j], acc.v[j + half]);
  return fold(acc.v[0], [](auto a, auto b) __attribute__((always_inline)) { return Op::combine(a, b); });
}

// At most kTreeBlock contiguous elements.
template <class Op, class A>
A reduce_block(const A* p, int count, A constant) {
  TreeLanes<A> acc;
  for (Vec<A>& v : acc.v) v = broadcast(Op::identity());
  const Vec<A> c = broadcast(constant);
  int i = 0;
  for (; i + kTreeGroup <= count; i += kTreeGroup) add_group<Op>(acc, p + i, c);
  if (i < count) add_tail<Op>(acc, p + i, count - i, c, broadcast(Op::pad(constant)));
  return fold_lanes<Op>(acc);
}

// The same of f32 in f64, widened on the way: a block written out in f64 first is two thirds of an L1.
template <class Op>
double reduce_narrow_block(const float* p, int count) {
  constexpr int L = kLanes<float>;
  TreeLanes<double> acc;
  for (f64v& v : acc.v) v = broadcast(Op::identity());
  const auto of_four = [](f64v a, f64v b, f64v c, f64v d)
                           __attribute__((always_inline)) { return Op::combine(Op::combine(a, b), Op::combine(c, d)); };
  int i = 0;
  for (; i + kTreeGroup <= count; i += kTreeGroup) {
#pragma GCC unroll 4
    for (int j = 0; j < kTreeLanes / L; ++j) {
      const float* q = p + i + j * L;
      const Widened a = widen(load(q)), b = widen(load(q + 16)), c = widen(load(q + 32)), d = widen(load(q + 48));
      acc.v[2 * j] = Op::combine(acc.v[2 * j], of_four(a.low, b.low, c.low, d.low));
      acc.v[2 * j + 1] = Op::combine(acc.v[2 * j + 1], of_four(a.high, b.high, c.high, d.high));
    }
  }
  double rest[kTreeGroup];
  for (int k = i; k < count; ++k) rest[k - i] = double(p[k]);
  if (i < count) add_tail<Op>(acc, rest, count - i, f64v{}, broadcast(Op::pad(0)));
  return fold_lanes<Op>(acc);
}

// The same for kTreeRows rows; c: one constant a row, where the op uses it.
template <class Op, class A>
void reduce_blocks(const A* p, int64_t row_stride, int count, const A* constants, A* out) {
  TreeLanes<A> acc[kTreeRows];
  Vec<A> c[kTreeRows];
#pragma GCC unroll 4
  for (int r = 0; r < kTreeRows; ++r) {
    for (Vec<A>& v : acc[r].v) v = broadcast(Op::identity());
    c[r] = Op::kUsesConstant ? broadcast(constants[r]) : Vec<A>{};
  }
  int i = 0;
  for (; i + kTreeGroup <= count; i += kTreeGroup) {
#pragma GCC unroll 4
    for (int r = 0; r < kTreeRows; ++r) add_group<Op>(acc[r], p + r * row_stride + i, c[r]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kTreeRows; ++r) {
    const A constant = Op::kUsesConstant ? constants[r] : A(0);
    if (i < count) add_tail<Op>(acc[r], p + r * row_stride + i, count - i, c[r], broadcast(Op::pad(constant)));
    out[r] = fold_lanes<Op>(acc[r]);
  }
}

// Rows l, l + 16, l + 32, l + 48 of a group (the first kRows of them) join lane l's accumulator. Whole vectors
// of acc and c are touched, whatever the width.
template <class Op, int kRows, bool kFirst, class A>
inline void add_rows(A* __restrict__ acc, const A* __restrict__ p, int64_t row_stride, const A* __restrict__ c,
                     int width) {
  const int64_t step = kTreeLanes * row_stride;
  const auto add = [&](int j, auto get) __attribute__((always_inline)) {
    const Vec<A> cj = Op::kUsesConstant ? load(c + j) : Vec<A>{};
    Vec<A> x = Op::map(get(p + j), cj);
    if constexpr (kRows > 1) x = Op::combine(x, Op::map(get(p + j + step), cj));
    if constexpr (kRows > 2) {
      Vec<A> y = Op::map(get(p + j + 2 * step), cj);
      if constexpr (kRows > 3) y = Op::combine(y, Op::map(get(p + j + 3 * step), cj));
      x = Op::combine(x, y);
    }
    store(acc + j, kFirst ? x : Op::combine(load(acc + j), x));
  };
  int j = 0;
#pragma GCC unroll 1
  for (; j + kLanes<A> <= width; j += kLanes<A>)
    add(j, [](const A* q) __attribute__((always_inline)) { return load(q); });
  if (j < width) add(j, [n = width - j](const A* q) __attribute__((always_inline)) { return load_partial(q, n); });
}

// At most kTreeGroup rows; lanes are kStrip apart in acc. `first`: lanes are set, not added to.
template <class Op, class A>
void reduce_column_group(A* acc, bool first, const A* p, int64_t row_stride, int rows, const A* c, int width) {
  for (int l = 0; l < smaller(rows, kTreeLanes); ++l, acc += kStrip<A>, p += row_stride) {
    const int in_lane = (rows - l + kTreeLanes - 1) / kTreeLanes;
    switch (first ? in_lane : -in_lane) {
      case 1: add_rows<Op, 1, true>(acc, p, row_stride, c, width); break;
      case 2: add_rows<Op, 2, true>(acc, p, row_stride, c, width); break;
      case 3: add_rows<Op, 3, true>(acc, p, row_stride, c, width); break;
      case 4: add_rows<Op, 4, true>(acc, p, row_stride, c, width); break;
      case -1: add_rows<Op, 1, false>(acc, p, row_stride, c, width); break;
      case -2: add_rows<Op, 2, false>(acc, p, row_stride, c, width); break;
      case -3: add_rows<Op, 3, false>(acc, p, row_stride, c, width); break;
      default: add_rows<Op, 4, false>(acc, p, row_stride, c, width); break;
    }
  }
}

template <class Op, class A>
void merge_strips(A* __restrict__ into, const A* __restrict__ earlier, int64_t width) {
  for (int64_t i = 0; i < width; ++i) into[i] = Op::combine(earlier[i], into[i]);
}

template <class Op, class A>
constexpr TreeOp<A> tree_op() {
  TreeOp<A> op{reduce_block<Op, A>, reduce_blocks<Op, A>, reduce_column_group<Op, A>, merge_strips<Op, A>, nullptr,
               Op::identity(),      Op::kUsesConstant};
  if constexpr (__is_same(Op, Prod<double>)) op.narrow_block = reduce_narrow_block<Op>;
  return op;
}

// The pairwise tree over a sequence of strips of `width` values, as a binary counter: after k pushes the stack
// holds one strip for each bit of k. Pushing the results of aligned runs of 2^j strips instead of the strips
// gives the same tree.
template <class A>
struct Pairwise {
  const TreeOp<A>& op;
  A* stack;
  int64_t width;
  int top = 0;
  int64_t pushed = 0;

  A* next() { return stack + top * width; }  // where the caller writes the strip that push() takes
  void push() {
    ++top;
    for (int64_t bits = pushed; bits & 1; bits >>= 1) merge();
    ++pushed;
  }
  const A* result() {
    while (top > 1) merge();
    return stack;
  }

 private:
  void merge() {
    --top;
    A* lower = stack + (top - 1) * width;
    op.merge(lower + width, lower, width);
    __builtin_memcpy(lower, lower + width, size_t(width) * sizeof(A));
  }
};
constexpr int kTreeLevels = 40;  // a Pairwise of at most 2^39 strips

}  // namespace hotloop::HOTLOOP_ISA
