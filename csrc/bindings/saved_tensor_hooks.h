// Saved-tensor hooks written in Python, and what checkpointing needs of a running backward.
#pragma once

#include "bindings/tensor_object.h"

namespace hotloop::bindings {

void bind_saved_tensor_hooks(py::module_& module);

}  // namespace hotloop::bindings
