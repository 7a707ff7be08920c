// Arrays in: the buffer protocol, __array_interface__, __array__, and the seam to __cuda_array_interface__.
#include <memory>

#include "bindings/arguments.h"
#include "bindings/interop.h"
#include "core/error.h"
#include "core/gpu.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

constexpr const char* kSupported = "bool, uint8, int8, int32, int64, float16, bfloat16, float32 and float64";

struct BufferOwner {
  Py_buffer view;
  ~BufferOwner() { PyBuffer_Release(&view); }
};

void release_buffer(void* owner) {
  if (!Py_IsInitialized()) return;
  const PyGILState_STATE state = PyGILState_Ensure();
  delete static_cast<BufferOwner*>(owner);
  PyGILState_Release(state);
}

// A type code of kind and size, as array interfaces spell them.
bool dtype_of(char kind, int64_t size, DType& out) {
  const int code = kind * 16 + int(size);
  switch (code) {
    case 'b' * 16 + 1: out = DType::bool_; return true;
    case 'u' * 16 + 1: out = DType::u8; return true;
    case 'i' * 16 + 1: out = DType::i8; return true;
    case 'i' * 16 + 4: out = DType::i32; return true;
    case 'i' * 16 + 8: out = DType::i64; return true;
    case 'f' * 16 + 2: out = DType::f16; return true;
    case 'f' * 16 + 4: out = DType::f32; return true;
    case 'f' * 16 + 8: out = DType::f64; return true;
    default: return false;
  }
}

bool is_foreign_order(char order) { return order == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '>' : '<'); }

// A format of the struct module; none stands for bytes.
bool dtype_of_format(const char* format, int64_t size, DType& out) {
  if (!format) format = "B";
  if (size > 1 && (is_foreign_order(*format) || (*format == '!' && is_foreign_order('>')))) return false;
  if (*format == '@' || *format == '=' || *format == '<' || *format == '>' || *format == '!') ++format;
  if (!format[0] || format[1]) return false;
  switch (*format) {
    case '?': return dtype_of('b', size, out);
    case 'B': return dtype_of('u', size, out);
    case 'b':
    case 'i':
    case 'l':
    case 'q':
    case 'n': return dtype_of('i', size, out);
    case 'e':
    case 'f':
    case 'd': return dtype_of('f', size, out);
    default: return false;
  }
}

py::object attribute(PyObject* object, const char* name) {
  PyObject* found = PyObject_GetAttrString(object, name);
  if (!found) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw PythonError();
    PyErr_Clear();
  }
  return py::reinterpret_steal<py::object>(found);
}

// Byte strides as element strides; false where they fall between elements.
bool element_strides(const Dims& sizes, const Dims& byte_strides, int64_t size, Dims& out) {
  out.n = sizes.n;
  for (int d = 0; d < sizes.n; ++d) {
    if (sizes[d] > 1 && byte_strides[d] % size != 0) return false;
    out[d] = byte_strides[d] / size;
  }
  return true;
}

bool is_aligned(const void* data, DType dtype) { return reinterpret_cast<uintptr_t>(data) % itemsize(dtype) == 0; }

constexpr const char* kUneven =
    "%s: the array's memory is not aligned to its elements (%s); copy it first, as with array.copy()";

// Our work waits for what the interface's stream has still to do.
void wait_for_stream(int device, PyObject* stream) {
  if (!stream || stream == Py_None) return;
  const auto theirs = reinterpret_cast<GpuStream>(PyLong_AsUnsignedLongLong(stream));
  if (PyErr_Occurred()) throw PythonError();
  gpu::wait_for(device, gpu::current_stream(device), theirs);
}

// What a dict of __array_interface__ or __cuda_array_interface__ says. Of the former, only this way tells of bfloat16,
// which buffers have no code for.
Tensor interface_tensor(const char* op, PyObject* object, const py::dict& interface, bool may_copy, bool on_gpu) {
  const std::string type = py::str(interface["typestr"]);
  const char kind = type[1];
  const int64_t size = std::stoll(type.substr(2));
  const py::object dtype = attribute(object, "dtype");
  const std::string named = dtype ? std::string(py::str(dtype)) : type;
  Guest guest;
  if (kind == 'V' && size == 2 && named == "bfloat16")
    guest.dtype = DType::bf16;
  else if (is_foreign_order(type[0]) || !dtype_of(kind, size, guest.dtype))
    refuse_dtype(op, object, named);
  PyObject* const data = PyDict_GetItemString(interface.ptr(), "data");
  if (!data || !PyTuple_Check(data) || PyTuple_GET_SIZE(data) != 2) return Tensor();
  guest.data = PyLong_AsVoidPtr(PyTuple_GET_ITEM(data, 0));
  guest.read_only = PyObject_IsTrue(PyTuple_GET_ITEM(data, 1)) == 1;
  if (on_gpu) {
    guest.device = {DeviceType::cuda, int8_t(guest.data ? gpu::driver::device_of(guest.data) : gpu::current_device())};
    wait_for_stream(guest.device.index, PyDict_GetItemString(interface.ptr(), "stream"));
  }
  for (const int64_t s : integers_of(op, "shape", py::tuple(interface["shape"]))) guest.sizes.push(s);
  Dims bytes = contiguous_strides(guest.sizes);
  for (int64_t& s : bytes) s *= size;
  if (PyObject* strides = PyDict_GetItemString(interface.ptr(), "strides"); strides && strides != Py_None) {
    bytes = {};
    for (const int64_t s : integers_of(op, "strides", py::reinterpret_borrow<py::object>(strides))) bytes.push(s);
  }
  if (!element_strides(guest.sizes, bytes, size, guest.strides) || !is_aligned(guest.data, guest.dtype)) {
    if (!may_copy) fail<ValueError>(kUneven, op, to_string(bytes).c_str());
    const py::object copy = attribute(object, "copy");
    if (!copy) fail<ValueError>(kUneven, op, to_string(bytes).c_str());
    return array_tensor(op, owned(PyObject_CallNoArgs(copy.ptr())).ptr(), false);
  }
  guest.owner = object;
  guest.release = release_object;
  Py_INCREF(object);
  return borrow(guest);
}

}  // namespace

void refuse_dtype(const char* op, PyObject* object, const std::string& dtype) {
  fail<TypeError>(
      "%s: can't take a %s of dtype %s; hotloop has %s, in native byte order (convert with "
      "array.astype(...))",
      op, Py_TYPE(object)->tp_name, dtype.c_str(), kSupported);
}

void release_object(void* object) {
  if (!Py_IsInitialized()) return;
  const PyGILState_STATE state = PyGILState_Ensure();
  Py_DECREF(static_cast<PyObject*>(object));
  PyGILState_Release(state);
}

Tensor borrow(const Guest& guest) {
  if (numel_of(guest.sizes) == 0) {
    guest.release(guest.owner);
    return empty(guest.sizes, guest.dtype, guest.device);
  }
  const int64_t size = int64_t(itemsize(guest.dtype));
  int64_t low = 0, high = 0;
  for (int d = 0; d < guest.sizes.n; ++d)
    (guest.strides[d] < 0 ? low : high) += (guest.sizes[d] - 1) * guest.strides[d];
  char* data = static_cast<char*>(guest.data);
  Ref<Storage> storage(new Storage(data + low * size, size_t((high - low + 1) * size), guest.device, guest.read_only,
                                   guest.owner, guest.release));
  return Tensor(Ref<TensorImpl>(new TensorImpl(std::move(storage), data, guest.dtype, guest.sizes, guest.strides)));
}

Tensor buffer_tensor(const char* op, PyObject* object, bool may_copy) {
  auto owner = std::make_unique<BufferOwner>();
  Py_buffer& view = owner->view;
  if (PyObject_GetBuffer(object, &view, PyBUF_FULL_RO) < 0) {
    view.obj = nullptr;
    throw PythonError();
  }
  Guest guest;
  if (!dtype_of_format(view.format, view.itemsize, guest.dtype)) {
    const py::object dtype = attribute(object, "dtype");
    refuse_dtype(op, object, dtype ? std::string(py::str(dtype)) : std::string("'") + view.format + "'");
  }
  Dims bytes;
  for (int d = 0; d < view.ndim; ++d) {
    guest.sizes.push(view.shape[d]);
    bytes.push(view.strides[d]);
  }
  if (view.suboffsets || !element_strides(guest.sizes, bytes, view.itemsize, guest.strides) ||
      !is_aligned(view.buf, guest.dtype)) {
    if (!may_copy) fail<ValueError>(kUneven, op, to_string(bytes).c_str());
    const Tensor copy = empty(guest.sizes, guest.dtype);
    if (PyBuffer_ToContiguous(copy.data(), &view, view.len, 'C') < 0) throw PythonError();
    return copy;
  }
  guest.data = view.buf;
  guest.read_only = view.readonly;
  guest.owner = owner.release();
  guest.release = release_buffer;
  return borrow(guest);
}

Tensor array_tensor(const char* op, PyObject* object, bool may_copy) {
  if (is_tensor(object)) return as_tensor(object);
  if (PyList_Check(object) || PyTuple_Check(object) || PyUnicode_Check(object) || PyBytes_Check(object) ||
      PyType_Check(object))
    return Tensor();
  py::object interface;
  if (PyObject_CheckBuffer(object)) {
    try {
      return buffer_tensor(op, object, may_copy);
    } catch (const PythonError&) {  // NumPy has no buffers of some dtypes; the interface says which they are
      const py::error_already_set no_buffer;
      interface = attribute(object, "__array_interface__");
      if (!interface) throw no_buffer;
    }
  } else {
    interface = attribute(object, "__array_interface__");
  }
  if (interface)
    if (const Tensor t = interface_tensor(op, object, interface, may_copy, false); t.defined()) return t;
  if (const py::object on_gpu = attribute(object, "__cuda_array_interface__")) {
    if (!cuda_is_available())
      fail<RuntimeError>(
          "%s: the %s is in GPU memory (it has __cuda_array_interface__), and hotloop can't use it here: %s", op,
          Py_TYPE(object)->tp_name, cuda_why_not());
    if (const Tensor t = interface_tensor(op, object, on_gpu, may_copy, true); t.defined()) return t;
  }
  if (attribute(object, "__dlpack__")) return dlpack_tensor(op, object, std::nullopt);
  if (const py::object method = attribute(object, "__array__")) {
    const py::object array = owned(PyObject_CallNoArgs(method.ptr()));
    if (!PyObject_IsInstance(array.ptr(), numpy.ndarray))
      fail<TypeError>("%s: __array__ of %s gave a %s, not a NumPy array", op, Py_TYPE(object)->tp_name,
                      Py_TYPE(array.ptr())->tp_name);
    return array_tensor(op, array.ptr(), may_copy);
  }
  return Tensor();
}

}  // namespace hotloop::bindings
