#include "autograd/node.h"

namespace hotloop {

namespace {

thread_local uint64_t next_sequence = 0;

// Dropping the last reference to a long chain of nodes would recurse once a node; nodes that die
// while another is dying wait here instead.
thread_local std::vector<Ref<Node>>* dying = nullptr;

}  // namespace

std::mutex hooks_mutex;

std::mutex& grad_mutex(const TapeMeta* meta) {
  static std::mutex mutexes[64];
  return mutexes[reinterpret_cast<size_t>(meta) / sizeof(TapeMeta) % 64];
}

Node::Node() : sequence(next_sequence++) {}

Node::~Node() {
  delete output_hooks.load(std::memory_order_relaxed);
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
  HookList* list = output_hooks.load(std::memory_order_relaxed);
  if (!list) output_hooks.store(list = new HookList, std::memory_order_release);
  for (OutputHooks& h : *list)
    if (h.output == output) return h;
  list->push_back({output, {}, nullptr});
  return list->back();
}

namespace {

void stop_retaining(TapeMeta& meta) {
  if (!meta.retains_grad || !meta.grad_fn) return;
  std::lock_guard lock(hooks_mutex);
  Node::OutputHooks& hooks = meta.grad_fn->hooks_of(meta.output);
  if (hooks.retains == &meta) hooks.retains = nullptr;
}

}  // namespace

TapeMeta::~TapeMeta() { stop_retaining(*this); }

TapeMeta& make_tape_meta(TensorImpl* t) {
  if (TapeMeta* meta = tape_meta(t)) return *meta;
  auto* made = new TapeMeta;
  AutogradMeta* other = nullptr;
  if (std::atomic_ref(t->autograd).compare_exchange_strong(other, made)) return *made;
  delete made;
  return *static_cast<TapeMeta*>(other);
}

void set_history(const Tensor& t, const Ref<Node>& node, int output) {
  const bool fresh = !t->autograd && t->references() == 1;  // a result that only its maker has
  if (fresh) t->autograd = new TapeMeta;
  TapeMeta& meta = fresh ? *static_cast<TapeMeta*>(t->autograd) : make_tape_meta(t.impl());
  stop_retaining(meta);
  meta.grad_fn = node;
  meta.output = output;
  t->requires_grad = true;
  if (!meta.retains_grad) return;
  std::lock_guard lock(hooks_mutex);
  node->hooks_of(output).retains = &meta;
}

void drop_history(const Tensor& t) {
  if (TapeMeta* meta = tape_meta(t.impl())) {
    stop_retaining(*meta);
    meta->retains_grad = false;
    meta->grad_fn = Ref<Node>();
  }
  t->requires_grad = false;
}

}  // namespace hotloop
