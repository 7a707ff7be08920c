// Naive padding: one element of out at a time.
#include "kernels/args/pad.h"

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

namespace {

// Where in x element i of out comes from, or -1.
int64_t source_of(const PadArgs& args, int64_t i) {
  int64_t position[kPadDims];
  for (int d = args.dims - 1; d >= 0; --d) {
    position[d] = i % args.dim[d].out;
    i /= args.dim[d].out;
  }
  int64_t source = i;  // the plane
  for (int d = 0; d < args.dims; ++d) {
    const int64_t own = pad_source(args.border, args.dim[d], position[d]);
    if (own < 0) return -1;
    source = source * args.dim[d].in + own;
  }
  return source;
}

struct Counts {
  int64_t in, out;
};
Counts counts_of(const PadArgs& args) {
  Counts n{args.planes, args.planes};
  for (int d = 0; d < args.dims; ++d) n.in *= args.dim[d].in, n.out *= args.dim[d].out;
  return n;
}

}  // namespace

void pad(const PadArgs& args) {
  const size_t size = itemsize(args.dtype);
  for (int64_t i = 0; i < counts_of(args).out; ++i) {
    const int64_t source = source_of(args, i);
    const char* from =
        source < 0 ? static_cast<const char*>(args.fill) : static_cast<const char*>(args.x) + source * int64_t(size);
    std::memcpy(static_cast<char*>(args.out) + i * int64_t(size), from, size);
  }
}

void pad_backward(const PadArgs& args) {
  const Counts n = counts_of(args);
  for (int64_t i = 0; i < n.in; ++i) put(args.out, args.dtype, i, 0);
  for (int64_t i = 0; i < n.out; ++i) {
    const int64_t to = source_of(args, i);
    put(args.out, args.dtype, to, get(args.out, args.dtype, to) + get(args.x, args.dtype, i));
  }
}

void triangle(const TriangleArgs& args) {
  const size_t size = itemsize(args.dtype);
  for (int64_t i = 0; i < args.matrices * args.rows * args.columns; ++i) {
    const int64_t column = i % args.columns, row = i / args.columns % args.rows;
    const bool kept = args.lower ? column - row <= args.diagonal : column - row >= args.diagonal;
    char* out = static_cast<char*>(args.out) + i * int64_t(size);
    if (kept)
      std::memcpy(out, static_cast<const char*>(args.x) + i * int64_t(size), size);
    else
      std::memset(out, 0, size);
  }
}

}  // namespace hotloop::reference
