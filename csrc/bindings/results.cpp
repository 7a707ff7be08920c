#include "bindings/results.h"

namespace hotloop::bindings {

namespace {

py::object named(const py::object& type, const std::tuple<Tensor, Tensor>& both) {
  const py::object first = owned(wrap(std::get<0>(both))), second = owned(wrap(std::get<1>(both)));
  return owned(PyObject_CallFunctionObjArgs(type.ptr(), first.ptr(), second.ptr(), nullptr));
}

}  // namespace

py::object values_and_indices(const std::tuple<Tensor, Tensor>& both) {
  static const py::object type = imported("hotloop._types", "ValuesAndIndices");
  return named(type, both);
}

py::object min_and_max(const std::tuple<Tensor, Tensor>& both) {
  static const py::object type = imported("hotloop._types", "MinAndMax");
  return named(type, both);
}

}  // namespace hotloop::bindings
