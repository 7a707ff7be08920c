// Padding row by row: most of a row is one copy (kernels/args/pad.h).
#pragma once

#include "core/memory.h"
#include "kernels/args/pad.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/element_bits.h"
#include "kernels/cpu/common/half.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kPadChunkBytes = 64 * 1024;  // written by a chunk; some 10 us
constexpr int64_t kPadShortCopy = 512;         // bytes; longer ones are memcpy's

// Without a call where it is short; the last vector overlaps the one before.
inline void copy_row(char* to, const char* from, int64_t bytes) {
  if (bytes > kPadShortCopy) {
    __builtin_memcpy(to, from, size_t(bytes));
  } else if (bytes >= kVectorBytes) {
    for (int64_t i = 0; i + kVectorBytes < bytes; i += kVectorBytes) __builtin_memcpy(to + i, from + i, kVectorBytes);
    __builtin_memcpy(to + bytes - kVectorBytes, from + bytes - kVectorBytes, kVectorBytes);
  } else {
    copy_bytes<kVectorBytes>(to, from, int(bytes));
  }
}

// The sources along every dim, computed once.
class PadSources {
 public:
  explicit PadSources(const PadArgs& args) : memory_(places(args) * sizeof(int64_t)) {
    int64_t* at = static_cast<int64_t*>(memory_.data());
    for (int d = 0; d < args.dims; ++d) {
      of_[d] = at;
      for (int64_t i = 0; i < args.dim[d].out; ++i) *at++ = pad_source(args.border, args.dim[d], i);
    }
  }
  const int64_t* operator[](int dim) const { return of_[dim]; }

 private:
  static size_t places(const PadArgs& args) {
    int64_t sum = 0;
    for (int d = 0; d < args.dims; ++d) sum += args.dim[d].out;
    return size_t(sum);
  }
  Workspace memory_;
  const int64_t* of_[kPadDims];
};

// Goes through the rows of out, counted over all dims but the innermost: the row of x that each comes from, or -1.
class PadWalk {
 public:
  PadWalk(const PadArgs& args, const PadSources& sources, int64_t row)
      : args_(args), sources_(sources), outer_(args.dims - 1) {
    for (int d = outer_ - 1; d >= 0; --d) {
      position_[d] = row % args.dim[d].out;
      row /= args.dim[d].out;
    }
    plane_ = row;
    look_up(0);
  }
  int64_t source() const { return reached_[outer_] ? source_[outer_] : -1; }
  bool inside() const { return inside_[outer_]; }  // within [begin, end) of every dim
  void next() {
    int d = outer_ - 1;
    for (; d >= 0; --d) {
      if (++position_[d] < args_.dim[d].out) break;
      position_[d] = 0;
    }
    if (d < 0) ++plane_;
    look_up(d < 0 ? 0 : d);
  }

 private:
  // What dims before `from` say is known.
  void look_up(int from) {
    if (from == 0) source_[0] = plane_, reached_[0] = inside_[0] = true;
    for (int d = from; d < outer_; ++d) {
      const PadDim& dim = args_.dim[d];
      const int64_t own = sources_[d][position_[d]];
      reached_[d + 1] = reached_[d] && own >= 0;
      source_[d + 1] = source_[d] * dim.in + own;
      inside_[d + 1] = inside_[d] && position_[d] >= dim.begin && position_[d] < dim.end;
    }
  }
  const PadArgs& args_;
  const PadSources& sources_;
  int outer_;
  int64_t plane_, position_[kPadDims], source_[kPadDims];
  bool reached_[kPadDims], inside_[kPadDims];
};
inline int64_t rows_of_plane(const PadArgs& args) {
  int64_t rows = 1;
  for (int d = 0; d < args.dims - 1; ++d) rows *= args.dim[d].out;
  return rows;
}

template <class T>
void pad_rows(const PadArgs& args) {
  const PadDim& last = args.dim[args.dims - 1];
  const PadSources sources(args);
  const int64_t* const from_last = sources[args.dims - 1];
  const int64_t rows = args.planes * rows_of_plane(args), row_bytes = last.out * int64_t(sizeof(T));
  const T fill = args.fill ? *static_cast<const T*>(args.fill) : T(0);
  const int64_t per_chunk = larger<int64_t>(kPadChunkBytes / row_bytes, 1);
  for_chunks((rows + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
    PadWalk walk(args, sources, chunk * per_chunk);
    for (int64_t r = chunk * per_chunk; r < smaller((chunk + 1) * per_chunk, rows); ++r, walk.next()) {
      const int64_t source = walk.source();
      T* out = static_cast<T*>(args.out) + r * last.out;
      if (source < 0) {
        for (int64_t i = 0; i < last.out; ++i) out[i] = fill;
        continue;
      }
      const T* x = static_cast<const T*>(args.x) + source * last.in;
      const auto edge = [&](int64_t from, int64_t to) {
#pragma GCC unroll 1
        for (int64_t i = from; i < to; ++i) out[i] = from_last[i] < 0 ? fill : x[from_last[i]];
      };
      edge(0, last.begin);
      if (last.begin < last.end)
        copy_row(reinterpret_cast<char*>(out + last.begin), reinterpret_cast<const char*>(x + from_last[last.begin]),
                 (last.end - last.begin) * int64_t(sizeof(T)));
      edge(last.end, last.out);
    }
  });
}

inline void add_to(float& sum, float x) { sum += x; }
inline void add_to(double& sum, double x) { sum += x; }
inline void add_to(half_t& sum, half_t x) { sum = to_f16(to_f32(sum) + to_f32(x)); }
inline void add_to(bfloat16_t& sum, bfloat16_t x) { sum = to_bf16(to_f32(sum) + to_f32(x)); }

template <class T>
void pad_backward_planes(const PadArgs& args) {
  const PadDim& last = args.dim[args.dims - 1];
  const PadSources sources(args);
  const int64_t* const from_last = sources[args.dims - 1];
  const int64_t rows = rows_of_plane(args);
  int64_t plane = last.in;
  bool whole = true;  // every element of x has its own place in out, which writes it first
  for (int d = 0; d < args.dims; ++d) whole &= args.dim[d].end - args.dim[d].begin == args.dim[d].in;
  for (int d = 0; d < args.dims - 1; ++d) plane *= args.dim[d].in;

  const auto add_row = [&](int64_t r, int64_t source, bool first) {
    const T* grad = static_cast<const T*>(args.x) + r * last.out;
    T* __restrict__ to = static_cast<T*>(args.out) + source * last.in;
    if (last.begin < last.end) {
      const int64_t n = last.end - last.begin;
      const T* __restrict__ from = grad + last.begin;
      T* __restrict__ kept = to + from_last[last.begin];
      if (first) {
        copy_row(reinterpret_cast<char*>(kept), reinterpret_cast<const char*>(from), n * int64_t(sizeof(T)));
      } else {
        for (int64_t i = 0; i < n; ++i) add_to(kept[i], from[i]);
      }
    }
#pragma GCC unroll 1
    for (int64_t i = 0; i < last.begin; ++i) add_to(to[from_last[i]], grad[i]);
#pragma GCC unroll 1
    for (int64_t i = last.end; i < last.out; ++i) add_to(to[from_last[i]], grad[i]);
  };
  const int64_t per_chunk = larger<int64_t>(kPadChunkBytes / (plane * int64_t(sizeof(T))), 1);
  for_chunks((args.planes + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
    for (int64_t p = chunk * per_chunk; p < smaller((chunk + 1) * per_chunk, args.planes); ++p) {
      if (!whole) __builtin_memset(static_cast<T*>(args.out) + p * plane, 0, size_t(plane) * sizeof(T));
      for (int pass = 0; pass < 2; ++pass) {
        PadWalk walk(args, sources, p * rows);
        for (int64_t r = p * rows; r < (p + 1) * rows; ++r, walk.next())
          if (walk.inside() == (pass == 0)) add_row(r, walk.source(), whole && walk.inside());
      }
    }
  });
}

void pad(const PadArgs& args) {
  with_bits(args.dtype, [&]<class U>(U) { pad_rows<U>(args); });
}

void pad_backward(const PadArgs& args) {
  switch (args.dtype) {
    case DType::f16: return pad_backward_planes<half_t>(args);
    case DType::bf16: return pad_backward_planes<bfloat16_t>(args);
    case DType::f32: return pad_backward_planes<float>(args);
    default: return pad_backward_planes<double>(args);
  }
}

void triangle(const TriangleArgs& args) {
  const int64_t size = int64_t(itemsize(args.dtype)), rows = args.matrices * args.rows, row_bytes = args.columns * size;
  const int64_t per_chunk = larger<int64_t>(kPadChunkBytes / row_bytes, 1);
  for_chunks((rows + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
    for (int64_t r = chunk * per_chunk; r < smaller((chunk + 1) * per_chunk, rows); ++r) {
      const char* x = static_cast<const char*>(args.x) + r * row_bytes;
      char* out = static_cast<char*>(args.out) + r * row_bytes;
      // Columns before `cut` are kept (lower) or dropped.
      const int64_t cut = r % args.rows + args.diagonal + (args.lower ? 1 : 0);
      const int64_t at = smaller(larger<int64_t>(cut, 0), args.columns) * size;
      if (args.lower) {
        copy_row(out, x, at);
        __builtin_memset(out + at, 0, size_t(row_bytes - at));
      } else {
        __builtin_memset(out, 0, size_t(at));
        copy_row(out + at, x + at, row_bytes - at);
      }
    }
  });
}

}  // namespace hotloop::HOTLOOP_ISA
