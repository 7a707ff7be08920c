// The whole of pybind11, for the few files that bind classes: it takes the compiler ten times as long as the
// handles that the rest needs (tensor_object.h).
#pragma once

#include <pybind11/pybind11.h>

#include "bindings/tensor_object.h"

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
