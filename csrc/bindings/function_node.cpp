#include "bindings/function_node.h"

#include <mutex>
#include <optional>

#include "autograd/inplace.h"
#include "autograd/saved_tensor.h"
#include "autograd/tape.h"
#include "bindings/arguments.h"
#include "bindings/pybind.h"
#include "core/error.h"
#include "core/host_lock.h"
#include "ops/broadcast.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

// Holds the ctx object (the user's forward filled it) and the tensors given to save_for_backward.
class FunctionNode final : public Node {
 public:
  FunctionNode(py::object ctx, std::string name, const std::vector<Tensor>& inputs)
      : ctx_(std::move(ctx)), name_(std::move(name)) {
    for (const Tensor& t : inputs) {
      tell_saved_tensor_hooks(edges.emplace(t.defined() ? gradient_edge(t) : Edge{}));
      inputs_.push_back(t.defined() ? Shape{t.sizes(), t.dtype(), t.device()} : Shape{});
    }
  }
  ~FunctionNode() override { drop_python(ctx_); }

  const char* name() const override { return name_.c_str(); }

  void set_outputs(const std::vector<Tensor>& outputs) {
    n_outputs = int(outputs.size());
    for (const Tensor& t : outputs) outputs_.push_back({t.sizes(), t.dtype(), t.device()});
  }

  // `output`: which output it is, or -1. Before set_outputs gives outputs their history.
  void save(const Tensor& t, int output) {
    if (!t.defined())
      saved_.emplace_back();
    else if (output < 0)
      saved_.push_back({SavedWithHistory(t), -1});
    else
      saved_.push_back({SavedWithHistory(t, Edge{}), is_floating(t.dtype()) ? output : -1});
  }

  std::vector<Tensor> saved() {
    std::vector<Saved> saved;
    {
      std::lock_guard lock(mutex_);
      if (released_)
        fail<RuntimeError>(
            "Trying to backward through the graph a second time (or directly access saved tensors after "
            "they have already been freed). Saved intermediate values of the graph are freed when you call "
            ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through "
            "the graph a second time. (%s)",
            name());
      saved = saved_;
    }
    std::vector<Tensor> tensors;
    for (const Saved& s : saved) {
      if (!s.tensor) {
        tensors.emplace_back();
        continue;
      }
      Tensor t = s.tensor->unpack(name(), "saved tensor", int(tensors.size()));
      if (s.output >= 0) {
        t = make_view(t, t.sizes(), t.strides());
        set_history(t, Ref<Node>(this), s.output);
      }
      tensors.push_back(t);
    }
    return tensors;
  }

  void apply(const Visit& visit) override {
    {
      py::gil_scoped_acquire gil;
      HoldsHostLock held;
      run_backward(visit);
    }
    if (!visit.retain) release_saved();
  }

  struct Handle {
    Ref<FunctionNode> node;
  };

 private:
  struct Shape {
    Dims sizes;
    DType dtype;
    Device device;
  };
  struct Saved {
    std::optional<SavedWithHistory> tensor;  // none: None was saved
    int output = -1;
  };

  void run_backward(const Visit& visit) {
    const bool materialize = ctx_.attr("_materialize_grads").cast<bool>();
    py::tuple grads(n_outputs);
    for (int i = 0; i < n_outputs; ++i) {
      Tensor g = visit.grad_outputs[i];
      const Shape& o = outputs_[size_t(i)];
      if (!g.defined() && materialize) g = ops::zeros(o.sizes, o.dtype, o.device);
      grads[size_t(i)] = py::reinterpret_steal<py::object>(wrap(g));
    }
    const py::object result = ctx_.attr("_apply_backward")(py::cast(Handle{Ref<FunctionNode>(this)}), grads);
    const py::tuple given = py::isinstance<py::tuple>(result) ? py::tuple(result) : py::make_tuple(result);
    const size_t n = size_t(edges.size());
    bool fits = given.size() >= n;
    for (size_t i = n; i < given.size(); ++i) fits &= given[i].is_none();  // more Nones do no harm
    if (!fits)
      fail<RuntimeError>("function %s returned an incorrect number of gradients (expected %zu, got %zu)", name(), n,
                         given.size());
    for (size_t i = 0; i < n; ++i) {
      const py::handle g = given[i];
      if (g.is_none()) continue;
      if (!is_tensor(g.ptr()))
        fail<TypeError>("function %s: gradient %zu must be a Tensor or None, got %s", name(), i,
                        Py_TYPE(g.ptr())->tp_name);
      if (visit.needs(*this, int(i))) visit.grad_inputs[i] = fitted(as_tensor(g.ptr()), i);
    }
  }

  // The gradient of input i, summed down and cast to what the input was; refused where it can't be.
  Tensor fitted(Tensor grad, size_t i) const {
    const Shape& input = inputs_[i];
    bool fits = grad.ndim() >= input.sizes.n;
    for (int d = 1; fits && d <= input.sizes.n; ++d) {
      const int64_t wanted = input.sizes[input.sizes.n - d];
      fits = wanted == 1 || wanted == grad.size(grad.ndim() - d);
    }
    if (!fits)
      fail<RuntimeError>(
          "Function %s returned an invalid gradient at index %zu - got %s but expected shape compatible "
          "with %s",
          name(), i, to_string(grad.sizes()).c_str(), to_string(input.sizes).c_str());
    if (!(grad.device() == input.device))
      fail<RuntimeError>("Function %s returned an invalid gradient at index %zu - expected device %s but got %s",
                         name(), i, to_string(input.device).c_str(), to_string(grad.device()).c_str());
    if (!is_floating(grad.dtype()))
      fail<RuntimeError>("Function %s returned an invalid gradient at index %zu - expected dtype %s but got %s", name(),
                         i, hotloop::name(input.dtype), hotloop::name(grad.dtype()));
    grad = ops::sum_to(grad, input.sizes);
    return grad.dtype() == input.dtype ? grad : ops::to_dtype(grad, input.dtype);
  }

  void release_saved() {
    std::vector<Saved> gone;  // goes once the lock is free
    std::lock_guard lock(mutex_);
    released_ |= !saved_.empty();
    gone.swap(saved_);
  }

  py::object ctx_;
  std::string name_;
  std::vector<Shape> inputs_, outputs_;
  std::mutex mutex_;  // guards what follows
  std::vector<Saved> saved_;
  bool released_ = false;
};

int position(const std::vector<Tensor>& tensors, const Tensor& t) {
  for (size_t i = 0; i < tensors.size(); ++i)
    if (t.defined() && tensors[i].same(t)) return int(i);
  return -1;
}

// Records a Function's call: `outputs` of its forward become results of a new node. Those that are
// inputs handed through are views, unless marked dirty (written in place).
py::object record(py::object ctx, const std::string& name, const py::sequence& inputs, const py::sequence& outputs,
                  const py::sequence& dirty, const py::sequence& non_differentiable, const py::sequence& saved) {
  const auto list = [](const py::sequence& items) {
    std::vector<Tensor> tensors;
    for (const py::handle item : items) tensors.push_back(is_tensor(item.ptr()) ? as_tensor(item.ptr()) : Tensor());
    return tensors;
  };
  const std::vector<Tensor> ins = list(inputs), changed = list(dirty), fixed = list(non_differentiable),
                            keep = list(saved);
  std::vector<Tensor> outs = list(outputs);
  for (const Tensor& t : changed) {
    if (position(outs, t) < 0)
      fail<RuntimeError>("%s: a tensor marked dirty is not among forward's outputs", name.c_str());
    check_in_place(t, name.c_str(), true);
    if (t->base && outs.size() > 1)
      fail<RuntimeError>("%s: a view marked dirty must be forward's only output", name.c_str());
    t->storage->bump_version();
  }
  Ref<FunctionNode> node(new FunctionNode(std::move(ctx), name, ins));
  std::vector<Tensor> made;
  for (size_t i = 0; i < outs.size(); ++i) {
    const Tensor& t = outs[i];
    const bool dirty_output = position(changed, t) >= 0;
    const bool known = position(ins, t) >= 0 || t->base || t->requires_grad || position(outs, t) < int(i);
    made.push_back(known && !dirty_output ? make_view(t, t.sizes(), t.strides()) : t);
  }
  for (size_t i = 0; i < made.size(); ++i)
    for (const Tensor& in : ins)
      if (in.defined() && in->storage == made[i]->storage && position(changed, outs[i]) < 0)
        made[i]->function_alias = true;
  for (const Tensor& t : keep) node->save(t, position(outs, t));
  node->set_outputs(made);
  for (size_t i = 0; i < made.size(); ++i) {
    if (position(fixed, outs[i]) >= 0 || !is_floating(made[i].dtype())) continue;
    if (position(changed, outs[i]) >= 0)
      set_in_place_history(made[i], Ref<Node>(node.get()), position(ins, outs[i]), int(i));
    else
      set_history(made[i], Ref<Node>(node.get()), int(i));
  }
  return py::reinterpret_steal<py::object>(to_python(made));
}

}  // namespace

void bind_function_node(py::module_& module) {
  py::class_<FunctionNode::Handle>(module, "_FunctionNode")
      .def("saved_tensors",
           [](const FunctionNode::Handle& h) { return py::reinterpret_steal<py::object>(to_python(h.node->saved())); })
      .def("needs_input_grad", [](const FunctionNode::Handle& h) {
        py::tuple needs(size_t(h.node->edges.size()));
        for (int i = 0; i < h.node->edges.size(); ++i) needs[size_t(i)] = py::bool_(h.node->edges[i].wanted());
        return needs;
      });
  module.def("_record_function", record);
  module.def("_needs_grad", [](const Tensor& t) { return t.defined() && needs_grad(t); });
}

}  // namespace hotloop::bindings
