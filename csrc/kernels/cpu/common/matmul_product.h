// One matrix product of a batch, typed.
#pragma once

#include "kernels/cpu/common/matmul_epilogue.h"

namespace hotloop::HOTLOOP_ISA {

// Memory without gaps.
struct Run {
  const char* begin;
  int64_t bytes;
};

template <class S>
struct Product {
  int64_t m, n, k;
  const S* a;
  int64_t a_row, a_k;
  const S* b;
  int64_t b_k, b_col;
  const void* packed_b;
  S* out;
  int64_t out_row;
  Epilogue<S> epilogue;
  Run next_a{}, next_b{}, next_out{};  // of the batch's next product, to be fetched meanwhile
  bool out_transposed = false;         // out_row leads from column to column of the product
};

inline int64_t batch_size(const MatmulArgs& args) {
  int64_t count = 1;
  for (int d = 0; d < args.batch_dims; ++d) count *= args.batch[d];
  return count;
}

template <class S>
inline Product<S> product_of(const MatmulArgs& args, int64_t index) {
  using T = Compute<S>;
  int64_t a = 0, b = 0, out = 0, bias = 0, residual = 0;
  for (int d = args.batch_dims - 1; d >= 0; --d) {
    const int64_t i = index % args.batch[d];
    index /= args.batch[d];
    a += i * args.a_batch_stride[d];
    b += i * args.b_batch_stride[d];
    out += i * args.out_batch_stride[d];
    bias += i * args.bias_batch_stride[d];
    residual += i * args.residual_batch_stride[d];
  }
  const auto at = [](const void* p, int64_t offset) { return p ? static_cast<const S*>(p) + offset : nullptr; };
  return {args.m,
          args.n,
          args.k,
          at(args.a, a),
          args.a_row_stride,
          args.a_col_stride,
          at(args.b, b),
          args.b_row_stride,
          args.b_col_stride,
          args.packed_b,
          static_cast<S*>(args.out) + out,
          args.out_row_stride,
          {T(args.alpha), T(args.beta), at(args.bias, bias), args.bias_row_stride, args.bias_col_stride,
           at(args.residual, residual), args.residual_row_stride, args.residual_col_stride, args.activation}};
}

// B^T A^T, which writes the same out.
template <class S>
inline Product<S> transposed(const Product<S>& p) {
  Product<S> t = p;
  t.m = p.n, t.n = p.m;
  t.a = p.b, t.a_row = p.b_col, t.a_k = p.b_k;
  t.b = p.a, t.b_k = p.a_k, t.b_col = p.a_row;
  t.epilogue.bias_row = p.epilogue.bias_col, t.epilogue.bias_col = p.epilogue.bias_row;
  t.epilogue.residual_row = p.epilogue.residual_col, t.epilogue.residual_col = p.epilogue.residual_row;
  t.out_transposed = !p.out_transposed;
  return t;
}

// Whether both operands would have to be rearranged, and the transposed product has both as it wants them.
template <class S>
inline bool better_transposed(const Product<S>& p, int64_t least) {
  const bool both = p.a_row == 1 && p.a_k != 1 && p.b_k == 1 && p.b_col != 1;
  return both && !p.packed_b && !p.out_transposed && p.m >= least && p.n >= least;
}

// A as operands of the chain where they lie: for pairs, rows of whole pairs.
template <class O>
struct InPlace {
  const O* a;  // nullptr: A must be packed
  int64_t row, step;
};
template <class O, class S>
inline InPlace<O> a_in_place(const Product<S>& p) {
  if constexpr (__is_same(S, O)) {
    return {p.a, p.a_row, p.a_k};
  } else if constexpr (kStep<O> == 2) {
    if (p.a_k == 1 && p.k % 2 == 0 && p.a_row % 2 == 0) return {(const O*)p.a, p.a_row / 2, 1};
  }
  return {nullptr, 0, 0};
}

}  // namespace hotloop::HOTLOOP_ISA
