// Ops that address elements by index tensors. Negative indices wrap; others out of range raise IndexError.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/op.h"

namespace hotloop::ops {

Tensor index_select(const Tensor& x, int64_t dim, const Tensor& index);  // index 1-d
Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);
Tensor gather(const Tensor& x, int64_t dim, const Tensor& index);
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);
// source, put at the indices of a tensor of zeros; where indices meet, their sum.
Tensor scatter_into_zeros(const Dims& sizes, int64_t dim, const Tensor& index, const Tensor& source);
Tensor scatter_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);
// reduce: sum, prod, mean, amax or amin, of the elements of source and, with include_self, of x.
Tensor scatter_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source,
                      const std::string& reduce, bool include_self);
// Rows of weight (rows, width) by index of any shape; the gradient skips rows equal to padding_idx (-1: none).
Tensor embedding(const Tensor& weight, const Tensor& index, int64_t padding_idx);
// Of bags of those rows the sum, mean or max: index (bags, length), or (n) with offsets (bags). factors, shaped like
// index, multiply the rows of sums. The row padding_idx takes no part.
Tensor embedding_bag(const Tensor& weight, const Tensor& index, const Tensor& offsets, const std::string& mode,
                     const Tensor& factors, bool include_last_offset, std::optional<int64_t> padding_idx,
                     bool by_frequency);
Tensor masked_select(const Tensor& x, const Tensor& mask);  // 1-d; both broadcast
Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value);
Tensor one_hot(const Tensor& index, int64_t classes);  // classes -1: the largest index + 1
Tensor nonzero(const Tensor& x);                       // (count, ndim) int64
Tensor nonzero_of(const Tensor& mask, int64_t count);  // where so many are known to be set: a GPU isn't waited for
// The first `size` rows of nonzero's, or all of them and rows of fill_value.
Tensor nonzero_static(const Tensor& x, int64_t size, int64_t fill_value);
Tensor tril(const Tensor& x, int64_t diagonal);
Tensor triu(const Tensor& x, int64_t diagonal);

}  // namespace hotloop::ops
