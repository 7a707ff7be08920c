// The graph that the tape records: a node for every op that produced a tensor with a gradient, edges
// from a node to whatever made its inputs.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "core/inline_vector.h"
#include "core/ref.h"
#include "core/tensor.h"

namespace hotloop {

class Node;

// Where the gradient of one input goes: into output `output` of `node`, or into the .grad of `leaf`,
// or (both null) nowhere.
struct Edge {
  Ref<Node> node;
  Ref<TensorImpl> leaf;
  int output = 0;
  bool wanted() const { return node || leaf; }
};

// Called with the gradient of a tensor; may return another one in its place, or an undefined one.
struct TensorHook : RefCounted {
  virtual Tensor operator()(const Tensor& grad) = 0;
};
using Hooks = std::vector<Ref<TensorHook>>;  // in order of registration

struct TapeMeta final : AutogradMeta {
  ~TapeMeta() override;

  Tensor grad;
  Ref<Node> grad_fn;  // null for leaves
  int output = 0;     // which output of grad_fn
  bool retains_grad = false;
  uint32_t history = 0;          // of a base: counts the in-place ops that changed its graph
  uint32_t base_history = 0;     // of a view: the base's count when grad_fn was made
  std::unique_ptr<Hooks> hooks;  // of a leaf; hooks_mutex's
  std::unique_ptr<Hooks> after;  // of a leaf, called with it once .grad has the gradient; hooks_mutex's
  std::atomic<bool> has_hooks{false};
};

// Read and made by any thread: several may bring a leaf its first gradient at once.
inline TapeMeta* tape_meta(const TensorImpl* t) {
  return static_cast<TapeMeta*>(
      std::atomic_ref(const_cast<AutogradMeta*&>(t->autograd)).load(std::memory_order_acquire));
}
TapeMeta& make_tape_meta(TensorImpl* t);

// Guards the .grad of tensors; never held while Python's lock is asked for.
std::mutex& grad_mutex(const TapeMeta* meta);
// Guards all lists of hooks and what retains gradients; taken before a grad_mutex.
extern std::mutex hooks_mutex;

class Node : public RefCounted {
 public:
  Node();
  ~Node() override;

  // One visit of a backward: from the gradients of the outputs (undefined: zero) to those of the
  // inputs, edge by edge.
  struct Visit {
    const Tensor* grad_outputs;
    Tensor* grad_inputs;
    const bool* needed;  // by edge: is its gradient asked for; null: where the edge is wanted
    bool create_graph;
    bool retain;  // keep what was saved for another backward
    bool needs(const Node& node, int edge) const { return needed ? needed[edge] : node.edges[edge].wanted(); }
  };

  virtual const char* name() const = 0;
  // Results for edges that are not needed are ignored. Threads may visit one node at once.
  virtual void apply(const Visit& visit) = 0;

  InlineVector<Edge, 3> edges;
  int n_outputs = 1;
  uint64_t sequence;  // order of making, per thread: later nodes go first in backward

  // Hooks and retained gradients of the outputs.
  struct OutputHooks {
    int output;
    Hooks hooks;
    TapeMeta* retains = nullptr;
  };
  using HookList = std::vector<OutputHooks>;
  std::atomic<HookList*> output_hooks{nullptr};  // its contents are hooks_mutex's
  OutputHooks& hooks_of(int output);             // with hooks_mutex held
};

// The edge on which a tensor's gradient travels; regenerates the grad_fn of a view whose base was
// changed in place. {} where the tensor needs no gradient.
Edge gradient_edge(const Tensor& t);
// Whether t takes part in a graph; a view does as soon as its base was written to with gradients.
bool needs_grad(const Tensor& t);
const Ref<Node>& grad_fn(const Tensor& t);

// Makes `t` output `output` of `node`; its hooks stay with its history, retain_grad() goes with it.
void set_history(const Tensor& t, const Ref<Node>& node, int output);
void drop_history(const Tensor& t);

}  // namespace hotloop
