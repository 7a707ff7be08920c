// Distances between the rows of two matrices: out[b, i, j] = |x1[b, i] - x2[b, j]|_p, and their gradient. All operands
// are contiguous but for what says otherwise.
//
// Of pairs, one matrix is both (batch = 1, m = n), and only distances j > i are made or read, of which the rows lie one
// behind the other: (i, j) at pair_place.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/args/host_device.h"

namespace hotloop {

HOTLOOP_HOST_DEVICE inline int64_t pair_place(int64_t n, int64_t i, int64_t j) {
  return i * (2 * n - i - 3) / 2 + j - 1;
}

struct DistanceArgs {
  DType dtype;  // f32 or f64, in which sums over k go, one chain in the order of k
  double p;     // >= 0. 0: how many elements differ; infinite: the largest difference
  // p = 2: as the root of |x1|^2 + |x2|^2 - 2 x1 x2, 0 where rounding falls below, in which rows that are equal have no
  // distance. Costs one step an element where differences cost two; a kernel may take differences all the same.
  bool expanded;
  int64_t batch, n, m, k;
  const void* x1;  // (batch, n, k)
  const void* x2;  // (batch, m, k)
  void* out;       // (batch, n, m), or pairs
  bool pairs = false;
};

// grad_x[b, i] = the sum over j, in order, of grad[b, i, j] times the slope of out[b, i, j] in x[b, i]. There is no slope
// where rows are equal, nor, with p < 1, along elements that are; with p infinite, all elements whose difference is
// the distance have it. The gradient of x2 is that of x1 with roles and strides exchanged.
struct DistanceBackwardArgs {
  DType dtype;  // f32 or f64
  double p;     // > 0
  int64_t batch, n, m, k;
  const void* x;      // (batch, n, k)
  const void* other;  // (batch, m, k)
  const void* out;    // the distances, element (b, i, j) at b * n * m + i * row + j * column; grad as well
  const void* grad;
  int64_t row, column;  // (m, 1) or (1, n); of pairs without meaning
  void* grad_x;         // (batch, n, k)
  bool pairs = false;
};

}  // namespace hotloop
