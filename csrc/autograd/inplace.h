// In-place ops and the tape: what may be written over, and how a write to a view enters the history of
// the tensor that it shows.
#pragma once

#include "ops/op.h"

namespace hotloop {

// Refuses writes to leaves that collect gradients, to views of such leaves and to inference tensors.
void check_in_place(const Call& call);

// Records an in-place call. Where outputs[0] is a view, its base's history gains a node that replaces
// the shown part of the gradient, and other views of that base find their history again when asked.
void record_in_place(const Call& call);

// A view's history is as new as its base's.
void mark_view_current(const Tensor& view);

}  // namespace hotloop
