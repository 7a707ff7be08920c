// out = f(a), f(a, b) or f(a, b, c), element by element; the ops are the rows of pointwise.def.
//
// All inputs have one dtype (but the condition of `where`, which is bool), and out has it too, or bool for a PREDICATE
// or COMPARISON. Strides count elements, may be negative, and are 0 where an input is broadcast; out's are never 0.
// An input may be out itself, at the same strides; any other overlap gives undefined results.
//
// Dimensions run from the outermost (0) to the innermost. Any order and any number is right; speed wants them merged
// and sorted by out's strides (coalesce in dispatch/pointwise.h).
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace hotloop {

constexpr DTypeSet kNumbers = kIntegers | kFloats;
constexpr DTypeSet kWideFloats = (1u << int(DType::f32)) | (1u << int(DType::f64));

#define EACH(name) name,
enum class PointwiseOp : uint8_t {
#include "kernels/args/pointwise.def"
};
#define EACH(name) +1
constexpr int kPointwiseOps = 0
#include "kernels/args/pointwise.def"
    ;

constexpr int kPointwiseDims = 16;
constexpr int kPointwiseInputs = 3;

// Not initialised: what lies past ndim and past the op's inputs is never read.
struct PointwiseArgs {
  void* out;
  const void* in[kPointwiseInputs];
  bool dense;  // ndim is 1 and every stride 1: nothing else to look at
  // GPU: bit k says that in[k] is a single number in host memory, which the kernel takes by value; its strides are 0.
  uint8_t host_inputs;
  int ndim;  // 0: one element
  int64_t sizes[kPointwiseDims];
  int64_t out_strides[kPointwiseDims];
  int64_t in_strides[kPointwiseInputs][kPointwiseDims];
  // The op's scalars p0 and p1: p in floating point, n in integer arithmetic. Only rows that name them read them.
  double p[2];
  int64_t n[2];
};

using PointwiseKernel = void (*)(const PointwiseArgs&);

// The kernels of one dtype, null for an op that lacks it.
using PointwiseTable = PointwiseKernel[kPointwiseOps];

// Each instruction set and the reference export their tables by DType:
//   extern const PointwiseTable* const pointwise_tables[kDTypeCount];

}  // namespace hotloop
