// Python's subscripts, translated into the items of ops/indexing.h.
#pragma once

#include "bindings/tensor_object.h"

namespace hotloop::bindings {

Tensor get_item(const Tensor& x, PyObject* key);
void set_item(const Tensor& x, PyObject* key, PyObject* value);

}  // namespace hotloop::bindings
