// An indexing problem (kernels/args/index.h) as the kernels of index.cu take it, by value: dims merged where they can
// be, and the place of one position. Never run on a GPU yet.
#pragma once

#include "kernels/args/index.h"
#include "kernels/cuda/common/fault.h"
#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

struct PlanDim {
  int64_t size, array_stride, values_stride;
};

struct IndexPlan {
  void* array;
  void* values;
  int index_dims, slice_dims, tensor_count;
  PlanDim index[kIndexMaxDims], slice[kIndexMaxDims];
  IndexTensor tensors[kIndexMaxTensors];
  int64_t positions, slice_size;
  int64_t columns;  // positions are (columns, positions / columns), and those of different columns never meet
  int64_t skip;
  gpu::Fault* fault;
  const char* op;
};

// --- on the GPU ---------------------------------------------------------------------------------------------

__device__ __forceinline__ int64_t quotient(int64_t a, int64_t b) {
  return (a | b) >> 32 == 0 ? int64_t(uint32_t(a) / uint32_t(b)) : a / b;
}

// Calls each(d, coordinate) for the coordinates of number i, from the last dim on.
template <class F>
__device__ __forceinline__ void for_coordinates(const PlanDim* dims, int count, int64_t i, F each) {
#pragma unroll 1
  for (int d = count - 1; d > 0; --d) {
    const int64_t outer = quotient(i, dims[d].size);
    each(d, i - outer * dims[d].size);
    i = outer;
  }
  if (count > 0) each(0, i);
}

struct Place {
  int64_t array, values;  // offsets in elements
};
__device__ __forceinline__ Place slice_place(const IndexPlan& plan, int64_t s) {
  Place place{0, 0};
  for_coordinates(plan.slice, plan.slice_dims, s, [&](int d, int64_t coordinate) {
    place.array += coordinate * plan.slice[d].array_stride;
    place.values += coordinate * plan.slice[d].values_stride;
  });
  return place;
}
__device__ __forceinline__ int64_t values_of_position(const IndexPlan& plan, int64_t p) {
  int64_t values = 0;
  for_coordinates(plan.index, plan.index_dims, p,
                  [&](int d, int64_t coordinate) { values += coordinate * plan.index[d].values_stride; });
  return values;
}
// The place of position p, where it is to be moved; a fault is reported.
__device__ inline bool find_position(const IndexPlan& plan, bool writes, int64_t p, Place& place) {
  place = {0, 0};
  int64_t at = 0;
  for_coordinates(plan.index, plan.index_dims, p, [&](int d, int64_t coordinate) {
    place.array += coordinate * plan.index[d].array_stride;
    place.values += coordinate * plan.index[d].values_stride;
    at += coordinate * plan.tensors[0].strides[d];
  });
#pragma unroll 1
  for (int t = 0; t < plan.tensor_count; ++t) {
    const IndexTensor& tensor = plan.tensors[t];
    if (t > 0) {
      at = 0;
      for_coordinates(plan.index, plan.index_dims, p,
                      [&](int d, int64_t coordinate) { at += coordinate * tensor.strides[d]; });
    }
    const int64_t index = tensor.indices[at];
    if (index >= tensor.size || index < (tensor.wrap ? -tensor.size : 0)) {
      raise_fault(plan.fault, plan.op, tensor.dim, index, tensor.size);
      return false;
    }
    if (writes && t == 0 && index == plan.skip) return false;
    place.array += (index < 0 ? index + tensor.size : index) * tensor.array_stride;
  }
  return true;
}

// --- on the host --------------------------------------------------------------------------------------------

// The dims of a write are put in the order of columns first; a read keeps theirs, in which values are dense.
inline IndexPlan plan_index(const IndexArgs& args, bool writes) {
  IndexPlan plan;
  plan.array = args.array;
  plan.values = args.values;
  plan.tensor_count = args.tensor_count;
  for (int t = 0; t < args.tensor_count; ++t) plan.tensors[t] = args.tensors[t];
  plan.skip = args.skip;
  plan.fault = args.gpu_fault;
  plan.op = args.op;

  plan.index_dims = 0;
  plan.positions = plan.columns = 1;
  bool merges_next = false;  // whether the last dim may take in the next
  const auto add = [&](int from) {
    const IndexDim& dim = args.index[from];
    if (dim.size == 1) return;
    bool merges = merges_next;
    if (merges) {
      const PlanDim& before = plan.index[plan.index_dims - 1];
      merges =
          before.array_stride == dim.size * dim.array_stride && before.values_stride == dim.size * dim.values_stride;
      for (int t = 0; t < args.tensor_count; ++t)
        merges &= plan.tensors[t].strides[plan.index_dims - 1] == dim.size * args.tensors[t].strides[from];
    }
    if (!merges) plan.index[plan.index_dims++] = {1, 0, 0};
    merges_next = true;
    const int to = plan.index_dims - 1;
    plan.index[to] = {plan.index[to].size * dim.size, dim.array_stride, dim.values_stride};
    for (int t = 0; t < args.tensor_count; ++t) plan.tensors[t].strides[to] = args.tensors[t].strides[from];
  };
  for (bool separate : {true, false}) {
    merges_next = false;
    for (int d = 0; d < args.index_dims; ++d) {
      if (writes ? args.index[d].separate != separate : !separate) continue;
      plan.positions *= args.index[d].size;
      if (separate) plan.columns *= args.index[d].size;
      add(d);
    }
  }

  plan.slice_dims = 0;
  plan.slice_size = 1;
  for (int d = 0; d < args.slice_dims; ++d) {
    const IndexDim& dim = args.slice[d];
    plan.slice_size *= dim.size;
    if (dim.size == 1) continue;
    if (plan.slice_dims > 0) {
      PlanDim& before = plan.slice[plan.slice_dims - 1];
      if (before.array_stride == dim.size * dim.array_stride && before.values_stride == dim.size * dim.values_stride) {
        before = {before.size * dim.size, dim.array_stride, dim.values_stride};
        continue;
      }
    }
    plan.slice[plan.slice_dims++] = {dim.size, dim.array_stride, dim.values_stride};
  }
  return plan;
}

// Elements of `item` bytes become words of up to 16 where slices are runs of them: returns the bytes of a word.
inline int widen(IndexPlan& plan, int item) {
  if (plan.slice_dims == 0) return item;
  PlanDim& run = plan.slice[plan.slice_dims - 1];
  if (run.array_stride != 1 || run.values_stride != 1) return item;
  int64_t common = reinterpret_cast<intptr_t>(plan.array) | reinterpret_cast<intptr_t>(plan.values) | run.size * item;
  const auto take = [&](const PlanDim& dim) { common |= (dim.array_stride | dim.values_stride) * item; };
  for (int d = 0; d < plan.index_dims; ++d) take(plan.index[d]);
  for (int d = 0; d + 1 < plan.slice_dims; ++d) take(plan.slice[d]);
  for (int t = 0; t < plan.tensor_count; ++t) common |= plan.tensors[t].array_stride * item;
  int word = item;
  while (word < 16 && common % (2 * word) == 0) word *= 2;
  const int64_t factor = word / item;
  const auto narrow = [&](PlanDim& dim) {
    dim.array_stride /= factor;
    dim.values_stride /= factor;
  };
  for (int d = 0; d < plan.index_dims; ++d) narrow(plan.index[d]);
  for (int d = 0; d + 1 < plan.slice_dims; ++d) narrow(plan.slice[d]);
  for (int t = 0; t < plan.tensor_count; ++t) plan.tensors[t].array_stride /= factor;
  run.size /= factor;
  plan.slice_size /= factor;
  return word;
}

}  // namespace hotloop::sm80
