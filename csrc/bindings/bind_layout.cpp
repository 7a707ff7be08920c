// Methods that change a tensor's own shape or memory.
#include "autograd/inplace.h"
#include "autograd/tape.h"
#include "bindings/arguments.h"
#include "bindings/out_argument.h"
#include "bindings/tables.h"
#include "bindings/types.h"
#include "core/error.h"
#include "ops/call.h"
#include "ops/pointwise.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

void squeeze_(const Tensor& x, const std::optional<Dims>& dims) {
  become_view("squeeze_", x, dims ? ops::squeeze(x, *dims) : ops::squeeze(x));
}

void transpose_(const Tensor& x, int64_t dim0, int64_t dim1) {
  become_view("transpose_", x, ops::transpose(x, dim0, dim1));
}

void as_strided_(const Tensor& x, const Dims& sizes, const Dims& strides, std::optional<int64_t> offset) {
  become_view("as_strided_", x, as_strided(x, sizes, strides, offset));
}

// From now on, the elements of `source`, in its memory.
void set_(const Tensor& x, const Tensor& source) {
  if (x.dtype() != source.dtype())
    fail<RuntimeError>("set_: could not set a tensor of dtype %s to one of %s", name(x.dtype()), name(source.dtype()));
  if (needs_grad(x) && grad_enabled())
    fail<RuntimeError>("set_: a tensor that requires grad can't take other memory while gradients are recorded");
  x->base = Ref<TensorImpl>();
  x->storage = source->storage;
  become_view("set_", x, source);
}

Tensor new_empty_strided(const Tensor& x, const Dims& sizes, const Dims& strides, const std::optional<DType>& dtype,
                         const std::optional<Device>& device, bool requires_grad) {
  const Tensor t = ops::empty_strided(sizes, strides, dtype.value_or(x.dtype()), device.value_or(x.device()));
  t->inference = thread_state.inference_mode;
  if (requires_grad) set_requires_grad(t, true);
  return t;
}

bool is_nonzero(const Tensor& x) {
  if (x.numel() != 1)
    fail<RuntimeError>("Boolean value of Tensor with %s is ambiguous",
                       x.numel() == 0 ? "no values" : "more than one value");
  return ops::item(x).as_double() != 0;
}

void apply_(const Tensor& x, const py::object& callable) {
  if (needs_grad(x)) fail<TypeError>("can't call apply_() on Variable that requires grad. Use var.detach().apply_()");
  const Tensor flat = ops::view(ops::contiguous(x), {x.numel()});
  for (int64_t i = 0; i < x.numel(); ++i) {
    const Tensor element = ops::select(flat, 0, i);
    const Scalar before = ops::item(element);
    const py::object argument =
        owned(before.kind == Scalar::floating ? PyFloat_FromDouble(before.f) : PyLong_FromLongLong(before.i));
    const py::object after = owned(PyObject_CallOneArg(callable.ptr(), argument.ptr()));
    if (PyLong_Check(after.ptr()))
      ops::fill_(element, integer_of("apply_", "result", after));
    else
      ops::fill_(element, PyFloat_AsDouble(after.ptr()));
    if (PyErr_Occurred()) throw PythonError();
  }
  if (!x.is_contiguous()) ops::copy_(x, ops::view(flat, x.sizes()));
}

}  // namespace

void add_layout_rows() {
  add_rows({
      HOTLOOP_METHOD("squeeze_(self: Tensor, dim: int | Sequence[int] | None = None) -> Tensor", squeeze_,
                     "Takes dims of size 1 out of this tensor's own shape."),
      HOTLOOP_METHOD(
          "unsqueeze_(self: Tensor, dim: int) -> Tensor",
          [](const Tensor& x, int64_t dim) { become_view("unsqueeze_", x, ops::unsqueeze(x, dim)); },
          "Puts a dim of size 1 into this tensor's own shape."),
      HOTLOOP_METHOD("transpose_(self: Tensor, dim0: int, dim1: int) -> Tensor", transpose_,
                     "Swaps two of this tensor's own dims."),
      HOTLOOP_METHOD("swapaxes_(self: Tensor, axis0: int, axis1: int) -> Tensor", transpose_,
                     "transpose_() by NumPy's name."),
      HOTLOOP_METHOD("swapdims_(self: Tensor, dim0: int, dim1: int) -> Tensor", transpose_,
                     "transpose_() by another name."),
      HOTLOOP_METHOD(
          "t_(self: Tensor) -> Tensor", [](const Tensor& x) { become_view("t_", x, ops::t(x)); },
          "Transposes this matrix itself."),
      HOTLOOP_OP("as_strided_(input: Tensor, size: Sequence[int], stride: Sequence[int], "
                 "storage_offset: int | None = None) -> Tensor",
                 as_strided_, "Shows another part of its memory: as_strided() of itself."),
      HOTLOOP_METHOD("resize_(self: Tensor, *size: int) -> Tensor", ops::resize_,
                     "Row-major in another shape; the elements stay in their order, and more of them are "
                     "uninitialised. Where the memory must grow, this tensor gets memory that no other view shares."),
      HOTLOOP_OP(
          "resize_as_(input: Tensor, the_template: Tensor) -> Tensor",
          [](const Tensor& x, const Tensor& other) { ops::resize_(x, other.sizes()); },
          "resize_() to the shape of another tensor."),
      HOTLOOP_FUNCTION("write_out(op: str, result: Tensor, out: Tensor | None) -> Tensor", write_out,
                       "The result of op, in its argument out where one is given."),
      HOTLOOP_METHOD("set_(self: Tensor, source: Tensor) -> Tensor", set_,
                     "Shows the memory of source from now on, in its shape."),
      HOTLOOP_METHOD("new_empty_strided(self: Tensor, size: Sequence[int], stride: Sequence[int], *, "
                     "dtype: dtype | None = None, device: device | str | None = None, requires_grad: bool = False) "
                     "-> Tensor",
                     new_empty_strided, "Uninitialised memory of this tensor's dtype, laid out by the given strides."),
      HOTLOOP_METHOD(
          "ndimension(self: Tensor) -> int", [](const Tensor& x) { return int64_t(x.ndim()); },
          "The number of dims, as dim()."),
      HOTLOOP_METHOD(
          "get_device(self: Tensor) -> int",
          [](const Tensor& x) { return x.device().type == DeviceType::cpu ? int64_t(-1) : int64_t(x.device().index); },
          "The GPU's number; -1 on the CPU."),
      HOTLOOP_METHOD("is_nonzero(self: Tensor) -> bool", is_nonzero, "Whether the one element is nonzero."),
      HOTLOOP_METHOD("apply_(self: Tensor, callable: Callable[[Any], Any]) -> Tensor", apply_,
                     "Each element replaced by what the callable makes of it; slow, and without history."),
      HOTLOOP_METHOD(
          "is_same_size(self: Tensor, other: Tensor) -> bool",
          [](const Tensor& x, const Tensor& other) { return x.sizes() == other.sizes(); },
          "Whether both have one shape."),
      HOTLOOP_METHOD(
          "is_set_to(self: Tensor, tensor: Tensor) -> bool",
          [](const Tensor& x, const Tensor& other) {
            return x.data() == other.data() && x.sizes() == other.sizes() && x.strides() == other.strides();
          },
          "Whether both show the same elements of the same memory."),
  });
}

}  // namespace hotloop::bindings
