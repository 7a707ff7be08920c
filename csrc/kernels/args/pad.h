// Padding: a larger tensor around the input, and its adjoint; triangles of matrices.
//
// x is (planes, in sizes), out (planes, out sizes), both contiguous. Along each dim, element i of out is element
// pad_source(border, dim, i) of x, or none (-1). Over [begin, end) the sources follow one another:
//   pad           out = x at the sources, and *fill where any dim has none
//   pad_backward  grad_x = the sum of grad_out over the elements that each one went to; floats alone, and no source
//                 is -1. The CPU rounds to dtype after each term, in the order of out's rows, those within [begin, end)
//                 of every dim first, and of a row, [begin, end) before the rest; a plane is summed by one thread.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/args/host_device.h"

namespace hotloop {

constexpr int kPadDims = 16;

enum class Border : uint8_t { constant, reflect, replicate, circular };

struct PadDim {
  int64_t in, out;
  int64_t before, after;  // out is in and these; negative where elements are taken away
  int64_t begin, end;     // of out; empty where nothing of x is kept in place
};

struct PadArgs {
  DType dtype;
  Border border;
  const void* x;     // pad_backward: grad_out
  void* out;         // pad_backward: grad_x
  const void* fill;  // one element, in host memory; null where every element has a source
  int64_t planes;
  int dims;  // at least 1
  PadDim dim[kPadDims];
};

HOTLOOP_HOST_DEVICE inline int64_t pad_source(Border border, const PadDim& dim, int64_t i) {
  const int64_t at = i - dim.before, n = dim.in;
  switch (border) {
    case Border::constant: return at < 0 || at >= n ? -1 : at;
    case Border::reflect: return at < 0 ? -at : at >= n ? 2 * (n - 1) - at : at;
    case Border::replicate: return at < 0 ? 0 : at >= n ? n - 1 : at;
    case Border::circular: break;
  }
  // What negative padding leaves goes round.
  const int64_t from = dim.before < 0 ? -dim.before : 0, left = n - from + (dim.after < 0 ? dim.after : 0);
  const int64_t within = (i - (dim.before > 0 ? dim.before : 0)) % left;
  return from + (within < 0 ? within + left : within);
}

// out = x (matrices, rows, columns) where column - row <= diagonal (lower) or >= diagonal, and zero elsewhere;
// contiguous.
struct TriangleArgs {
  DType dtype;
  bool lower;
  int64_t matrices, rows, columns, diagonal;
  const void* x;
  void* out;
};

}  // namespace hotloop
