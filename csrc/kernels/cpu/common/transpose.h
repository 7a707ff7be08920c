// The transpose of a square block held in registers: as many vectors as a vector has lanes. First the
// small squares inside 128-bit lanes, then whole lanes; each shuffle is one instruction.
#pragma once

#include "kernels/cpu/common/vec.h"

namespace hotloop::HOTLOOP_ISA {

namespace detail {

// Inside each 128-bit lane: the low (high) halves of x and y, element by element in turn.
inline f32v interleave_low(f32v x, f32v y) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(x, y, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
#elif defined(__AVX2__)
  return __builtin_shufflevector(x, y, 0, 8, 1, 9, 4, 12, 5, 13);
#else
  return __builtin_shufflevector(x, y, 0, 4, 1, 5);
#endif
}
inline f32v interleave_high(f32v x, f32v y) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(x, y, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
#elif defined(__AVX2__)
  return __builtin_shufflevector(x, y, 2, 10, 3, 11, 6, 14, 7, 15);
#else
  return __builtin_shufflevector(x, y, 2, 6, 3, 7);
#endif
}
inline f64v interleave_low(f64v x, f64v y) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(x, y, 0, 8, 2, 10, 4, 12, 6, 14);
#elif defined(__AVX2__)
  return __builtin_shufflevector(x, y, 0, 4, 2, 6);
#else
  return __builtin_shufflevector(x, y, 0, 2);
#endif
}
inline f64v interleave_high(f64v x, f64v y) {
#if defined(__AVX512F__)
  return __builtin_shufflevector(x, y, 1, 9, 3, 11, 5, 13, 7, 15);
#elif defined(__AVX2__)
  return __builtin_shufflevector(x, y, 1, 5, 3, 7);
#else
  return __builtin_shufflevector(x, y, 1, 3);
#endif
}

inline void transpose_in_lanes(f32v* r) {
  const f64v a = (f64v)interleave_low(r[0], r[1]), b = (f64v)interleave_low(r[2], r[3]);
  const f64v c = (f64v)interleave_high(r[0], r[1]), d = (f64v)interleave_high(r[2], r[3]);
  r[0] = (f32v)interleave_low(a, b);
  r[1] = (f32v)interleave_high(a, b);
  r[2] = (f32v)interleave_low(c, d);
  r[3] = (f32v)interleave_high(c, d);
}
inline void transpose_in_lanes(f64v* r) {
  const f64v a = r[0], b = r[1];
  r[0] = interleave_low(a, b);
  r[1] = interleave_high(a, b);
}

// Transposes whole 128-bit lanes of r[0], r[step], r[2 * step], ...: a square of them.
template <class V>
inline void transpose_lanes([[maybe_unused]] V* r, [[maybe_unused]] int step) {
#if defined(__AVX512F__)
  const f64v r0 = (f64v)r[0], r1 = (f64v)r[step], r2 = (f64v)r[2 * step], r3 = (f64v)r[3 * step];
  const f64v a = __builtin_shufflevector(r0, r1, 0, 1, 4, 5, 8, 9, 12, 13);
  const f64v b = __builtin_shufflevector(r0, r1, 2, 3, 6, 7, 10, 11, 14, 15);
  const f64v c = __builtin_shufflevector(r2, r3, 0, 1, 4, 5, 8, 9, 12, 13);
  const f64v d = __builtin_shufflevector(r2, r3, 2, 3, 6, 7, 10, 11, 14, 15);
  r[0] = (V)__builtin_shufflevector(a, c, 0, 1, 4, 5, 8, 9, 12, 13);
  r[step] = (V)__builtin_shufflevector(b, d, 0, 1, 4, 5, 8, 9, 12, 13);
  r[2 * step] = (V)__builtin_shufflevector(a, c, 2, 3, 6, 7, 10, 11, 14, 15);
  r[3 * step] = (V)__builtin_shufflevector(b, d, 2, 3, 6, 7, 10, 11, 14, 15);
#elif defined(__AVX2__)
  const f64v a = (f64v)r[0], b = (f64v)r[step];
  r[0] = (V)__builtin_shufflevector(a, b, 0, 1, 4, 5);
  r[step] = (V)__builtin_shufflevector(a, b, 2, 3, 6, 7);
#endif
}

}  // namespace detail

// r[i][j] becomes r[j][i].
template <class T>
inline void transpose(Vec<T> (&r)[kLanes<T>]) {
  constexpr int kSquare = 16 / int(sizeof(T));
#pragma GCC unroll 8
  for (int i = 0; i < kLanes<T>; i += kSquare) detail::transpose_in_lanes(r + i);
#pragma GCC unroll 4
  for (int i = 0; i < kSquare; ++i) detail::transpose_lanes(r + i, kSquare);
}

// x = (x0, x1), y = (y0, y1) in halves become (x0, y0) and (x1, y1).
template <class V>
inline void swap_halves(V& x, V& y) {
  const f64v a = (f64v)x, b = (f64v)y;
#if defined(__AVX512F__)
  x = (V)__builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
  y = (V)__builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
#elif defined(__AVX2__)
  x = (V)__builtin_shufflevector(a, b, 0, 1, 4, 5);
  y = (V)__builtin_shufflevector(a, b, 2, 3, 6, 7);
#else
  x = (V)__builtin_shufflevector(a, b, 0, 2);
  y = (V)__builtin_shufflevector(a, b, 1, 3);
#endif
}

}  // namespace hotloop::HOTLOOP_ISA
