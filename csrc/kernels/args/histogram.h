// How many elements fall into each of `bins` bins.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace hotloop {

struct HistogramArgs {
  // f32 and f64: bins of equal width over [low, high], closed; the bin is (x - low) * bins / (high - low) in that order, each
  // step rounded, and the last one for high. Others, and NaN, are passed over. i64: the element is its bin, in [0, bins).
  DType dtype;
  int64_t n, bins;
  double low, high;
  const void* x;    // (n), contiguous
  int64_t* counts;  // (bins)
};

}  // namespace hotloop
