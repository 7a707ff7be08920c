// Graph nodes, grad modes, hooks and backward for Python; hotloop/autograd.py builds on these.
#include "bindings/arguments.h"
#include "bindings/autograd_types.h"
#include "bindings/function_node.h"
#include "bindings/pybind.h"
#include "bindings/saved_tensor_hooks.h"
#include "core/error.h"
#include "core/host_lock.h"

namespace hotloop::bindings {

namespace {

// A Python callable as a hook; it may be called and dropped on threads that don't hold the GIL. The
// callable is shared with the handle that removes it, which alone may drop it early.
class PythonHook final : public TensorHook {
 public:
  explicit PythonHook(std::shared_ptr<py::object> function) : function_(std::move(function)) {}
  ~PythonHook() override { drop_python(*function_); }
  Tensor operator()(const Tensor& grad) override {
    py::gil_scoped_acquire gil;
    HoldsHostLock held;
    const py::object function = *function_;
    if (!function) return Tensor();  // removed
    const py::object result = function(py::reinterpret_steal<py::object>(wrap(grad)));
    if (result.is_none()) return Tensor();
    if (!is_tensor(result.ptr()))
      fail<TypeError>("hook: expected a Tensor or None, got %s", Py_TYPE(result.ptr())->tp_name);
    const Tensor& replaced = as_tensor(result.ptr());
    if (!(replaced.sizes() == grad.sizes()))
      fail<RuntimeError>("hook '%s' has changed the size of value", py::repr(function).cast<std::string>().c_str());
    if (replaced.dtype() != grad.dtype())
      fail<RuntimeError>("hook '%s' has changed the type of value (was %s got %s)",
                         py::repr(function).cast<std::string>().c_str(), name(grad.dtype()), name(replaced.dtype()));
    return replaced;
  }

 private:
  std::shared_ptr<py::object> function_;
};

// Weak, so that a hook that removes itself makes no cycle.
struct HookHandle {
  std::weak_ptr<py::object> function;
  void remove() const {
    if (const auto f = function.lock()) *f = py::object();
  }
};

// Called with a leaf for what it does, once its gradient is in.
class PythonAfterHook final : public TensorHook {
 public:
  explicit PythonAfterHook(std::shared_ptr<py::object> function) : function_(std::move(function)) {}
  ~PythonAfterHook() override { drop_python(*function_); }
  Tensor operator()(const Tensor& leaf) override {
    py::gil_scoped_acquire gil;
    HoldsHostLock held;
    const py::object function = *function_;
    if (!function) return Tensor();  // removed
    if (!function(py::reinterpret_steal<py::object>(wrap(leaf))).is_none())
      fail<RuntimeError>("Tensor post accumulate grad hooks should return None.");
    return Tensor();
  }

 private:
  std::shared_ptr<py::object> function_;
};

template <class Hook>
py::object register_with(const char* op, void (*add)(const Tensor&, Ref<TensorHook>), const Tensor& t,
                         const py::object& hook) {
  if (!PyCallable_Check(hook.ptr()))
    fail<TypeError>("%s: expected a callable, got %s", op, Py_TYPE(hook.ptr())->tp_name);
  const auto function = std::make_shared<py::object>(hook);
  add(t, Ref<TensorHook>(new Hook(function)));
  return py::cast(HookHandle{function});
}

// What an edge leads to: a node, or the leaf whose .grad adds up what arrives.
struct NodeHandle {
  Ref<Node> node;
  Tensor leaf = {};
  const void* key() const { return node ? static_cast<const void*>(node.get()) : leaf.impl(); }
};

// "AddBackward0" for the op "add", as PyTorch names its nodes.
std::string node_name(const NodeHandle& handle) {
  if (!handle.node) return "AccumulateGrad";
  const std::string op = handle.node->name();
  if (op.find("Backward") != std::string::npos || op == "CopySlices") return op;
  std::string name;
  bool up = true;
  for (char c : op) {
    if (c == '_') {
      up = true;
    } else {
      name += up ? char(c >= 'a' && c <= 'z' ? c - 32 : c) : c;
      up = false;
    }
  }
  return name + "Backward0";
}

std::vector<Tensor> tensors_of(const py::sequence& items, const char* what) {
  std::vector<Tensor> tensors;
  for (const py::handle item : items) {
    if (!item.is_none() && !is_tensor(item.ptr()))
      fail<TypeError>("backward: %s must be tensors, got %s", what, Py_TYPE(item.ptr())->tp_name);
    tensors.push_back(item.is_none() ? Tensor() : as_tensor(item.ptr()));
  }
  return tensors;
}

py::object run_backward_of(const Tensor& t, const Tensor& gradient, std::optional<bool> retain_graph, bool create_graph,
                           const std::optional<std::vector<Tensor>>& inputs) {
  if (inputs && inputs->empty()) fail<RuntimeError>("`inputs` argument to `backward()` cannot be empty.");
  BackwardOptions options;
  options.create_graph = create_graph;
  options.retain_graph = retain_graph.value_or(create_graph);
  {
    ReleaseHostLock unlock(kHostLockWork + 1);
    backward({t}, {gradient}, inputs.value_or(std::vector<Tensor>()), options);
  }
  return py::none();
}

Tensor requires_grad_in_place(const Tensor& t, bool on) {
  set_requires_grad(t, on);
  return t;
}

}  // namespace

PyObject* wrap_grad_fn(const Tensor& tensor) {
  const Ref<Node>& node = grad_fn(tensor);
  if (!node) Py_RETURN_NONE;
  return py::cast(NodeHandle{node}).release().ptr();
}

void bind_autograd(py::module_& module) {
  install_tape();
  py::class_<NodeHandle>(module, "Node", "A node of the graph that backward() walks.")
      .def(
          "name", [](const NodeHandle& n) { return node_name(n); },
          "The op's name, as \"AddBackward0\"; of a leaf's node, \"AccumulateGrad\".")
      .def_property_readonly(
          "next_functions",
          [](const NodeHandle& n) {
            py::list next;
            if (n.node)
              for (const Edge& e : n.node->edges)
                next.append(py::make_tuple(
                    e.wanted() ? py::cast(NodeHandle{e.node, Tensor(e.leaf)}) : py::object(py::none()), e.output));
            return py::tuple(next);
          },
          "Nodes that this one's gradients go to, each with the number of its output.")
      .def_property_readonly(
          "variable",
          [](const NodeHandle& n) {
            if (n.node) throw py::attribute_error("only a leaf's node has the attribute 'variable'");
            return py::reinterpret_steal<py::object>(wrap(n.leaf));
          },
          "Of a leaf's node, the leaf.")
      .def("__repr__", [](const NodeHandle& n) { return "<" + node_name(n) + ">"; })
      .def("__eq__", [](const NodeHandle& a, const NodeHandle& b) { return a.key() == b.key(); })
      .def("__hash__", [](const NodeHandle& n) { return reinterpret_cast<size_t>(n.key()) >> 4; });

  py::class_<HookHandle>(module, "RemovableHandle", "Removes a hook: by remove(), or at the end of a `with` block.")
      .def("remove", &HookHandle::remove, "Removes the hook; a second call does nothing.")
      .def("__enter__", [](py::object self) { return self; })
      .def("__exit__", [](const HookHandle& h, const py::args&) { h.remove(); });
  bind_function_node(module);
  bind_saved_tensor_hooks(module);

  module.def(
      "_run_backward",
      [](const py::sequence& roots, const py::sequence& grads, const py::sequence& inputs, bool retain_graph,
         bool create_graph, bool accumulate) {
        const std::vector<Tensor> r = tensors_of(roots, "tensors"), g = tensors_of(grads, "grad_tensors"),
                                  i = tensors_of(inputs, "inputs");
        std::vector<Tensor> results;
        {
          HoldsHostLock held;
          ReleaseHostLock unlock(kHostLockWork + 1);
          results = backward(r, g, i, {retain_graph, create_graph, accumulate});
        }
        return py::reinterpret_steal<py::object>(to_python(results));
      },
      py::arg("tensors"), py::arg("grad_tensors"), py::arg("inputs"), py::arg("retain_graph"), py::arg("create_graph"),
      py::arg("accumulate"), "Runs the tape backwards; hotloop.autograd.backward and grad are its faces.");
  module.def("is_grad_enabled", [] { return grad_enabled(); }, "Whether ops are being recorded on this thread.");
  module.def("_set_grad_enabled", [](bool on) { set_grad_enabled(on); }, py::arg("mode"));
  module.def(
      "is_inference_mode_enabled", [] { return thread_state.inference_mode; },
      "Whether inference mode is on in this thread.");
  module.def("_set_inference_mode", [](bool on) { thread_state.inference_mode = on; }, py::arg("mode"));
  module.def(
      "_make_subclass",
      [](const py::type& type, const Tensor& data, bool requires_grad) {
        // Shares the memory; a tensor of its own, so that it can have its own object and gradient.
        Tensor t = detach(data);
        py::object object = py::reinterpret_steal<py::object>(wrap_as(reinterpret_cast<PyTypeObject*>(type.ptr()), t));
        set_requires_grad(t, requires_grad);
        return object;
      },
      py::arg("cls"), py::arg("data"), py::arg("requires_grad") = false);

  add_rows({
      HOTLOOP_METHOD("backward(self: Tensor, gradient: Tensor | None = None, retain_graph: bool | None = None, "
                     "create_graph: bool = False, inputs: Sequence[Tensor] | None = None) -> None",
                     run_backward_of,
                     "Adds the gradient of this tensor into the .grad of the leaves that it came from."),
      HOTLOOP_OP("detach(input: Tensor) -> Tensor", detach, "The values without their history; shares memory."),
      HOTLOOP_METHOD(
          "detach_(self: Tensor) -> Tensor",
          [](const Tensor& t) {
            if (t->base) fail<RuntimeError>("Can't detach views in-place. Use detach() instead.");
            drop_history(t);
            return t;
          },
          "Drops this tensor's history."),
      HOTLOOP_METHOD("requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor", requires_grad_in_place,
                     "Sets whether gradients are collected for this leaf; returns it."),
      HOTLOOP_METHOD(
          "register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle",
          [](const Tensor& t, const py::object& hook) {
            return register_with<PythonHook>("register_hook", add_hook, t, hook);
          },
          "Calls hook with this tensor's gradient in backward(); what it returns, unless None, takes its "
          "place."),
      HOTLOOP_METHOD(
          "register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle",
          [](const Tensor& t, const py::object& hook) {
            return register_with<PythonAfterHook>("register_post_accumulate_grad_hook", add_post_accumulate_hook, t,
                                                  hook);
          },
          "Calls hook with this leaf whenever backward() has added to its .grad."),
      HOTLOOP_METHOD("retain_grad(self: Tensor) -> None", retain_grad,
                     "Makes backward() keep the gradient of this non-leaf tensor."),
      HOTLOOP_METHOD(
          "is_inference(self: Tensor) -> bool", [](const Tensor& t) { return t->inference; },
          "Whether the tensor was made in inference mode."),
  });
}

}  // namespace hotloop::bindings
