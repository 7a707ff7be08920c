// hotloop.Tensor as a Python type of its own: one object a tensor, made and found here.
#pragma once

#include <pybind11/pytypes.h>

#include "core/tensor.h"

namespace pybind11 {
class module_;
}

namespace hotloop::bindings {

namespace py = pybind11;

struct TensorObject {
  PyObject_HEAD Tensor tensor;
  PyObject* dict;
  PyObject* weak_references;
};

extern PyTypeObject tensor_type;

inline bool is_tensor(PyObject* object) {
  return Py_TYPE(object) == &tensor_type || PyType_IsSubtype(Py_TYPE(object), &tensor_type);
}
inline const Tensor& as_tensor(PyObject* object) { return reinterpret_cast<TensorObject*>(object)->tensor; }

// A new reference to the tensor's one object; None for an undefined tensor.
PyObject* wrap(const Tensor& tensor);
// The same in a subclass's object (Parameter); the tensor must have no object yet.
PyObject* wrap_as(PyTypeObject* type, const Tensor& tensor);

// Readies the type (methods from the op tables) and adds it to the module.
void bind_tensor_type(py::handle module);

}  // namespace hotloop::bindings
