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
    input.device = t.device();
    input.sizes = keep(t.sizes());
    edges[i] = gradient_edge(t);
    tell_saved_tensor_hooks(edges[i]);
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

OpNode::Sizes OpNode::keep(const Dims& sizes) {
  const Sizes kept{int16_t(sizes_.size()), int8_t(sizes.n)};
  for (int64_t s : sizes) sizes_.emplace(s);
  return kept;
}

Dims OpNode::dims(Sizes sizes) const {
  Dims result;
  result.n = sizes.n;
  for (int i = 0; i < sizes.n; ++i) result[i] = sizes_[sizes.first + i];
  return result;
}

void OpNode::save(const Call& call, int index, bool is_output) {
  const bool original = !is_output && call.original.defined() && call.inputs[index].same(call.outputs[0]);
  const Tensor& tensor = is_output ? call.outputs[index] : original ? call.original : call.inputs[index];
  if (tensor->inference)
    fail<RuntimeError>(
        "%s: inference tensors can't be saved for backward; make them outside inference_mode, "
        "or clone() them first",
        op_.name);
  // Another view of what an op has just written over is spoiled already: no version will match.
  const bool spoiled =
      call.in_place && !is_output && tensor->storage == call.outputs[0]->storage && !call.outputs[0]->untracked;
  const bool collects = !is_output && edges[index].leaf;
  const Sizes sizes = is_output ? keep(tensor.sizes()) : inputs_[index].sizes;
  saved_.emplace(SavedTensor(tensor, collects, spoiled), sizes, int16_t(index), is_output);
}

class OpNode::Running final : public Gradient {
 public:
  // Takes what was saved out of the node, or shares it where the graph is retained.
  Running(OpNode& node, const Visit& visit) : node_(node), visit_(visit) {
    if (node.saved_.empty()) return;
    taken_.resize(node.saved_.size());
    const Locked locked(node);
    released_ = node.released_;
    for (int i = 0; i < taken_.size(); ++i)
      if (visit.retain)
        taken_[i].saved = node.saved_[i].tensor;
      else
        taken_[i].saved = std::move(node.saved_[i].tensor);
    node.released_ |= !visit.retain;
  }

  // After an error the graph is as it was.
  void give_back() {
    if (visit_.retain || released_ || taken_.empty()) return;
    const Locked locked(node_);
    for (int i = 0; i < taken_.size(); ++i) node_.saved_[i].tensor = std::move(taken_[i].saved);
    node_.released_ = false;
  }

  int n_inputs() const override { return node_.inputs_.size(); }
  bool needs(int input) const override { return input < node_.edges.size() && visit_.needs(node_, input); }
  Tensor in(int input) override { return unpack(input, false); }
  Tensor out(int output) override { return unpack(output, true); }
  bool has(int input) const override { return input < n_inputs() && node_.inputs_[input].given; }
  Dims in_sizes(int input) const override { return node_.dims(node_.inputs_[input].sizes); }
  DType in_dtype(int input) const override { return node_.inputs_[input].dtype; }
  const Tensor& grad(int output) const override { return visit_.grad_outputs[output]; }
  const void* attributes() const override { return node_.attributes_; }
  bool records() const override { return visit_.create_graph; }
  void set(int input, Tensor grad) override {
    if (!grad.defined() || !needs(input)) return;
    grad = ops::sum_to(grad, in_sizes(input));
    if (grad.dtype() != in_dtype(input)) grad = ops::to_dtype(grad, in_dtype(input));
    // A number on the CPU took part among a GPU's tensors.
    if (!(grad.device() == node_.inputs_[input].device)) grad = ops::to_device(grad, node_.inputs_[input].device);
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

  struct Taken {
    SavedTensor saved;
    Tensor tensor;  // once the gradient has asked for it
  };

  const Tensor& unpack(int index, bool is_output) {
    const char* op = node_.op_.name;
    if (released_)
      fail<RuntimeError>(
          "Trying to backward through the graph a second time (or directly access saved tensors after "
          "they have already been freed). Saved intermediate values of the graph are freed when you "
          "call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward "
          "through the graph a second time or if you need to access saved tensors after calling "
          "backward. (op: %s)",
          op);
    const char* role = is_output ? "output" : "input";
    for (int i = 0; i < taken_.size(); ++i) {
      const Saved& at = node_.saved_[i];
      if (at.index != index || at.is_output != is_output) continue;
      Tensor& tensor = taken_[i].tensor;
      if (tensor.defined()) return tensor;
      const SavedTensor& saved = taken_[i].saved;
      const Dims sizes = node_.dims(at.sizes);
      saved.check(sizes, op, role, index);
      tensor = saved.unpack(sizes);
      if (visit_.create_graph && !saved.is_original()) {
        if (saved.is_shared()) tensor = make_view(tensor, sizes, tensor.strides());
        if (!is_output)
          give_history(tensor, node_.edges[index]);
        else if (index < node_.op_.n_differentiable)
          set_history(tensor, Ref<Node>(&node_), index);
      }
      return tensor;
    }
    fail<RuntimeError>("%s: its gradient reads %s %d, which its record doesn't save", op, role, index);
  }

  OpNode& node_;
  const Visit& visit_;
  InlineVector<Taken, 3> taken_;
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
