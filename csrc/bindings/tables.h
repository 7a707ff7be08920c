// Every table of bound functions, one a bind_<area>.cpp.
#pragma once

namespace pybind11 {
class module_;
}

namespace hotloop::bindings {

void add_pointwise_rows();
void add_arithmetic_rows();
void add_elementary_rows();
void add_special_rows();
void add_activation_rows();
void add_alias_rows();  // last of all: of the rows so far
void add_shape_rows();
void add_layout_rows();
void add_creation_rows();
void add_reduce_rows();
void add_matmul_rows();
void add_order_rows();
void add_rearrange_rows();
void add_index_rows();
void add_nn_rows();
void add_loss_rows();
void add_optimizer_rows();
void bind_packed_weight(pybind11::module_& module);
void bind_runtime(pybind11::module_& module);  // threads, memory, instruction sets, seeds, build
void bind_gpu(pybind11::module_& module);      // devices, streams, events, memory of GPUs

}  // namespace hotloop::bindings
