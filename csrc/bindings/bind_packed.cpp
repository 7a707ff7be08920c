#include "bindings/arguments.h"
#include "bindings/pybind.h"
#include "bindings/tables.h"
#include "ops/packed.h"

namespace hotloop::bindings {

const ops::PackedWeight* packed_weight_from(const Source& s) {
  const py::handle object = s.object;
  if (!py::isinstance<ops::PackedWeight>(object)) s.refuse();
  return &object.cast<const ops::PackedWeight&>();
}

void bind_packed_weight(py::module_& module) {
  py::class_<ops::PackedWeight>(module, "PackedWeight",
                                "A weight (out, in) packed once for the active instruction set, for linear_packed().")
      .def(py::init<const Tensor&>(), py::arg("weight"))
      .def_property_readonly("in_features", &ops::PackedWeight::in_features, "Columns of the weight.")
      .def_property_readonly("out_features", &ops::PackedWeight::out_features, "Rows of the weight.")
      .def_property_readonly("nbytes", &ops::PackedWeight::bytes, "Bytes of the packed copy.");
}

}  // namespace hotloop::bindings
