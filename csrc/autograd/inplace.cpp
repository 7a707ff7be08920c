#include "autograd/inplace.h"

#include "autograd/op_node.h"
#include "autograd/tape.h"
#include "core/error.h"
#include "ops/shape.h"

namespace hotloop {

namespace {

// A view as seen from its base: sizes, strides and offset in elements.
struct Geometry {
  Dims sizes, strides;
  int64_t offset;
};

Geometry geometry_of(const TensorImpl& view, const TensorImpl& base) {
  return {view.sizes, view.strides, (view.data - base.data) / int64_t(itemsize(view.dtype))};
}

// After `view.op_(...)`: the base's gradient flows on with the shown part replaced by what the op's own
// gradient makes of it.
class CopySlices final : public Node {
 public:
  // `op_input`: which input of `op` was the view itself (its old history), or -1.
  CopySlices(Ref<Node> op, int op_input, Edge base_edge, const Tensor& base, const Geometry& shown)
      : op_(std::move(op)),
        op_input_(op_input),
        base_sizes_(base.sizes()),
        base_strides_(base.strides()),
        shown_(shown) {
    edges.emplace(std::move(base_edge));
    for (int i = 0; i < op_->edges.size(); ++i) {
      Edge& edge = edges.emplace();
      if (i != op_input_) edge = op_->edges[i];
    }
  }

  const char* name() const override { return "CopySlices"; }

  void apply(const Visit& visit) override {
    // A private copy laid out like the base, so that the shown part can be addressed in it.
    const Tensor& grad_output = visit.grad_outputs[0];
    Tensor grad = ops::empty_strided(base_sizes_, base_strides_, grad_output.dtype(), grad_output.device());
    ops::copy_(grad, grad_output);
    Tensor shown = ops::as_strided(grad, shown_.sizes, shown_.strides, shown_.offset);
    Tensor op_grad = ops::clone(shown);
    InlineVector<Tensor, 4> inner;
    InlineVector<bool, 16> needed;
    inner.resize(op_->edges.size());
    for (int i = 0; i < op_->edges.size(); ++i)
      needed.emplace(i == op_input_ ? visit.needs(*this, 0) && op_->edges[i].wanted() : visit.needs(*this, 1 + i));
    op_->apply({&op_grad, inner.begin(), needed.begin(), visit.create_graph, visit.retain});
    if (op_input_ >= 0 && inner[op_input_].defined())
      ops::copy_(shown, inner[op_input_]);
    else
      ops::fill_(shown, 0.0);
    visit.grad_inputs[0] = std::move(grad);
    for (int i = 0; i < inner.size(); ++i)
      if (i != op_input_) visit.grad_inputs[1 + i] = std::move(inner[i]);
  }

 private:
  Ref<Node> op_;
  int op_input_;
  Dims base_sizes_, base_strides_;
  Geometry shown_;
};

// After a whole tensor was written over by an op that doesn't read it: what was there before takes part in the graph
// still, with a gradient of zeros.
class Overwritten final : public Node {
 public:
  Overwritten(Ref<Node> op, Edge before, const Tensor& out)
      : op_(std::move(op)), sizes_(out.sizes()), dtype_(out.dtype()), device_(out.device()) {
    for (const Edge& edge : op_->edges) edges.emplace() = edge;
    edges.emplace(std::move(before));
  }

  const char* name() const override { return op_->name(); }

  void apply(const Visit& visit) override {
    op_->apply(visit);
    const int before = op_->edges.size();
    if (visit.needs(*this, before)) visit.grad_inputs[before] = ops::zeros(sizes_, dtype_, device_);
  }

 private:
  Ref<Node> op_;
  Dims sizes_;
  DType dtype_;
  Device device_;
};

bool is_leaf_with_grad(const TensorImpl* t) { return t->requires_grad && !(tape_meta(t) && tape_meta(t)->grad_fn); }

// Does the view still show its base's memory? Not after either was given other memory (`.data = ...`).
bool shows_base(const TensorImpl* view) { return view->base && view->base->storage == view->storage; }

[[noreturn]] void refuse_no_grad_view(const char* what) {
  fail<RuntimeError>(
      "A view was created in no_grad mode and %s modified inplace with grad mode enabled. Given that this "
      "use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both "
      "the view and the inplace either both inside the no_grad block (if you don't want the inplace to be "
      "tracked) or both outside (if you want the inplace to be tracked).",
      what);
}

}  // namespace

void check_in_place(const Call& call) {
  const Tensor& out = call.outputs[0];
  if (out->inference && !thread_state.inference_mode)
    fail<RuntimeError>("Inplace update to inference tensor outside InferenceMode is not allowed. (op: %s)",
                       call.op.name);
  bool with_grad = false;
  if (out->no_grad_view || out->one_of_several)
    for (int i = 0; i < call.n_inputs; ++i) with_grad |= call.inputs[i].defined() && needs_grad(call.inputs[i]);
  check_in_place(out, call.op.name, with_grad);
}

void record_in_place(const Call& call) {
  int self = -1;
  for (int i = 0; i < call.n_inputs; ++i)
    if (call.inputs[i].defined() && call.inputs[i].same(call.outputs[0])) self = i;
  const Tensor& out = call.outputs[0];
  Ref<Node> node = make_ref<OpNode>(call);
  if (self < 0 && !shows_base(out.impl()))
    if (Edge before = gradient_edge(out); before.wanted())
      node = make_ref<Overwritten>(std::move(node), std::move(before), out);
  set_in_place_history(out, node, self);
}

void become_view(const char* op, const Tensor& t, const Tensor& view) {
  if (grad_enabled()) {
    check_in_place(t, op, false);
    if (const Edge edge = gradient_edge(view); edge.node) set_history(t, edge.node, edge.output);
  }
  t->sizes = view->sizes;
  t->strides = view->strides;
  t->data = view->data;
  t->numel = view->numel;
  t->contiguous = view->contiguous;
  t->storage->bump_version();
}

void check_in_place(const Tensor& out, const char* op, bool with_grad) {
  const TensorImpl* base = shows_base(out.impl()) ? out->base.get() : nullptr;
  const TensorImpl* whole = base ? base : out.impl();
  if (whole->function_alias && (whole->requires_grad || with_grad))
    fail<RuntimeError>(
        "the output of a custom Function (module backward hooks are one) that shares memory with an input of it is "
        "being modified inplace, of which neither its backward nor its input would know. clone() the output first, or "
        "mark_dirty() the input. (op: %s)",
        op);
  if (is_leaf_with_grad(out.impl()) && !(base && tape_meta(base) && tape_meta(base)->grad_fn))
    fail<RuntimeError>("a leaf Variable that requires grad is being used in an in-place operation. (op: %s)", op);
  if (!base) return;
  if (is_leaf_with_grad(base))
    fail<RuntimeError>("a view of a leaf Variable that requires grad is being used in an in-place operation. (op: %s)",
                       op);
  if (!base->requires_grad && !with_grad) return;
  if (out->no_grad_view) refuse_no_grad_view("is being");
  if (out->one_of_several)
    fail<RuntimeError>(
        "%s_: the tensor is a view and is being modified inplace. This view is the output of a function that returns "
        "multiple views (split, chunk, unbind). Such functions do not allow the output views to be modified inplace. "
        "You should replace the inplace operation by an out-of-place one.",
        op);
}

void set_in_place_history(const Tensor& out, const Ref<Node>& node, int self, int output) {
  if (!shows_base(out.impl())) {
    set_history(out, node, output);
    ++tape_meta(out.impl())->history;
    return;
  }
  const Tensor base(out->base);
  const Geometry shown = geometry_of(*out.impl(), *base.impl());
  Ref<Node> copy_slices(new CopySlices(node, self, gradient_edge(base), base, shown));
  set_history(base, copy_slices, 0);
  ++tape_meta(base.impl())->history;
  gradient_edge(out);  // makes its history anew, as a view of what the base is now
}

void mark_view_current(const Tensor& view) {
  const TapeMeta* base = tape_meta(view->base.get());
  if (base && base->history) make_tape_meta(view.impl()).base_history = base->history;
}

// A view whose base has since been written to with gradients shows what the base is now.
static void refresh_view(const Tensor& t) {
  const TapeMeta* base_meta = tape_meta(t->base.get());
  if (!base_meta || !base_meta->history || !base_meta->grad_fn || !is_floating(t.dtype())) return;
  const TapeMeta* meta = tape_meta(t.impl());
  const uint32_t seen = meta ? meta->base_history : 0;
  if (seen == base_meta->history || !shows_base(t.impl())) return;
  if (t->no_grad_view) refuse_no_grad_view("its base or another view of its base has been");
  const Geometry shown = geometry_of(*t.impl(), *t->base);
  GradMode on(true);
  const Tensor again = ops::as_strided(Tensor(t->base), shown.sizes, shown.strides, shown.offset);
  const TapeMeta& from = *tape_meta(again.impl());
  set_history(t, from.grad_fn, from.output);
  tape_meta(t.impl())->base_history = base_meta->history;
}

bool needs_grad(const Tensor& t) {
  if (t->requires_grad) return true;
  if (!t->base || !t->base->requires_grad) return false;
  refresh_view(t);
  return t->requires_grad;
}

Edge gradient_edge(const Tensor& t) {
  Edge edge;
  if (t->base) refresh_view(t);
  if (!t->requires_grad) return edge;
  const TapeMeta* meta = tape_meta(t.impl());
  if (meta && meta->grad_fn) {
    edge.node = meta->grad_fn;
    edge.output = meta->output;
  } else {
    edge.leaf = Ref<TensorImpl>(t.impl());
  }
  return edge;
}

const Ref<Node>& grad_fn(const Tensor& t) {
  static const Ref<Node> none;
  if (t->base) refresh_view(t);
  const TapeMeta* meta = tape_meta(t.impl());
  return meta ? meta->grad_fn : none;
}

}  // namespace hotloop
