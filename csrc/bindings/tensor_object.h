// hotloop.Tensor as a Python type of its own: one object a tensor, made and found here.
#pragma once

#include <pybind11/pybind11.h>

#include "core/tensor.h"

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
void bind_tensor_type(py::module_& module);

}  // namespace hotloop::bindings

namespace pybind11::detail {

// Tensors pass through pybind11 functions too; None is an undefined tensor.
template <>
struct type_caster<hotloop::Tensor> {
  PYBIND11_TYPE_CASTER(hotloop::Tensor, const_name("hotloop.Tensor"));
  bool load(handle source, bool) {
    if (source.is_none()) return true;
    if (!hotloop::bindings::is_tensor(source.ptr())) return false;
    value = hotloop::bindings::as_tensor(source.ptr());
    return true;
  }
  static handle cast(const hotloop::Tensor& tensor, return_value_policy, handle) {
    return hotloop::bindings::wrap(tensor);
  }
};

}  // namespace pybind11::detail
