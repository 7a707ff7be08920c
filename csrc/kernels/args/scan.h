// Running results over the middle dim of (outer, n, inner): out[i] is the result over x[0 ... i].
//
// sum, prod: floating dtypes in f64, the others in i64 (wrapping). max, min: exact; of equal elements the later one's
// index is kept, and from the first NaN on every result is NaN, with the index of the latest NaN. logsumexp: f64, by
// the running maximum and the sum of exponentials below it, so that nothing overflows.
#pragma once

#include "core/dtype.h"

namespace hotloop {

enum class ScanOp : uint8_t { sum, prod, max, min, logsumexp };

struct ScanArgs {
  ScanOp op;
  DType dtype;      // of x; logsumexp: floating
  DType out_dtype;  // x's where floating, and for max and min; i64 otherwise; sums of f32 may be f64
  int64_t outer, n, inner;
  const void* x;     // contiguous, as out
  void* out;         // not x
  int64_t* indices;  // max, min: along the scanned dim
};

}  // namespace hotloop
