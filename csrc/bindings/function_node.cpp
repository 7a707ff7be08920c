#include "bindings/function_node.h"

#include "autograd/tape.h"
#include "bindings/arguments.h"
#include "core/error.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

// Holds the ctx object (the user's forward filled it) and the tensors given to save_for_backward. An
// output among them is kept as an alias: the output itself owns this node.
class FunctionNode final : public Node {
 public:
  FunctionNode(py::object ctx, std::string name, const std::vector<Tensor>& inputs)
      : ctx_(std::move(ctx)), name_(std::move(name)) {
    for (const Tensor& t : inputs) edges.emplace(t.defined() ? gradient_edge(t) : Edge{});
  }
  ~FunctionNode() override {
    py::gil_scoped_acquire gil;
    ctx_ = py::object();
  }

  const char* name() const override { return name_.c_str(); }

  void set_outputs(const std::vector<Tensor>& outputs) {
    n_outputs = int(outputs.size());
    for (const Tensor& t : outputs) outputs_.push_back({t.sizes(), t.dtype(), t.device()});
  }

  void save(const Tensor& t, int output) {
    Saved s{t, t.defined() ? t->storage->version() : 0, output};
    if (output >= 0) s.tensor = make_view(t, t.sizes(), t.strides());
    saved_.push_back(s);
  }

  std::vector<Tensor> saved() {
    if (released_)
      fail<RuntimeError>("Trying to backward through the graph a second time (or directly access saved tensors after "
                         "they have already been freed). Specify retain_graph=True if you need to backward through "
                         "the graph a second time. (%s)", name());
    std::vector<Tensor> tensors;
    for (const Saved& s : saved_) {
      if (s.tensor.defined() && s.tensor->storage->version() != s.version)
        fail<RuntimeError>("one of the variables needed for gradient computation has been modified by an inplace "
                           "operation: [%s %s], saved by %s, is at version %u; expected version %u instead.",
                           hotloop::name(s.tensor.dtype()), to_string(s.tensor.sizes()).c_str(), name(),
                           s.tensor->storage->version(), s.version);
      Tensor t = s.tensor;
      if (s.output >= 0) {
        t = make_view(t, t.sizes(), t.strides());
        if (is_floating(t.dtype())) set_history(t, Ref<Node>(this), s.output);
      }
      tensors.push_back(t);
    }
    return tensors;
  }

  void apply(Tensor* grad_outputs, Tensor* grad_inputs, bool) override {
    py::gil_scoped_acquire gil;
    HoldsHostLock held;
    const bool materialize = ctx_.attr("_materialize_grads").cast<bool>();
    py::tuple grads(n_outputs);
    for (int i = 0; i < n_outputs; ++i) {
      Tensor g = grad_outputs[i];
      const Output& o = outputs_[size_t(i)];
      if (!g.defined() && materialize) g = ops::zeros(o.sizes, o.dtype, o.device);
      grads[size_t(i)] = py::reinterpret_steal<py::object>(wrap(g));
    }
    const py::object result = ctx_.attr("_apply_backward")(py::cast(Handle{Ref<FunctionNode>(this)}), grads);
    const py::tuple given = py::isinstance<py::tuple>(result) ? py::tuple(result) : py::make_tuple(result);
    size_t n = size_t(edges.size());
    // Trailing Nones may be left out or be too many.
    for (size_t i = n; i < given.size(); ++i)
      if (!given[i].is_none())
        fail<RuntimeError>("function %s returned an incorrect number of gradients (expected %zu, got %zu)", name(), n,
                           given.size());
    if (given.size() < n)
      fail<RuntimeError>("function %s returned an incorrect number of gradients (expected %zu, got %zu)", name(), n,
                         given.size());
    for (size_t i = 0; i < n; ++i) {
      const py::handle g = given[i];
      if (g.is_none()) continue;
      if (!is_tensor(g.ptr()))
        fail<TypeError>("function %s: gradient %zu must be a Tensor or None, got %s", name(), i,
                        Py_TYPE(g.ptr())->tp_name);
      if (edges[int(i)].wanted()) grad_inputs[i] = as_tensor(g.ptr());
    }
  }

  void release_saved() override {
    released_ = !saved_.empty();
    saved_.clear();
  }

  struct Handle {
    Ref<FunctionNode> node;
  };

 private:
  struct Output {
    Dims sizes;
    DType dtype;
    Device device;
  };
  struct Saved {
    Tensor tensor;
    uint32_t version;
    int output;  // which output it is, or -1
  };

  py::object ctx_;
  std::string name_;
  std::vector<Output> outputs_;
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
    for (const py::handle item : items)
      tensors.push_back(is_tensor(item.ptr()) ? as_tensor(item.ptr()) : Tensor());
    return tensors;
  };
  const std::vector<Tensor> ins = list(inputs), changed = list(dirty), fixed = list(non_differentiable),
                            keep = list(saved);
  std::vector<Tensor> outs = list(outputs);
  Ref<FunctionNode> node(new FunctionNode(std::move(ctx), name, ins));
  std::vector<Tensor> made;
  for (Tensor& t : outs) {
    const bool handed_through = position(ins, t) >= 0 && position(changed, t) < 0;
    made.push_back(handed_through || t->base ? make_view(t, t.sizes(), t.strides()) : t);
  }
  node->set_outputs(made);
  for (const Tensor& t : keep) node->save(t, position(outs, t));
  for (size_t i = 0; i < made.size(); ++i)
    if (position(fixed, outs[i]) < 0 && is_floating(made[i].dtype())) set_history(made[i], Ref<Node>(node.get()), int(i));
  return py::reinterpret_steal<py::object>(to_python(made));
}

}  // namespace

void bind_function_node(py::module_& module) {
  py::class_<FunctionNode::Handle>(module, "_FunctionNode")
      .def("saved_tensors", [](const FunctionNode::Handle& h) {
        return py::reinterpret_steal<py::object>(to_python(h.node->saved()));
      })
      .def("needs_input_grad", [](const FunctionNode::Handle& h) {
        py::tuple needs(size_t(h.node->edges.size()));
        for (int i = 0; i < h.node->edges.size(); ++i) needs[size_t(i)] = py::bool_(h.node->edges[i].wanted());
        return needs;
      });
  module.def("_record_function", record);
  module.def("_needs_grad", [](const Tensor& t) { return t.defined() && needs_grad(t); });
}

}  // namespace hotloop::bindings
