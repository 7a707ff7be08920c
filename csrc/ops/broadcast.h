// What broadcasting needs on the way back, and conversions that gradients use.
#pragma once

#include "core/tensor.h"

namespace hotloop::ops {

// The shape that a and b broadcast to; throws RuntimeError naming op where they don't.
Dims broadcast_shape(const char* op, const Dims& a, const Dims& b);
// Sums t over the dims that broadcasting added or stretched; t itself where nothing was.
Tensor sum_to(const Tensor& t, const Dims& sizes);
Tensor to_dtype(const Tensor& t, DType dtype);  // t itself where it has that dtype
// A contiguous copy in the device's memory, or x itself where it lies there. From pinned memory (core/pinned.h) it
// needs no waiting for: then x mustn't be changed before the device's stream has come by.
Tensor to_device(const Tensor& x, Device device, bool waits = true);
// A copy of a tensor of the CPU in pinned memory, or x itself where it lies there.
Tensor pin_memory(const Tensor& x);

}  // namespace hotloop::ops
