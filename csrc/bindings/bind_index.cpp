#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/index.h"
#include "ops/indexing.h"
#include "ops/pointwise.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

// scatter(dim, index, src), src a tensor or a number, and scatter(dim, index, value=number).
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src, const Tensor& value) {
  if (src.defined() == value.defined())
    fail<TypeError>("scatter(): expected one of src and value, got %s", src.defined() ? "both" : "neither");
  const Tensor& source = src.defined() ? src : value;
  if (!source->wrapped_number) return ops::scatter(x, dim, index, source);
  return ops::scatter(x, dim, index, ops::expand(ops::scalar_tensor(ops::item(source), x.dtype()), index.sizes()));
}

Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, double alpha) {
  return ops::index_add(x, dim, index, alpha == 1 ? source : source * alpha);
}

}  // namespace

void add_index_rows() {
  add_rows({
      HOTLOOP_OP("index_select(input: Tensor, dim: int, index: Tensor) -> Tensor", ops::index_select,
                 "The slices of dim that a 1-d index tensor names."),
      HOTLOOP_OP("index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1.0) -> Tensor",
                 index_add, "input with slices of alpha * source added at the indices, in order."),
      HOTLOOP_METHOD(
          "index_add_(self: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1.0) -> Tensor",
          [](const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, double alpha) {
            ops::copy_(x, index_add(x, dim, index, source, alpha));
          },
          "In-place form of index_add()."),
      HOTLOOP_OP("gather(input: Tensor, dim: int, index: Tensor) -> Tensor", ops::gather,
                 "Elements of dim chosen one by one by an index tensor."),
      HOTLOOP_OP("scatter(input: Tensor, dim: int, index: Tensor, src: Tensor | Number | None = None, *, "
                 "value: Number | None = None) -> Tensor",
                 scatter,
                 "input with elements of src, or value, written at the indices along dim; the last one written stays."),
      HOTLOOP_METHOD(
          "scatter_(self: Tensor, dim: int, index: Tensor, src: Tensor | Number | None = None, *, "
          "value: Number | None = None) -> Tensor",
          [](const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src, const Tensor& value) {
            ops::copy_(x, scatter(x, dim, index, src, value));
          },
          "In-place form of scatter()."),
      HOTLOOP_OP("scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor", ops::scatter_add,
                 "input with elements of src added at the indices along dim."),
      HOTLOOP_OP("index_put(input: Tensor, indices: Sequence[Tensor | None], values: Tensor, accumulate: bool = False) "
                 "-> Tensor",
                 ops::index_put,
                 "input with values written (or added) at input[indices]; None stands for a whole dim."),
      HOTLOOP_METHOD(
          "index_put_(self: Tensor, indices: Sequence[Tensor | None], values: Tensor, "
          "accumulate: bool = False) -> Tensor",
          [](const Tensor& x, const std::vector<Tensor>& indices, const Tensor& values, bool accumulate) {
            ops::index_put_(x, indices, values, accumulate);
          },
          "In-place form of index_put()."),
      HOTLOOP_METHOD(
          "scatter_add_(self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor",
          [](const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src) {
            ops::copy_(x, ops::scatter_add(x, dim, index, src));
          },
          "In-place form of scatter_add()."),
      HOTLOOP_FUNCTION("embedding(weight: Tensor, indices: Tensor, padding_idx: int = -1) -> Tensor", ops::embedding,
                       "Rows of weight (rows, width) by index; padding_idx's row collects no gradient."),
      HOTLOOP_OP("masked_select(input: Tensor, mask: Tensor) -> Tensor", ops::masked_select,
                 "The elements where the bool mask holds, as a vector."),
      HOTLOOP_OP("masked_fill(input: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor", ops::masked_fill,
                 "value where the bool mask holds, input elsewhere."),
      HOTLOOP_METHOD(
          "masked_fill_(self: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor",
          [](const Tensor& x, const Tensor& mask, const Tensor& value) {
            ops::copy_(x, ops::masked_fill(x, mask, value));
          },
          "In-place form of masked_fill()."),
      HOTLOOP_FUNCTION("one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor", ops::one_hot,
                       "int64 vectors with a 1 at each index."),
      HOTLOOP_OP("nonzero(input: Tensor) -> Tensor", ops::nonzero,
                 "Indices (count, ndim) of the elements that are not zero."),
      HOTLOOP_OP(
          "cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor",
          [](const Tensor& x, int64_t dim, std::optional<DType> dtype) {
            return ops::cumsum(dtype && *dtype != x.dtype() ? ops::to_dtype(x, *dtype) : x, dim);
          },
          "Running sums along dim."),
      HOTLOOP_OP("tril(input: Tensor, diagonal: int = 0) -> Tensor", ops::tril, "Zero above the diagonal."),
      HOTLOOP_OP("triu(input: Tensor, diagonal: int = 0) -> Tensor", ops::triu, "Zero below the diagonal."),
  });
}

}  // namespace hotloop::bindings
