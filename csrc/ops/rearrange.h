// Shapes and places made of views and copies: joining, splitting, padding, repeating, writing into a part.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ops/op.h"

namespace hotloop::ops {

// --- joining and splitting (csrc/ops/join.cpp) ------------------------------------------------------
Tensor atleast(const Tensor& x, int ndim);  // 1, 2 or 3 dims, as NumPy adds them
Tensor hstack(const std::vector<Tensor>& tensors);
Tensor vstack(const std::vector<Tensor>& tensors);
Tensor dstack(const std::vector<Tensor>& tensors);
Tensor column_stack(const std::vector<Tensor>& tensors);
Tensor block_diag(const std::vector<Tensor>& tensors);  // of matrices, vectors (rows) and numbers
std::vector<Tensor> tensor_split(const Tensor& x, int64_t sections, int64_t dim);
std::vector<Tensor> tensor_split(const Tensor& x, const std::vector<int64_t>& indices, int64_t dim);
std::vector<Tensor> broadcast_tensors(const std::vector<Tensor>& tensors);
std::vector<Tensor> meshgrid(const std::vector<Tensor>& tensors, const std::string& indexing);
Tensor cartesian_prod(const std::vector<Tensor>& tensors);
Tensor combinations(const Tensor& x, int64_t r, bool with_replacement);

// --- repeating and turning (csrc/ops/rearrange.cpp) -------------------------------------------------
Tensor tile(const Tensor& x, const Dims& dims);
Tensor rot90(const Tensor& x, int64_t k, const Dims& dims);
Tensor repeat_interleave(const Tensor& x, const Tensor& repeats, std::optional<int64_t> dim,
                         std::optional<int64_t> output_size);
Tensor repeat_interleave(const Tensor& repeats);  // how often each index
Tensor triangle_indices(const char* op, int64_t rows, int64_t columns, int64_t offset, DType dtype, bool lower,
                        Device device);
Tensor diag(const Tensor& x, int64_t diagonal);
Tensor diag_embed(const Tensor& x, int64_t offset, int64_t dim1, int64_t dim2);
Tensor diagflat(const Tensor& x, int64_t offset);
Tensor trace(const Tensor& x);

// --- padding (csrc/ops/pad.cpp) ---------------------------------------------------------------------
// pad: before and after, the last dim first. mode: constant, reflect, replicate or circular.
Tensor pad(const Tensor& x, const std::vector<int64_t>& pad, const std::string& mode, double value);

// --- a part written over a copy (csrc/ops/scatter.cpp) ----------------------------------------------
Tensor select_scatter(const Tensor& x, const Tensor& source, int64_t dim, int64_t index);
Tensor slice_scatter(const Tensor& x, const Tensor& source, int64_t dim, std::optional<int64_t> start,
                     std::optional<int64_t> end, int64_t step);
Tensor as_strided_scatter(const Tensor& x, const Tensor& source, const Dims& sizes, const Dims& strides,
                          int64_t offset);
Tensor diagonal_scatter(const Tensor& x, const Tensor& source, int64_t offset, int64_t dim1, int64_t dim2);
Tensor index_copy(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source);
// reduce: prod, mean, amax or amin, of slices of source and, with include_self, of x.
Tensor index_reduce(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, const std::string& reduce,
                    bool include_self);
Tensor index_fill(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& value);
Tensor masked_scatter(const Tensor& x, const Tensor& mask, const Tensor& source);
Tensor take(const Tensor& x, const Tensor& index);  // of x as a vector
Tensor take_along_dim(const Tensor& x, const Tensor& index, std::optional<int64_t> dim);
Tensor put(const Tensor& x, const Tensor& index, const Tensor& source, bool accumulate);

}  // namespace hotloop::ops
