// Indexed reading and writing, selection by mask.
//
// One contract carries embedding, index_select, index_add, gather, scatter, scatter_add, batches of a data loader
// and advanced indexing. There is an array, which is indexed, and values, which are dense. Positions run over the
// index dims (those of the broadcast index tensors, or of gather's index), and at each position a slice (the slice
// dims, may be none) is moved. At position p and slice element s, with q(t) = index t at p, plus tensors[t].size where negative:
//   array  + sum_d p[d] array_stride(d) + sum_t q(t) tensors[t].array_stride + sum_e s[e] array_stride(e)
//   values + sum_d p[d] values_stride(d) + sum_e s[e] values_stride(e)
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace hotloop::gpu {
struct Fault;
}

namespace hotloop {

constexpr int kIndexMaxDims = 16;
constexpr int kIndexMaxTensors = 16;

struct IndexDim {
  int64_t size;
  int64_t array_stride;  // in elements, as all strides here
  int64_t values_stride;
  // Of an index dim: positions that differ here never meet in the array (the dims of a scatter other than its own).
  // Writes are cut into chunks along such dims and along slices.
  bool separate;
};

struct IndexTensor {
  const int64_t* indices;
  int64_t strides[kIndexMaxDims];  // along the index dims; 0 where broadcast
  int64_t size;                    // of the array's dim: indices are in [-size, size), or in [0, size) unless wrap
  int64_t array_stride;
  bool wrap;
  int dim;  // of the array, as the caller knows it; for a GPU's message
};

// The first index out of range: in the first tensor that has one, row-major.
struct IndexFault {
  int tensor;  // -1: none
  int64_t value;
};

// What index_combine does with an element of the array and one of the values.
enum class IndexCombine : uint8_t { multiply, max, min };

struct IndexArgs {
  DType dtype;  // of array and values; reading and writing move bits and see its size only
  void* array;
  void* values;
  int index_dims, slice_dims, tensor_count;
  IndexDim index[kIndexMaxDims];
  IndexDim slice[kIndexMaxDims];
  IndexTensor tensors[kIndexMaxTensors];
  // Writing and adding pass over positions where the first tensor's index is `skip` (an embedding's padding
  // row); INT64_MIN: none.
  int64_t skip;
  // Where there is a fault, nothing is written to the array, and values is not to be used; memory outside is never
  // touched. index_read: values = array. index_write: array = values, the last position in row-major order wins.
  // index_add: array += values, in row-major order of positions, each sum rounded to dtype (bool: or).
  // index_combine: the same with the product or the extreme (NaN propagates; bool: and, or, and).
  IndexCombine combine;  // index_combine only
  IndexFault* fault;
  // GPU: a fault is reported here instead, in the name of `op`; the positions at fault are passed over (read: zeros).
  gpu::Fault* gpu_fault;
  const char* op;
};

// Which elements of a contiguous bool mask are set. In chunks of kMaskChunk elements: count_mask writes
// offsets[c] = set elements before chunk c, for c = 0 ... chunks, so offsets[chunks] is their number.
constexpr int64_t kMaskChunk = 32 * 1024;
struct MaskArgs {
  const bool* mask;
  int64_t n;
  int64_t* offsets;  // (n + kMaskChunk - 1) / kMaskChunk + 1 numbers
  // mask_select: out = the elements of x (contiguous, n of them) where the mask is set.
  DType dtype;
  const void* x;
  void* out;
  // mask_nonzero: indices[i] = the coordinates of the i-th set element, (count, ndim); n = product of sizes.
  int ndim;
  const int64_t* sizes;
  int64_t* indices;
};

}  // namespace hotloop
