// autograd.Function's node: its backward is a Python method.
#pragma once

#include "bindings/tensor_object.h"

namespace hotloop::bindings {

void bind_function_node(pybind11::module_& module);

}  // namespace hotloop::bindings
