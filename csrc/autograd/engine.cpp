// Backward: nodes run in the reverse order of their making, each once all gradients of its outputs are
// in. One thread walks the graph; the kernels below are parallel.
#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "autograd/tape.h"
#include "core/error.h"
#include "ops/pointwise.h"
#include "ops/shape.h"

namespace hotloop {

namespace {

// What a backward knows of a node it will visit.
struct Task {
  Node* node = nullptr;
  int waits = 0;       // edges into it that have yet to bring a gradient
  bool wanted = true;  // does it lead to a requested input
  InlineVector<Tensor, 2> grads;
};

// Tasks by node: open addressing over a power of two. Kept out of the nodes, so that threads may walk
// parts of one graph at once. Small graphs take no heap.
class TaskTable {
 public:
  TaskTable() = default;
  TaskTable(const TaskTable&) = delete;
  TaskTable& operator=(const TaskTable&) = delete;
  ~TaskTable() {
    if (slots_ != first_slots_) delete[] slots_;
  }
  Task* find(const Node* node) const {
    for (size_t i = hash(node);; ++i) {
      Task* t = slots_[i & mask_];
      if (!t || t->node == node) return t;
    }
  }
  // The node's task, and whether it is new.
  std::pair<Task*, bool> insert(Node* node) {
    if (Task* t = find(node)) return {t, false};
    if (2 * (size_ + 1) > mask_ + 1) grow();
    if (size_ >= kFirst && (size_ - kFirst) % kChunk == 0) chunks_.emplace_back(new Task[kChunk]);
    Task* t = &at(size_++);
    t->node = node;
    place(t);
    return {t, true};
  }
  size_t size() const { return size_; }
  Task& at(size_t i) { return i < kFirst ? first_[i] : chunks_[(i - kFirst) / kChunk][(i - kFirst) % kChunk]; }

 private:
  static constexpr size_t kFirst = 32, kChunk = 256;
  static size_t hash(const Node* node) { return (reinterpret_cast<size_t>(node) >> 4) * 0x9E3779B97F4A7C15ull >> 20; }
  void place(Task* t) {
    size_t i = hash(t->node);
    while (slots_[i & mask_]) ++i;
    slots_[i & mask_] = t;
  }
  void grow() {
    const size_t bigger = 2 * (mask_ + 1);
    Task** slots = new Task*[bigger]();
    if (slots_ != first_slots_) delete[] slots_;
    slots_ = slots;
    mask_ = bigger - 1;
    for (size_t i = 0; i < size_; ++i) place(&at(i));
  }

  Task first_[kFirst];
  Task* first_slots_[2 * kFirst] = {};
  Task** slots_ = first_slots_;
  size_t mask_ = 2 * kFirst - 1;
  size_t size_ = 0;
  std::vector<std::unique_ptr<Task[]>> chunks_;
};

// May `grad` be kept, or added to, as it is: nobody else holds it, it is laid out plainly, and its
// memory is the library's and its alone.
bool can_steal(const Tensor& grad) {
  const Storage& storage = *grad->storage;
  return grad->references() == 1 && storage.references() == 1 && grad->contiguous && !storage.is_guest() &&
         size_t(grad.numel()) * itemsize(grad.dtype()) == storage.bytes();
}

Tensor run_hooks(const Hooks& hooks, Tensor grad) {
  for (const Ref<TensorHook>& hook : hooks) {
    Tensor replaced = (*hook)(grad);
    if (replaced.defined()) grad = std::move(replaced);
  }
  return grad;
}

Hooks hooks_of_leaf(const Tensor& leaf, std::unique_ptr<Hooks> TapeMeta::* list = &TapeMeta::hooks) {
  std::lock_guard lock(hooks_mutex);
  const TapeMeta* meta = tape_meta(leaf.impl());
  return meta && meta->*list ? *(meta->*list) : Hooks();
}

bool has_hooks(const TensorImpl* leaf) {
  const TapeMeta* meta = tape_meta(leaf);
  return meta && meta->has_hooks.load(std::memory_order_acquire);
}

// Adds to a tensor's .grad, which never shares memory with anything else. Returns what was there before
// where it was replaced: it must go with no lock held.
Tensor add_to_grad(TapeMeta& meta, Tensor grad, bool create_graph) {
  if (create_graph) {
    grad = ops::clone(grad);
  } else if (!can_steal(grad)) {
    std::unique_lock lock(grad_mutex(&meta));
    if (meta.grad.defined()) {
      ops::add_(meta.grad, grad);
      return {};
    }
    lock.unlock();
    grad = ops::clone(grad);
  }
  std::lock_guard lock(grad_mutex(&meta));
  if (meta.grad.defined() && !create_graph) {
    ops::add_(meta.grad, grad);
    return {};
  }
  if (meta.grad.defined()) grad = ops::add(meta.grad, grad);
  std::swap(meta.grad, grad);
  return grad;
}

void accumulate_leaf(const Tensor& leaf, Tensor grad, bool create_graph) {
  const bool hooked = has_hooks(leaf.impl());
  if (hooked) grad = run_hooks(hooks_of_leaf(leaf), std::move(grad));
  add_to_grad(make_tape_meta(leaf.impl()), std::move(grad), create_graph);
  if (hooked)
    for (const Ref<TensorHook>& hook : hooks_of_leaf(leaf, &TapeMeta::after)) (*hook)(leaf);
}

void accumulate(Tensor& slot, Tensor grad, bool create_graph) {
  if (!slot.defined())
    slot = std::move(grad);
  else if (!create_graph && can_steal(slot))
    ops::add_(slot, grad);
  else
    slot = ops::add(slot, grad);
}

// A tensor whose gradient is collected until backward's end: it was asked for, or it is a leaf whose
// hooks must see the whole.
struct Capture {
  Edge edge;
  Tensor target;
  Tensor grad;
};

class Backward {
 public:
  Backward(const std::vector<Tensor>& inputs, const BackwardOptions& options) : options_(options) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].defined()) fail<TypeError>("backward: inputs[%zu] is None, expected a Tensor", i);
      if (!needs_grad(inputs[i]))
        fail<RuntimeError>("One of the differentiated Tensors does not require grad (inputs[%zu], shape %s)", i,
                           to_string(inputs[i].sizes()).c_str());
      const Edge edge = gradient_edge(inputs[i]);
      const void* key = edge.leaf ? static_cast<const void*>(edge.leaf.get()) : edge.node.get();
      if (options.accumulate && captured(edge)) continue;
      capture_of_.emplace(key, captures_.size());
      captures_.push_back({edge, inputs[i], {}});
    }
    selective_ = !captures_.empty();
  }

  void root(const Edge& edge, Tensor grad) {
    if (edge.node) discover(edge.node.get());
    roots_.push_back({edge, std::move(grad)});
  }

  std::vector<Tensor> run() {
    if (selective_) mark_wanted();
    for (auto& [edge, grad] : roots_) deliver(edge, std::move(grad), false);
    for (size_t i = 0; i < table_.size(); ++i)
      if (table_.at(i).waits == 0) push(&table_.at(i));
    while (!ready_.empty()) {
      std::pop_heap(ready_.begin(), ready_.end(), before);
      Task* task = ready_.back();
      ready_.pop_back();
      visit(*task);
    }
    std::vector<Tensor> results;
    for (Capture& c : captures_) {
      if (options_.accumulate) {
        const bool retained = c.edge.node && tape_meta(c.target.impl())->retains_grad;
        if (c.grad.defined() && !retained) accumulate_leaf(c.target, std::move(c.grad), options_.create_graph);
        continue;
      }
      if (c.grad.defined() && c.edge.leaf && has_hooks(c.target.impl()))
        c.grad = run_hooks(hooks_of_leaf(c.target), std::move(c.grad));
      results.push_back(std::move(c.grad));
    }
    return results;
  }

 private:
  static bool before(const Task* a, const Task* b) { return a->node->sequence < b->node->sequence; }

  void push(Task* t) {
    ready_.push_back(t);
    std::push_heap(ready_.begin(), ready_.end(), before);
  }

  void discover(Node* root) {
    if (!table_.insert(root).second) return;
    std::vector<Node*> stack{root};
    while (!stack.empty()) {
      Node* node = stack.back();
      stack.pop_back();
      for (const Edge& e : node->edges) {
        if (!e.node) continue;
        auto [task, fresh] = table_.insert(e.node.get());
        ++task->waits;
        if (fresh) stack.push_back(e.node.get());
      }
    }
  }

  // A node is wanted when one of the requested inputs can be reached from it. Edges lead to older nodes
  // but for in-place history and other threads' nodes, so nodes are settled from the leaves up by
  // repeated passes until nothing changes; in the usual case the second pass finds nothing.
  void mark_wanted() {
    std::vector<Task*> order(table_.size());
    for (size_t i = 0; i < order.size(); ++i) {
      order[i] = &table_.at(i);
      order[i]->wanted = false;
    }
    std::sort(order.begin(), order.end(), before);
    for (bool changed = true; changed;) {
      changed = false;
      for (Task* t : order) {
        if (t->wanted) continue;
        for (const Edge& e : t->node->edges)
          if (leads_to_input(e)) t->wanted = true;
        changed |= t->wanted;
      }
    }
  }

  bool leads_to_input(const Edge& e) const { return captured(e) || (e.node && table_.find(e.node.get())->wanted); }

  // Calls f with each capture at the edge.
  template <class F>
  void each_capture(const TensorImpl* leaf, const Node* node, int output, F f) {
    const void* key = leaf ? static_cast<const void*>(leaf) : node;
    for (auto [it, end] = capture_of_.equal_range(key); it != end; ++it)
      if (leaf || captures_[it->second].edge.output == output) f(captures_[it->second]);
  }

  bool captured(const Edge& e) const {
    bool any = false;
    if (e.wanted())
      const_cast<Backward*>(this)->each_capture(e.leaf.get(), e.node.get(), e.output, [&](Capture&) { any = true; });
    return any;
  }

  void deliver(const Edge& edge, Tensor grad, bool arrives) {
    if (edge.leaf) {
      if (grad.defined()) deliver_to_leaf(edge, std::move(grad));
      return;
    }
    if (!edge.node) return;
    Task* task = table_.find(edge.node.get());
    if (task->grads.empty()) task->grads.resize(edge.node->n_outputs);
    if (grad.defined()) accumulate(task->grads[edge.output], std::move(grad), options_.create_graph);
    if (arrives && --task->waits == 0) push(task);
  }

  void deliver_to_leaf(const Edge& edge, Tensor grad) {
    if (!selective_) {
      if (!has_hooks(edge.leaf.get()))
        return accumulate_leaf(Tensor(edge.leaf), std::move(grad), options_.create_graph);
      if (!captured(edge)) {
        capture_of_.emplace(edge.leaf.get(), captures_.size());
        captures_.push_back({edge, Tensor(edge.leaf), {}});
      }
    }
    each_capture(edge.leaf.get(), nullptr, 0, [&](Capture& c) { accumulate(c.grad, grad, options_.create_graph); });
  }

  void visit(Task& task) {
    Node& node = *task.node;
    if (task.grads.empty()) task.grads.resize(node.n_outputs);
    bool any = false;
    for (const Tensor& g : task.grads) any |= g.defined();
    const bool held = selective_ && capture_of_.contains(&node);
    if (any && (task.wanted || held) && node.output_hooks.load(std::memory_order_acquire)) run_output_hooks(task);
    if (held)
      for (int i = 0; i < node.n_outputs; ++i)
        if (task.grads[i].defined())
          each_capture(nullptr, &node, i,
                       [&](Capture& c) { accumulate(c.grad, task.grads[i], options_.create_graph); });

    InlineVector<Tensor, 4> grad_inputs;
    grad_inputs.resize(node.edges.size());
    if (any && task.wanted) {
      InlineVector<bool, 16> needed;
      if (selective_)
        for (const Edge& e : node.edges) needed.emplace(leads_to_input(e));
      node.apply({task.grads.begin(), grad_inputs.begin(), selective_ ? needed.begin() : nullptr, options_.create_graph,
                  options_.retain_graph});
    }
    task.grads.clear();
    for (int i = 0; i < node.edges.size(); ++i) deliver(node.edges[i], std::move(grad_inputs[i]), true);
  }

  void run_output_hooks(Task& task) {
    std::vector<std::pair<int, Hooks>> found;  // a copy: hooks may add and remove hooks
    {
      std::lock_guard lock(hooks_mutex);
      for (const Node::OutputHooks& h : *task.node->output_hooks.load(std::memory_order_relaxed))
        found.emplace_back(h.output, h.hooks);
    }
    for (const auto& [output, hooks] : found) {
      Tensor& grad = task.grads[output];
      if (!grad.defined()) continue;
      grad = run_hooks(hooks, std::move(grad));
      Tensor before;
      std::lock_guard lock(hooks_mutex);  // keeps the tensor that retains the gradient
      if (TapeMeta* meta = task.node->hooks_of(output).retains)
        before = add_to_grad(*meta, grad, options_.create_graph);
    }
  }

  BackwardOptions options_;
  bool selective_ = false;  // only the gradients of `inputs` are asked for
  TaskTable table_;
  std::vector<std::pair<Edge, Tensor>> roots_;
  std::vector<Capture> captures_;
  std::unordered_multimap<const void*, size_t> capture_of_;  // by leaf or node
  std::vector<Task*> ready_;
};

// A backward as those see it who are called from within.
class Scope {
 public:
  explicit Scope(bool selective) : selective(selective), outer_(innermost) { innermost = this; }
  ~Scope() {
    innermost = outer_;
    for (const auto& f : at_end_) f();
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  uint64_t number() {
    static std::atomic<uint64_t> last{0};
    if (!number_) number_ = ++last;
    return number_;
  }
  void at_end(std::function<void()> f) { at_end_.push_back(std::move(f)); }

  static constinit thread_local Scope* innermost;
  const bool selective;

 private:
  Scope* outer_;
  uint64_t number_ = 0;
  std::vector<std::function<void()>> at_end_;
};
constinit thread_local Scope* Scope::innermost = nullptr;

}  // namespace

uint64_t current_backward() { return Scope::innermost ? Scope::innermost->number() : 0; }

bool backward_is_selective() { return Scope::innermost && Scope::innermost->selective; }

void at_backward_end(std::function<void()> f) {
  if (!Scope::innermost) fail<RuntimeError>("at_backward_end: no backward is running on this thread");
  Scope::innermost->at_end(std::move(f));
}

std::vector<Tensor> backward(const std::vector<Tensor>& roots, const std::vector<Tensor>& grads,
                             const std::vector<Tensor>& inputs, const BackwardOptions& options) {
  if (!grads.empty() && grads.size() != roots.size())
    fail<RuntimeError>("backward: got %zu tensors and %zu gradients", roots.size(), grads.size());
  const Scope scope(!inputs.empty());
  Backward run(inputs, options);
  GradMode mode(options.create_graph);
  for (size_t i = 0; i < roots.size(); ++i) {
    const Tensor& root = roots[i];
    if (!root.defined()) fail<TypeError>("backward: element %zu of tensors is None, expected a Tensor", i);
    if (!needs_grad(root))
      fail<RuntimeError>("element %zu of tensors does not require grad and does not have a grad_fn", i);
    Tensor grad = grads.empty() ? Tensor() : grads[i];
    if (!grad.defined()) {
      if (root.numel() != 1)
        fail<RuntimeError>("grad can be implicitly created only for scalar outputs, got a tensor of shape %s",
                           to_string(root.sizes()).c_str());
      grad = ops::full(root.sizes(), 1.0, root.dtype(), root.device());
    } else if (!(grad.sizes() == root.sizes())) {
      fail<RuntimeError>("Mismatch in shape: grad_output[%zu] has a shape of %s and output[%zu] has a shape of %s.", i,
                         to_string(grad.sizes()).c_str(), i, to_string(root.sizes()).c_str());
    }
    if (grad.dtype() != root.dtype()) grad = ops::to_dtype(grad, root.dtype());
    run.root(gradient_edge(root), std::move(grad));
  }
  return run.run();
}

}  // namespace hotloop
