// What follows the sums: scale, bias, activation, residual, rounding to the stored type.
#pragma once

#include "kernels/args/matmul.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/matmul_element.h"
#include "kernels/cpu/common/vec_math.h"

namespace hotloop::HOTLOOP_ISA {

template <class V>
inline V activate(V x, Activation activation) {
  switch (activation) {
    case Activation::none: return x;
    case Activation::relu: return max_or_second(V{}, x);
    case Activation::gelu: return gelu(x);
    case Activation::gelu_tanh: return gelu_tanh(x);
    case Activation::silu: return x * sigmoid(x);
    case Activation::tanh: return tanh(x);
    case Activation::sigmoid: return sigmoid(x);
  }
  __builtin_unreachable();
}

template <class S>
struct Epilogue {
  using T = Compute<S>;
  T alpha, beta;
  const S* bias;
  int64_t bias_row, bias_col;
  const S* residual;
  int64_t residual_row, residual_col;
  Activation activation;

  // The sums, rounded, are the result.
  bool plain() const { return alpha == T(1) && !bias && !residual && activation == Activation::none; }
};

// n elements `stride` apart.
template <class S>
inline Vec<Compute<S>> load_strided(const S* p, int64_t stride, int n) {
  using T = Compute<S>;
  if (stride == 1) return n == kLanes<T> ? load_as(p) : load_partial_as(p, n);
  if (stride == 0) return broadcast(to_compute(*p));
  T lanes[kLanes<T>] = {};
  for (int i = 0; i < n; ++i) lanes[i] = to_compute(p[i * stride]);
  return load(lanes);
}

// Hands rows x columns of the result at (row, column), vector by vector, to put(i, j, vector, lanes). Its sums: vector
// v of row i is at sums + i * sums_row + v * sums_vector.
template <class S, class PUT>
inline void finish_vectors(const Epilogue<S>& e, int64_t row, int64_t column, int64_t rows, int64_t columns,
                           const Compute<S>* sums, int64_t sums_row, int64_t sums_vector, PUT put) {
  using T = Compute<S>;
  constexpr int L = kLanes<T>;
  if (e.plain()) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0, v = 0; j < columns; j += L, ++v)
        put(i, j, load(sums + i * sums_row + v * sums_vector), columns - j < L ? int(columns - j) : L);
    }
    return;
  }
  const Vec<T> alpha = broadcast(e.alpha), beta = broadcast(e.beta);
  for (int64_t j = 0, v = 0; j < columns; j += L, ++v) {
    const int n = columns - j < L ? int(columns - j) : L;
    const S* bias = e.bias ? e.bias + row * e.bias_row + (column + j) * e.bias_col : nullptr;
    const S* residual = e.residual ? e.residual + row * e.residual_row + (column + j) * e.residual_col : nullptr;
    const bool bias_varies = bias && e.bias_row != 0;
    Vec<T> bias_lanes{};
    if (bias) bias_lanes = load_strided(bias, e.bias_col, n);
    for (int64_t i = 0; i < rows; ++i) {
      Vec<T> x = load(sums + i * sums_row + v * sums_vector);
      if (bias) {
        if (bias_varies) bias_lanes = load_strided(bias + i * e.bias_row, e.bias_col, n);
        x = fma(alpha, x, bias_lanes);
      } else {
        x = alpha * x;
      }
      if (e.activation != Activation::none) x = activate(x, e.activation);
      if (residual) x = fma(beta, load_strided(residual + i * e.residual_row, e.residual_col, n), x);
      put(i, j, x, n);
    }
  }
}

// Writes the result to rows of out.
template <class S>
[[gnu::noinline]] void finish(const Epilogue<S>& e, int64_t row, int64_t column, int64_t rows, int64_t columns,
                              const Compute<S>* sums, int64_t sums_row, int64_t sums_vector, S* out, int64_t out_row) {
  S* to = out + row * out_row + column;
  finish_vectors(e, row, column, rows, columns, sums, sums_row, sums_vector,
                 [=](int64_t i, int64_t j, Vec<Compute<S>> x, int n) { store_as(to + i * out_row + j, x, n); });
}

// Writes the result, row by row, to columns of out, each `out_column` after the one before.
template <class S>
[[gnu::noinline]] void finish_transposed(const Epilogue<S>& e, int64_t row, int64_t column, int64_t rows,
                                         int64_t columns, Compute<S>* sums, int64_t sums_row, S* out,
                                         int64_t out_column) {
  using T = Compute<S>;
  constexpr int L = kLanes<T>;
  finish_vectors(e, row, column, rows, columns, sums, sums_row, L,
                 [=](int64_t i, int64_t j, Vec<T> x, int) { store(sums + i * sums_row + j, x); });
  for (int64_t i = 0; i < rows; i += L) {
    for (int64_t j = 0; j < columns; j += L) {
      const int square_rows = int(smaller<int64_t>(L, rows - i)),
                square_columns = int(smaller<int64_t>(L, columns - j));
      Vec<T> square[L];
#pragma GCC unroll 16
      for (int q = 0; q < L; ++q) square[q] = q < square_rows ? load(sums + (i + q) * sums_row + j) : Vec<T>{};
      transpose<T>(square);
      S* to = out + (column + j) * out_column + row + i;
      for (int q = 0; q < square_columns; ++q) store_as(to + q * out_column, square[q], square_rows);
    }
  }
}

}  // namespace hotloop::HOTLOOP_ISA
