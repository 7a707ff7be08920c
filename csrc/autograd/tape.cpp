#include "autograd/tape.h"

#include "autograd/inplace.h"
#include "autograd/op_node.h"
#include "core/error.h"
#include "ops/shape.h"

namespace hotloop {

namespace {

bool any_needs_grad(const Call& call) {
  for (int i = 0; i < call.n_inputs; ++i)
    if (call.inputs[i].defined() && needs_grad(call.inputs[i])) return true;
  return false;
}

void before(Call& call) {
  if (!call.in_place) return;
  check_in_place(call);
  if (!call.op.gradient || !is_floating(call.outputs[0].dtype())) return;
  const uint32_t read = OpNode::inputs_read(call);
  if (!read) return;
  for (int i = 0; i < call.n_inputs && i < 31; ++i) {
    if (!(read >> i & 1) || !call.inputs[i].same(call.outputs[0])) continue;
    const GradMode off(false);
    call.original = ops::clone(call.outputs[0]);
    return;
  }
}

void after(Call& call) {
  const OpRecord& op = call.op;
  if (op.is_view) {
    const Tensor& shown = call.inputs[0];
    call.outputs[0]->base = shown->base ? shown->base : Ref<TensorImpl>(shown.impl());
    call.outputs[0]->one_of_several = shown->one_of_several;
    if (op.gradient && needs_grad(shown) && is_floating(call.outputs[0].dtype()))
      set_history(call.outputs[0], make_ref<OpNode>(call), 0);
    mark_view_current(call.outputs[0]);
    return;
  }
  if (!op.gradient) return;
  if (call.in_place) {
    if (is_floating(call.outputs[0].dtype()) && (any_needs_grad(call) || needs_grad(call.outputs[0])))
      record_in_place(call);
    return;
  }
  if (!any_needs_grad(call)) return;
  bool any = false;
  for (int i = 0; i < call.n_outputs && i < op.n_differentiable; ++i)
    any |= call.outputs[i].defined() && is_floating(call.outputs[i].dtype());
  if (!any) return;
  const Ref<Node> node = make_ref<OpNode>(call);
  for (int i = 0; i < call.n_outputs && i < op.n_differentiable; ++i)
    if (call.outputs[i].defined() && is_floating(call.outputs[i].dtype())) set_history(call.outputs[i], node, i);
}

}  // namespace

void install_tape() { listeners[0] = {before, after}; }

Tensor detach(const Tensor& t) {
  Tensor result = make_view(t, t.sizes(), t.strides());
  result->inference = t->inference;
  return result;
}

bool is_leaf(const Tensor& t) {
  const TapeMeta* meta = tape_meta(t.impl());
  return !meta || !meta->grad_fn;
}

void set_requires_grad(const Tensor& t, bool on) {
  if (on == t->requires_grad) return;
  if (!is_leaf(t))
    fail<RuntimeError>("you can only change requires_grad flags of leaf variables.%s",
                       on ? ""
                          : " If you want to use a computed variable in a subgraph that doesn't require "
                            "differentiation use var_no_grad = var.detach().");
  if (on && !is_floating(t.dtype()))
    fail<RuntimeError>("only Tensors of floating point dtype can require gradients, got %s", name(t.dtype()));
  if (on && t->inference && !thread_state.inference_mode)
    fail<RuntimeError>("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
  t->requires_grad = on;
}

void retain_grad(const Tensor& t) {
  const Edge edge = gradient_edge(t);
  if (!edge.wanted()) fail<RuntimeError>("can't retain_grad on Tensor that has requires_grad=False");
  if (!edge.node) return;
  TapeMeta& meta = *tape_meta(t.impl());
  std::lock_guard lock(hooks_mutex);
  meta.retains_grad = true;
  edge.node->hooks_of(edge.output).retains = &meta;
}

Tensor grad_of(const Tensor& t) {
  const TapeMeta* meta = tape_meta(t.impl());
  if (!meta) return {};
  std::lock_guard lock(grad_mutex(meta));
  return meta->grad;
}

void set_grad(const Tensor& t, const Tensor& grad) {
  if (grad.defined()) {
    if (grad.same(t)) fail<RuntimeError>("can't assign Variable as its own grad");
    if (!(grad.sizes() == t.sizes()))
      fail<RuntimeError>("assigned grad has data of a different size: expected shape %s, got %s",
                         to_string(t.sizes()).c_str(), to_string(grad.sizes()).c_str());
    if (grad.dtype() != t.dtype())
      fail<RuntimeError>("assigned grad has data of a different type: expected %s, got %s", name(t.dtype()),
                         name(grad.dtype()));
    if (!(grad.device() == t.device()))
      fail<RuntimeError>("assigned grad has data located on a different device: expected %s, got %s",
                         to_string(t.device()).c_str(), to_string(grad.device()).c_str());
  } else if (!t->autograd) {
    return;
  }
  TapeMeta& meta = make_tape_meta(t.impl());
  Tensor before = grad;  // the old gradient goes once the lock is free
  std::lock_guard lock(grad_mutex(&meta));
  std::swap(meta.grad, before);
}

void add_hook(const Tensor& t, Ref<TensorHook> hook) {
  const Edge edge = gradient_edge(t);
  if (!edge.wanted()) fail<RuntimeError>("cannot register a hook on a tensor that doesn't require gradient");
  TapeMeta& meta = make_tape_meta(t.impl());
  std::lock_guard lock(hooks_mutex);
  if (edge.node) {
    edge.node->hooks_of(edge.output).hooks.push_back(std::move(hook));
  } else {
    if (!meta.hooks) meta.hooks = std::make_unique<Hooks>();
    meta.hooks->push_back(std::move(hook));
    meta.has_hooks = true;
  }
}

void add_post_accumulate_hook(const Tensor& t, Ref<TensorHook> hook) {
  const Edge edge = gradient_edge(t);
  if (!edge.wanted()) fail<RuntimeError>("cannot register a hook on a tensor that doesn't require gradient");
  if (edge.node) fail<RuntimeError>("post accumulate grad hooks cannot be registered on non-leaf tensors");
  TapeMeta& meta = make_tape_meta(t.impl());
  std::lock_guard lock(hooks_mutex);
  if (!meta.after) meta.after = std::make_unique<Hooks>();
  meta.after->push_back(std::move(hook));
  meta.has_hooks = true;
}

}  // namespace hotloop
