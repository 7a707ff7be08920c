#include <algorithm>

#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "bindings/types.h"
#include "core/error.h"
#include "core/gpu.h"
#include "core/pinned.h"
#include "ops/broadcast.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

std::vector<Tensor> split_by(const Tensor& x, const py::object& size, int64_t dim) {
  if (!PyIndex_Check(size.ptr())) return ops::split(x, integers_of("split", "split_size", size), dim);
  const int64_t length = integer_of("split", "split_size", size), n = x.size(wrap_dim("split", dim, x.ndim()));
  if (length < 0 || (length == 0 && n != 0))
    fail<RuntimeError>("split: split_size must be positive, but got %lld", static_cast<long long>(length));
  std::vector<int64_t> lengths;
  for (int64_t at = 0; at < n || lengths.empty(); at += length) lengths.push_back(length < n - at ? length : n - at);
  return ops::split(x, lengths, dim);
}

// PyTorch's parts that may be written to: views that know nothing of each other.
template <class Parts, std::vector<Tensor> (*split)(const Tensor&, Parts, int64_t)>
std::vector<Tensor> unsafe(const Tensor& x, Parts parts, int64_t dim) {
  std::vector<Tensor> results = split(x, parts, dim);
  for (const Tensor& part : results) part->one_of_several = false;
  return results;
}

Tensor fill(const Tensor& x, const Tensor& value) {
  if (value.ndim() > 0)
    fail<RuntimeError>("fill: only supports 0-dimension value tensor but got tensor with %d dimensions.", value.ndim());
  const Tensor out = ops::clone(x);
  ops::copy_(out, ops::expand(ops::to_device(value, x.device()), x.sizes()));
  return out;
}

void check_format(const char* op, const py::object& format) {
  if (!format.is_none() && !is_memory_format(format.ptr()))
    fail<TypeError>("%s(): argument 'memory_format' must be memory_format | None, not %s", op,
                    Py_TYPE(format.ptr())->tp_name);
}

// A GPU by number, name or device; None is the current one.
Device gpu_of(const char* op, const py::object& object) {
  Device device{DeviceType::cuda, int8_t(gpu::current_device())};
  if (PyLong_Check(object.ptr()))
    device.index = int8_t(std::clamp<int64_t>(integer_of(op, "device", object), 0, INT8_MAX));
  else if (is_device(object.ptr()))
    device = as_device(object.ptr());
  else if (PyUnicode_Check(object.ptr()))
    device = parse_device(PyUnicode_AsUTF8(object.ptr()));
  else if (!object.is_none())
    fail<TypeError>("%s(): expected a device, its name or its number, got %s", op, Py_TYPE(object.ptr())->tp_name);
  if (device.type != DeviceType::cuda)
    fail<ValueError>("%s(): expected a cuda device, got %s", op, to_string(device).c_str());
  return device;
}

// x.to(dtype), x.to(device), x.to(device, dtype), x.to(other), each with non_blocking and copy behind it.
Tensor to(const Tensor& x, const py::object& first, const py::object& second, const py::object& third,
          const py::object& fourth, const std::optional<DType>& dtype, const std::optional<Device>& device, bool copy,
          bool non_blocking, const py::object& format) {
  check_format("to", format);
  DType wanted = dtype.value_or(x.dtype());
  Device where = device.value_or(x.device());
  int flags = 0;
  for (const py::object& o : {first, second, third, fourth}) {
    if (o.is_none()) continue;
    if (PyBool_Check(o.ptr())) {
      (flags++ == 0 ? non_blocking : copy) = o.ptr() == Py_True;
      continue;
    }
    if (is_dtype(o.ptr())) {
      wanted = as_dtype(o.ptr());
    } else if (is_device(o.ptr())) {
      where = as_device(o.ptr());
    } else if (is_tensor(o.ptr())) {
      wanted = as_tensor(o.ptr()).dtype();
      where = as_tensor(o.ptr()).device();
    } else if (PyUnicode_Check(o.ptr())) {
      where = parse_device(PyUnicode_AsUTF8(o.ptr()));
    } else {
      fail<TypeError>("to(): expected a dtype, a device or a Tensor, got %s", Py_TYPE(o.ptr())->tp_name);
    }
  }
  require_device(where);
  // Converted where it is smaller to move.
  const bool moves = !(where == x.device()), first_here = moves && itemsize(wanted) <= itemsize(x.dtype());
  Tensor result = wanted != x.dtype() && (!moves || first_here) ? ops::to_dtype(x, wanted) : x;
  if (moves) result = ops::to_device(result, where, !non_blocking);
  if (result.dtype() != wanted) result = ops::to_dtype(result, wanted);
  return copy && result.same(x) ? ops::clone(x) : result;
}

Tensor clone(const Tensor& x, const py::object& format) {
  check_format("clone", format);
  return is_contiguous_format(format.ptr()) && !x.is_contiguous() ? ops::contiguous(x) : ops::clone(x);
}

// split(x, 3, dim) and split(x, [1, 2], dim) by the name that takes lists alone.
std::vector<Tensor> split_with_sizes(const Tensor& x, const std::vector<int64_t>& sizes, int64_t dim) {
  return ops::split(x, sizes, dim);
}

Tensor sum_to_size(const Tensor& x, const Dims& sizes) {
  bool fits = sizes.n <= x.ndim();
  for (int i = 1; fits && i <= sizes.n; ++i) {
    const int64_t wanted = sizes[sizes.n - i];
    fits = wanted == 1 || wanted == x.size(x.ndim() - i);
  }
  if (!fits)
    fail<RuntimeError>("sum_to_size: size %s is not expandable to size %s", to_string(sizes).c_str(),
                       to_string(x.sizes()).c_str());
  return sizes.n == 0 ? ops::sum(x) : ops::sum_to(x, sizes);
}

template <DType dtype>
Tensor cast(const Tensor& x, const py::object& format) {
  check_format(name(dtype), format);
  return x.dtype() == dtype ? x : ops::to_dtype(x, dtype);
}

Tensor roll(const Tensor& x, const Dims& shifts, const std::optional<Dims>& dims) {
  return ops::roll(x, shifts, dims.value_or(Dims{}));
}

}  // namespace

Tensor as_strided(const Tensor& x, const Dims& sizes, const Dims& strides, std::optional<int64_t> offset) {
  const int64_t own = (x.data<char>() - static_cast<char*>(x->storage->data())) / int64_t(itemsize(x.dtype()));
  return ops::as_strided(x, sizes, strides, offset ? *offset - own : 0);
}

void add_shape_rows() {
  add_rows({
      HOTLOOP_METHOD("view(self: Tensor, *shape: int) -> Tensor", ops::view,
                     "The same memory in another shape; one size may be -1."),
      HOTLOOP_OP("reshape(input: Tensor, *shape: int) -> Tensor", ops::reshape,
                 "Another shape: a view where strides allow, else a copy; one size may be -1."),
      HOTLOOP_METHOD(
          "view_as(self: Tensor, other: Tensor) -> Tensor",
          [](const Tensor& x, const Tensor& other) { return ops::view(x, other.sizes()); },
          "view() in the shape of other."),
      HOTLOOP_METHOD(
          "reshape_as(self: Tensor, other: Tensor) -> Tensor",
          [](const Tensor& x, const Tensor& other) { return ops::reshape(x, other.sizes()); },
          "reshape() to the shape of other."),
      HOTLOOP_OP("permute(input: Tensor, *dims: int) -> Tensor", ops::permute, "The dims in another order; a view."),
      HOTLOOP_OP("transpose(input: Tensor, dim0: int, dim1: int) -> Tensor", ops::transpose,
                 "Two dims swapped; a view."),
      HOTLOOP_OP("swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor", ops::transpose,
                 "transpose() by NumPy's name."),
      HOTLOOP_OP("swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor", ops::transpose,
                 "transpose() by another name."),
      HOTLOOP_OP("adjoint(input: Tensor) -> Tensor", ops::matrix_transpose,
                 "The last two dims swapped, as a real matrix's adjoint is; a view."),
      HOTLOOP_OP("t(input: Tensor) -> Tensor", ops::t, "The transpose of a matrix; a view."),
      HOTLOOP_METHOD("expand(self: Tensor, *sizes: int) -> Tensor", ops::expand,
                     "Dims of size 1 repeated without memory; -1 keeps a size."),
      HOTLOOP_METHOD(
          "expand_as(self: Tensor, other: Tensor) -> Tensor",
          [](const Tensor& x, const Tensor& other) { return ops::expand(x, other.sizes()); },
          "expand() to the shape of other."),
      HOTLOOP_OP("broadcast_to(input: Tensor, *size: int) -> Tensor", ops::expand, "expand() as a function."),
      HOTLOOP_OP("unsqueeze(input: Tensor, dim: int) -> Tensor", ops::unsqueeze, "A dim of size 1 put in; a view."),
      HOTLOOP_OP(
          "squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor",
          [](const Tensor& x, const std::optional<Dims>& dims) {
            return dims ? ops::squeeze(x, *dims) : ops::squeeze(x);
          },
          "Dims of size 1 taken out; a view."),
      HOTLOOP_OP("flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor", ops::flatten,
                 "The dims from start_dim to end_dim made one."),
      HOTLOOP_OP(
          "ravel(input: Tensor) -> Tensor", [](const Tensor& x) { return ops::flatten(x, 0, -1); },
          "All dims made one."),
      HOTLOOP_OP("unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor", ops::unflatten,
                 "One dim made several."),
      HOTLOOP_OP("narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor", ops::narrow,
                 "length elements of dim from start; a view."),
      HOTLOOP_OP("select(input: Tensor, dim: int, index: int) -> Tensor", ops::select,
                 "One index of a dim, which goes; a view."),
      HOTLOOP_METHOD("unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor", ops::unfold,
                     "All windows of a dim, `step` apart, as a new last dim of `size`; a view."),
      HOTLOOP_OP("diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor", ops::diagonal,
                 "The diagonal of two dims as the last dim; a view."),
      HOTLOOP_OP("movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor",
                 ops::movedim, "Dims moved to other places; a view."),
      HOTLOOP_OP("moveaxis(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor",
                 ops::movedim, "movedim() by NumPy's name."),
      HOTLOOP_OP("as_strided(input: Tensor, size: Sequence[int], stride: Sequence[int], "
                 "storage_offset: int | None = None) -> Tensor",
                 as_strided, "Any view of the memory, from this tensor's first element or from storage_offset."),
      HOTLOOP_OP("split(tensor: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]", split_by,
                 "Views of equal or given lengths along dim."),
      HOTLOOP_OP("split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]",
                 split_with_sizes, "split() by a list of lengths."),
      HOTLOOP_OP("unsafe_split(tensor: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]",
                 (unsafe<const py::object&, split_by>), "split(), whose parts may be written to in place."),
      HOTLOOP_OP(
          "unsafe_split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]",
          (unsafe<const std::vector<int64_t>&, split_with_sizes>),
          "split_with_sizes(), whose parts may be written to in place."),
      HOTLOOP_OP("unsafe_chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]",
                 (unsafe<int64_t, ops::chunk>), "chunk(), whose parts may be written to in place."),
      HOTLOOP_METHOD("sum_to_size(self: Tensor, *size: int) -> Tensor", sum_to_size,
                     "The sum over what expand() from size would repeat."),
      HOTLOOP_OP("chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]", ops::chunk,
                 "At most `chunks` views of equal length along dim."),
      HOTLOOP_OP("unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]", ops::unbind,
                 "A view of each index of dim."),
      HOTLOOP_OP("clone(input: Tensor, *, memory_format: memory_format | None = None) -> Tensor", clone,
                 "A copy with memory of its own, laid out as the input where that is dense; keeps history."),
      HOTLOOP_METHOD(
          "contiguous(self: Tensor, memory_format: memory_format | None = None) -> Tensor",
          [](const Tensor& x, const py::object& format) {
            check_format("contiguous", format);
            return ops::contiguous(x);
          },
          "This tensor, or a row-major copy."),
      HOTLOOP_OP(
          "narrow_copy(input: Tensor, dim: int, start: int, length: int) -> Tensor",
          [](const Tensor& x, int64_t dim, int64_t start, int64_t length) {
            return ops::clone(ops::narrow(x, dim, start, length));
          },
          "narrow() with memory of its own."),
      HOTLOOP_METHOD("copy_(self: Tensor, src: Tensor | Number) -> Tensor", ops::copy_,
                     "Overwrites with src, broadcast and converted."),
      HOTLOOP_METHOD(
          "fill_(self: Tensor, value: Tensor | Number) -> Tensor",
          [](const Tensor& x, const Tensor& given) {
            if (given.ndim() > 0)
              fail<RuntimeError>("fill_ only supports 0-dimension value tensor but got tensor with %d dimensions.",
                                 given.ndim());
            if (!given->wrapped_number) return ops::copy_(x, given);
            const Scalar value = ops::item(given);
            value.kind == Scalar::floating ? ops::fill_(x, value.f) : ops::fill_(x, value.i);
          },
          "Overwrites every element with value."),
      HOTLOOP_FUNCTION("fill(input: Tensor, value: Tensor | Number) -> Tensor", fill,
                       "value, a number or a tensor of no dims, in the shape and dtype of input."),
      HOTLOOP_OP(
          "zero_(input: Tensor) -> Tensor", [](const Tensor& x) { ops::fill_(x, int64_t(0)); },
          "Overwrites every element with zero."),
      HOTLOOP_FUNCTION("cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor", ops::cat,
                       "Tensors joined along a dim."),
      HOTLOOP_FUNCTION("concat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor", ops::cat, "cat() by another name."),
      HOTLOOP_FUNCTION("concatenate(tensors: Sequence[Tensor], dim: int = 0) -> Tensor", ops::cat,
                       "cat() by NumPy's name."),
      HOTLOOP_FUNCTION("stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor", ops::stack,
                       "Tensors joined along a new dim."),
      HOTLOOP_OP("flip(input: Tensor, *dims: int) -> Tensor", ops::flip, "A copy with the order along dims reversed."),
      HOTLOOP_OP("roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = ()) -> Tensor",
                 roll, "A copy moved along dims, or along all as one; what leaves at an end enters at the other."),
      HOTLOOP_METHOD("repeat(self: Tensor, *repeats: int) -> Tensor", ops::repeat, "A copy tiled along every dim."),
      HOTLOOP_METHOD("to(self: Tensor, first: Any = None, second: Any = None, third: bool | None = None, "
                     "fourth: bool | None = None, *, dtype: dtype | None = None, "
                     "device: device | str | None = None, copy: bool = False, non_blocking: bool = False, "
                     "memory_format: memory_format | None = None) -> Tensor",
                     to, "In another dtype or on another device; itself where nothing changes."),
      HOTLOOP_METHOD(
          "type_as(self: Tensor, other: Tensor) -> Tensor",
          [](const Tensor& x, const Tensor& other) {
            return x.dtype() == other.dtype() ? x : ops::to_dtype(x, other.dtype());
          },
          "In the dtype of other."),
      HOTLOOP_METHOD("float(self: Tensor, memory_format: memory_format | None = None) -> Tensor", cast<DType::f32>,
                     "As float32."),
      HOTLOOP_METHOD("double(self: Tensor, memory_format: memory_format | None = None) -> Tensor", cast<DType::f64>,
                     "As float64."),
      HOTLOOP_METHOD("half(self: Tensor, memory_format: memory_format | None = None) -> Tensor", cast<DType::f16>,
                     "As float16."),
      HOTLOOP_METHOD("bfloat16(self: Tensor, memory_format: memory_format | None = None) -> Tensor", cast<DType::bf16>,
                     "As bfloat16."),
      HOTLOOP_METHOD("long(self: Tensor, memory_format: memory_format | None = None) -> Tensor", cast<DType::i64>,
                     "As int64."),
      HOTLOOP_METHOD("int(self: Tensor, memory_format: memory_format | None = None) -> Tensor", cast<DType::i32>,
                     "As int32."),
      HOTLOOP_METHOD("byte(self: Tensor, memory_format: memory_format | None = None) -> Tensor", cast<DType::u8>,
                     "As uint8."),
      HOTLOOP_METHOD("char(self: Tensor, memory_format: memory_format | None = None) -> Tensor", cast<DType::i8>,
                     "As int8."),
      HOTLOOP_METHOD("bool(self: Tensor, memory_format: memory_format | None = None) -> Tensor", cast<DType::bool_>,
                     "As bool: whether nonzero."),
      HOTLOOP_METHOD(
          "cpu(self: Tensor) -> Tensor", [](const Tensor& x) { return ops::to_device(x, Device{}); },
          "In the CPU's memory: a copy, or the tensor itself where it lies there."),
      HOTLOOP_METHOD(
          "cuda(self: Tensor, device: device | str | int | None = None, non_blocking: bool = False) -> Tensor",
          [](const Tensor& x, const py::object& device, bool non_blocking) {
            return ops::to_device(x, gpu_of("cuda", device), !non_blocking);
          },
          "In a GPU's memory, the current one's by default: a copy, or the tensor itself where it lies there."),
      HOTLOOP_METHOD("pin_memory(self: Tensor) -> Tensor", ops::pin_memory,
                     "In memory that GPUs read by themselves: to(..., non_blocking=True) from there doesn't wait."),
      HOTLOOP_METHOD(
          "is_pinned(self: Tensor) -> bool",
          [](const Tensor& x) { return x.device().type == DeviceType::cpu && gpu::is_pinned(x.data()); },
          "Whether it lies in pinned memory."),
  });
}

}  // namespace hotloop::bindings
