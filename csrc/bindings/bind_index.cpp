#include "bindings/in_place.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/index.h"
#include "ops/indexing.h"
#include "ops/pointwise.h"
#include "ops/rearrange.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

// scatter(dim, index, src), src a tensor or a number, and scatter(dim, index, value=number).
Tensor scatter(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& src, const Tensor& value,
               const std::optional<std::string>& reduce) {
  if (src.defined() == value.defined())
    fail<TypeError>("scatter(): expected one of src and value, got %s", src.defined() ? "both" : "neither");
  const Tensor& source = src.defined() ? src : value;
  const Tensor values =
      source->wrapped_number
          ? ops::expand(ops::to_device(ops::scalar_tensor(ops::item(source), x.dtype()), x.device()), index.sizes())
          : source;
  if (!reduce) return ops::scatter(x, dim, index, values);
  if (*reduce != "add" && *reduce != "multiply")
    fail<RuntimeError>("scatter(): reduce argument must be either add or multiply, got %s", reduce->c_str());
  return ops::scatter_reduce(x, dim, index, values, *reduce == "add" ? "sum" : "prod", true);
}

py::object nonzero(const Tensor& x, bool as_tuple) {
  if (!as_tuple) return owned(wrap(ops::nonzero(x)));
  return owned(to_python(ops::unbind(ops::nonzero(ops::atleast(x, 1)), 1)));
}

Tensor index_add(const Tensor& x, int64_t dim, const Tensor& index, const Tensor& source, const Scalar& alpha) {
  return ops::index_add(x, dim, index, alpha == 1 ? source : source * ops::number(alpha));
}

}  // namespace

void add_index_rows() {
  add_rows({
      HOTLOOP_OP("index_select(input: Tensor, dim: int, index: Tensor) -> Tensor", ops::index_select,
                 "The slices of dim that a 1-d index tensor names."),
      HOTLOOP_OP("index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Tensor",
                 index_add, "input with slices of alpha * source added at the indices, in order."),
      HOTLOOP_METHOD(
          "index_add_(self: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Number = 1) -> Tensor",
          in_place<index_add>, "In-place form of index_add()."),
      HOTLOOP_OP("gather(input: Tensor, dim: int, index: Tensor) -> Tensor", ops::gather,
                 "Elements of dim chosen one by one by an index tensor."),
      HOTLOOP_OP("scatter(input: Tensor, dim: int, index: Tensor, src: Tensor | Number | None = None, *, "
                 "value: Number | None = None, reduce: str | None = None) -> Tensor",
                 scatter,
                 "input with elements of src, or value, written at the indices along dim; the last one written stays."),
      HOTLOOP_METHOD("scatter_(self: Tensor, dim: int, index: Tensor, src: Tensor | Number | None = None, *, "
                     "value: Number | None = None, reduce: str | None = None) -> Tensor",
                     in_place<scatter>, "In-place form of scatter()."),
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
      HOTLOOP_METHOD("scatter_add_(self: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor",
                     in_place<ops::scatter_add>, "In-place form of scatter_add()."),
      HOTLOOP_FUNCTION("embedding(weight: Tensor, indices: Tensor, padding_idx: int = -1) -> Tensor", ops::embedding,
                       "Rows of weight (rows, width) by index; padding_idx's row collects no gradient."),
      HOTLOOP_FUNCTION("embedding_bag(weight: Tensor, input: Tensor, offsets: Tensor | None, mode: str, "
                       "per_sample_weights: Tensor | "
                       "None, include_last_offset: bool, padding_idx: int | None, scale_grad_by_freq: bool) -> Tensor",
                       ops::embedding_bag, "The sum, mean or maximum of the rows of each bag."),
      HOTLOOP_OP("masked_select(input: Tensor, mask: Tensor) -> Tensor", ops::masked_select,
                 "The elements where the bool mask holds, as a vector."),
      HOTLOOP_OP("masked_fill(input: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor", ops::masked_fill,
                 "value where the bool mask holds, input elsewhere."),
      HOTLOOP_METHOD("masked_fill_(self: Tensor, mask: Tensor, value: Tensor | Number) -> Tensor",
                     in_place<ops::masked_fill>, "In-place form of masked_fill()."),
      HOTLOOP_FUNCTION("one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor", ops::one_hot,
                       "int64 vectors with a 1 at each index."),
      HOTLOOP_OP("nonzero(input: Tensor, *, as_tuple: bool = False) -> Any", nonzero,
                 "Indices (count, ndim) of the elements that are not zero; as a tuple, one vector a dim."),
      HOTLOOP_OP("nonzero_static(input: Tensor, *, size: int, fill_value: int = -1) -> Tensor", ops::nonzero_static,
                 "nonzero() cut to, or filled up to, `size` rows."),
      HOTLOOP_OP("argwhere(input: Tensor) -> Tensor", ops::nonzero, "nonzero() by NumPy's name."),
      HOTLOOP_OP("tril(input: Tensor, diagonal: int = 0) -> Tensor", ops::tril, "Zero above the diagonal."),
      HOTLOOP_METHOD("tril_(self: Tensor, diagonal: int = 0) -> Tensor", in_place<ops::tril>,
                     "In-place form of tril()."),
      HOTLOOP_OP("triu(input: Tensor, diagonal: int = 0) -> Tensor", ops::triu, "Zero below the diagonal."),
      HOTLOOP_METHOD("triu_(self: Tensor, diagonal: int = 0) -> Tensor", in_place<ops::triu>,
                     "In-place form of triu()."),
      HOTLOOP_OP(
          "scatter_reduce(input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, "
          "include_self: bool = True) -> Tensor",
          ops::scatter_reduce,
          "input with the sum, prod, mean, amax or amin of elements of src (and its own) at the indices along dim."),
      HOTLOOP_METHOD("scatter_reduce_(self: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, "
                     "include_self: bool = True) -> Tensor",
                     in_place<ops::scatter_reduce>, "In-place form of scatter_reduce()."),
      HOTLOOP_OP("index_reduce(input: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, "
                 "include_self: bool = True) -> Tensor",
                 ops::index_reduce,
                 "input with the prod, mean, amax or amin of slices of source (and its own) at the indices of dim."),
      HOTLOOP_METHOD("index_reduce_(self: Tensor, dim: int, index: Tensor, source: Tensor, reduce: str, *, "
                     "include_self: bool = True) -> Tensor",
                     in_place<ops::index_reduce>, "In-place form of index_reduce()."),
      HOTLOOP_OP("index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor", ops::index_copy,
                 "input with slices of source written at the indices of dim."),
      HOTLOOP_METHOD("index_copy_(self: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor",
                     in_place<ops::index_copy>, "In-place form of index_copy()."),
      HOTLOOP_OP("index_fill(input: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Tensor",
                 ops::index_fill, "input with value written at the indices of dim."),
      HOTLOOP_METHOD("index_fill_(self: Tensor, dim: int, index: Tensor, value: Tensor | Number) -> Tensor",
                     in_place<ops::index_fill>, "In-place form of index_fill()."),
      HOTLOOP_OP("masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor", ops::masked_scatter,
                 "input with elements of source, in order, where the bool mask holds."),
      HOTLOOP_METHOD("masked_scatter_(self: Tensor, mask: Tensor, source: Tensor) -> Tensor",
                     in_place<ops::masked_scatter>, "In-place form of masked_scatter()."),
      HOTLOOP_OP("take(input: Tensor, index: Tensor) -> Tensor", ops::take,
                 "Elements of input as a vector, in the shape of index."),
      HOTLOOP_OP("take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor",
                 ops::take_along_dim, "gather() with the other dims broadcast; without a dim, of input as a vector."),
      HOTLOOP_OP("put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor", ops::put,
                 "input with source written (or added) at positions of input as a vector."),
      HOTLOOP_METHOD("put_(self: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor",
                     in_place<ops::put>, "In-place form of put()."),
  });
}

}  // namespace hotloop::bindings
