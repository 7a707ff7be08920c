// Several tensors by name, as the named tuples of hotloop/_types.py.
#pragma once

#include <tuple>

#include "bindings/arguments.h"

namespace hotloop::bindings {

py::object values_and_indices(const std::tuple<Tensor, Tensor>& both);
py::object min_and_max(const std::tuple<Tensor, Tensor>& both);

}  // namespace hotloop::bindings
