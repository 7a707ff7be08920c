// Softmax and log-softmax: rows in one visit of the cache, or strips of columns where the inner dim is the
// contiguous one.
#pragma once

#include "kernels/cpu/common/softmax_rows.h"

namespace hotloop::HOTLOOP_ISA {

// Columns of a strip: 1 KB of a row, which the prefetchers follow; narrower strips that stay in L2 were slower
// (1200 x 1500 f32 by columns: 32 columns 1.3 ms, 64 and 128 1.1 ms, 256 0.9 ms).
constexpr int kStripColumns = 256;

template <class A>
inline A log_of(A x) {
  return A(__builtin_log(x));
}

template <class A>
struct SoftmaxRow {
  A* out;
  const A* x;
};
template <class A>
void softmax_row(SoftmaxRow<A> row, SoftmaxRow<A> next, int64_t n, bool log) {
  const auto [out, x] = row;
  const A max = max_of_row(x, n);
  if (log) {
    const A log_sum = log_of(sum_exp_of_row(x, next.x, n, max));
    return for_vectors<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
      store_some<A>(out + i, load_some(x + i, count) - max - log_sum, count);
    });
  }
  const A sum = sum_row<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    fetch(next.x + i);
    fetch_to_write(next.out + i);
    const Vec<A> e = exp_nonpositive(load_some(x + i, count) - max);
    store_some<A>(out + i, e, count);
    return keep_lanes<A>(e, count);
  });
  const A scale = A(1) / sum;
  for_vectors<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    store_some<A>(out + i, load_some(out + i, count) * scale, count);
  });
}

template <class A>
struct SoftmaxBackwardRow {
  const A *out, *grad_out;
};
template <class A>
void softmax_backward_row(A* grad_x, SoftmaxBackwardRow<A> row, SoftmaxBackwardRow<A> next, int64_t n, bool log) {
  const auto [out, grad_out] = row;
  const A sum = sum_row<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    const Vec<A> g = load_some(grad_out + i, count);
    return log ? g : g * load_some(out + i, count);
  });
  for_vectors<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    fetch(next.out + i);
    fetch(next.grad_out + i);
    const Vec<A> g = load_some(grad_out + i, count), y = load_some(out + i, count);
    store_some<A>(grad_x + i, log ? g - exp(y) * sum : (g - sum) * y, count);
  });
}

template <class A>
void softmax_strip(A* out, int64_t out_stride, const A* x, int64_t x_stride, int64_t n, int width, bool log) {
  alignas(64) A max[kStripColumns], sum[kStripColumns];
  for_vectors<A>(width, [&](int64_t j, int) __attribute__((always_inline)) {
    store(max + j, broadcast(lowest<A>()));
    store(sum + j, Vec<A>{});
  });
  for (int64_t i = 0; i < n; ++i)
    for_vectors<A>(width, [&](int64_t j, int count) __attribute__((always_inline)) {
      const Vec<A> v = load_some(x + i * x_stride + j, count), best = load(max + j);
      store(max + j, v > best ? v : best);
    });
  for (int64_t i = 0; i < n; ++i)
    for_vectors<A>(width, [&](int64_t j, int count) __attribute__((always_inline)) {
      const Vec<A> e = exp_nonpositive(load_some(x + i * x_stride + j, count) - load(max + j));
      if (!log) store_some<A>(out + i * out_stride + j, e, count);
      store(sum + j, load(sum + j) + e);
    });
  for (int j = 0; j < width; ++j) sum[j] = log ? log_of(sum[j]) : A(1) / sum[j];
  for (int64_t i = 0; i < n; ++i)
    for_vectors<A>(width, [&](int64_t j, int count) __attribute__((always_inline)) {
      A* o = out + i * out_stride + j;
      store_some<A>(o,
                    log ? load_some(x + i * x_stride + j, count) - load(max + j) - load(sum + j)
                        : load_some(o, count) * load(sum + j),
                    count);
    });
}

template <class A>
void softmax_backward_strip(A* grad_x, int64_t grad_x_stride, const A* out, int64_t out_stride, const A* grad_out,
                            int64_t grad_out_stride, int64_t n, int width, bool log) {
  alignas(64) A sum[kStripColumns];
  for_vectors<A>(width, [&](int64_t j, int) __attribute__((always_inline)) { store(sum + j, Vec<A>{}); });
  for (int64_t i = 0; i < n; ++i)
    for_vectors<A>(width, [&](int64_t j, int count) __attribute__((always_inline)) {
      const Vec<A> g = load_some(grad_out + i * grad_out_stride + j, count);
      store(sum + j, load(sum + j) + (log ? g : g * load_some(out + i * out_stride + j, count)));
    });
  for (int64_t i = 0; i < n; ++i)
    for_vectors<A>(width, [&](int64_t j, int count) __attribute__((always_inline)) {
      const Vec<A> g = load_some(grad_out + i * grad_out_stride + j, count);
      const Vec<A> y = load_some(out + i * out_stride + j, count), s = load(sum + j);
      store_some<A>(grad_x + i * grad_x_stride + j, log ? g - exp(y) * s : (g - s) * y, count);
    });
}

template <class T>
void softmax_as(const SoftmaxArgs& args) {
  using A = Compute<T>;
  const T* x = static_cast<const T*>(args.x);
  T* out = static_cast<T*>(args.out);
  const RowStrides &xs = args.x_strides, &os = args.out_strides;
  const int64_t n = args.n;
  if constexpr (__is_same(T, A)) {
    if ((xs.n == 1 && os.n == 1) || n == 1)
      return for_row_runs(args.outer, args.inner, n, rows_of_chunk(n), [&](int64_t o, int64_t j, int64_t rows) {
        for (int64_t r = j; r < j + rows; ++r) {
          const SoftmaxRow<A> row{out + o * os.outer + r * os.inner, x + o * xs.outer + r * xs.inner};
          const SoftmaxRow<A> next{next_row(row.out, row_stride(os, args.inner), n),
                                   next_row(row.x, row_stride(xs, args.inner), n)};
          softmax_row(row, next, n, args.log);
        }
      });
    if (xs.inner == 1 && os.inner == 1 && args.inner > 1)
      return for_row_runs(args.outer, args.inner, n, kStripColumns, [&](int64_t o, int64_t j, int64_t rows) {
        softmax_strip(out + o * os.outer + j, os.n, x + o * xs.outer + j, xs.n, n, int(rows), args.log);
      });
  }
  for_row_runs(args.outer, args.inner, n, rows_of_tile(n, sizeof(A)), [&](int64_t o, int64_t j, int64_t rows) {
    Workspace tile(size_t(rows * n) * sizeof(A));
    A* row = static_cast<A*>(tile.data());
    gather_rows(row, x + o * xs.outer + j * xs.inner, xs.inner, xs.n, rows, n);
    for (int64_t r = 0; r < rows; ++r) {
      const SoftmaxRow<A> in_place{row + r * n, row + r * n};
      softmax_row(in_place, in_place, n, args.log);
    }
    scatter_rows(out + o * os.outer + j * os.inner, os.inner, os.n, row, rows, n);
  });
}

template <class T>
void softmax_backward_as(const SoftmaxBackwardArgs& args) {
  using A = Compute<T>;
  const T* out = static_cast<const T*>(args.out);
  const T* grad_out = static_cast<const T*>(args.grad_out);
  T* grad_x = static_cast<T*>(args.grad_x);
  const RowStrides &os = args.out_strides, &gs = args.grad_out_strides, &xs = args.grad_x_strides;
  const int64_t n = args.n;
  if constexpr (__is_same(T, A)) {
    if ((os.n == 1 && gs.n == 1 && xs.n == 1) || n == 1)
      return for_row_runs(args.outer, args.inner, n, rows_of_chunk(n), [&](int64_t o, int64_t j, int64_t rows) {
        for (int64_t r = j; r < j + rows; ++r) {
          const SoftmaxBackwardRow<A> row{out + o * os.outer + r * os.inner, grad_out + o * gs.outer + r * gs.inner};
          softmax_backward_row(
              grad_x + o * xs.outer + r * xs.inner, row,
              {next_row(row.out, row_stride(os, args.inner), n), next_row(row.grad_out, row_stride(gs, args.inner), n)},
              n, args.log);
        }
      });
    if (os.inner == 1 && gs.inner == 1 && xs.inner == 1 && args.inner > 1)
      return for_row_runs(args.outer, args.inner, n, kStripColumns, [&](int64_t o, int64_t j, int64_t rows) {
        softmax_backward_strip(grad_x + o * xs.outer + j, xs.n, out + o * os.outer + j, os.n,
                               grad_out + o * gs.outer + j, gs.n, n, int(rows), args.log);
      });
  }
  for_row_runs(args.outer, args.inner, n, rows_of_tile(n, 2 * sizeof(A)), [&](int64_t o, int64_t j, int64_t rows) {
    Workspace tile(size_t(2 * rows * n) * sizeof(A));
    A* y = static_cast<A*>(tile.data());
    A* g = y + rows * n;
    gather_rows(y, out + o * os.outer + j * os.inner, os.inner, os.n, rows, n);
    gather_rows(g, grad_out + o * gs.outer + j * gs.inner, gs.inner, gs.n, rows, n);
    for (int64_t r = 0; r < rows; ++r) {
      const SoftmaxBackwardRow<A> row{y + r * n, g + r * n};
      softmax_backward_row(g + r * n, row, row, n, args.log);
    }
    scatter_rows(grad_x + o * xs.outer + j * xs.inner, xs.inner, xs.n, g, rows, n);
  });
}

void softmax(const SoftmaxArgs& args) {
  switch (args.dtype) {
    case DType::f16: return softmax_as<half_t>(args);
    case DType::bf16: return softmax_as<bfloat16_t>(args);
    case DType::f64: return softmax_as<double>(args);
    default: return softmax_as<float>(args);
  }
}
void softmax_backward(const SoftmaxBackwardArgs& args) {
  switch (args.dtype) {
    case DType::f16: return softmax_backward_as<half_t>(args);
    case DType::bf16: return softmax_backward_as<bfloat16_t>(args);
    case DType::f64: return softmax_backward_as<double>(args);
    default: return softmax_backward_as<float>(args);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
