#include "dispatch/reduce.h"

#include <cstdlib>
#include <utility>

#include "dispatch/list.h"

namespace hotloop {
HOTLOOP_KERNEL(reduce, ReduceArgs)
}

namespace hotloop::dispatch {

static const Candidate<ReduceArgs> kReduce[] = {HOTLOOP_CANDIDATES(reduce, kAllDTypes, nullptr)};
static const GpuCandidate<ReduceArgs> kGpuReduce[] = {HOTLOOP_GPU_CANDIDATE(reduce, kAllDTypes, nullptr)};

void reduce(Device device, const ReduceArgs& args) { run("reduce", kReduce, kGpuReduce, device, args.dtype, args); }

// Largest stride first; stable, so that dims of equal stride keep their order.
static void sort_by_stride(ReduceDim* dims, int count) {
  for (int i = 1; i < count; ++i)
    for (int j = i; j > 0 && std::llabs(dims[j - 1].in_stride) < std::llabs(dims[j].in_stride); --j)
      std::swap(dims[j - 1], dims[j]);
}

// Joins neighbours that step through memory as one dim.
static int coalesce(ReduceDim* dims, int count) {
  int kept = 0;
  for (int i = 0; i < count; ++i) {
    if (kept > 0) {
      ReduceDim& outer = dims[kept - 1];
      if (outer.in_stride == dims[i].size * dims[i].in_stride &&
          outer.out_stride == dims[i].size * dims[i].out_stride) {
        outer = {outer.size * dims[i].size, dims[i].in_stride, dims[i].out_stride};
        continue;
      }
    }
    dims[kept++] = dims[i];
  }
  return kept;
}

void set_reduce_dims(ReduceArgs& args, int ndim, const int64_t* sizes, const int64_t* in_strides,
                     const int64_t* out_strides, uint64_t reduce) {
  args.kept_dims = args.reduced_dims = 0;
  for (int d = 0; d < ndim; ++d) {
    if (sizes[d] == 1) continue;
    if (reduce >> d & 1)
      args.reduced[args.reduced_dims++] = {sizes[d], in_strides[d], 0};
    else
      args.kept[args.kept_dims++] = {sizes[d], in_strides[d], out_strides[d]};
  }
  const bool indexed = args.op == ReduceOp::argmax || args.op == ReduceOp::argmin ||
                       ((args.op == ReduceOp::max || args.op == ReduceOp::min) && args.out2);
  if (!indexed) sort_by_stride(args.reduced, args.reduced_dims);
  sort_by_stride(args.kept, args.kept_dims);
  args.kept_dims = coalesce(args.kept, args.kept_dims);
  args.reduced_dims = coalesce(args.reduced, args.reduced_dims);
}

}  // namespace hotloop::dispatch
