// Numbers in and out: Python's and NumPy's scalars, item() and tolist().
#include <cstring>

#include "autograd/tape.h"
#include "bindings/arguments.h"
#include "bindings/interop.h"
#include "core/error.h"
#include "core/half.h"
#include "ops/broadcast.h"
#include "ops/pointwise.h"

namespace hotloop::bindings {

namespace {

template <class T>
PyObject* element(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  if constexpr (std::is_same_v<T, bool>)
    return PyBool_FromLong(value);
  else if constexpr (std::is_integral_v<T>)
    return PyLong_FromLongLong(value);
  else if constexpr (std::is_floating_point_v<T>)
    return PyFloat_FromDouble(double(value));
  else
    return PyFloat_FromDouble(double(to_float(value)));
}

using ElementReader = PyObject* (*)(const char*);

ElementReader reader_of(DType dtype) {
  switch (dtype) {
    case DType::bool_: return element<bool>;
    case DType::u8: return element<uint8_t>;
    case DType::i8: return element<int8_t>;
    case DType::i32: return element<int32_t>;
    case DType::i64: return element<int64_t>;
    case DType::f16: return element<half_t>;
    case DType::bf16: return element<bfloat16_t>;
    case DType::f32: return element<float>;
    default: return element<double>;
  }
}

PyObject* nested(const Tensor& t, ElementReader read, const char* at, int dim) {
  if (dim == t.ndim()) return read(at);
  PyObject* list = PyList_New(Py_ssize_t(t.size(dim)));
  const int64_t step = t.stride(dim) * int64_t(itemsize(t.dtype()));
  for (int64_t i = 0; list && i < t.size(dim); ++i) {
    PyObject* item = nested(t, read, at + i * step, dim + 1);
    if (!item)
      Py_CLEAR(list);
    else
      PyList_SET_ITEM(list, Py_ssize_t(i), item);
  }
  return list;
}

}  // namespace

NumPy numpy;

void load_numpy() {
  const auto keep = [](const char* name) { return imported("numpy", name).release().ptr(); };
  numpy = {keep("ndarray"), keep("generic"), keep("asarray"), keep("array")};
}

bool number_from(PyObject* object, Scalar& out) {
  if (PyFloat_Check(object)) {
    out = Scalar(PyFloat_AS_DOUBLE(object));
    return true;
  }
  if (PyBool_Check(object)) {
    out = Scalar(object == Py_True);
    return true;
  }
  if (PyLong_Check(object)) {
    int overflow;
    const int64_t value = PyLong_AsLongLongAndOverflow(object, &overflow);
    if (overflow)
      fail<ValueError>("Overflow when unpacking long long: %s doesn't fit in an int64",
                       std::string(py::repr(object)).c_str());
    if (value == -1 && PyErr_Occurred()) throw PythonError();
    out = Scalar(value);
    return true;
  }
  if (!PyObject_TypeCheck(object, reinterpret_cast<PyTypeObject*>(numpy.generic))) return false;
  const std::string kind = py::str(py::handle(object).attr("dtype").attr("kind"));
  if (kind == "b") {
    out = Scalar(PyObject_IsTrue(object) == 1);
  } else if (kind == "i" || kind == "u") {
    const py::object integer = owned(PyNumber_Index(object));
    return number_from(integer.ptr(), out);
  } else if (kind == "f" || std::string(py::str(py::handle(object).attr("dtype"))) == "bfloat16") {
    out = Scalar(PyFloat_AsDouble(object));
    if (PyErr_Occurred()) throw PythonError();
  } else {
    return false;
  }
  return true;
}

bool number_operand(PyObject* object, Tensor& out) {
  Scalar value;
  try {
    if (!number_from(object, value)) return false;
  } catch (const ValueError& e) {  // too long: of an operand PyTorch has another kind than of data
    PyErr_SetString(PyExc_OverflowError, e.what());
    throw PythonError();
  }
  out = ops::number(value);
  return true;
}

PyObject* item_object(const Tensor& t) {
  if (t.numel() != 1)
    fail<RuntimeError>("a Tensor with %lld elements cannot be converted to Scalar", static_cast<long long>(t.numel()));
  if (t.device().type != DeviceType::cpu) return item_object(ops::to_device(detach(t), Device{}));
  PyObject* result = reader_of(t.dtype())(t.data<char>());
  if (!result) throw PythonError();
  return result;
}

PyObject* nested_list(const Tensor& t) {
  if (t.device().type != DeviceType::cpu) return nested_list(ops::to_device(detach(t), Device{}));
  PyObject* result = nested(t, reader_of(t.dtype()), t.data<char>(), 0);
  if (!result) throw PythonError();
  return result;
}

}  // namespace hotloop::bindings
