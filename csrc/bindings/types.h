// hotloop.dtype and hotloop.device as Python objects: one object a dtype, compared by identity.
#pragma once

#include "bindings/tensor_object.h"

namespace hotloop::bindings {

bool is_dtype(PyObject* object);
DType as_dtype(PyObject* object);
bool is_device(PyObject* object);
Device as_device(PyObject* object);
// layout and memory_format, which PyTorch's functions take: memory is strided here, always.
bool is_layout(PyObject* object);
bool is_memory_format(PyObject* object);
bool is_contiguous_format(PyObject* object);
py::object strided_layout();
PyObject* to_python(DType dtype);  // a new reference
PyObject* to_python(Device device);
void bind_types(py::module_& module);  // hotloop.float32, ..., hotloop.dtype, hotloop.device

}  // namespace hotloop::bindings
