// hotloop.dtype and hotloop.device as Python objects: one object a dtype, compared by identity.
#pragma once

#include "bindings/tensor_object.h"

namespace hotloop::bindings {

bool is_dtype(PyObject* object);
DType as_dtype(PyObject* object);
bool is_device(PyObject* object);
Device as_device(PyObject* object);
PyObject* to_python(DType dtype);  // a new reference
PyObject* to_python(Device device);
void bind_types(py::module_& module);  // hotloop.float32, ..., hotloop.dtype, hotloop.device

}  // namespace hotloop::bindings
