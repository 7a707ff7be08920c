// Views, copies and creation: ops that move or make elements without arithmetic.
#pragma once

#include <vector>

#include "ops/broadcast.h"
#include "ops/op.h"

namespace hotloop::ops {

// --- views: outputs share the input's memory (csrc/ops/view.cpp) ------------------------------------
Tensor view(const Tensor& x, const Dims& sizes);     // one size may be -1; throws where strides forbid it
Tensor reshape(const Tensor& x, const Dims& sizes);  // view where possible, else a copy
Tensor permute(const Tensor& x, const Dims& dims);
Tensor transpose(const Tensor& x, int64_t dim0, int64_t dim1);
Tensor t(const Tensor& x);                          // 2-d transpose
Tensor matrix_transpose(const Tensor& x);           // the last two dims
Tensor expand(const Tensor& x, const Dims& sizes);  // -1 keeps a size
Tensor unsqueeze(const Tensor& x, int64_t dim);
Tensor squeeze(const Tensor& x);
Tensor squeeze(const Tensor& x, const Dims& dims);
Tensor flatten(const Tensor& x, int64_t start_dim, int64_t end_dim);
Tensor unflatten(const Tensor& x, int64_t dim, const Dims& sizes);
Tensor slice(const Tensor& x, int64_t dim, int64_t start, int64_t stop, int64_t step);  // as x[start:stop:step]
// Every dim at once: sizes[i] elements from starts[i], steps[i] apart (negative steps too).
Tensor slice_all(const Tensor& x, const Dims& starts, const Dims& sizes, const Dims& steps);
Tensor narrow(const Tensor& x, int64_t dim, int64_t start, int64_t length);
Tensor select(const Tensor& x, int64_t dim, int64_t index);
Tensor unfold(const Tensor& x, int64_t dim, int64_t size, int64_t step);
Tensor diagonal(const Tensor& x, int64_t offset, int64_t dim0, int64_t dim1);
Tensor movedim(const Tensor& x, const Dims& source, const Dims& destination);
Tensor as_strided(const Tensor& x, const Dims& sizes, const Dims& strides, int64_t offset);
Tensor view_as_base(const Tensor& x);  // a plain alias with x's history
std::vector<Tensor> split(const Tensor& x, const std::vector<int64_t>& lengths, int64_t dim);
std::vector<Tensor> chunk(const Tensor& x, int64_t chunks, int64_t dim);
std::vector<Tensor> unbind(const Tensor& x, int64_t dim);

// --- copies (csrc/ops/copy.cpp) ---------------------------------------------------------------------
Tensor clone(const Tensor& x);                   // same layout where dense, else contiguous
Tensor contiguous(const Tensor& x);              // x itself where it is
void copy_(const Tensor& out, const Tensor& x);  // broadcasts and casts
void fill_(const Tensor& out, double value);
void fill_(const Tensor& out, int64_t value);
Tensor cat(const std::vector<Tensor>& tensors, int64_t dim);
Tensor stack(const std::vector<Tensor>& tensors, int64_t dim);
Tensor flip(const Tensor& x, const Dims& dims);
Tensor repeat(const Tensor& x, const Dims& repeats);
Tensor roll(const Tensor& x, const Dims& shifts, const Dims& dims);  // no dims: as one, flattened

// --- creation (csrc/ops/creation.cpp) ---------------------------------------------------------------
// Row-major in another shape, over the same memory where it is large enough, else over memory of its own.
void resize_(const Tensor& x, const Dims& sizes);
Tensor empty_strided(const Dims& sizes, const Dims& strides, DType dtype, Device device);
Tensor full(const Dims& sizes, double value, DType dtype, Device device);
Tensor full(const Dims& sizes, int64_t value, DType dtype, Device device);
inline Tensor zeros(const Dims& sizes, DType dtype, Device device) { return full(sizes, int64_t(0), dtype, device); }
Tensor arange(double start, double end, double step, DType dtype, Device device);
Tensor arange(int64_t start, int64_t end, int64_t step, DType dtype, Device device);
Tensor linspace(double start, double end, int64_t steps, DType dtype, Device device);
Tensor eye(int64_t n, int64_t m, DType dtype, Device device);

}  // namespace hotloop::ops
