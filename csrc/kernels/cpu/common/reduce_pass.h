// One pass of a reduction: for a run of outputs along the innermost kept dim, the tree of reduce_core.h over
// all reduced dims. Rows: the elements of an output are gathered in blocks (or read in place where they are
// contiguous). Columns: neighbouring outputs are neighbouring in memory, so vectors go across outputs.
#pragma once

#include "core/cpu_features.h"
#include "core/memory.h"
#include "kernels/args/reduce.h"
#include "kernels/cpu/common/reduce_core.h"
#include "kernels/cpu/common/reduce_load.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kSplitWork = 64 * 1024;  // elements of a chunk when one output is split; about 10 us

// The reduced dims but the innermost, position by position in row-major order.
struct OuterWalk {
  const ReduceDim* dims;
  int count;
  int64_t index[kReduceMaxDims];
  int64_t offset;

  OuterWalk(const ReduceDim* d, int n, int64_t position) : dims(d), count(n), offset(0) {
    for (int i = n - 1; i >= 0; --i) {
      index[i] = position % d[i].size;
      position /= d[i].size;
      offset += index[i] * d[i].in_stride;
    }
  }
  void next() {
    for (int i = count - 1; i >= 0; --i) {
      offset += dims[i].in_stride;
      if (++index[i] < dims[i].size) return;
      offset -= dims[i].size * dims[i].in_stride;
      index[i] = 0;
    }
  }
};

template <class A>
struct ReduceSource {
  int64_t itemsize;
  BlockLoader<A> load;
  bool same_type;  // elements are of type A already
  bool columns;
  int64_t n, stride;  // innermost reduced dim
  int64_t outer;      // positions of the others
  const ReduceDim* outer_dims;
  int outer_count;
  bool far;  // all that is read is more than the second cache holds

  const char* at(const char* in, int64_t elements) const { return in + elements * itemsize; }
  // f32 in a row, where A is f64.
  bool narrow() const { return !same_type && stride == 1 && itemsize == int64_t(sizeof(float)); }
  bool in_place() const { return same_type && stride == 1; }  // as rows are read
  // `count` elements from position `start` of the innermost reduced dim, contiguous.
  const A* block(const char* in, int64_t start, int64_t count, A* buffer) const {
    const char* p = at(in, start * stride);
    if (in_place()) return reinterpret_cast<const A*>(p);
    load(buffer, p, stride, count, 1, 0);
    return buffer;
  }
};

// Positions [start, start + count) of the innermost dim, of the output at `in`.
template <class A>
A reduce_row_span(const TreeOp<A>& op, const ReduceSource<A>& source, const char* in, int64_t start, int64_t count,
                  A c) {
  alignas(64) A buffer[kTreeBlock];
  if (count <= kTreeBlock) return op.row_block(source.block(in, start, count, buffer), int(count), c);
  A levels[kTreeLevels];
  Pairwise<A> tree{op, levels, 1};
  int64_t i = 0;
  if (source.in_place()) {
    A constants[kTreeRows], blocks[kTreeRows];
    for (A& constant : constants) constant = c;
    for (; i + kTreeRows * kTreeBlock <= count; i += kTreeRows * kTreeBlock) {
      op.row_blocks(source.block(in, start + i, kTreeBlock, buffer), kTreeBlock, kTreeBlock, constants, blocks);
      for (A block : blocks) {
        *tree.next() = block;
        tree.push();
      }
    }
  }
  for (; i < count; i += kTreeBlock) {
    const int size = int(smaller<int64_t>(count - i, kTreeBlock));
    if (op.narrow_block && source.narrow())
      *tree.next() = op.narrow_block(reinterpret_cast<const float*>(source.at(in, (start + i) * source.stride)), size);
    else
      *tree.next() = op.row_block(source.block(in, start + i, size, buffer), size, c);
    tree.push();
  }
  return *tree.result();
}

// At most kTreeBlock rows. acc, c and out of columns hold kStrip numbers: whole vectors are read and written.
template <class A>
void reduce_column_block(const TreeOp<A>& op, const ReduceSource<A>& source, const char* in, int64_t start, int rows,
                         const A* c, int width, A* out) {
  alignas(64) A acc[kTreeLanes * kStrip<A>];
  alignas(64) A converted[kTreeGroup * kStrip<A>];
  for (int i = 0; i < rows; i += kTreeGroup) {
    const int group = smaller(rows - i, kTreeGroup);
    const A* p = reinterpret_cast<const A*>(source.at(in, (start + i) * source.stride));
    int64_t row_stride = source.stride;
    if (!source.same_type) {
      source.load(converted, p, 1, width, group, source.stride);
      p = converted;
      row_stride = kStrip<A>;
    }
    op.column_group(acc, i == 0, p, row_stride, group, c, width);
  }
  // Lane l with l + 8, then + 4, + 2, + 1, as rows do; lanes that no row reached are left out.
  int live = smaller(rows, kTreeLanes);
  for (int half = kTreeLanes / 2; half > 0; half /= 2) {
    for (int l = 0; l + half < live; ++l) op.merge(acc + l * kStrip<A>, acc + (l + half) * kStrip<A>, width);
    live = smaller(live, half);
  }
  __builtin_memcpy(out, acc, size_t(width) * sizeof(A));
}

template <class A>
void reduce_column_span(const TreeOp<A>& op, const ReduceSource<A>& source, const char* in, int64_t start,
                        int64_t count, const A* c, int width, A* out) {
  if (count <= kTreeBlock) return reduce_column_block(op, source, in, start, int(count), c, width, out);
  Workspace workspace(sizeof(A) * size_t(width) * kTreeLevels);
  Pairwise<A> tree{op, static_cast<A*>(workspace.data()), width};
  for (int64_t i = 0; i < count; i += kTreeBlock) {
    reduce_column_block(op, source, in, start + i, int(smaller<int64_t>(count - i, kTreeBlock)), c, width, tree.next());
    tree.push();
  }
  __builtin_memcpy(out, tree.result(), size_t(width) * sizeof(A));
}

template <class A>
void reduce_span(const TreeOp<A>& op, const ReduceSource<A>& source, const char* in, int64_t start, int64_t count,
                 const A* c, int width, A* out) {
  if (source.columns)
    reduce_column_span(op, source, in, start, count, c, width, out);
  else
    *out = reduce_row_span(op, source, in, start, count, op.uses_constant ? *c : A(0));
}

// How the elements of an output (or strip) are cut when they are many: spans of the innermost dim, or runs of
// outer positions; both powers of two of the tree's units, so that the cut does not show in the result.
struct SplitPlan {
  int64_t span, spans;  // elements of the innermost dim; spans per outer position
  int64_t run, runs;    // outer positions
};
inline SplitPlan plan_split(int64_t n, int64_t outer, int64_t width) {
  SplitPlan plan{n, 1, 1, outer};
  if (n * width >= 2 * kSplitWork && n > kTreeBlock) {
    plan.span = kTreeBlock;
    while (plan.span * width < kSplitWork) plan.span *= 2;
    plan.spans = (n + plan.span - 1) / plan.span;
  } else {
    while (plan.run * n * width < kSplitWork && plan.run < outer) plan.run *= 2;
    plan.runs = (outer + plan.run - 1) / plan.run;
  }
  return plan;
}

// All reduced dims of one output, or of a strip of `width` columns.
template <class A>
[[gnu::noinline]] void reduce_split(const TreeOp<A>& op, const ReduceSource<A>& source, const char* in, const A* c,
                                    int width, A* out) {
  const SplitPlan plan = plan_split(source.n, source.outer, width);
  const int64_t items = plan.spans * plan.runs;
  Workspace workspace(size_t(items + 2 * kTreeLevels) * sizeof(A) * size_t(width));
  A* partial = static_cast<A*>(workspace.data());
  const size_t strip = size_t(width) * sizeof(A);
  for_chunks(items, [&](int64_t item) {
    A* result = partial + item * width;
    const int64_t first = item / plan.spans * plan.run, start = item % plan.spans * plan.span;
    OuterWalk walk(source.outer_dims, source.outer_count, first);
    const int64_t count = smaller(plan.span, source.n - start), positions = smaller(plan.run, source.outer - first);
    if (positions == 1) return reduce_span(op, source, source.at(in, walk.offset), start, count, c, width, result);
    Workspace levels(strip * kTreeLevels);
    Pairwise<A> tree{op, static_cast<A*>(levels.data()), width};
    for (int64_t i = 0; i < positions; ++i, walk.next()) {
      reduce_span(op, source, source.at(in, walk.offset), start, count, c, width, tree.next());
      tree.push();
    }
    __builtin_memcpy(result, tree.result(), strip);
  });
  Pairwise<A> tree{op, partial + items * width, width};
  for (int64_t item = 0; item < items; item += plan.spans) {
    Pairwise<A> row{op, partial + (items + kTreeLevels) * width, width};
    for (int64_t i = 0; i < plan.spans; ++i) {
      __builtin_memcpy(row.next(), partial + (item + i) * width, strip);
      row.push();
    }
    __builtin_memcpy(tree.next(), row.result(), strip);
    tree.push();
  }
  __builtin_memcpy(out, tree.result(), strip);
}

// result[i] for `count` outputs, in_stride apart; c[i] their constants where the op uses them.
template <class A>
void reduce_pass(const TreeOp<A>& op, const ReduceSource<A>& source, const char* in, int64_t in_stride, int count,
                 const A* c, A* result) {
  if (source.n * source.outer == 0) {
    for (int i = 0; i < count; ++i) result[i] = op.identity;
    return;
  }
  const int width = source.columns ? count : 1;
  const bool whole = source.outer == 1 && source.n * width < 2 * kSplitWork;
  int i = 0;
  if (whole && !source.columns && source.in_place() && source.n <= kTreeBlock) {
    for (; i + kTreeRows <= count; i += kTreeRows)
      op.row_blocks(reinterpret_cast<const A*>(source.at(in, i * in_stride)), in_stride, int(source.n),
                    op.uses_constant ? c + i : nullptr, result + i);
  }
  for (; i < count; i += width) {
    if (whole)
      reduce_span(op, source, source.at(in, i * in_stride), 0, source.n, c + i, width, result + i);
    else
      reduce_split(op, source, source.at(in, i * in_stride), c + i, width, result + i);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
