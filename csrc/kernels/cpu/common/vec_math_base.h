// What the elementary functions share: polynomials, roots, signs, powers of two.
#pragma once

#include "kernels/cpu/common/vec.h"

namespace hotloop::HOTLOOP_ISA {

template <class V>
constexpr bool kSingle = sizeof(Element<V>) == 4;

// One number in all lanes; in the type's own precision for f32 and f64.
template <class V>
inline V constant(double x) {
  return broadcast(Element<V>(x));
}

template <class V>
inline V polynomial(V, double c) {
  return constant<V>(c);
}
// c + c1 x + c2 x^2 + ...
template <class V, class... C>
inline V polynomial(V x, double c, C... higher) {
  return fma(polynomial(x, higher...), x, constant<V>(c));
}

template <class V>
inline Mask<V> sign_bits() {
  return bits_of(constant<V>(-0.0));
}
template <class V>
inline V abs(V x)
  requires(sizeof(V) == kVectorBytes)
{
  return bits_as<V>(bits_of(x) & ~sign_bits<V>());
}
template <class V>
inline V copysign(V magnitude, V sign) {
  return bits_as<V>((bits_of(magnitude) & ~sign_bits<V>()) | (bits_of(sign) & sign_bits<V>()));
}

// Into [lo, hi]; NaN stays.
template <class V>
inline V clamp_keep_nan(V x, double lo, double hi) {
  return max_or_second(constant<V>(lo), min_or_second(constant<V>(hi), x));
}

inline f32v sqrt(f32v x) {
#if defined(__AVX512F__)
  return (f32v)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
  return (f32v)_mm256_sqrt_ps((__m256)x);
#else
  f32v y;
  for (int i = 0; i < kLanes<float>; ++i) y[i] = __builtin_sqrtf(x[i]);
  return y;
#endif
}
inline f64v sqrt(f64v x) {
#if defined(__AVX512F__)
  return (f64v)_mm512_sqrt_pd((__m512d)x);
#elif defined(__AVX2__)
  return (f64v)_mm256_sqrt_pd((__m256d)x);
#else
  f64v y;
  for (int i = 0; i < kLanes<double>; ++i) y[i] = __builtin_sqrt(x[i]);
  return y;
#endif
}
template <class V>
inline V rsqrt(V x) {
  return Element<V>(1) / sqrt(x);
}

// 2^n for an integral n given as floating point, within the exponents of normal numbers.
inline f32v power_of_two(f32v n) {
  // 1.5 * 2^23 + n has n in its low bits; the bias goes in beforehand.
  return (f32v)((i32v)(n + (0x1.8p23f + 127.0f)) << 23);
}
inline f64v power_of_two(f64v n) { return (f64v)((i64v)(n + (0x1.8p52 + 1023.0)) << 52); }

// x 2^n for an integral n, rounded once, for |n| up to twice the range of exponents.
inline f32v scale_by_power_of_two(f32v x, f32v n) {
#if defined(__AVX512F__)
  return (f32v)_mm512_scalef_ps((__m512)x, (__m512)n);
#else
  const f32v half = round_even(n * 0.5f);
  return x * power_of_two(half) * power_of_two(n - half);
#endif
}
inline f64v scale_by_power_of_two(f64v x, f64v n) {
#if defined(__AVX512F__)
  return (f64v)_mm512_scalef_pd((__m512d)x, (__m512d)n);
#else
  const f64v half = round_even(n * 0.5);
  return x * power_of_two(half) * power_of_two(n - half);
#endif
}

// What p = a * b lost in rounding.
inline f64v product_error(f64v a, f64v b, f64v p) {
#if defined(__FMA__)
  return fma(a, b, -p);
#else
  const i64v top = i64v{} + int64_t(-134217728);
  const f64v a1 = (f64v)((i64v)a & top), a2 = a - a1, b1 = (f64v)((i64v)b & top), b2 = b - b1;
  return ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2;
#endif
}
inline f32v product_error(f32v a, f32v b, f32v p) {
#if defined(__FMA__)
  return fma(a, b, -p);
#else
  f32v lost;
  for (int i = 0; i < kLanes<float>; ++i) lost[i] = float(double(a[i]) * b[i] - p[i]);
  return lost;
#endif
}

}  // namespace hotloop::HOTLOOP_ISA
