// Layer norm and RMS norm (kernels/args/norm.h).
#pragma once

#include "kernels/args/norm.h"
#include "kernels/cpu/common/softmax_rows.h"

namespace hotloop::HOTLOOP_ISA {

// Rows whose shares of grad_weight and grad_bias are summed one after another; blocks are summed pairwise.
constexpr int64_t kNormBlockRows = 32;
// Rows of the backward pass that are summed side by side: as many as leave the sums in registers.
#if defined(__AVX512F__)
constexpr int kNormRowsAtOnce = 4;
#else
constexpr int kNormRowsAtOnce = 2;
#endif

// A row of T as A: itself, or converted into `buffer`.
template <class T, class A>
inline const A* as_row(const T* p, A* buffer, int64_t n) {
  if constexpr (__is_same(T, A)) {
    return p;
  } else {
    load_row(buffer, p, n);
    return buffer;
  }
}

// A vector of n parameters as A for the time of a kernel; null stays null.
template <class T>
struct Parameters {
  using A = Compute<T>;
  Workspace copy;
  const A* p;
  Parameters(const void* source, int64_t n) : copy(source && !__is_same(T, A) ? size_t(n) * sizeof(A) : 0) {
    p = source ? as_row(static_cast<const T*>(source), static_cast<A*>(copy.data()), n) : nullptr;
  }
};

template <bool kLayer, class A>
void normalise_row(const A* x, const A* weight, const A* bias, A* out, int64_t n, A eps, A& mean, A& rstd) {
  if constexpr (kLayer) {
    mean = sum_row<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) { return load_some(x + i, count); }) /
           A(n);
  } else {
    mean = 0;
  }
  const Vec<A> shift = broadcast(mean);
  const A squares = sum_row<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    const Vec<A> d = load_some(x + i, count) - shift;
    return keep_lanes<A>(d * d, count);
  });
  rstd = A(1 / __builtin_sqrt(double(squares / A(n) + eps)));
  const Vec<A> scale = broadcast(rstd);
  for_vectors<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    Vec<A> y = (load_some(x + i, count) - shift) * scale;
    if (weight) y *= load_some(weight + i, count);
    if (bias) y += load_some(bias + i, count);
    store_some<A>(out + i, y, count);
  });
}

template <class T, bool kLayer>
void norm_as(const NormArgs& args) {
  using A = Compute<T>;
  const int64_t n = args.n;
  const Parameters<T> weight(args.weight, n), bias(args.bias, n);
  A* mean = static_cast<A*>(args.mean);
  A* rstd = static_cast<A*>(args.rstd);
  for_row_runs(1, args.rows, n, rows_of_chunk(n), [&](int64_t, int64_t first, int64_t rows) {
    Workspace buffer(__is_same(T, A) ? 0 : size_t(n) * sizeof(A));
    A* converted = static_cast<A*>(buffer.data());
    for (int64_t r = first; r < first + rows; ++r) {
      const A* x = as_row(static_cast<const T*>(args.x) + r * args.x_row_stride, converted, n);
      T* out = static_cast<T*>(args.out) + r * args.out_row_stride;
      A* y = converted;
      if constexpr (__is_same(T, A)) y = out;
      A row_mean, row_rstd;
      normalise_row<kLayer>(x, weight.p, bias.p, y, n, A(args.eps), row_mean, row_rstd);
      if constexpr (!__is_same(T, A)) store_row(out, y, n);
      if (kLayer && mean) mean[r] = row_mean;
      if (rstd) rstd[r] = row_rstd;
    }
  });
}

// With x^ = (x - mean) rstd and g = grad_out weight:
//   grad_x = rstd (g - [mean of g] - x^ mean of g x^), the first mean only in a layer norm.
// The pass that takes the means also adds the row's shares to grad_weight and grad_bias, where they are wanted.
// Several rows at once: their sums are independent chains, and the shares are read and written once for all.
template <class A>
struct NormBackwardRow {
  const A *x, *grad_out;
  A mean, rstd;
  A* grad_x;  // null where not wanted
};
template <bool kLayer, int kRows, class A>
void norm_backward_rows(const NormBackwardRow<A>* rows, const A* weight, A* grad_weight, A* grad_bias, int64_t n) {
  double sum_g[kRows] = {}, sum_gx[kRows] = {};
  for (int64_t start = 0; start < n; start += kRowBlock) {
    Vec<A> g_sum[kRows] = {}, gx_sum[kRows] = {};
    for_vectors<A>(smaller<int64_t>(kRowBlock, n - start), [&](int64_t k, int count) __attribute__((always_inline)) {
      const int64_t i = start + k;
      const Vec<A> w = weight ? load_some(weight + i, count) : broadcast(A(1));
      Vec<A> weight_share{}, bias_share{};
      if (grad_weight) {
        weight_share = load_some(grad_weight + i, count);
        bias_share = load_some(grad_bias + i, count);
      }
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) {
        const Vec<A> go = load_some(rows[r].grad_out + i, count);  // 0 in the lanes past the end: all sums are right
        const Vec<A> normal = (load_some(rows[r].x + i, count) - broadcast(rows[r].mean)) * broadcast(rows[r].rstd);
        weight_share += go * normal;
        bias_share += go;
        const Vec<A> g = go * w;
        g_sum[r] += g;
        gx_sum[r] += g * normal;
      }
      if (grad_weight) {
        store_some<A>(grad_weight + i, weight_share, count);
        store_some<A>(grad_bias + i, bias_share, count);
      }
    });
    for (int r = 0; r < kRows; ++r) {
      sum_g[r] += double(sum_of_lanes<A>(g_sum[r]));
      sum_gx[r] += double(sum_of_lanes<A>(gx_sum[r]));
    }
  }
  for (int r = 0; r < kRows; ++r) {
    const NormBackwardRow<A>& row = rows[r];
    if (!row.grad_x) return;
    const Vec<A> shift = broadcast(row.mean), scale = broadcast(row.rstd);
    const Vec<A> mean_g = broadcast(kLayer ? A(sum_g[r] / double(n)) : A(0));
    const Vec<A> mean_gx = broadcast(A(sum_gx[r] / double(n)));
    for_vectors<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
      const Vec<A> go = load_some(row.grad_out + i, count);
      const Vec<A> normal = (load_some(row.x + i, count) - shift) * scale;
      const Vec<A> g = weight ? go * load_some(weight + i, count) : go;
      store_some<A>(row.grad_x + i, (g - mean_g - normal * mean_gx) * scale, count);
    });
  }
}

template <class T, bool kLayer>
void norm_backward_as(const NormBackwardArgs& args) {
  using A = Compute<T>;
  const int64_t n = args.n;
  const Parameters<T> weight(args.weight, n);
  const A* mean = static_cast<const A*>(args.mean);
  const A* rstd = static_cast<const A*>(args.rstd);
  const bool parameters = args.grad_weight || args.grad_bias;
  const int64_t blocks = (args.rows + kNormBlockRows - 1) / kNormBlockRows;
  Workspace shares(parameters ? size_t(2 * larger<int64_t>(blocks, 1) * n) * sizeof(A) : 0);
  A* share = static_cast<A*>(shares.data());
  for_row_runs(
      1, blocks, n * kNormBlockRows, rows_of_chunk(n * kNormBlockRows), [&](int64_t, int64_t first, int64_t count) {
        Workspace buffer(__is_same(T, A) ? 0 : size_t(2 * kNormRowsAtOnce * n) * sizeof(A));
        for (int64_t block = first; block < first + count; ++block) {
          const int64_t begin = block * kNormBlockRows, end = smaller(begin + kNormBlockRows, args.rows);
          A* grad_weight = parameters ? share + 2 * block * n : nullptr;
          A* grad_bias = parameters ? grad_weight + n : nullptr;
          if (parameters) __builtin_memset(grad_weight, 0, size_t(2 * n) * sizeof(A));
          for (int64_t r = begin; r < end; r += kNormRowsAtOnce) {
            const int together = int(smaller<int64_t>(kNormRowsAtOnce, end - r));
            NormBackwardRow<A> rows[kNormRowsAtOnce];
            for (int k = 0; k < together; ++k) {
              A* converted = static_cast<A*>(buffer.data()) + 2 * k * n;
              rows[k].x = as_row(static_cast<const T*>(args.x) + (r + k) * args.x_row_stride, converted, n);
              rows[k].grad_out =
                  as_row(static_cast<const T*>(args.grad_out) + (r + k) * args.grad_out_row_stride, converted + n, n);
              rows[k].mean = kLayer ? mean[r + k] : A(0);
              rows[k].rstd = rstd[r + k];
              rows[k].grad_x = nullptr;
              if (!args.grad_x) continue;
              if constexpr (__is_same(T, A))
                rows[k].grad_x = static_cast<T*>(args.grad_x) + (r + k) * args.grad_x_row_stride;
              else
                rows[k].grad_x = converted;
            }
            if (together == kNormRowsAtOnce)
              norm_backward_rows<kLayer, kNormRowsAtOnce>(rows, weight.p, grad_weight, grad_bias, n);
            else
              for (int k = 0; k < together; ++k)
                norm_backward_rows<kLayer, 1>(rows + k, weight.p, grad_weight, grad_bias, n);
            if constexpr (!__is_same(T, A))
              for (int k = 0; args.grad_x && k < together; ++k)
                store_row(static_cast<T*>(args.grad_x) + (r + k) * args.grad_x_row_stride, rows[k].grad_x, n);
          }
        }
      });
  if (!parameters) return;
  if (blocks == 0) __builtin_memset(share, 0, size_t(2 * n) * sizeof(A));
  for (int64_t step = 1; step < blocks; step *= 2)
    for (int64_t block = 0; block + step < blocks; block += 2 * step) {
      A* __restrict__ into = share + 2 * block * n;
      const A* __restrict__ from = share + 2 * (block + step) * n;
      for (int64_t i = 0; i < 2 * n; ++i) into[i] += from[i];
    }
  const auto put = [&](void* out, const A* values) {
    if (out) scatter_rows(static_cast<T*>(out), 0, 1, values, 1, n);
  };
  put(args.grad_weight, share);
  put(args.grad_bias, share + n);
}

void norm(const NormArgs& args) {
  const bool layer = args.kind == NormKind::layer;
  switch (args.dtype) {
    case DType::f16: return layer ? norm_as<half_t, true>(args) : norm_as<half_t, false>(args);
    case DType::bf16: return layer ? norm_as<bfloat16_t, true>(args) : norm_as<bfloat16_t, false>(args);
    case DType::f64: return layer ? norm_as<double, true>(args) : norm_as<double, false>(args);
    default: return layer ? norm_as<float, true>(args) : norm_as<float, false>(args);
  }
}
void norm_backward(const NormBackwardArgs& args) {
  const bool layer = args.kind == NormKind::layer;
  switch (args.dtype) {
    case DType::f16: return layer ? norm_backward_as<half_t, true>(args) : norm_backward_as<half_t, false>(args);
    case DType::bf16:
      return layer ? norm_backward_as<bfloat16_t, true>(args) : norm_backward_as<bfloat16_t, false>(args);
    case DType::f64: return layer ? norm_backward_as<double, true>(args) : norm_backward_as<double, false>(args);
    default: return layer ? norm_backward_as<float, true>(args) : norm_backward_as<float, false>(args);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
