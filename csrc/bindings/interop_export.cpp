// Arrays out: the buffer protocol, numpy(), __array__ and __array_interface__, all over the tensor's own memory.
#include "autograd/tape.h"
#include "bindings/arguments.h"
#include "bindings/interop.h"
#include "bindings/types.h"
#include "core/error.h"
#include "core/gpu.h"
#include "ops/broadcast.h"

namespace hotloop::bindings {

namespace {

// Format of the struct module and type string of the array interface; null for bfloat16, which has neither.
struct Codes {
  const char* format;
  const char* typestr;
};

Codes codes_of(DType dtype) {
  switch (dtype) {
    case DType::bool_: return {"?", "|b1"};
    case DType::u8: return {"B", "|u1"};
    case DType::i8: return {"b", "|i1"};
    case DType::i32: return {"i", "<i4"};
    case DType::i64: return {sizeof(long) == 8 ? "l" : "q", "<i8"};
    case DType::f16: return {"e", "<f2"};
    case DType::f32: return {"f", "<f4"};
    case DType::f64: return {"d", "<f8"};
    case DType::bf16: break;
  }
  return {nullptr, nullptr};
}

// Throws where the memory can't be shown to NumPy.
void check_exportable(const Tensor& t) {
  if (needs_grad(t))
    fail<RuntimeError>("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
  if (t.device().type != DeviceType::cpu)
    fail<TypeError>(
        "can't convert %s device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory "
        "first.",
        to_string(t.device()).c_str());
  if (!codes_of(t.dtype()).format) fail<TypeError>("numpy(): NumPy has no %s; use x.float().numpy()", name(t.dtype()));
}

// --- the buffer protocol ----------------------------------------------------------------------------

// What a buffer points to while it is open; keeps the memory even if the tensor is given another.
struct OpenBuffer {
  Ref<Storage> storage;
  Py_ssize_t shape[kMaxDims], strides[kMaxDims];
};

bool is_fortran(const Tensor& t) {
  int64_t step = 1;
  for (int d = 0; d < t.ndim(); ++d) {
    if (t.size(d) != 1 && t.stride(d) != step) return t.numel() == 0;
    step *= t.size(d);
  }
  return true;
}

const char* refusal(const Tensor& t, int flags) {
  const bool fortran = is_fortran(t);
  if ((flags & PyBUF_WRITABLE) && t->storage->read_only()) return "the tensor's memory is read-only";
  if ((flags & PyBUF_C_CONTIGUOUS) == PyBUF_C_CONTIGUOUS && !t.is_contiguous()) return "the tensor is not row-major";
  if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && !fortran) return "the tensor is not column-major";
  if ((flags & PyBUF_ANY_CONTIGUOUS) == PyBUF_ANY_CONTIGUOUS && !t.is_contiguous() && !fortran)
    return "the tensor is not contiguous";
  if ((flags & PyBUF_STRIDES) != PyBUF_STRIDES && !t.is_contiguous())
    return "the tensor has strides, which the consumer did not ask for";
  return nullptr;
}

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  view->obj = nullptr;
  const Tensor& t = as_tensor(self);
  try {
    check_exportable(t);
    if (const char* why = refusal(t, flags)) fail<RuntimeError>("%s", why);
  } catch (const Error& e) {
    PyErr_SetString(PyExc_BufferError, e.what());
    return -1;
  }
  auto* open = new (std::nothrow) OpenBuffer{t->storage, {}, {}};
  if (!open) {
    PyErr_NoMemory();
    return -1;
  }
  const Py_ssize_t size = Py_ssize_t(itemsize(t.dtype()));
  for (int d = 0; d < t.ndim(); ++d) {
    open->shape[d] = Py_ssize_t(t.size(d));
    open->strides[d] = Py_ssize_t(t.stride(d)) * size;
  }
  Py_INCREF(self);
  *view = {};
  view->obj = self;
  view->buf = t.data();
  view->len = Py_ssize_t(t.numel()) * size;
  view->itemsize = size;
  view->readonly = t->storage->read_only();
  view->ndim = t.ndim();
  view->format = flags & PyBUF_FORMAT ? const_cast<char*>(codes_of(t.dtype()).format) : nullptr;
  view->shape = flags & PyBUF_ND ? open->shape : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? open->strides : nullptr;
  view->internal = open;
  return 0;
}

void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<OpenBuffer*>(view->internal); }

// --- NumPy ------------------------------------------------------------------------------------------

py::object numpy_array(const Tensor& t) {
  check_exportable(t);
  const py::object self = owned(wrap(t));
  return owned(PyObject_CallOneArg(numpy.asarray, self.ptr()));
}

py::object to_numpy(const Tensor& t, bool force) {
  return numpy_array(force ? ops::to_device(detach(t), Device{}) : t);
}

py::object array_method(const Tensor& t, const py::object& dtype, const py::object& copy) {
  const py::object array = numpy_array(t);
  const auto make = [&](PyObject* function) {
    return owned(PyObject_CallFunctionObjArgs(function, array.ptr(), dtype.ptr(), nullptr));
  };
  if (copy.is_none()) return dtype.is_none() ? array : make(numpy.asarray);
  if (PyObject_IsTrue(copy.ptr())) return make(numpy.array);
  const py::object result = make(numpy.asarray);
  if (!result.is(array))
    fail<ValueError>("__array__(): can't avoid a copy from %s to %s, and copy=False was asked for", name(t.dtype()),
                     std::string(py::str(result.attr("dtype"))).c_str());
  return result;
}

// What both array interfaces say of a tensor.
py::dict interface_of(const Tensor& t, void* data) {
  py::dict interface;
  interface["version"] = py::int_(3);
  interface["typestr"] = py::str(codes_of(t.dtype()).typestr);
  interface["shape"] = owned(to_python(t.sizes()));
  Dims strides = t.strides();
  for (int64_t& s : strides) s *= int64_t(itemsize(t.dtype()));
  interface["strides"] = owned(to_python(strides));
  interface["data"] =
      owned(Py_BuildValue("(NO)", PyLong_FromVoidPtr(data), t->storage->read_only() ? Py_True : Py_False));
  return interface;
}

}  // namespace

PyObject* array_interface(PyObject* self, void*) {
  try {
    const Tensor& t = as_tensor(self);
    try {
      check_exportable(t);
    } catch (const TypeError& e) {  // as if there were no such attribute: NumPy goes on to __array__
      PyErr_SetString(PyExc_AttributeError, e.what());
      return nullptr;
    }
    return interface_of(t, t.data()).release().ptr();
  } catch (...) {
    return translate_exception();
  }
}

PyObject* cuda_array_interface(PyObject* self, void*) {
  try {
    const Tensor& t = as_tensor(self);
    if (t.device().type != DeviceType::cuda || !codes_of(t.dtype()).typestr || needs_grad(t)) {
      PyErr_Format(PyExc_AttributeError,
                   "__cuda_array_interface__ is of tensors in GPU memory that need no gradient and are not bfloat16, "
                   "got %s %s",
                   to_string(t.device()).c_str(), name(t.dtype()));
      return nullptr;
    }
    py::dict interface = interface_of(t, t.numel() ? t.data() : nullptr);
    if (t.is_contiguous()) interface["strides"] = py::none();
    interface["stream"] = stream_number(gpu::current_stream(t.device().index));
    return interface.release().ptr();
  } catch (...) {
    return translate_exception();
  }
}

// Binary operators of NumPy arrays leave the work to the tensor's.
PyObject* array_priority(PyObject*, void*) { return PyLong_FromLong(1000); }

PyBufferProcs tensor_buffer = {get_buffer, release_buffer};

void add_array_rows() {
  add_rows({
      HOTLOOP_METHOD("numpy(self: Tensor, *, force: bool = False) -> numpy.ndarray", to_numpy,
                     "A NumPy array over this memory; force detaches a tensor that requires grad first."),
      HOTLOOP_METHOD("__array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> numpy.ndarray",
                     array_method, "NumPy's way to ask for an array."),
  });
}

}  // namespace hotloop::bindings
