#include "bindings/saved_tensor_hooks.h"

#include "autograd/saved_tensor.h"
#include "autograd/tape.h"
#include "bindings/arguments.h"
#include "bindings/pybind.h"
#include "core/error.h"
#include "core/host_lock.h"

namespace hotloop::bindings {

namespace {

// Called and dropped on threads that may not hold the GIL.
struct PythonHooks final : SavedTensorHooks {
  PythonHooks(py::object pack_hook_, py::object unpack_hook_, py::object leaf_hook_)
      : pack_hook(std::move(pack_hook_)), unpack_hook(std::move(unpack_hook_)), leaf_hook(std::move(leaf_hook_)) {}
  ~PythonHooks() override {
    drop_python(pack_hook);
    drop_python(unpack_hook);
    drop_python(leaf_hook);
  }
  Ref<PackedTensor> pack(const Tensor& t) override;
  void use_leaf(const Tensor& leaf) override {
    if (leaf_hook.is_none()) return;
    py::gil_scoped_acquire gil;
    HoldsHostLock held;
    leaf_hook(py::reinterpret_steal<py::object>(wrap(leaf)));
  }

  py::object pack_hook, unpack_hook;
  py::object leaf_hook;  // or None
};

struct PythonPacked final : PackedTensor {
  PythonPacked(py::object value_, Ref<PythonHooks> hooks_) : value(std::move(value_)), hooks(std::move(hooks_)) {}
  ~PythonPacked() override { drop_python(value); }
  Tensor unpack() override {
    py::gil_scoped_acquire gil;
    HoldsHostLock held;
    const py::object result = hooks->unpack_hook(value);
    if (!is_tensor(result.ptr()))
      fail<TypeError>("Output of saved tensor unpack_hook expected to be a Tensor but got result of type %s",
                      Py_TYPE(result.ptr())->tp_name);
    return as_tensor(result.ptr());
  }

  py::object value;
  Ref<PythonHooks> hooks;
};

Ref<PackedTensor> PythonHooks::pack(const Tensor& t) {
  py::gil_scoped_acquire gil;
  HoldsHostLock held;
  py::object value = pack_hook(py::reinterpret_steal<py::object>(wrap(t)));
  return Ref<PackedTensor>(new PythonPacked(std::move(value), Ref<PythonHooks>(this)));
}

void push(py::object pack_hook, py::object unpack_hook, py::object leaf_hook) {
  for (const auto& [hook, name] : {std::pair(&pack_hook, "pack_hook"), std::pair(&unpack_hook, "unpack_hook")})
    if (!PyCallable_Check(hook->ptr()))
      fail<TypeError>("saved_tensors_hooks: %s must be callable, got %s", name, Py_TYPE(hook->ptr())->tp_name);
  push_saved_tensor_hooks(make_ref<PythonHooks>(std::move(pack_hook), std::move(unpack_hook), std::move(leaf_hook)));
}

void call_at_backward_end(py::object function) {
  const auto shared = std::make_shared<py::object>(std::move(function));
  at_backward_end([shared] {
    py::gil_scoped_acquire gil;
    HoldsHostLock held;
    const py::object f = std::move(*shared);
    if (!py::reinterpret_steal<py::object>(PyObject_CallNoArgs(f.ptr()))) PyErr_WriteUnraisable(f.ptr());
  });
}

}  // namespace

void bind_saved_tensor_hooks(py::module_& module) {
  module.def("_push_saved_tensors_hooks", push, py::arg("pack_hook"), py::arg("unpack_hook"), py::arg("leaf_hook"));
  module.def("_pop_saved_tensors_hooks", pop_saved_tensor_hooks);
  module.def("_current_backward", current_backward);
  module.def("_backward_is_selective", backward_is_selective);
  module.def("_at_backward_end", call_at_backward_end, py::arg("function"));
  py::class_<SavedWithHistory>(module, "_SavedTensor", "A tensor kept for backward as an op would keep it.")
      .def(py::init([](const Tensor& t) { return SavedWithHistory(t); }), py::arg("tensor"))
      .def(
          "unpack",
          [](const SavedWithHistory& saved, const std::string& owner, int index) {
            return saved.unpack(owner.c_str(), "argument", index);
          },
          py::arg("owner"), py::arg("index"), "The tensor with its history; refused where it was written to since.");
}

}  // namespace hotloop::bindings
