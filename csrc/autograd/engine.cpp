// Backward: nodes run in the reverse order of their making, each once all gradients of its outputs are
// in. One thread walks the graph; the kernels below are parallel.
#include <algorithm>
#include <mutex>

#include "autograd/tape.h"
#include "core/error.h"
#include "ops/pointwise.h"
#include "ops/shape.h"

namespace hotloop {

namespace {

// What a backward knows of a node it will visit.
struct Task {
  explicit Task(Node* node) : node(node) {}
  Node* node;
  int waits = 0;        // edges into it that have yet to bring a gradient
  bool wanted = true;   // does it lead to a requested input
  InlineVector<Tensor, 2> grads;
};

// Tasks by node: open addressing over a power of two. Kept out of the nodes, so that threads may walk
// parts of one graph at once.
class TaskTable {
 public:
  TaskTable() : slots_(64, nullptr) {}
  ~TaskTable() {
    for (Task* t : tasks) delete t;
  }
  Task* find(const Node* node) const {
    for (size_t i = hash(node);; ++i) {
      Task* t = slots_[i & (slots_.size() - 1)];
      if (!t || t->node == node) return t;
    }
  }
  // The node's task, and whether it is new.
  std::pair<Task*, bool> insert(Node* node) {
    if (Task* t = find(node)) return {t, false};
    if (2 * (tasks.size() + 1) > slots_.size()) {
      slots_.assign(2 * slots_.size(), nullptr);
      for (Task* t : tasks) place(t);
    }
    Task* t = new Task(node);
    tasks.push_back(t);
    place(t);
    return {t, true};
  }
  std::vector<Task*> tasks;

 private:
  static size_t hash(const Node* node) { return (reinterpret_cast<size_t>(node) >> 4) * 0x9E3779B97F4A7C15ull >> 20; }
  void place(Task* t) {
    size_t i = hash(t->node);
    while (slots_[i & (slots_.size() - 1)]) ++i;
    slots_[i & (slots_.size() - 1)] = t;
  }
  std::vector<Task*> slots_;
};

std::mutex& leaf_mutex(const TensorImpl* leaf) {
  static std::mutex mutexes[64];
  return mutexes[reinterpret_cast<size_t>(leaf) / sizeof(TensorImpl) % 64];
}

// May `grad` become a .grad as it is: nobody else holds it, and it is laid out plainly.
bool can_steal(const Tensor& grad) {
  return grad->references() == 1 && grad->storage->references() == 1 && grad->contiguous;
}

Tensor run_hooks(const Hooks& hooks, Tensor grad) {
  for (const auto& [handle, hook] : hooks) {
    Tensor replaced = (*hook)(grad);
    if (replaced.defined()) grad = std::move(replaced);
  }
  return grad;
}

void accumulate_leaf(const Tensor& leaf, Tensor grad, bool create_graph) {
  if (!(grad.sizes() == leaf.sizes())) grad = ops::expand(grad, leaf.sizes());
  const TapeMeta* hooked = tape_meta(leaf.impl());
  if (hooked && hooked->hooks) {
    const Hooks hooks = *hooked->hooks;  // a hook may remove itself
    grad = run_hooks(hooks, std::move(grad));
  }
  std::lock_guard lock(leaf_mutex(leaf.impl()));
  TapeMeta& meta = make_tape_meta(leaf.impl());
  if (!meta.grad.defined()) {
    if (create_graph || can_steal(grad))
      meta.grad = std::move(grad);
    else
      meta.grad = ops::clone(grad);
  } else if (create_graph) {
    meta.grad = ops::add(meta.grad, grad);
  } else {
    ops::add_(meta.grad, grad);
  }
}

void accumulate(Tensor& slot, Tensor grad, bool create_graph) {
  if (!slot.defined())
    slot = std::move(grad);
  else if (!create_graph && can_steal(slot) && slot.dtype() == grad.dtype())
    ops::add_(slot, grad);
  else
    slot = ops::add(slot, grad);
}

// A tensor whose gradient was asked for, and what has come in for it.
struct Capture {
  Edge edge;
  Tensor target;
  Tensor grad;
};

class Backward {
 public:
  Backward(const std::vector<Tensor>& inputs, const BackwardOptions& options) : options_(options) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!needs_grad(inputs[i]))
        fail<RuntimeError>("One of the differentiated Tensors does not require grad (inputs[%zu], shape %s)", i,
                           to_string(inputs[i].sizes()).c_str());
      captures_.push_back({gradient_edge(inputs[i]), inputs[i], {}});
    }
  }

  void root(const Edge& edge, Tensor grad) {
    if (edge.node) discover(edge.node.get());
    roots_.push_back({edge, std::move(grad)});
  }

  std::vector<Tensor> run() {
    if (!captures_.empty()) mark_wanted();
    for (auto& [edge, grad] : roots_) deliver(edge, std::move(grad), false);
    for (Task* t : table_.tasks)
      if (t->waits == 0) push(t);
    while (!ready_.empty()) {
      std::pop_heap(ready_.begin(), ready_.end(), before);
      Task* task = ready_.back();
      ready_.pop_back();
      visit(*task);
    }
    std::vector<Tensor> results;
    for (Capture& c : captures_) {
      if (options_.accumulate) {
        if (c.grad.defined() && (c.edge.leaf || tape_meta(c.target.impl())->retains_grad == false))
          accumulate_leaf(c.target, std::move(c.grad), options_.create_graph);
      } else {
        results.push_back(std::move(c.grad));
      }
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
  // but for in-place history, so nodes are settled from the leaves up by repeated passes until nothing
  // changes; in the usual case the second pass finds nothing.
  void mark_wanted() {
    for (Task* t : table_.tasks) t->wanted = false;
    std::vector<Task*> order = table_.tasks;
    std::sort(order.begin(), order.end(), [](Task* a, Task* b) { return a->node->sequence < b->node->sequence; });
    for (bool changed = true; changed;) {
      changed = false;
      for (Task* t : order) {
        if (t->wanted) continue;
        for (const Edge& e : t->node->edges)
          if (captured(e) || (e.node && table_.find(e.node.get())->wanted)) t->wanted = true;
        changed |= t->wanted;
      }
    }
  }

  bool captured(const Edge& e) const {
    for (const Capture& c : captures_)
      if (e.wanted() && c.edge.node == e.node && c.edge.leaf == e.leaf && (e.leaf || c.edge.output == e.output))
        return true;
    return false;
  }

  void deliver(const Edge& edge, Tensor grad, bool arrives) {
    if (edge.leaf) {
      if (!grad.defined()) return;
      if (captures_.empty()) return accumulate_leaf(Tensor(edge.leaf), std::move(grad), options_.create_graph);
      for (Capture& c : captures_)
        if (c.edge.leaf == edge.leaf) accumulate(c.grad, grad, options_.create_graph);
      return;
    }
    if (!edge.node) return;
    Task* task = table_.find(edge.node.get());
    if (task->grads.empty()) task->grads.resize(edge.node->n_outputs);
    if (grad.defined()) accumulate(task->grads[edge.output], std::move(grad), options_.create_graph);
    if (arrives && --task->waits == 0) push(task);
  }

  void visit(Task& task) {
    Node& node = *task.node;
    if (task.grads.empty()) task.grads.resize(node.n_outputs);
    bool any = false;
    for (const Tensor& g : task.grads) any |= g.defined();
    if (any && node.output_hooks)
      for (Node::OutputHooks& h : *node.output_hooks) {
        Tensor& grad = task.grads[h.output];
        if (!grad.defined()) continue;
        const Hooks hooks = h.hooks;
        grad = run_hooks(hooks, std::move(grad));
        if (h.retains) retain(*h.retains, grad);
      }
    for (Capture& c : captures_)
      if (c.edge.node.get() == &node && task.grads[c.edge.output].defined())
        accumulate(c.grad, task.grads[c.edge.output], options_.create_graph);

    InlineVector<Tensor, 4> grad_inputs;
    grad_inputs.resize(node.edges.size());
    if (any && task.wanted) {
      node.apply(task.grads.begin(), grad_inputs.begin(), options_.create_graph);
      if (!options_.retain_graph) node.release_saved();
    }
    task.grads.clear();
    for (int i = 0; i < node.edges.size(); ++i) deliver(node.edges[i], std::move(grad_inputs[i]), true);
  }

  void retain(TapeMeta& meta, const Tensor& grad) {
    if (!meta.grad.defined())
      meta.grad = options_.create_graph ? grad : ops::clone(grad);
    else
      meta.grad = ops::add(meta.grad, grad);
  }

  BackwardOptions options_;
  TaskTable table_;
  std::vector<std::pair<Edge, Tensor>> roots_;
  std::vector<Capture> captures_;
  std::vector<Task*> ready_;
};

}  // namespace

std::vector<Tensor> backward(const std::vector<Tensor>& roots, const std::vector<Tensor>& grads,
                             const std::vector<Tensor>& inputs, const BackwardOptions& options) {
  if (!grads.empty() && grads.size() != roots.size())
    fail<RuntimeError>("backward: got %zu tensors and %zu gradients", roots.size(), grads.size());
  Backward run(inputs, options);
  GradMode mode(options.create_graph);
  for (size_t i = 0; i < roots.size(); ++i) {
    const Tensor& root = roots[i];
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
    run.root(gradient_edge(root), std::move(grad));
  }
  return run.run();
}

}  // namespace hotloop
