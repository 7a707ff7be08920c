// out = in, converted: a strided copy between any two dtypes. A fill is a copy of one element whose strides are 0.
//
// Floating point to integer drops the fraction (what does not fit is unspecified); to bool is != 0; to a narrower
// floating point rounds to nearest, ties to even, once. Equal dtypes move bits.
#pragma once

#include "kernels/args/pointwise.h"

namespace hotloop {

struct CopyArgs {
  DType to, from;
  PointwiseArgs operands;  // out, in[0] and their layout, as for a pointwise op of one input; no scalars
};

}  // namespace hotloop
