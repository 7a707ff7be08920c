// Reductions over any set of dims of a strided tensor.
//
// What accumulates: f16, bf16 and f32 in f32 (products of more than a block of 4096 in f64 on the CPU, where they would
// come into f32's subnormal numbers again and again), f64 in f64, integers and bool in i64 (sum, prod) or exactly
// (max, min, arg*). A sum's tree is fixed by the number of its elements alone: 16 lanes over groups of 64,
// blocks of 4096, blocks pairwise. So the bits do not depend on layout within the innermost reduced dim, on
// the other outputs, on threads or on the instruction set (squares and exp may use FMA where it exists).
// NaN propagates, in max, min, argmax and argmin too: the first NaN wins.
#pragma once

#include "core/dtype.h"

namespace hotloop {

enum class ReduceOp : uint8_t {
  sum,     // out dtype any that the accumulator converts to
  nansum,  // floating only: NaN counts as 0
  mean,    // floating only, as var, logsumexp and norm2
  prod,
  max,  // out2, where given: int64 index of the first extreme within the reduced dims, row-major
  min,
  argmax,  // out: int64
  argmin,
  any,  // out: bool
  all,
  var,  // two passes; out2, where given: the mean, in out_dtype
  logsumexp,
  norm2  // square root of the sum of squares
};

constexpr int kReduceMaxDims = 16;

struct ReduceDim {
  int64_t size;
  int64_t in_stride;   // in elements; any sign, may be 0
  int64_t out_stride;  // of kept dims; out and out2 share strides
};

struct ReduceArgs {
  ReduceOp op;
  DType dtype;  // of in
  DType out_dtype;
  const void* in;
  void* out;
  void* out2;         // see ReduceOp; null where not wanted
  double correction;  // var: divides by max(0, n - correction)
  // Row-major, without dims of size 1, coalesced by dispatch::set_reduce_dims. No kept dims: one output. No
  // reduced dims: n = 1. A reduced size of 0 gives the op's identity (sum 0, prod 1, any 0, all 1, mean and
  // var NaN, logsumexp -inf); max, min, argmax and argmin need n > 0. The index of an extreme counts in
  // the order of `reduced`.
  int kept_dims;
  int reduced_dims;
  ReduceDim kept[kReduceMaxDims];
  ReduceDim reduced[kReduceMaxDims];
};

}  // namespace hotloop
