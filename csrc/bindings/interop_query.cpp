// What a tensor says of itself: value, sizes, layout, kind.
#include "bindings/arguments.h"
#include "bindings/interop.h"
#include "core/error.h"
#include "core/host_lock.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"

namespace hotloop::bindings {

namespace {

py::object size(const Tensor& t, std::optional<int64_t> dim) {
  if (!dim) return owned(to_python(t.sizes()));
  if (t.ndim() == 0)
    fail<IndexError>("size: Dimension specified as %lld but tensor has no dimensions", static_cast<long long>(*dim));
  return py::int_(t.size(wrap_dim("size", *dim, t.ndim())));
}

py::object stride(const Tensor& t, std::optional<int64_t> dim) {
  if (!dim) return owned(to_python(t.strides()));
  if (t.ndim() == 0)
    fail<IndexError>("stride: Dimension specified as %lld but tensor has no dimensions", static_cast<long long>(*dim));
  return py::int_(t.stride(wrap_dim("stride", *dim, t.ndim())));
}

int64_t data_ptr(const Tensor& t) { return t.numel() ? int64_t(reinterpret_cast<uintptr_t>(t.data())) : 0; }

int64_t storage_offset(const Tensor& t) {
  return (t.data<char>() - static_cast<char*>(t->storage->data())) / int64_t(itemsize(t.dtype()));
}

bool is_signed(const Tensor& t) { return t.dtype() != DType::bool_ && t.dtype() != DType::u8; }

py::object format(const Tensor& t, const std::string& spec) {
  const bool number = t.ndim() == 0 && t.device().type == DeviceType::cpu;
  const py::object value = number ? owned(item_object(t)) : owned(wrap(t));
  if (number) return owned(PyObject_Format(value.ptr(), py::str(spec).ptr()));
  if (!spec.empty())
    fail<TypeError>("unsupported format string passed to Tensor.__format__: '%s'; only 0-d tensors take one",
                    spec.c_str());
  return owned(PyObject_Str(value.ptr()));
}

}  // namespace

int contains(PyObject* self, PyObject* value) {
  try {
    HoldsHostLock held;
    Tensor other;
    if (is_tensor(value))
      other = as_tensor(value);
    else if (!number_operand(value, other))
      fail<RuntimeError>("Tensor.__contains__ only supports Tensor or scalar, but you passed in a %s.",
                         Py_TYPE(value)->tp_name);
    const Tensor equal = ops::eq(as_tensor(self), other);
    return equal.numel() > 0 && ops::item(ops::any(equal)).as_int() != 0;
  } catch (...) {
    translate_exception();
    return -1;
  }
}

void add_query_rows() {
  add_rows({
      HOTLOOP_METHOD(
          "item(self: Tensor) -> bool | int | float", [](const Tensor& t) { return owned(item_object(t)); },
          "The value of a one-element tensor."),
      HOTLOOP_METHOD(
          "tolist(self: Tensor) -> Any", [](const Tensor& t) { return owned(nested_list(t)); },
          "The values as nested lists of Python numbers; a number for a 0-d tensor."),
      HOTLOOP_METHOD("size(self: Tensor, dim: int | None = None) -> tuple[int, ...] | int", size,
                     "All sizes, or that of one dim."),
      HOTLOOP_METHOD("stride(self: Tensor, dim: int | None = None) -> tuple[int, ...] | int", stride,
                     "All strides in elements, or that of one dim."),
      HOTLOOP_METHOD(
          "dim(self: Tensor) -> int", [](const Tensor& t) { return int64_t(t.ndim()); }, "Number of dimensions."),
      HOTLOOP_OP(
          "numel(input: Tensor) -> int", [](const Tensor& t) { return t.numel(); }, "Number of elements."),
      HOTLOOP_METHOD(
          "nelement(self: Tensor) -> int", [](const Tensor& t) { return t.numel(); }, "Number of elements."),
      HOTLOOP_METHOD(
          "element_size(self: Tensor) -> int", [](const Tensor& t) { return int64_t(itemsize(t.dtype())); },
          "Bytes of one element."),
      HOTLOOP_METHOD("data_ptr(self: Tensor) -> int", data_ptr, "Address of the first element; 0 where there is none."),
      HOTLOOP_METHOD("storage_offset(self: Tensor) -> int", storage_offset,
                     "Elements from the start of the storage to the first of this tensor."),
      HOTLOOP_METHOD(
          "is_contiguous(self: Tensor) -> bool", [](const Tensor& t) { return t.is_contiguous(); },
          "Whether elements lie in memory in row-major order without gaps."),
      HOTLOOP_OP(
          "is_floating_point(input: Tensor) -> bool", [](const Tensor& t) { return is_floating(t.dtype()); },
          "Whether the dtype is a floating-point one."),
      HOTLOOP_OP(
          "is_complex(input: Tensor) -> bool", [](const Tensor&) { return false; },
          "False: hotloop has real dtypes only."),
      HOTLOOP_METHOD("is_signed(self: Tensor) -> bool", is_signed, "Whether the dtype has negative numbers."),
      HOTLOOP_FUNCTION(
          "is_tensor(obj: Any) -> bool", [](const py::object& o) { return is_tensor(o.ptr()); },
          "Whether the object is a Tensor."),
      HOTLOOP_METHOD("__format__(self: Tensor, format_spec: str) -> str", format,
                     "A 0-d tensor formats as its number."),
  });
}

}  // namespace hotloop::bindings
