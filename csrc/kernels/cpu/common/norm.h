// Layer norm, RMS norm and group norm (kernels/args/norm.h).
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

// Parameters as A for the time of a kernel, each for a run of `inner` elements: short runs have theirs repeated, so that
// inner is 1. Null stays null.
constexpr int64_t kLeastShared = 64;
inline int64_t inner_of_parameters(int64_t inner) { return inner < kLeastShared ? 1 : inner; }
template <class T>
struct Parameters {
  using A = Compute<T>;
  Workspace copy;
  const A* p;
  Parameters(const void* source, int64_t count, int64_t inner)
      : copy(source && (!__is_same(T, A) || repeats(inner) > 1) ? size_t(count * repeats(inner)) * sizeof(A) : 0) {
    A* own = static_cast<A*>(copy.data());
    p = source ? as_row(static_cast<const T*>(source), own, count) : nullptr;
    if (source && repeats(inner) > 1) p = repeated(p, own, count, inner);
  }

 private:
  static int64_t repeats(int64_t inner) { return inner / inner_of_parameters(inner); }
  static const A* repeated(const A* from, A* to, int64_t count, int64_t inner) {
    for (int64_t i = count - 1; i >= 0; --i)
      for (int64_t k = inner - 1; k >= 0; --k) to[i * inner + k] = from[i];  // from may be where `to` begins
    return to;
  }
};

// out[i] = value(i, count) for each vector of a row; where rows are streamed, around the caches.
template <class A, class F>
[[gnu::always_inline]] inline void write_row(A* out, int64_t n, bool streamed, F value) {
  constexpr int L = kLanes<A>;
  if (!streamed)
    return for_vectors<A>(n, [&](int64_t i, int count)
                                 __attribute__((always_inline)) { store_some<A>(out + i, value(i, count), count); });
  const int64_t head = int64_t(-uintptr_t(out) & (sizeof(Vec<A>) - 1)) / int64_t(sizeof(A));
  int64_t i = smaller<int64_t>(head, n);
  if (i > 0) store_some<A>(out, value(0, int(i)), int(i));
  for (; i + L <= n; i += L) store_around_caches(out + i, value(i, L));
  if (i < n) store_some<A>(out + i, value(i, int(n - i)), int(n - i));
}

template <bool kLayer, class A>
void normalise_row(const A* x, const A* next, const A* weight, const A* bias, A* out, bool streamed, int64_t n,
                   int64_t inner, A eps, A& mean, A& rstd) {
  if constexpr (kLayer) {
    mean = sum_row<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) { return load_some(x + i, count); }) /
           A(n);
  } else {
    mean = 0;
  }
  const Vec<A> shift = broadcast(mean);
  const A squares = sum_row<A>(n, [&](int64_t i, int count) __attribute__((always_inline)) {
    fetch(next + i);
    const Vec<A> d = load_some(x + i, count) - shift;
    return keep_lanes<A>(d * d, count);
  });
  rstd = A(1 / __builtin_sqrt(double(squares / A(n) + eps)));
  if (inner > 1) {
    for (int64_t k = 0; k < n / inner; ++k) {
      const Vec<A> scale = broadcast(weight ? rstd * weight[k] : rstd), move = broadcast(bias ? bias[k] : A(0));
      for_vectors<A>(inner, [&](int64_t i, int count) __attribute__((always_inline)) {
        const int64_t at = k * inner + i;
        store_some<A>(out + at, (load_some(x + at, count) - shift) * scale + move, count);
      });
    }
    return;
  }
  const Vec<A> scale = broadcast(rstd);
  write_row(out, n, streamed, [&](int64_t i, int count) __attribute__((always_inline)) {
    Vec<A> y = (load_some(x + i, count) - shift) * scale;
    if (weight) y *= load_some(weight + i, count);
    if (bias) y += load_some(bias + i, count);
    return y;
  });
}

template <class T, bool kLayer>
void norm_as(const NormArgs& args) {
  using A = Compute<T>;
  const int64_t n = args.n, inner = inner_of_parameters(args.inner), parameters = args.groups * (n / args.inner);
  const Parameters<T> weight(args.weight, parameters, args.inner), bias(args.bias, parameters, args.inner);
  A* mean = static_cast<A*>(args.mean);
  A* rstd = static_cast<A*>(args.rstd);
  const bool streamed = __is_same(T, A) && is_streamed(args.out, args.rows * n, int(sizeof(A)), args.x);
  for_row_runs(1, args.rows, n, rows_of_chunk(n), [&](int64_t, int64_t first, int64_t rows) {
    Workspace buffer(__is_same(T, A) ? 0 : size_t(n) * sizeof(A));
    A* converted = static_cast<A*>(buffer.data());
    for (int64_t r = first; r < first + rows; ++r) {
      const A* x = as_row(static_cast<const T*>(args.x) + r * args.x_row_stride, converted, n);
      T* out = static_cast<T*>(args.out) + r * args.out_row_stride;
      A* y = converted;
      if constexpr (__is_same(T, A)) y = out;
      const int64_t at = args.groups == 1 ? 0 : r % args.groups * (n / inner);
      A row_mean, row_rstd;
      const A* next = __is_same(T, A) ? next_row(x, args.x_row_stride, n) : x;
      normalise_row<kLayer>(x, next, weight.p ? weight.p + at : nullptr, bias.p ? bias.p + at : nullptr, y, streamed, n,
                            inner, A(args.eps), row_mean, row_rstd);
      if constexpr (!__is_same(T, A)) store_row(out, y, n);
      if (kLayer && mean) mean[r] = row_mean;
      if (rstd) rstd[r] = row_rstd;
    }
    if (streamed) stores_done();
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
  bool streamed;
};
// grad_x of elements [start, start + n) of a row; factor(i, count) is their weight.
template <class A, class Factor>
[[gnu::always_inline]] inline void spread_run(const NormBackwardRow<A>& row, int64_t start, int64_t n, Factor factor,
                                              A mean_g, A mean_gx) {
  const Vec<A> shift = broadcast(row.mean), scale = broadcast(row.rstd);
  const Vec<A> of_g = broadcast(mean_g), of_gx = broadcast(mean_gx);
  write_row(row.grad_x + start, n, row.streamed, [&](int64_t i, int count) __attribute__((always_inline)) {
    const int64_t at = start + i;
    const Vec<A> normal = (load_some(row.x + at, count) - shift) * scale;
    const Vec<A> g = load_some(row.grad_out + at, count) * factor(i, count);
    return (g - of_g - normal * of_gx) * scale;
  });
}

// Sums of g, and of g times the normalised x.
template <class A>
void sums_of_run(const A* x, const A* g, int64_t n, Vec<A> shift, Vec<A> scale, A& sum_g, A& sum_gx) {
  constexpr int L = kLanes<A>;
  double total_g = 0, total_gx = 0;
  for (int64_t start = 0; start < n; start += kRowBlock) {
    Vec<A> of_g[2] = {}, of_gx[2] = {};
    const auto add = [&](int turn, int64_t i, int count) __attribute__((always_inline)) {
      const Vec<A> go = load_some(g + i, count);  // 0 in the lanes past the end
      of_g[turn] += go;
      of_gx[turn] += go * ((load_some(x + i, count) - shift) * scale);
    };
    const int64_t end = smaller<int64_t>(start + kRowBlock, n);
    int64_t i = start;
    for (; i + 2 * L <= end; i += 2 * L) add(0, i, L), add(1, i + L, L);
    if (i + L <= end) add(0, i, L), i += L;
    if (i < end) add(1, i, int(end - i));
    total_g += double(sum_of_lanes<A>(of_g[0] + of_g[1]));
    total_gx += double(sum_of_lanes<A>(of_gx[0] + of_gx[1]));
  }
  sum_g = A(total_g), sum_gx = A(total_gx);
}

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
    const A mean_g = kLayer ? A(sum_g[r] / double(n)) : A(0), mean_gx = A(sum_gx[r] / double(n));
    spread_run(
        row, 0, n,
        [&](int64_t i, int count)
            __attribute__((always_inline)) { return weight ? load_some(weight + i, count) : broadcast(A(1)); },
        mean_g, mean_gx);
  }
}

// The same of one row whose runs of `inner` elements share their parameters: a run's sums are its shares.
template <bool kLayer, class A>
void norm_backward_runs(const NormBackwardRow<A>& row, const A* weight, A* grad_weight, A* grad_bias, int64_t n,
                        int64_t inner) {
  const Vec<A> shift = broadcast(row.mean), scale = broadcast(row.rstd);
  const auto factor = [&](int64_t k) { return weight ? weight[k] : A(1); };
  double sum_g = 0, sum_gx = 0;
  for (int64_t k = 0; k < n / inner; ++k) {
    const A *x = row.x + k * inner, *g = row.grad_out + k * inner;
    A of_g, of_gx;
    sums_of_run(x, g, inner, shift, scale, of_g, of_gx);
    if (grad_weight) grad_weight[k] += of_gx, grad_bias[k] += of_g;
    sum_g += double(factor(k)) * double(of_g);
    sum_gx += double(factor(k)) * double(of_gx);
  }
  if (!row.grad_x) return;
  const A mean_g = kLayer ? A(sum_g / double(n)) : A(0), mean_gx = A(sum_gx / double(n));
  for (int64_t k = 0; k < n / inner; ++k)
    spread_run(
        row, k * inner, inner, [w = broadcast(factor(k))](int64_t, int) __attribute__((always_inline)) { return w; },
        mean_g, mean_gx);
}

template <class T, bool kLayer>
void norm_backward_as(const NormBackwardArgs& args) {
  using A = Compute<T>;
  const int64_t n = args.n, groups = args.groups, inner = inner_of_parameters(args.inner);
  const int64_t samples = args.rows / groups, numbers = groups * (n / inner);
  const Parameters<T> weight(args.weight, groups * (n / args.inner), args.inner);
  const A* mean = static_cast<const A*>(args.mean);
  const A* rstd = static_cast<const A*>(args.rstd);
  const bool parameters = args.grad_weight || args.grad_bias;
  const int64_t together = inner > 1 ? smaller(rows_of_chunk(groups * n), kNormBlockRows) : kNormBlockRows;
  const int64_t blocks = (samples + together - 1) / together, work = together * groups * n;
  Workspace shares(parameters ? size_t(2 * larger<int64_t>(blocks, 1) * numbers) * sizeof(A) : 0);
  A* share = static_cast<A*>(shares.data());
  const bool streamed =
      __is_same(T, A) && is_streamed(args.grad_x, args.rows * n, int(sizeof(A)), args.x, args.grad_out);
  for_row_runs(1, blocks, work, rows_of_chunk(work), [&](int64_t, int64_t first, int64_t count) {
    Workspace buffer(__is_same(T, A) ? 0 : size_t(2 * kNormRowsAtOnce * n) * sizeof(A));
    // Row r, converted in place k of the buffer.
    const auto row_of = [&](int64_t r, int k) {
      A* converted = static_cast<A*>(buffer.data()) + 2 * k * n;
      NormBackwardRow<A> row;
      row.x = as_row(static_cast<const T*>(args.x) + r * args.x_row_stride, converted, n);
      row.grad_out = as_row(static_cast<const T*>(args.grad_out) + r * args.grad_out_row_stride, converted + n, n);
      row.mean = kLayer ? mean[r] : A(0);
      row.rstd = rstd[r];
      row.grad_x = nullptr;
      row.streamed = streamed;
      if (!args.grad_x) return row;
      if constexpr (__is_same(T, A))
        row.grad_x = static_cast<T*>(args.grad_x) + r * args.grad_x_row_stride;
      else
        row.grad_x = converted;
      return row;
    };
    const auto done = [&](int64_t r, const NormBackwardRow<A>& row) {
      if constexpr (!__is_same(T, A))
        if (args.grad_x) store_row(static_cast<T*>(args.grad_x) + r * args.grad_x_row_stride, row.grad_x, n);
    };
    for (int64_t block = first; block < first + count; ++block) {
      const int64_t begin = block * together, end = smaller(begin + together, samples);
      A* to = parameters ? share + 2 * block * numbers : nullptr;
      if (parameters) __builtin_memset(to, 0, size_t(2 * numbers) * sizeof(A));
      for (int64_t group = 0; group < groups; ++group) {
        const int64_t at = group * (n / inner);
        const A* w = weight.p ? weight.p + at : nullptr;
        A *grad_weight = to ? to + at : nullptr, *grad_bias = to ? to + numbers + at : nullptr;
        int64_t s = begin;
        for (; inner == 1 && s + kNormRowsAtOnce <= end; s += kNormRowsAtOnce) {
          NormBackwardRow<A> rows[kNormRowsAtOnce];
          for (int k = 0; k < kNormRowsAtOnce; ++k) rows[k] = row_of((s + k) * groups + group, k);
          norm_backward_rows<kLayer, kNormRowsAtOnce>(rows, w, grad_weight, grad_bias, n);
          for (int k = 0; k < kNormRowsAtOnce; ++k) done((s + k) * groups + group, rows[k]);
        }
        for (; s < end; ++s) {
          const NormBackwardRow<A> row = row_of(s * groups + group, 0);
          if (inner == 1)
            norm_backward_rows<kLayer, 1>(&row, w, grad_weight, grad_bias, n);
          else
            norm_backward_runs<kLayer>(row, w, grad_weight, grad_bias, n, inner);
          done(s * groups + group, row);
        }
      }
    }
    if (streamed) stores_done();
  });
  if (!parameters) return;
  if (blocks == 0) __builtin_memset(share, 0, size_t(2 * numbers) * sizeof(A));
  for (int64_t step = 1; step < blocks; step *= 2)
    for (int64_t block = 0; block + step < blocks; block += 2 * step) {
      A* __restrict__ into = share + 2 * block * numbers;
      const A* __restrict__ from = share + 2 * (block + step) * numbers;
      for (int64_t i = 0; i < 2 * numbers; ++i) into[i] += from[i];
    }
  const int64_t repeats = args.inner / inner;
  const auto put = [&](void* out, A* values) {
    if (!out) return;
    for (int64_t i = 0; repeats > 1 && i < numbers / repeats; ++i) {
      double sum = 0;
      for (int64_t k = 0; k < repeats; ++k) sum += double(values[i * repeats + k]);
      values[i] = A(sum);
    }
    scatter_rows(static_cast<T*>(out), 0, 1, values, 1, numbers / repeats);
  };
  put(args.grad_weight, share);
  put(args.grad_bias, share + numbers);
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
