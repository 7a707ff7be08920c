#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/pointwise.h"
#include "ops/rearrange.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

using MaybeDType = std::optional<DType>;
using MaybeInt = std::optional<int64_t>;

// atleast_2d(x) is a tensor, atleast_2d(x, y) and atleast_2d([x, y]) are tuples.
template <int ndim>
py::object atleast(const py::object& tensors) {
  const auto one = [](PyObject* o) {
    if (!is_tensor(o)) fail<TypeError>("atleast_%dd(): expected tensors, got %s", ndim, Py_TYPE(o)->tp_name);
    return ops::atleast(as_tensor(o), ndim);
  };
  PyObject* all = tensors.ptr();
  if (is_tensor(all)) return owned(wrap(one(all)));
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(all);
  const bool nested = n == 1 && !is_tensor(PySequence_Fast_GET_ITEM(all, 0));
  if (n == 1 && !nested) return owned(wrap(one(PySequence_Fast_GET_ITEM(all, 0))));
  std::vector<Tensor> results;
  for (Py_ssize_t i = 0; i < n; ++i) results.push_back(one(PySequence_Fast_GET_ITEM(all, i)));
  return owned(to_python(results));
}

std::vector<Tensor> tensor_split(const Tensor& x, const py::object& parts, int64_t dim) {
  if (PyIndex_Check(parts.ptr()) && !(is_tensor(parts.ptr()) && as_tensor(parts.ptr()).ndim() > 0))
    return ops::tensor_split(x, integer_of("tensor_split", "indices_or_sections", parts), dim);
  if (is_tensor(parts.ptr())) {
    std::vector<int64_t> indices;
    for (const Tensor& t : ops::unbind(as_tensor(parts.ptr()), 0)) indices.push_back(ops::item(t).as_int());
    return ops::tensor_split(x, indices, dim);
  }
  return ops::tensor_split(x, integers_of("tensor_split", "indices_or_sections", parts), dim);
}

// hsplit, vsplit, dsplit: the dim they cut, and the dims they need.
template <int dim>
std::vector<Tensor> split_along(const Tensor& x, const py::object& parts) {
  constexpr const char* names[] = {"vsplit", "hsplit", "dsplit"};
  const bool is_vector = is_tensor(parts.ptr()) && as_tensor(parts.ptr()).numel() != 1;
  const bool is_list = !PyIndex_Check(parts.ptr()) || is_vector;
  std::vector<int64_t> indices;
  if (is_list) indices = integers_of(names[dim], "indices_or_sections", parts);
  const int least = dim == 1 ? 1 : dim + (dim == 0 ? 2 : 1);
  if (x.ndim() < least)
    fail<RuntimeError>("%s requires a tensor with at least %d dimension(s), but got a tensor with %d", names[dim],
                       least, x.ndim());
  const int d = dim == 1 && x.ndim() == 1 ? 0 : dim;
  if (is_list) return ops::tensor_split(x, indices, d);
  const int64_t sections = integer_of(names[dim], "indices_or_sections", parts);
  if (sections <= 0 || x.size(d) % sections != 0)
    fail<RuntimeError>(
        "%s attempted to split along dimension %d, but the size of the dimension %lld is not divisible "
        "by the split_size %lld!",
        names[dim], d, static_cast<long long>(x.size(d)), static_cast<long long>(sections));
  return ops::tensor_split(x, sections, d);
}

// repeat_interleave(repeats), or (input, repeats, dim).
Tensor repeat_interleave(const Tensor& x, const py::object& repeats, const MaybeInt& dim, const MaybeInt& output_size) {
  if (repeats.is_none()) return ops::repeat_interleave(x);
  if (is_tensor(repeats.ptr())) return ops::repeat_interleave(x, as_tensor(repeats.ptr()), dim, output_size);
  const int64_t times = integer_of("repeat_interleave", "repeats", repeats);
  return ops::repeat_interleave(x, ops::scalar_tensor(times, DType::i64), dim, output_size);
}

template <bool lower>
Tensor triangle_indices(int64_t rows, int64_t columns, int64_t offset, const MaybeDType& dtype,
                        const std::optional<Device>& device) {
  const Device where = device.value_or(default_device());
  require_device(where);
  return ops::triangle_indices(lower ? "tril_indices" : "triu_indices", rows, columns, offset,
                               dtype.value_or(DType::i64), lower, where);
}

Tensor pad(const Tensor& x, const std::vector<int64_t>& pad, const std::string& mode, std::optional<double> value) {
  if (value && *value != 0 && mode != "constant")
    fail<ValueError>("pad: Padding mode \"%s\" doesn't take in value argument", mode.c_str());
  return ops::pad(x, pad, mode, value.value_or(0));
}

Tensor flip_dim(const char* op, const Tensor& x, int dim) {
  if (x.ndim() <= dim) fail<RuntimeError>("%s: Input must be >= %d-d, got %d dims.", op, dim + 1, x.ndim());
  return ops::flip(x, {dim});
}

// storage_offset counts in the copy, which begins its memory.
Tensor as_strided_scatter(const Tensor& x, const Tensor& source, const Dims& sizes, const Dims& strides,
                          std::optional<int64_t> offset) {
  return ops::as_strided_scatter(x, source, sizes, strides, offset.value_or(0));
}

void fill_diagonal_(const Tensor& x, const Scalar& value, bool wrap) {
  if (x.ndim() < 2) fail<RuntimeError>("fill_diagonal_: dimensions must larger than 1, got %d", x.ndim());
  int64_t least = x.size(0), step = 0;
  for (int d = 0; d < x.ndim(); ++d) {
    if (x.ndim() > 2 && x.size(d) != x.size(0))
      fail<RuntimeError>("fill_diagonal_: all dimensions of input must be of equal length, got shape %s",
                         to_string(x.sizes()).c_str());
    if (x.size(d) < least) least = x.size(d);
    step += x.stride(d);
  }
  const auto fill = [&](const Tensor& diagonal) {
    value.kind == Scalar::floating ? ops::fill_(diagonal, value.f) : ops::fill_(diagonal, value.i);
  };
  fill(ops::as_strided(x, {least}, {step}, 0));
  // Wrapped, a tall matrix has another diagonal below a row that is left out.
  if (!wrap || x.ndim() != 2) return;
  for (int64_t row = x.size(1) + 1; row < x.size(0); row += x.size(1) + 1)
    fill(ops::diagonal(ops::slice(x, 0, row, x.size(0), 1), 0, 0, 1));
}

}  // namespace

void add_rearrange_rows() {
  add_rows({
      HOTLOOP_FUNCTION("atleast_1d(*tensors: Tensor) -> Any", atleast<1>, "With at least 1 dim; several in a tuple."),
      HOTLOOP_FUNCTION("atleast_2d(*tensors: Tensor) -> Any", atleast<2>, "With at least 2 dims; several in a tuple."),
      HOTLOOP_FUNCTION("atleast_3d(*tensors: Tensor) -> Any", atleast<3>, "With at least 3 dims; several in a tuple."),
      HOTLOOP_FUNCTION("hstack(tensors: Sequence[Tensor]) -> Tensor", ops::hstack,
                       "Tensors joined side by side: along dim 1, vectors along dim 0."),
      HOTLOOP_FUNCTION("vstack(tensors: Sequence[Tensor]) -> Tensor", ops::vstack,
                       "Tensors joined one below the other: along dim 0; vectors are rows."),
      HOTLOOP_FUNCTION("row_stack(tensors: Sequence[Tensor]) -> Tensor", ops::vstack, "vstack() by another name."),
      HOTLOOP_FUNCTION("dstack(tensors: Sequence[Tensor]) -> Tensor", ops::dstack, "Tensors joined along dim 2."),
      HOTLOOP_FUNCTION("column_stack(tensors: Sequence[Tensor]) -> Tensor", ops::column_stack,
                       "hstack() with vectors as columns."),
      HOTLOOP_FUNCTION("block_diag(*tensors: Tensor) -> Tensor", ops::block_diag,
                       "A matrix with the given ones along its diagonal, zero elsewhere."),
      HOTLOOP_OP("tensor_split(input: Tensor, indices_or_sections: int | Sequence[int] | Tensor, dim: int = 0) "
                 "-> tuple[Tensor, ...]",
                 tensor_split, "Views of nearly equal lengths, or cut at the given indices of dim."),
      HOTLOOP_OP("hsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]",
                 split_along<1>, "tensor_split() along dim 1 (a vector's dim 0) into equal parts."),
      HOTLOOP_OP("vsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]",
                 split_along<0>, "tensor_split() along dim 0 into equal parts."),
      HOTLOOP_OP("dsplit(input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]",
                 split_along<2>, "tensor_split() along dim 2 into equal parts."),
      HOTLOOP_FUNCTION("broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]", ops::broadcast_tensors,
                       "Views of the common shape."),
      HOTLOOP_FUNCTION("meshgrid(*tensors: Tensor, indexing: str = 'ij') -> tuple[Tensor, ...]", ops::meshgrid,
                       "Coordinates of a grid, one tensor an axis; 'xy' swaps the first two dims."),
      HOTLOOP_FUNCTION("cartesian_prod(*tensors: Tensor) -> Tensor", ops::cartesian_prod,
                       "All tuples of one element of each vector, as rows."),
      HOTLOOP_FUNCTION("combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor",
                       ops::combinations, "All choices of r elements of a vector, as rows."),
      HOTLOOP_OP("tile(input: Tensor, *dims: int) -> Tensor", ops::tile,
                 "A copy repeated along every dim; missing counts are 1."),
      HOTLOOP_OP(
          "fliplr(input: Tensor) -> Tensor", [](const Tensor& x) { return flip_dim("fliplr", x, 1); },
          "flip() of dim 1."),
      HOTLOOP_OP(
          "flipud(input: Tensor) -> Tensor", [](const Tensor& x) { return flip_dim("flipud", x, 0); },
          "flip() of dim 0."),
      HOTLOOP_OP("rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor", ops::rot90,
                 "Turned k times by 90 degrees from the first towards the second dim."),
      HOTLOOP_OP("repeat_interleave(input: Tensor, repeats: int | Tensor | None = None, dim: int | None = None, *, "
                 "output_size: int | None = None) -> Tensor",
                 repeat_interleave, "Every element repeated in its place; of counts alone, the index of each."),
      HOTLOOP_FUNCTION("tril_indices(row: int, col: int, offset: int = 0, *, dtype: dtype | None = None, "
                       "device: device | str | None = None) -> Tensor",
                       triangle_indices<true>, "Rows and columns (2, n) of a matrix's lower triangle."),
      HOTLOOP_FUNCTION("triu_indices(row: int, col: int, offset: int = 0, *, dtype: dtype | None = None, "
                       "device: device | str | None = None) -> Tensor",
                       triangle_indices<false>, "Rows and columns (2, n) of a matrix's upper triangle."),
      HOTLOOP_OP("diag(input: Tensor, diagonal: int = 0) -> Tensor", ops::diag,
                 "A matrix with a vector on its diagonal, or the diagonal of a matrix, copied."),
      HOTLOOP_OP("diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor",
                 ops::diag_embed, "Matrices in dims dim1 and dim2 with the last dim's vectors on their diagonals."),
      HOTLOOP_OP("diagflat(input: Tensor, offset: int = 0) -> Tensor", ops::diagflat,
                 "diag() of the elements as a vector."),
      HOTLOOP_OP("trace(input: Tensor) -> Tensor", ops::trace, "The sum of a matrix's diagonal."),
      HOTLOOP_FUNCTION("pad(input: Tensor, pad: Sequence[int], mode: str = 'constant', value: float | None = None) "
                       "-> Tensor",
                       pad,
                       "Longer dims: pad has (before, after) of the last dim, then of the one before it, ... mode is "
                       "constant, reflect, replicate or circular."),
      HOTLOOP_FUNCTION(
          "constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor",
          [](const Tensor& x, const std::vector<int64_t>& padding, double value) {
            return ops::pad(x, padding, "constant", value);
          },
          "pad() by a constant."),
      HOTLOOP_METHOD("fill_diagonal_(self: Tensor, fill_value: Number, wrap: bool = False) -> Tensor", fill_diagonal_,
                     "Overwrites the diagonal of all dims together."),
      HOTLOOP_OP("select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor", ops::select_scatter,
                 "A copy with src in place of select(dim, index)."),
      HOTLOOP_OP("slice_scatter(input: Tensor, src: Tensor, dim: int = 0, start: int | None = None, "
                 "end: int | None = None, step: int = 1) -> Tensor",
                 ops::slice_scatter, "A copy with src in place of a slice."),
      HOTLOOP_OP("as_strided_scatter(input: Tensor, src: Tensor, size: Sequence[int], stride: Sequence[int], "
                 "storage_offset: int | None = None) -> Tensor",
                 as_strided_scatter, "A copy with src in place of as_strided()."),
      HOTLOOP_OP(
          "diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor",
          ops::diagonal_scatter, "A copy with src in place of a diagonal."),
  });
}

}  // namespace hotloop::bindings
