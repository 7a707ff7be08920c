#include "autograd/op_node.h"

#include <cstring>

#include "autograd/tape.h"
#include "core/error.h"
#include "ops/broadcast.h"

namespace hotloop {

uint32_t OpNode::inputs_read(const Call& call) {
  uint32_t read = 0;
  for (int i = 0; i < call.n_inputs; ++i)
    if (call.inputs[i].defined() && needs_grad(call.inputs[i])) read |= call.op.saves.inputs[i < 3 ? i : 3];
  return read;
}

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
    if (call.inputs[i].defined() && (save_inputs >> (i < 31 ? i : 31) & 1)) save(call, i, false);
  for (int i = 0; i < call.n_outputs; ++i)
    if (save_outputs >> i & 1) save(call, i, true);
  if (const size_t bytes = op_.attributes_bytes) {
    attributes_ = bytes <= sizeof inline_attributes_ ? inline_attributes_ : ::operator new(bytes);
    std::memcpy(attributes_, call.attributes, bytes);
  }
}

OpNode::~OpNode() {
  if (attributes_ != inline_attributes_) ::operator delete(attributes_);
}

// Only leaves that collect gradients are held as they are. All others are held as aliases, which share
// the memory without the history: outputs own the node that holds them, and a later in-place op may give
// an input a history that leads back here.
void OpNode::save(const Call& call, int index, bool is_output) {
  const bool original = !is_output && call.original.defined() && call.inputs[index].same(call.outputs[0]);
  const Tensor& tensor = is_output ? call.outputs[index] : original ? call.original : call.inputs[index];
  if (tensor->inference)
    fail<RuntimeError>(
        "%s: inference tensors can't be saved for backward; make them outside inference_mode, "
        "or clone() them first",
        op_.name);
  const bool as_it_is = original || (!is_output && edges[index].leaf);
  // Another view of what an op has just written over is spoiled already: no version will match.
  const bool spoiled =
      call.in_place && !is_output && tensor->storage == call.outputs[0]->storage && !call.outputs[0]->untracked;
  Saved& saved = saved_.emplace();
  saved.tensor = as_it_is ? tensor : make_view(tensor, tensor.sizes(), tensor.strides());
  saved.version = tensor->storage->version() - spoiled;
  saved.index = int16_t(index);
  saved.is_output = is_output;
}

class OpNode::Running final : public Gradient {
 public:
  // Takes the saved tensors out of the node, or shares them where the graph is retained.
  Running(OpNode& node, const Visit& visit) : node_(node), visit_(visit) {
    if (node.saved_.empty()) return;
    saved_.resize(node.saved_.size());
    const Locked locked(node);
    released_ = node.released_;
    for (int i = 0; i < saved_.size(); ++i)
      if (visit.retain)
        saved_[i] = node.saved_[i].tensor;
      else
        saved_[i] = std::move(node.saved_[i].tensor);
    node.released_ |= !visit.retain;
  }

  // After an error the graph is as it was.
  void give_back() {
    if (visit_.retain || released_ || saved_.empty()) return;
    const Locked locked(node_);
    for (int i = 0; i < saved_.size(); ++i) node_.saved_[i].tensor = std::move(saved_[i]);
    node_.released_ = false;
  }

  int n_inputs() const override { return node_.inputs_.size(); }
  bool needs(int input) const override { return input < node_.edges.size() && visit_.needs(node_, input); }
  Tensor in(int input) override {
    const Tensor& saved = unpack(input, false);
    const Edge& edge = node_.edges[input];
    if (!visit_.create_graph || !edge.node) return saved;
    const Tensor fresh = make_view(saved, saved.sizes(), saved.strides());
    set_history(fresh, edge.node, edge.output);
    return fresh;
  }
  Tensor out(int output) override {
    const Tensor& saved = unpack(output, true);
    if (!visit_.create_graph || output >= node_.op_.n_differentiable) return saved;
    const Tensor fresh = make_view(saved, saved.sizes(), saved.strides());
    set_history(fresh, Ref<Node>(&node_), output);
    return fresh;
  }
  bool has(int input) const override { return input < n_inputs() && node_.inputs_[input].given; }
  Dims in_sizes(int input) const override {
    Dims sizes;
    const Input& meta = node_.inputs_[input];
    sizes.n = meta.ndim;
    for (int i = 0; i < meta.ndim; ++i) sizes[i] = node_.sizes_[meta.first_size + i];
    return sizes;
  }
  DType in_dtype(int input) const override { return node_.inputs_[input].dtype; }
  const Tensor& grad(int output) const override { return visit_.grad_outputs[output]; }
  const void* attributes() const override { return node_.attributes_; }
  bool records() const override { return visit_.create_graph; }
  void set(int input, Tensor grad) override {
    if (!grad.defined() || !needs(input)) return;
    grad = ops::sum_to(grad, in_sizes(input));
    if (grad.dtype() != in_dtype(input)) grad = ops::to_dtype(grad, in_dtype(input));
    visit_.grad_inputs[input] = std::move(grad);
  }

 private:
  class Locked {
   public:
    explicit Locked(OpNode& node) : busy_(node.busy_) {
      while (busy_.test_and_set(std::memory_order_acquire)) {
      }
    }
    ~Locked() { busy_.clear(std::memory_order_release); }

   private:
    std::atomic_flag& busy_;
  };

  const Tensor& unpack(int index, bool is_output) const {
    const char* op = node_.op_.name;
    if (released_)
      fail<RuntimeError>(
          "Trying to backward through the graph a second time (or directly access saved tensors after "
          "they have already been freed). Saved intermediate values of the graph are freed when you "
          "call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward "
          "through the graph a second time or if you need to access saved tensors after calling "
          "backward. (op: %s)",
          op);
    for (int i = 0; i < saved_.size(); ++i) {
      const Saved& s = node_.saved_[i];
      if (s.index != index || s.is_output != is_output) continue;
      const Tensor& tensor = saved_[i];
      const uint32_t now = tensor->storage->version();
      if (now != s.version && !tensor->untracked)
        fail<RuntimeError>(
            "one of the variables needed for gradient computation has been modified by an inplace "
            "operation: [%s %s], which is %s %d of %s, is at version %u; expected version %u instead.",
            hotloop::name(tensor.dtype()), to_string(tensor.sizes()).c_str(), is_output ? "output" : "input", index, op,
            now, s.version);
      return tensor;
    }
    fail<RuntimeError>("%s: its gradient reads %s %d, which its record doesn't save", op,
                       is_output ? "output" : "input", index);
  }

  OpNode& node_;
  const Visit& visit_;
  InlineVector<Tensor, 3> saved_;
  bool released_ = false;
};

void OpNode::apply(const Visit& visit) {
  Running running(*this, visit);
  try {
    op_.gradient(running);
  } catch (...) {
    running.give_back();
    throw;
  }
}

}  // namespace hotloop
