// In-place ops and the tape: what may be written over, and how a write to a view enters the history of
// the tensor that it shows.
#pragma once

#include "autograd/node.h"
#include "ops/op.h"

namespace hotloop {

// Refuses writes to leaves that collect gradients, to views of such leaves, to views made under no_grad
// where the write is recorded, and to inference tensors.
void check_in_place(const Call& call);
// `with_grad`: what is written needs a gradient.
void check_in_place(const Tensor& out, const char* op, bool with_grad);

// Records an in-place call.
void record_in_place(const Call& call);
// Makes `out`, written over, output `output` of `node`, whose input `self` (-1: none) was `out` before.
// Where it is a view (of a node with one output), its base's history gains a node that replaces the shown part of the gradient, and other
// views of that base find their history again when asked.
void set_in_place_history(const Tensor& out, const Ref<Node>& node, int self, int output = 0);

// Gives `t` the shape and the history of a view of itself: squeeze_, transpose_ and their kin.
void become_view(const char* op, const Tensor& t, const Tensor& view);

// A view's history is as new as its base's.
void mark_view_current(const Tensor& view);

}  // namespace hotloop
