// Selection by mask and cumulative sums (kernels/args/index.h).
#pragma once

#include "kernels/cpu/common/index.h"
#include "kernels/cpu/common/reduce_load.h"

namespace hotloop::HOTLOOP_ISA {

void count_mask(const MaskArgs& args) {
  const int64_t chunks = (args.n + kMaskChunk - 1) / kMaskChunk;
  args.offsets[0] = 0;
  const uint8_t* mask = reinterpret_cast<const uint8_t*>(args.mask);
  const auto count = [&](int64_t chunk) {
    const int64_t end = smaller((chunk + 1) * kMaskChunk, args.n);
    int64_t total = 0;
    for (int64_t i = chunk * kMaskChunk; i < end;) {
      uint8_t few = 0;  // of at most 255 elements: sums in bytes
      for (const int64_t stop = smaller(i + 255, end); i < stop; ++i) few = uint8_t(few + (mask[i] != 0));
      total += few;
    }
    args.offsets[chunk + 1] = total;
  };
  if (chunks > 0) for_chunks(chunks, count);
  for (int64_t chunk = 0; chunk < chunks; ++chunk) args.offsets[chunk + 1] += args.offsets[chunk];
}

// Runs body(i, k) for the k-th set element i, chunk by chunk.
template <class F>
inline void for_set_elements(const MaskArgs& args, F body) {
  const int64_t chunks = (args.n + kMaskChunk - 1) / kMaskChunk;
  if (chunks == 0) return;
  for_chunks(chunks, [&](int64_t chunk) {
    int64_t k = args.offsets[chunk];
    const int64_t last = args.offsets[chunk + 1];
    // Every element is written and only set ones advance: no branch on the mask.
    for (int64_t i = chunk * kMaskChunk; k < last; ++i) {
      body(i, k);
      k += args.mask[i];
    }
  });
}

void mask_select(const MaskArgs& args) {
  const auto select = [&]<class T>(T* out, const T* x) {
    for_set_elements(args, [=](int64_t i, int64_t k) { out[k] = x[i]; });
  };
  switch (bytes_of(args.dtype)) {
    case 1: return select(static_cast<uint8_t*>(args.out), static_cast<const uint8_t*>(args.x));
    case 2: return select(static_cast<uint16_t*>(args.out), static_cast<const uint16_t*>(args.x));
    case 4: return select(static_cast<uint32_t*>(args.out), static_cast<const uint32_t*>(args.x));
    default: return select(static_cast<uint64_t*>(args.out), static_cast<const uint64_t*>(args.x));
  }
}

void mask_nonzero(const MaskArgs& args) {
  if (args.ndim == 0) return;
  // Flat positions first, into the last column of each row; then the coordinates.
  const int ndim = args.ndim;
  for_set_elements(args, [=, indices = args.indices](int64_t i, int64_t k) { indices[k * ndim + ndim - 1] = i; });
  if (ndim == 1) return;
  const int64_t count = args.offsets[(args.n + kMaskChunk - 1) / kMaskChunk];
  const int64_t chunks = (count + kMaskChunk - 1) / kMaskChunk;
  if (chunks == 0) return;
  for_chunks(chunks, [&](int64_t chunk) {
    for (int64_t k = chunk * kMaskChunk; k < smaller((chunk + 1) * kMaskChunk, count); ++k) {
      int64_t* row = args.indices + k * ndim;
      int64_t position = row[ndim - 1];
      for (int d = ndim - 1; d > 0; --d) {
        row[d] = position % args.sizes[d];
        position /= args.sizes[d];
      }
      row[0] = position;
    }
  });
}

constexpr int kCumsumStrip = 128;                // columns whose sums stay in L1
constexpr int kCumsumRows = 8;                   // rows at once, to hide the latency of the sum
constexpr int64_t kCumsumChunkWork = 32 * 1024;  // elements

// Columns [0, width) of a strip, or as many rows where the strides say so; kWidth: their number, or 0.
template <int kWidth, class T, class Out, class A>
void cumsum_strip(const T* __restrict__ x, int64_t x_stride, int64_t x_step, Out* __restrict__ out, int64_t out_stride,
                  int64_t out_step, int64_t n, int64_t width) {
  const auto widen = [](T v) -> A {
    if constexpr (__is_same(T, half_t) || __is_same(T, bfloat16_t))
      return A(to_f32(v));
    else
      return A(v);
  };
  const auto narrow = [](A v) -> Out {
    if constexpr (__is_same(Out, half_t))
      return to_f16(float(v));
    else if constexpr (__is_same(Out, bfloat16_t))
      return to_bf16(float(v));
    else
      return Out(v);
  };
  if (kWidth) width = kWidth;
  A sum[kCumsumStrip] = {};
  for (int64_t i = 0; i < n; ++i, x += x_stride, out += out_stride)
#pragma GCC unroll 8
    for (int64_t c = 0; c < width; ++c) {
      sum[c] += widen(x[c * x_step]);
      out[c * out_step] = narrow(sum[c]);
    }
}

template <class T, class Out, class A>
void cumsum_as(const CumsumArgs& args) {
  int64_t outer = args.outer, inner = args.inner;
  RowStrides xs = args.x_strides, os = args.out_strides;
  if (outer * inner * args.n == 0) return;
  if (inner == 1) {  // rows are columns with another stride
    inner = outer;
    xs.inner = xs.outer;
    os.inner = os.outer;
    outer = 1;
  }
  const bool columns = xs.inner == 1 && os.inner == 1;
  const int64_t strip = smaller<int64_t>(columns ? kCumsumStrip : kCumsumRows, inner);
  const int64_t strips = (inner + strip - 1) / strip, total = outer * strips;
  const int64_t per_chunk = larger<int64_t>(kCumsumChunkWork / (strip * args.n), 1);
  for_chunks((total + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
    for (int64_t s = chunk * per_chunk; s < smaller((chunk + 1) * per_chunk, total); ++s) {
      const int64_t o = s / strips, j = s % strips * strip, width = smaller(strip, inner - j);
      const T* x = static_cast<const T*>(args.x) + o * xs.outer + j * xs.inner;
      Out* out = static_cast<Out*>(args.out) + o * os.outer + j * os.inner;
      if (columns)
        cumsum_strip<0, T, Out, A>(x, xs.n, 1, out, os.n, 1, args.n, width);
      else if (width == kCumsumRows)
        cumsum_strip<kCumsumRows, T, Out, A>(x, xs.n, xs.inner, out, os.n, os.inner, args.n, width);
      else
        for (int64_t c = 0; c < width; ++c)
          cumsum_strip<1, T, Out, A>(x + c * xs.inner, xs.n, 0, out + c * os.inner, os.n, 0, args.n, 1);
    }
  });
}

void cumsum(const CumsumArgs& args) {
  switch (args.dtype) {
    case DType::bool_:
    case DType::u8: return cumsum_as<uint8_t, int64_t, int64_t>(args);
    case DType::i8: return cumsum_as<int8_t, int64_t, int64_t>(args);
    case DType::i32: return cumsum_as<int32_t, int64_t, int64_t>(args);
    case DType::i64: return cumsum_as<int64_t, int64_t, int64_t>(args);
    case DType::f16: return cumsum_as<half_t, half_t, double>(args);
    case DType::bf16: return cumsum_as<bfloat16_t, bfloat16_t, double>(args);
    case DType::f32: return cumsum_as<float, float, double>(args);
    case DType::f64: return cumsum_as<double, double, double>(args);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
