// hotloop.tensor, as_tensor, asarray, from_numpy and frombuffer.
#include "autograd/tape.h"
#include "bindings/arguments.h"
#include "bindings/interop.h"
#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

// Brought to the device asked for, else to the default one.
Tensor placed(const Tensor& t, const std::optional<Device>& device) {
  return ops::to_device(t, device.value_or(default_device()));
}

// A new tensor, which inference mode makes one of its own.
Tensor made(Tensor t) {
  t->inference = thread_state.inference_mode;
  return t;
}

Tensor copied(const py::object& data, std::optional<DType> dtype, const std::optional<Device>& device) {
  return made(placed(tensor_from_data(data.ptr(), dtype), device));
}

Tensor tensor(const py::object& data, std::optional<DType> dtype, std::optional<Device> device, bool requires_grad) {
  if (device) require_device(*device);
  const Tensor result = copied(data, dtype, device);
  if (requires_grad) set_requires_grad(result, true);
  return result;
}

Tensor new_tensor(const Tensor& like, const py::object& data, std::optional<DType> dtype, std::optional<Device> device,
                  bool requires_grad) {
  return tensor(data, dtype.value_or(like.dtype()), device.value_or(like.device()), requires_grad);
}

Tensor as_tensor_of(const py::object& data, std::optional<DType> dtype, std::optional<Device> device) {
  if (device) require_device(*device);
  const Tensor shared = array_tensor("as_tensor()", data.ptr(), true);
  if (!shared.defined()) return copied(data, dtype, device);
  const Tensor there = is_tensor(data.ptr()) && !device ? shared : placed(shared, device);
  return !dtype || *dtype == there.dtype() ? there : ops::to_dtype(there, *dtype);
}

Tensor asarray(const py::object& data, std::optional<DType> dtype, std::optional<Device> device,
               std::optional<bool> copy, bool requires_grad) {
  if (device) require_device(*device);
  Tensor result;
  if (copy && *copy) {
    result = copied(data, dtype, device);
  } else {
    const Tensor shared = array_tensor("asarray()", data.ptr(), !copy);
    if (copy && (!shared.defined() || (dtype && *dtype != shared.dtype()) || (device && !(*device == shared.device()))))
      fail<ValueError>("asarray(): can't avoid a copy of a %s%s, and copy=False was asked for",
                       Py_TYPE(data.ptr())->tp_name, shared.defined() ? " of another dtype or device" : "");
    result = shared.defined() ? as_tensor_of(data, dtype, device) : copied(data, dtype, device);
  }
  if (needs_grad(result) != requires_grad) {
    if (!requires_grad) return detach(result);
    set_requires_grad(result, true);
  }
  return result;
}

Tensor from_numpy(const py::object& array) {
  if (!PyObject_IsInstance(array.ptr(), numpy.ndarray))
    fail<TypeError>("from_numpy(): expected np.ndarray (got %s)", Py_TYPE(array.ptr())->tp_name);
  return made(array_tensor("from_numpy()", array.ptr(), false));
}

Tensor frombuffer(const py::object& buffer, DType dtype, int64_t count, int64_t offset, bool requires_grad) {
  using ll = long long;
  if (!PyObject_CheckBuffer(buffer.ptr()))
    fail<ValueError>("frombuffer(): object does not implement Python buffer protocol: %s",
                     Py_TYPE(buffer.ptr())->tp_name);
  const py::memoryview whole(buffer);
  const int64_t size = int64_t(itemsize(dtype)), length = PyMemoryView_GET_BUFFER(whole.ptr())->len;
  if (length == 0 || count == 0)
    fail<ValueError>("frombuffer(): both buffer length (%lld) and count (%lld) must not be 0", ll(length), ll(count));
  if (offset < 0 || offset >= length)
    fail<ValueError>(
        "frombuffer(): offset (%lld bytes) must be non-negative and no greater than buffer length (%lld "
        "bytes) minus 1",
        ll(offset), ll(length));
  if (count < 0 && (length - offset) % size)
    fail<ValueError>(
        "frombuffer(): buffer length (%lld bytes) after offset (%lld bytes) must be a multiple of element "
        "size (%lld)",
        ll(length), ll(offset), ll(size));
  if (count < 0) count = (length - offset) / size;
  if (count > (length - offset) / size)
    fail<ValueError>(
        "frombuffer(): requested buffer length (%lld * %lld bytes) after offset (%lld bytes) must not be "
        "greater than actual buffer length (%lld bytes)",
        ll(count), ll(size), ll(offset), ll(length));
  const Tensor bytes =
      buffer_tensor("frombuffer()", owned(PyObject_CallMethod(whole.ptr(), "cast", "s", "B")).ptr(), false);
  char* data = bytes.data<char>() + offset;
  if (reinterpret_cast<uintptr_t>(data) % size_t(size))
    fail<ValueError>("frombuffer(): the buffer at offset %lld is not aligned to elements of %lld bytes", ll(offset),
                     ll(size));
  const Tensor result(Ref<TensorImpl>(new TensorImpl(bytes->storage, data, dtype, {count}, {1})));
  if (requires_grad) set_requires_grad(result, true);
  return result;
}

}  // namespace

void add_data_rows() {
  add_rows({
      HOTLOOP_FUNCTION("tensor(data: Any, dtype: dtype | None = None, device: device | str | None = None, "
                       "requires_grad: bool = False) -> Tensor",
                       tensor,
                       "A copy of numbers, nested sequences of them, or any array, in the dtype that they "
                       "have: Python's floats become the default dtype, its integers int64."),
      HOTLOOP_METHOD("new_tensor(self: Tensor, data: Any, *, dtype: dtype | None = None, "
                     "device: device | str | None = None, requires_grad: bool = False) -> Tensor",
                     new_tensor, "A copy of the data in this tensor's dtype and on its device."),
      HOTLOOP_FUNCTION("as_tensor(data: Any, dtype: dtype | None = None, device: device | str | None = None) -> Tensor",
                       as_tensor_of,
                       "The data as a tensor, sharing memory where that is possible; a tensor keeps its "
                       "history."),
      HOTLOOP_FUNCTION("asarray(obj: Any, *, dtype: dtype | None = None, device: device | str | None = None, "
                       "copy: bool | None = None, requires_grad: bool = False) -> Tensor",
                       asarray,
                       "The object as a tensor: always a copy, never one (ValueError where it would take one) "
                       "or, by default, only where needed."),
      HOTLOOP_FUNCTION("from_numpy(ndarray: numpy.ndarray) -> Tensor", from_numpy,
                       "A tensor over the array's memory, with its strides; read-only where the array is."),
      HOTLOOP_FUNCTION("frombuffer(buffer: Any, *, dtype: dtype, count: int = -1, offset: int = 0, "
                       "requires_grad: bool = False) -> Tensor",
                       frombuffer, "A 1-d tensor over the bytes of a buffer, from an offset in bytes on."),
  });
}

}  // namespace hotloop::bindings
