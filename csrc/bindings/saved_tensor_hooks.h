// Saved-tensor hooks written in Python, and what checkpointing needs of a running backward.
#pragma once

#include <pybind11/pybind11.h>

namespace hotloop::bindings {

void bind_saved_tensor_hooks(pybind11::module_& module);

}  // namespace hotloop::bindings
