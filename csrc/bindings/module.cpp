// The extension module: a list of what is bound.
#include "bindings/arguments.h"
#include "bindings/autograd_types.h"
#include "bindings/interop.h"
#include "bindings/pybind.h"
#include "bindings/tables.h"
#include "bindings/types.h"
#include "core/environment.h"

namespace py = pybind11;
using namespace hotloop::bindings;

PYBIND11_MODULE(_core, module, py::mod_gil_not_used()) {
  module.doc() = "hotloop's C++ core: tensors, ops, autograd.";
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const py::builtin_exception&) {
      throw;
    } catch (...) {
      translate_exception();
    }
  });
  hotloop::check_environment();
  bind_types(module);
  bind_exceptions(module);
  add_pointwise_rows();
  add_arithmetic_rows();
  add_elementary_rows();
  add_special_rows();
  add_activation_rows();
  add_shape_rows();
  add_layout_rows();
  add_creation_rows();
  add_reduce_rows();
  add_matmul_rows();
  add_order_rows();
  add_rearrange_rows();
  add_index_rows();
  add_nn_rows();
  add_loss_rows();
  add_optimizer_rows();
  add_alias_rows();
  bind_autograd(module);
  bind_interop();
  bind_packed_weight(module);
  bind_runtime(module);
  bind_gpu(module);
  bind_tensor_type(module);

  static std::vector<PyMethodDef> functions;
  for (const Row& row : rows())
    if (row.function.ml_name) functions.push_back(row.function);
  functions.push_back({});
  if (PyModule_AddFunctions(module.ptr(), functions.data()) < 0) throw py::error_already_set();
}
