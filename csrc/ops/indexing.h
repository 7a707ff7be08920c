// Subscripts: x[items] for reading and writing, basic and advanced, as NumPy and PyTorch define them.
#pragma once

#include <span>
#include <vector>

#include "ops/op.h"

namespace hotloop::ops {

struct IndexItem {
  enum Kind { integer, slice, new_axis, ellipsis, tensor };
  Kind kind;
  int64_t start = 0, stop = 0, step = 1;  // of a slice, not yet clamped; `start` is an integer's value
  Tensor indices;                         // i64/i32/u8 positions, or a bool mask
};

// A view where all items are integers, slices, None or an ellipsis; else a copy.
Tensor index(const Tensor& x, std::span<const IndexItem> items);
// x[items] = value; value broadcasts, and a Python number is cast.
void index_put_(const Tensor& x, std::span<const IndexItem> items, const Tensor& value);

// x[indices[0], indices[1], ...] = values, or += where accumulate; an undefined tensor stands for a whole dim.
void index_put_(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values, bool accumulate);
Tensor index_put(const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values, bool accumulate);

}  // namespace hotloop::ops
