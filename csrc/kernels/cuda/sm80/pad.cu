// Padding, its adjoint, and triangles of matrices (kernels/args/pad.h). A thread an element of the result: pad looks up
// where it comes from, pad_backward adds what came to it, in the order of its places. Called by dispatch/pad.cpp. Bound
// by memory; the division of an element's number into places costs about as much. Never run on a GPU yet.
#include "kernels/args/pad.h"

#include "kernels/cuda/common/host.h"
#include "kernels/cuda/common/launch.h"

namespace hotloop::sm80 {

using namespace hotloop::cuda;

namespace {

template <class U>
__global__ void __launch_bounds__(256) pad_kernel(const __grid_constant__ PadArgs args, U fill, int64_t count) {
  for (int64_t i = grid_index(); i < count; i += grid_stride()) {
    int64_t rest = i, source = 0, scale = 1;
    bool reached = true;
    for (int d = args.dims - 1; d >= 0; --d) {
      const PadDim& dim = args.dim[d];
      const int64_t quotient = rest / dim.out;
      const int64_t own = pad_source(args.border, dim, rest - quotient * dim.out);
      reached = reached && own >= 0;
      source += own * scale;
      scale *= dim.in;
      rest = quotient;
    }
    static_cast<U*>(args.out)[i] = reached ? static_cast<const U*>(args.x)[source + rest * scale] : fill;
  }
}

// The places of out that element j of a dim went to: first, first + step, ... of the number `count`; and two more that
// reflection may add on its other side. -1: none.
struct Preimage {
  int64_t first, step, count, more[2];

  __device__ __forceinline__ int64_t size() const { return count + (more[0] >= 0) + (more[1] >= 0); }
  __device__ __forceinline__ int64_t operator[](int64_t k) const {
    if (k < count) return first + k * step;
    return k == count && more[0] >= 0 ? more[0] : more[1];
  }
};
__device__ __forceinline__ Preimage preimage_of(Border border, const PadDim& dim, int64_t j) {
  const int64_t n = dim.in, own = j + dim.before;
  const auto within = [&](int64_t i) { return i >= 0 && i < dim.out; };
  if (border == Border::reflect) {
    const int64_t before = dim.before - j, after = dim.before + 2 * (n - 1) - j;
    return {own, 0, within(own), {j > 0 && within(before) ? before : -1, j < n - 1 && within(after) ? after : -1}};
  }
  if (border == Border::replicate) {
    // The first element fills all before it, the last all after.
    int64_t from = j == 0 ? 0 : own, to = j == n - 1 ? dim.out : own + 1;
    from = from < 0 ? 0 : from;
    to = to > dim.out ? dim.out : to;
    return {from, 1, to > from ? to - from : 0, {-1, -1}};
  }
  const int64_t taken = dim.before < 0 ? -dim.before : 0, left = n - taken + (dim.after < 0 ? dim.after : 0);
  if (j < taken || j >= taken + left) return {0, 0, 0, {-1, -1}};
  const int64_t first = (j - taken + (dim.before > 0 ? dim.before : 0)) % left;
  return {first, left, (dim.out - first + left - 1) / left, {-1, -1}};
}

template <class T>
__global__ void __launch_bounds__(256) pad_backward_kernel(const __grid_constant__ PadArgs args, int64_t count) {
  const T* const grad = static_cast<const T*>(args.x);
  for (int64_t i = grid_index(); i < count; i += grid_stride()) {
    // Only the three innermost dims of what is padded can be padded: dims is at most 4, with what lies inside them.
    Preimage places[4];
    int64_t rest = i, combinations = 1, plane = 1;
    for (int d = args.dims - 1; d >= 0; --d) {
      const int64_t quotient = rest / args.dim[d].in;
      places[d] = preimage_of(args.border, args.dim[d], rest - quotient * args.dim[d].in);
      combinations *= places[d].size();
      plane *= args.dim[d].out;
      rest = quotient;
    }
    Compute<T> sum = 0;
    for (int64_t c = 0; c < combinations; ++c) {
      int64_t left = c, at = 0, scale = 1;
      for (int d = args.dims - 1; d >= 0; --d) {
        const int64_t quotient = left / places[d].size();
        at += places[d][left - quotient * places[d].size()] * scale;
        scale *= args.dim[d].out;
        left = quotient;
      }
      sum += convert<Compute<T>>(grad[rest * plane + at]);
    }
    static_cast<T*>(args.out)[i] = convert<T>(sum);
  }
}

template <class U>
__global__ void __launch_bounds__(256) triangle_kernel(TriangleArgs args, int64_t count) {
  for (int64_t i = grid_index(); i < count; i += grid_stride()) {
    const int64_t line = i / args.columns, off = i - line * args.columns - line % args.rows;
    const bool kept = args.lower ? off <= args.diagonal : off >= args.diagonal;
    static_cast<U*>(args.out)[i] = kept ? static_cast<const U*>(args.x)[i] : U(0);
  }
}

}  // namespace

void pad(const PadArgs& args, GpuStream stream) {
  int64_t count = args.planes;
  for (int d = 0; d < args.dims; ++d) count *= args.dim[d].out;
  const Grid grid = grid_for(count);
  with_bits(itemsize(args.dtype), [&]<class U>(U) {
    const U fill = args.fill ? *static_cast<const U*>(args.fill) : U(0);
    launch(stream, grid.blocks, grid.threads, 0, pad_kernel<U>, args, fill, count);
  });
}

void pad_backward(const PadArgs& args, GpuStream stream) {
  int64_t count = args.planes;
  for (int d = 0; d < args.dims; ++d) count *= args.dim[d].in;
  const Grid grid = grid_for(count);
  with_float(args.dtype,
             [&]<class T>(T) { launch(stream, grid.blocks, grid.threads, 0, pad_backward_kernel<T>, args, count); });
}

void triangle(const TriangleArgs& args, GpuStream stream) {
  const int64_t count = args.matrices * args.rows * args.columns;
  const Grid grid = grid_for(count);
  with_bits(itemsize(args.dtype),
            [&]<class U>(U) { launch(stream, grid.blocks, grid.threads, 0, triangle_kernel<U>, args, count); });
}

}  // namespace hotloop::sm80
