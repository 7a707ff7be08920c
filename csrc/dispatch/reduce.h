// Reductions: from a problem to a kernel.
#pragma once

#include "core/device.h"
#include "kernels/args/reduce.h"

namespace hotloop::dispatch {

// Fills kept, kept_dims, reduced and reduced_dims of args from a tensor of ndim <= kReduceMaxDims dims; bit d of
// `reduce` says that dim d is reduced. out_strides has ndim entries; those of reduced dims are not read. args.op
// must be set: indices of extremes need the row-major order, other ops do not and get the dims sorted by stride.
void set_reduce_dims(ReduceArgs& args, int ndim, const int64_t* sizes, const int64_t* in_strides,
                     const int64_t* out_strides, uint64_t reduce);

void reduce(Device device, const ReduceArgs& args);

}  // namespace hotloop::dispatch
