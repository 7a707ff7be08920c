// How a kernel says that an index is out of range: the first thread to find one writes it to gpu::Fault, which the host
// reads after the next wait. Never run on a GPU yet.
#pragma once

#include "core/gpu.h"
#include "kernels/cuda/common/device.h"

namespace hotloop::cuda {

// `op` is the host's text: a kernel passes the pointer on and never looks at it.
__device__ inline void raise_fault(gpu::Fault* fault, const char* op, int dim, int64_t value, int64_t size) {
  if (atomicCAS(&fault->raised, 0, 1) != 0) return;
  fault->dim = dim;
  fault->value = value;
  fault->size = size;
  fault->op = op;
  __threadfence_system();
}

}  // namespace hotloop::cuda
