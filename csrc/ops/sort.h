// Sorting and what is found by it. Sorting is stable, and NaN is larger than every number.
#pragma once

#include <optional>
#include <string>
#include <tuple>

#include "ops/op.h"

namespace hotloop::ops {

using ValuesIndices = std::tuple<Tensor, Tensor>;

ValuesIndices sort(const Tensor& x, int64_t dim, bool descending);
ValuesIndices topk(const Tensor& x, int64_t k, int64_t dim, bool largest);  // in order
ValuesIndices kthvalue(const Tensor& x, int64_t k, int64_t dim, bool keepdim);
// How many elements of an ascending line are below each value (right: not above it). One line (n) serves values of any
// shape; lines (..., n) go with values (..., m). `sorter`, where given, orders the lines.
Tensor searchsorted(const char* op, const Tensor& sorted, const Tensor& values, bool right, const Tensor& sorter);

// --- order statistics (csrc/ops/order_statistics.cpp) -----------------------------------------------
// The lower of two middle elements; nan: without the NaN ones. Without a dim, of all elements.
Tensor median(const Tensor& x, bool nan);
ValuesIndices median(const Tensor& x, int64_t dim, bool keepdim, bool nan);
// The most frequent value, the least of several; the index is that of its last occurrence.
ValuesIndices mode(const Tensor& x, int64_t dim, bool keepdim);
// q: a number or a vector of them in [0, 1]; the dim of a vector comes first in the result.
Tensor quantile(const Tensor& x, const Tensor& q, std::optional<int64_t> dim, bool keepdim,
                const std::string& interpolation, bool nan);

// --- sets and counts (csrc/ops/unique.cpp) ----------------------------------------------------------
struct Unique {
  Tensor values, inverse, counts;  // values[inverse] is x
};
struct UniqueParts {
  bool inverse, counts;  // made beside the values
};
Unique unique(const Tensor& x, std::optional<int64_t> dim, UniqueParts parts);              // sorted
Unique unique_consecutive(const Tensor& x, std::optional<int64_t> dim, UniqueParts parts);  // runs
Tensor isin(const Tensor& elements, const Tensor& test_elements, bool invert);
Tensor bincount(const Tensor& x, const Tensor& weights, int64_t minlength);
Tensor histc(const Tensor& x, int64_t bins, double min, double max);

}  // namespace hotloop::ops
