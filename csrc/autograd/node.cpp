#include "autograd/node.h"

#include <atomic>

namespace hotloop {

namespace {

std::atomic<uint64_t> next_sequence{0};

// Dropping the last reference to a long chain of nodes would recurse once a node; nodes that die
// while another is dying wait here instead.
thread_local std::vector<Ref<Node>>* dying = nullptr;

}  // namespace

Node::Node() : sequence(next_sequence.fetch_add(1, std::memory_order_relaxed)) {}

Node::~Node() {
  const auto sole = [](const Edge& e) { return e.node && e.node->references() == 1; };
  if (dying) {
    for (Edge& e : edges)
      if (sole(e)) dying->push_back(std::move(e.node));
    return;
  }
  bool chain = false;
  for (Edge& e : edges) chain |= sole(e);
  if (!chain) return;
  std::vector<Ref<Node>> queue;
  dying = &queue;
  for (Edge& e : edges)
    if (sole(e)) queue.push_back(std::move(e.node));
  while (!queue.empty()) {
    Ref<Node> last = std::move(queue.back());
    queue.pop_back();
  }
  dying = nullptr;
}

Node::OutputHooks& Node::hooks_of(int output) {
  if (!output_hooks) output_hooks = std::make_unique<std::vector<OutputHooks>>();
  for (OutputHooks& h : *output_hooks)
    if (h.output == output) return h;
  output_hooks->push_back({output, {}, nullptr});
  return output_hooks->back();
}

TapeMeta::~TapeMeta() {
  if (retains_grad && grad_fn && grad_fn->output_hooks)
    for (Node::OutputHooks& h : *grad_fn->output_hooks)
      if (h.retains == this) h.retains = nullptr;
}

TapeMeta& make_tape_meta(TensorImpl* t) {
  if (!t->autograd) t->autograd = new TapeMeta;
  return *tape_meta(t);
}

void set_history(const Tensor& t, const Ref<Node>& node, int output) {
  TapeMeta& meta = make_tape_meta(t.impl());
  meta.grad_fn = node;
  meta.output = output;
  t->requires_grad = true;
}

}  // namespace hotloop
