// A tensor seen as rows along one dim, as the kernels of softmax and its kin take it.
#pragma once

#include "core/tensor.h"
#include "kernels/args/softmax.h"
#include "ops/shape.h"

namespace hotloop::ops {

// x as (outer, n, inner) around `dim`; strides exist when the dims on each side merge.
struct Rows {
  int64_t outer = 1, n = 1, inner = 1;
  RowStrides strides{0, 0, 0};
  bool merged = true;
};

inline Rows rows_of(const Tensor& x, int dim) {
  Rows r;
  if (x.ndim() == 0) return r;
  r.n = x.size(dim);
  r.strides.n = x.stride(dim);
  const auto merge = [&](int first, int last, int64_t& count, int64_t& stride) {
    for (int i = last; i >= first; --i) {
      if (x.size(i) == 1) continue;
      if (count == 1)
        stride = x.stride(i);
      else if (x.stride(i) != stride * count)
        r.merged = false;
      count *= x.size(i);
    }
  };
  merge(0, dim - 1, r.outer, r.strides.outer);
  merge(dim + 1, x.ndim() - 1, r.inner, r.strides.inner);
  return r;
}

// A tensor whose rows have strides: itself, or a copy.
inline Tensor with_rows(const Tensor& x, int dim) { return rows_of(x, dim).merged ? x : contiguous(x); }

}  // namespace hotloop::ops
