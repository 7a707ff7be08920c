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

// c0 + c1 x + c2 x^2 + ... A long one is its even and its odd half: one chain of fused multiply-adds would keep the
// processor waiting.
constexpr int kLongPolynomial = 8;
template <class V, class... C>
inline V polynomial(V x, C... coefficients) {
  constexpr int n = sizeof...(C);
  const double c[n] = {double(coefficients)...};
  if constexpr (n < kLongPolynomial) {
    V y = constant<V>(c[n - 1]);
#pragma GCC unroll 32
    for (int i = n - 2; i >= 0; --i) y = fma(y, x, constant<V>(c[i]));
    return y;
  } else {
    const V z = x * x;
    V y = constant<V>(c[n - 1]), other = constant<V>(c[n - 2]);
#pragma GCC unroll 32
    for (int i = n - 3; i >= 0; i -= 2) {
      y = fma(y, z, constant<V>(c[i]));
      if (i > 0) other = fma(other, z, constant<V>(c[i - 1]));
    }
    return n % 2 == 0 ? fma(y, x, other) : fma(other, x, y);
  }
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

#if defined(__AVX512F__)
// The instruction divides for 10 cycles (20 in f64); from the estimate of 1 / sqrt(x), good to 2^-14, Newton's steps
// take fewer. g runs to sqrt(x) and h to half its reciprocal; the last step, from what g^2 lacks of x, rounds
// correctly.
template <class V>
inline V sqrt_by_steps(V x, V estimate) {
  V g = x * estimate, h = estimate * Element<V>(0.5);
#pragma GCC unroll 2
  for (int i = 0; i < (kSingle<V> ? 1 : 2); ++i) {
    const V r = fma(-g, h, constant<V>(0.5));
    g = fma(g, r, g), h = fma(h, r, h);
  }
  return fma(fma(-g, g, x), h, g);
}
inline f32v sqrt(f32v x) {
  const f32v y = sqrt_by_steps(x, (f32v)_mm512_rsqrt14_ps((__m512)x));
  const auto plain = (x > 0x1p-90f) & (x < 0x1p126f);
  if (all(plain)) [[likely]]
    return y;
  return select<f32v>(plain, y, (f32v)_mm512_sqrt_ps((__m512)x));
}
inline f64v sqrt(f64v x) {
  const f64v y = sqrt_by_steps(x, (f64v)_mm512_rsqrt14_pd((__m512d)x));
  const auto plain = (x > 0x1p-900) & (x < 0x1p1000);
  if (all(plain)) [[likely]]
    return y;
  return select<f64v>(plain, y, (f64v)_mm512_sqrt_pd((__m512d)x));
}
#else
inline f32v sqrt(f32v x) {
#if defined(__AVX2__)
  return (f32v)_mm256_sqrt_ps((__m256)x);
#else
  f32v y;
  for (int i = 0; i < kLanes<float>; ++i) y[i] = __builtin_sqrtf(x[i]);
  return y;
#endif
}
inline f64v sqrt(f64v x) {
#if defined(__AVX2__)
  return (f64v)_mm256_sqrt_pd((__m256d)x);
#else
  f64v y;
  for (int i = 0; i < kLanes<double>; ++i) y[i] = __builtin_sqrt(x[i]);
  return y;
#endif
}
#endif
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
