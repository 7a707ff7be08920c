// The graph that the tape records: a node for every op that produced a tensor with a gradient, edges
// from a node to whatever made its inputs.
#pragma once

#include <memory>
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
using Hooks = std::vector<std::pair<int64_t, Ref<TensorHook>>>;  // by handle, in order of registration

struct TapeMeta final : AutogradMeta {
  ~TapeMeta() override;

  Tensor grad;
  Ref<Node> grad_fn;       // null for leaves
  int output = 0;          // which output of grad_fn
  bool retains_grad = false;
  uint32_t history = 0;    // of a base: counts the in-place ops that changed its graph
  uint32_t base_history = 0;  // of a view: the base's count when grad_fn was made
  std::unique_ptr<Hooks> hooks;  // of a leaf
};

inline TapeMeta* tape_meta(const TensorImpl* t) { return static_cast<TapeMeta*>(t->autograd); }
TapeMeta& make_tape_meta(TensorImpl* t);

class Node : public RefCounted {
 public:
  Node();
  ~Node() override;

  virtual const char* name() const = 0;
  // From the gradients of the outputs (undefined: zero) to those of the inputs, edge by edge.
  // Results for edges that are not wanted are ignored.
  virtual void apply(Tensor* grad_outputs, Tensor* grad_inputs, bool create_graph) = 0;
  // Lets go of saved tensors after a backward that doesn't retain the graph.
  virtual void release_saved() = 0;

  InlineVector<Edge, 3> edges;
  int n_outputs = 1;
  uint64_t sequence;  // order of making, per process: later nodes go first in backward

  // Hooks and retained gradients of the outputs.
  struct OutputHooks {
    int output;
    Hooks hooks;
    TapeMeta* retains = nullptr;
  };
  std::unique_ptr<std::vector<OutputHooks>> output_hooks;
  OutputHooks& hooks_of(int output);
};

// The edge on which a tensor's gradient travels; regenerates the grad_fn of a view whose base was
// changed in place. {} where the tensor needs no gradient.
Edge gradient_edge(const Tensor& t);
// Whether t takes part in a graph; a view does as soon as its base was written to with gradients.
bool needs_grad(const Tensor& t);
const Ref<Node>& grad_fn(const Tensor& t);

// Makes `t` output `output` of `node`.
void set_history(const Tensor& t, const Ref<Node>& node, int output);

}  // namespace hotloop
