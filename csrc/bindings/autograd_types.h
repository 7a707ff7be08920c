// The tape's Python face: graph nodes, grad modes, hooks, Function, backward and grad.
#pragma once

#include "autograd/tape.h"
#include "bindings/tensor_object.h"

namespace hotloop::bindings {

PyObject* wrap_grad_fn(const Tensor& tensor);  // a new reference; None for leaves
void bind_autograd(py::module_& module);

}  // namespace hotloop::bindings
