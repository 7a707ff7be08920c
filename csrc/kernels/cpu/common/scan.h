// Running sums, products, extremes and logsumexps (kernels/args/scan.h).
//
// A line's steps wait for each other, so lines go side by side: columns of an inner dim in strips whose states stay in
// L1, or, where the scanned dim is the last, a handful of rows at once.
#pragma once

#include "kernels/args/scan.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/half.h"
#include "kernels/cpu/common/vec_math.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int kScanStrip = 128;                // columns whose states stay in L1
constexpr int kScanRows = 8;                   // rows at once, to hide the latency of a step
constexpr int kScanExtremeRows = 4;            // the same where a line has two states
constexpr int64_t kScanChunkWork = 32 * 1024;  // elements

template <class A, class T>
inline A scan_widen(T v) {
  if constexpr (__is_same(T, half_t) || __is_same(T, bfloat16_t))
    return A(to_f32(v));
  else
    return A(v);
}
template <class T, class A>
inline T scan_narrow(A v) {
  if constexpr (__is_same(T, half_t))
    return to_f16(float(v));
  else if constexpr (__is_same(T, bfloat16_t))
    return to_bf16(float(v));
  else
    return T(v);
}

template <class State>
struct AddStep {
  using A = State;
  static constexpr A first = 0;
  static A step(A state, A x) { return state + x; }
};
template <class State>
struct MultiplyStep {
  using A = State;
  static constexpr A first = 1;
  static A step(A state, A x) { return state * x; }
};

// Calls body(c) for the lines of a strip: a constant number of them without a loop, so that their states stay in registers.
template <int kWidth, class F>
[[gnu::always_inline]] inline void for_lines(int64_t width, F body) {
  if constexpr (kWidth != 0) {
#pragma GCC unroll 8
    for (int64_t c = 0; c < kWidth; ++c) body(c);
  } else {
    for (int64_t c = 0; c < width; ++c) body(c);
  }
}

// Lines c = 0 ... width - 1 from x + c * step; an element of a line is `stride` from the next. kWidth: width; or 0 for any,
// with a step of 1.
template <class Step, int kWidth, class T, class Out>
void scan_strip(const T* __restrict__ x, Out* __restrict__ out, int64_t stride, int64_t step, int64_t n,
                int64_t width) {
  using A = typename Step::A;
  A state[kWidth ? kWidth : kScanStrip];
  for_lines<kWidth>(width, [&](int64_t c) { state[c] = Step::first; });
  for (int64_t i = 0; i < n; ++i, x += stride, out += stride)
    for_lines<kWidth>(width, [=, &state](int64_t c) {
      const int64_t at = kWidth ? c * step : c;
      state[c] = Step::step(state[c], scan_widen<A>(x[at]));
      out[at] = scan_narrow<Out>(state[c]);
    });
}

// Runs body(offset of the strip's first element, its lines) for all lines; lines of a strip are `step` apart.
template <class F>
void for_strips(const ScanArgs& args, int64_t rows, F body) {
  const bool columns = args.inner > 1;
  const int64_t lines = columns ? args.inner : args.outer, outer = columns ? args.outer : 1;
  const int64_t strip = smaller<int64_t>(columns ? kScanStrip : rows, lines);
  const int64_t strips = (lines + strip - 1) / strip, total = outer * strips;
  const int64_t per_chunk = larger<int64_t>(kScanChunkWork / (strip * args.n), 1);
  const int64_t step = columns ? 1 : args.n;
  for_chunks((total + per_chunk - 1) / per_chunk, [&](int64_t chunk) {
    for (int64_t s = chunk * per_chunk; s < smaller((chunk + 1) * per_chunk, total); ++s) {
      const int64_t first = s % strips * strip;
      body(s / strips * args.n * args.inner + first * step, step, smaller(strip, lines - first));
    }
  });
}

template <class Step, class T, class Out>
void scan_numbers(const ScanArgs& args) {
  for_strips(args, kScanRows, [&](int64_t at, int64_t step, int64_t width) {
    const T* x = static_cast<const T*>(args.x) + at;
    Out* out = static_cast<Out*>(args.out) + at;
    if (step == 1)
      scan_strip<Step, 0>(x, out, args.inner, 1, args.n, width);
    else if (width == kScanRows)
      scan_strip<Step, kScanRows>(x, out, args.inner, step, args.n, width);
    else
      for (int64_t c = 0; c < width; ++c) scan_strip<Step, 1>(x + c * step, out + c * step, args.inner, 0, args.n, 1);
  });
}

template <template <class> class Step>
void scan_sums(const ScanArgs& args) {
  using Integer = Step<int64_t>;
  using Float = Step<double>;
  switch (args.dtype) {
    case DType::bool_:
    case DType::u8: return scan_numbers<Integer, uint8_t, int64_t>(args);
    case DType::i8: return scan_numbers<Integer, int8_t, int64_t>(args);
    case DType::i32: return scan_numbers<Integer, int32_t, int64_t>(args);
    case DType::i64: return scan_numbers<Integer, int64_t, int64_t>(args);
    case DType::f16: return scan_numbers<Float, half_t, half_t>(args);
    case DType::bf16: return scan_numbers<Float, bfloat16_t, bfloat16_t>(args);
    case DType::f32:
      return args.out_dtype == DType::f64 ? scan_numbers<Float, float, double>(args)
                                          : scan_numbers<Float, float, float>(args);
    case DType::f64: return scan_numbers<Float, double, double>(args);
  }
}

// Extremes as in scan_strip, with the index of each. A: T, or float for the 16-bit floats.
template <class A, bool kMax, int kWidth, class T>
void extreme_strip(const T* __restrict__ x, T* __restrict__ out, int64_t* __restrict__ indices, int64_t stride,
                   int64_t step, int64_t n, int64_t width) {
  A best[kWidth ? kWidth : kScanStrip];
  int64_t index[kWidth ? kWidth : kScanStrip];
  for_lines<kWidth>(width, [&](int64_t c) {
    best[c] = scan_widen<A>(x[kWidth ? c * step : c]);
    index[c] = 0;
  });
  for (int64_t i = 0; i < n; ++i, x += stride, out += stride, indices += stride)
    for_lines<kWidth>(width, [=, &best, &index](int64_t c) {
      const int64_t at = kWidth ? c * step : c;
      const A v = scan_widen<A>(x[at]);
      // True where v is NaN, false where only best is.
      const bool take = v != v || (kMax ? v >= best[c] : v <= best[c]);
      best[c] = take ? v : best[c];
      index[c] = take ? i : index[c];
      out[at] = scan_narrow<T>(best[c]);
      indices[at] = index[c];
    });
}

template <class A, bool kMax, class T>
void scan_extremes(const ScanArgs& args) {
  for_strips(args, kScanExtremeRows, [&](int64_t at, int64_t step, int64_t width) {
    const T* x = static_cast<const T*>(args.x) + at;
    T* out = static_cast<T*>(args.out) + at;
    int64_t* indices = args.indices + at;
    if (step == 1)
      extreme_strip<A, kMax, 0>(x, out, indices, args.inner, 1, args.n, width);
    else if (width == kScanExtremeRows)
      extreme_strip<A, kMax, kScanExtremeRows>(x, out, indices, args.inner, step, args.n, width);
    else
      for (int64_t c = 0; c < width; ++c)
        extreme_strip<A, kMax, 1>(x + c * step, out + c * step, indices + c * step, args.inner, 0, args.n, 1);
  });
}

template <bool kMax>
void scan_extremes_of(const ScanArgs& args) {
  switch (args.dtype) {
    case DType::bool_:
    case DType::u8: return scan_extremes<uint8_t, kMax, uint8_t>(args);
    case DType::i8: return scan_extremes<int8_t, kMax, int8_t>(args);
    case DType::i32: return scan_extremes<int32_t, kMax, int32_t>(args);
    case DType::i64: return scan_extremes<int64_t, kMax, int64_t>(args);
    case DType::f16: return scan_extremes<float, kMax, half_t>(args);
    case DType::bf16: return scan_extremes<float, kMax, bfloat16_t>(args);
    case DType::f32: return scan_extremes<float, kMax, float>(args);
    case DType::f64: return scan_extremes<double, kMax, double>(args);
  }
}

// A vector of lines at once, each with its largest element so far and the sum of exponentials below that.
template <class T>
void scan_logsumexps(const ScanArgs& args) {
  constexpr int kLines = kLanes<double>;
  for_strips(args, kLines, [&](int64_t at, int64_t step, int64_t width) {
    for (int64_t from = 0; from < width; from += kLines) {
      const int lines = int(smaller<int64_t>(kLines, width - from));
      const T* x = static_cast<const T*>(args.x) + at + from * step;
      T* out = static_cast<T*>(args.out) + at + from * step;
      f64v largest = broadcast(-__builtin_inf()), sum{}, v{};
      for (int64_t i = 0; i < args.n; ++i, x += args.inner, out += args.inner) {
        for (int c = 0; c < lines; ++c) v[c] = scan_widen<double>(x[c * step]);
        const f64v next = v > largest || v != v ? v : largest;
        // Equal infinities are no distance apart.
        const f64v fall = largest == next ? f64v{} : largest - next, below = v == next ? f64v{} : v - next;
        sum = sum * exp(fall) + exp(below);
        largest = next;
        const f64v result = largest + log(sum);
        for (int c = 0; c < lines; ++c) out[c * step] = scan_narrow<T>(result[c]);
      }
    }
  });
}

void scan(const ScanArgs& args) {
  if (args.outer * args.n * args.inner == 0) return;
  switch (args.op) {
    case ScanOp::sum: return scan_sums<AddStep>(args);
    case ScanOp::prod: return scan_sums<MultiplyStep>(args);
    case ScanOp::max: return scan_extremes_of<true>(args);
    case ScanOp::min: return scan_extremes_of<false>(args);
    case ScanOp::logsumexp: break;
  }
  switch (args.dtype) {
    case DType::f16: return scan_logsumexps<half_t>(args);
    case DType::bf16: return scan_logsumexps<bfloat16_t>(args);
    case DType::f32: return scan_logsumexps<float>(args);
    default: return scan_logsumexps<double>(args);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
