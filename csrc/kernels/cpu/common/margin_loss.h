// Margin losses (kernels/args/margin_loss.h): one pass over a row for each class that it names. The named classes
// stand at -infinity in a copy of the row, where no margin reaches them.
#pragma once

#include "kernels/args/margin_loss.h"
#include "kernels/cpu/common/softmax_rows.h"

namespace hotloop::HOTLOOP_ISA {

// body(row, its elements with the named classes out of reach, the named classes, how many) for all rows; `extra`:
// elements of A behind the row's copy.
template <class T, class F>
void for_margin_rows(const MarginLossArgs& args, int64_t extra, F body) {
  using A = Compute<T>;
  const int64_t n = args.classes, passes = smaller<int64_t>(args.named, 8) + 1;
  for_row_runs(1, args.rows, n * passes, rows_of_chunk(n * passes), [&](int64_t, int64_t first, int64_t rows) {
    Workspace memory(size_t(n + extra) * sizeof(A));
    A* others = static_cast<A*>(memory.data());
    for (int64_t r = first; r < first + rows; ++r) {
      const T* x = static_cast<const T*>(args.x) + r * n;
      const int64_t* target = args.target + r * args.named;
      gather_rows(others, x, 0, 1, 1, n);
      int64_t count = 0;
      for (; count < args.named && target[count] >= 0; ++count) others[target[count]] = lowest<A>();
      body(r, x, others, target, count);
    }
  });
}

template <bool kSquared, class T>
void margin_loss_as(const MarginLossArgs& args) {
  using A = Compute<T>;
  for_margin_rows<T>(args, 0, [&](int64_t r, const T* x, const A* others, const int64_t* target, int64_t count) {
    double loss = 0;
    for (int64_t k = 0; k < count; ++k) {
      const Vec<A> apart = broadcast(A(args.margin) - to_compute(x[target[k]]));
      loss += double(sum_row<A>(args.classes, [&](int64_t i, int n) __attribute__((always_inline)) {
        const Vec<A> z = load_some(others + i, n) + apart;
        return keep_lanes<A>(select<Vec<A>>(z > Vec<A>{}, kSquared ? z * z : z, Vec<A>{}), n);
      }));
    }
    static_cast<T*>(args.loss)[r] = from_compute<T>(A(loss / double(args.classes)));
  });
}

template <bool kSquared, class T>
void margin_loss_backward_as(const MarginLossArgs& args) {
  using A = Compute<T>;
  const int64_t classes = args.classes;
  for_margin_rows<T>(args, classes, [&](int64_t r, const T* x, A* others, const int64_t* target, int64_t count) {
    A* slope = others + classes;
    __builtin_memset(slope, 0, size_t(classes) * sizeof(A));
    for (int64_t k = 0; k < count; ++k) {
      const Vec<A> apart = broadcast(A(args.margin) - to_compute(x[target[k]]));
      // A named class has no share in its list's sums, so that its own slope is safe in its place.
      const A sum = sum_row<A>(classes, [&](int64_t i, int n) __attribute__((always_inline)) {
        const Vec<A> z = load_some(others + i, n) + apart;
        const Vec<A> d = keep_lanes<A>(select<Vec<A>>(z > Vec<A>{}, kSquared ? z + z : broadcast(A(1)), Vec<A>{}), n);
        store_some<A>(slope + i, load_some(slope + i, n) + d, n);
        return d;
      });
      slope[target[k]] -= sum;
    }
    const A factor = to_compute(static_cast<const T*>(args.grad_loss)[r]) / A(classes);
    for (int64_t i = 0; i < classes; ++i) slope[i] *= factor;
    scatter_rows(static_cast<T*>(args.grad_x) + r * classes, 0, 1, slope, 1, classes);
  });
}

void margin_loss(const MarginLossArgs& args) {
  with_float(args.dtype,
             [&]<class T>(T) { args.squared ? margin_loss_as<true, T>(args) : margin_loss_as<false, T>(args); });
}
void margin_loss_backward(const MarginLossArgs& args) {
  with_float(args.dtype, [&]<class T>(T) {
    args.squared ? margin_loss_backward_as<true, T>(args) : margin_loss_backward_as<false, T>(args);
  });
}

}  // namespace hotloop::HOTLOOP_ISA
