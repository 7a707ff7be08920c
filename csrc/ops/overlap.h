// Operands that lie in the memory which an op writes over. Refused is what PyTorch refuses: what the extents of dense
// tensors tell. Others (expanded, with gaps) may or may not meet; an in-place op reads them as they were before.
#pragma once

#include "core/tensor.h"

namespace hotloop::ops {

enum class Sharing {  // of memory by an operand and the written-to tensor
  elementwise,        // by the same elements or not at all
  broadcast,          // so too, once the operand is expanded to the written-to shape
  none,
  any,  // the operand is read before anything is written
};

// Of tensors that have one storage.
void check_overlap(const char* op, const Tensor& out, const Tensor& in, Sharing allowed);

// Throws where `in` shares more of `out` than is allowed.
inline void check_sharing(const char* op, const Tensor& out, const Tensor& in, Sharing allowed) {
  if (in.defined() && in->storage == out->storage) [[unlikely]]
    check_overlap(op, out, in, allowed);
}

// Throws where elements of `out` itself share memory, as an expanded tensor's do.
void check_own_strides(const char* op, const Tensor& out);
inline void check_own_elements(const char* op, const Tensor& out) {
  if (!out.is_contiguous()) check_own_strides(op, out);
}

// Do elements share memory other than one by one? True too where that is unknown.
bool extents_overlap(const Tensor& a, const Tensor& b);
inline bool overlaps(const Tensor& a, const Tensor& b) { return a->storage == b->storage && extents_overlap(a, b); }

}  // namespace hotloop::ops
