#include "autograd/op_node.h"

#include <cstring>

#include "autograd/tape.h"
#include "core/error.h"
#include "ops/broadcast.h"

namespace hotloop {

OpNode::OpNode(const Call& call) : op_(call.op) {
  n_outputs = call.n_outputs;
  edges.resize(call.n_inputs);
  inputs_.resize(call.n_inputs);
  uint32_t save_inputs = 0, save_outputs = 0;
  for (int i = 0; i < call.n_inputs; ++i) {
    const Tensor& t = call.inputs[i];
    Input& input = inputs_[i];
    input.given = t.defined();
    if (!t.defined()) continue;
    input.dtype = t.dtype();
    input.ndim = int8_t(t.ndim());
    input.first_size = int16_t(sizes_.size());
    for (int64_t s : t.sizes()) sizes_.emplace(s);
    edges[i] = gradient_edge(t);
    if (edges[i].wanted()) {
      save_inputs |= op_.saves.inputs[i < 3 ? i : 3];
      save_outputs |= op_.saves.outputs[i < 3 ? i : 3];
    }
  }
  for (int i = 0; i < call.n_inputs; ++i)
    if (call.inputs[i].defined() && (save_inputs >> (i < 31 ? i : 31) & 1))
      save(call.inputs[i], i, false, call.in_place && call.inputs[i].same(call.outputs[0]));
  for (int i = 0; i < call.n_outputs; ++i)
    if (save_outputs >> i & 1) save(call.outputs[i], i, true, true);
  if (const size_t bytes = op_.attributes_bytes) {
    attributes_ = bytes <= sizeof inline_attributes_ ? inline_attributes_ : ::operator new(bytes);
    std::memcpy(attributes_, call.attributes, bytes);
  }
}

OpNode::~OpNode() {
  if (attributes_ != inline_attributes_) ::operator delete(attributes_);
}

// An alias shares the memory without the history: outputs would own the node that owns them.
void OpNode::save(const Tensor& tensor, int index, bool is_output, bool alias) {
  if (tensor->inference)
    fail<RuntimeError>("%s: inference tensors can't be saved for backward; make them outside inference_mode, "
                       "or clone() them first", op_.name);
  Saved& saved = saved_.emplace();
  saved.tensor = alias ? make_view(tensor, tensor.sizes(), tensor.strides()) : tensor;
  // An input written over by its own op is spoiled already: no version will match.
  saved.version = tensor->storage->version() - (alias && !is_output ? 1 : 0);
  saved.index = int16_t(index);
  saved.is_output = is_output;
}

Tensor OpNode::unpack(int index, bool is_output, bool create_graph) {
  if (released_)
    fail<RuntimeError>("Trying to backward through the graph a second time (or directly access saved tensors after "
                       "they have already been freed). Saved intermediate values of the graph are freed when you call "
                       ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
                       "graph a second time or if you need to access saved tensors after calling backward. (op: %s)",
                       op_.name);
  for (Saved& s : saved_) {
    if (s.index != index || s.is_output != is_output) continue;
    const uint32_t now = s.tensor->storage->version();
    if (now != s.version && !s.tensor->untracked)
      fail<RuntimeError>("one of the variables needed for gradient computation has been modified by an inplace "
                         "operation: [%s %s], which is %s %d of %s, is at version %u; expected version %u instead.",
                         hotloop::name(s.tensor.dtype()), to_string(s.tensor.sizes()).c_str(),
                         is_output ? "output" : "input", index, op_.name, now, s.version);
    if (!is_output || !create_graph) return s.tensor;
    Tensor fresh = make_view(s.tensor, s.tensor.sizes(), s.tensor.strides());
    if (index < op_.n_differentiable) set_history(fresh, Ref<Node>(this), index);
    return fresh;
  }
  fail<RuntimeError>("%s: its gradient reads %s %d, which its record doesn't save", op_.name,
                     is_output ? "output" : "input", index);
}

class OpNode::Running final : public Gradient {
 public:
  Running(OpNode& node, Tensor* grad_outputs, Tensor* grad_inputs, bool create_graph)
      : node_(node), grad_outputs_(grad_outputs), grad_inputs_(grad_inputs), create_graph_(create_graph) {}

  int n_inputs() const override { return node_.inputs_.size(); }
  bool needs(int input) const override { return input < node_.edges.size() && node_.edges[input].wanted(); }
  Tensor in(int input) override { return node_.unpack(input, false, create_graph_); }
  Tensor out(int output) override { return node_.unpack(output, true, create_graph_); }
  bool has(int input) const override { return input < n_inputs() && node_.inputs_[input].given; }
  Dims in_sizes(int input) const override {
    Dims sizes;
    const Input& meta = node_.inputs_[input];
    sizes.n = meta.ndim;
    for (int i = 0; i < meta.ndim; ++i) sizes[i] = node_.sizes_[meta.first_size + i];
    return sizes;
  }
  DType in_dtype(int input) const override { return node_.inputs_[input].dtype; }
  const Tensor& grad(int output) const override { return grad_outputs_[output]; }
  const void* attributes() const override { return node_.attributes_; }
  bool records() const override { return create_graph_; }
  void set(int input, Tensor grad) override {
    if (!grad.defined() || !needs(input)) return;
    grad = ops::sum_to(grad, in_sizes(input));
    if (grad.dtype() != in_dtype(input)) grad = ops::to_dtype(grad, in_dtype(input));
    grad_inputs_[input] = std::move(grad);
  }

 private:
  OpNode& node_;
  Tensor* grad_outputs_;
  Tensor* grad_inputs_;
  bool create_graph_;
};

void OpNode::apply(Tensor* grad_outputs, Tensor* grad_inputs, bool create_graph) {
  Running running(*this, grad_outputs, grad_inputs, create_graph);
  op_.gradient(running);
}

void OpNode::release_saved() {
  released_ = true;
  for (Saved& s : saved_) s.tensor = Tensor();
}

}  // namespace hotloop
