// Pointwise kernels: one table an instruction set, and the arguments' dimensions made simple.
//
// A table takes the place of a candidate list: every op has a kernel on every instruction set, and none refuses.
#pragma once

#include "core/cpu_features.h"
#include "core/device.h"
#include "core/dtype.h"
#include "dispatch/list.h"
#include "kernels/args/pointwise.h"

namespace hotloop::dispatch {

struct PointwiseTables {
  const PointwiseTable* const* by_dtype;
  const char* const* names;  // of the kernels, by op
};
extern const PointwiseTables pointwise_tables[kIsaCount];

void pointwise_gpu(Device device, PointwiseOp op, DType dtype, const PointwiseArgs& args);

// The op must have the dtype.
inline void pointwise(Device device, PointwiseOp op, DType dtype, const PointwiseArgs& args) {
  if (device.type != DeviceType::cpu) [[unlikely]]
    return pointwise_gpu(device, op, dtype, args);
  const PointwiseTables& tables = pointwise_tables[int(active_isa())];
  detail::last = tables.names[int(op)];
  (*tables.by_dtype[int(dtype)])[int(op)](args);
}

int inputs(PointwiseOp op);
const char* name(PointwiseOp op);
DTypeSet dtypes(PointwiseOp op);  // of its inputs
bool gives_bool(PointwiseOp op);  // whatever they are

// Sorts the dimensions by out's strides, then by the inputs', drops those of size 1 and merges those that are one run
// of memory for every operand; sets `dense`. Sizes and strides may be as they come, outermost first.
void coalesce(PointwiseArgs& args, int inputs);

}  // namespace hotloop::dispatch
