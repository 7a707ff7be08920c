// log, log2, log10, log1p, and the inverse hyperbolic functions.
#pragma once

#include "kernels/cpu/common/vec_math_table.h"

namespace hotloop::HOTLOOP_ISA {

// x = 2^e m with m in [sqrt(1/2), sqrt(2)), for positive normal x.
template <class V>
struct LogReduced {
  V e, m;
};
template <class V>
inline LogReduced<V> reduce_log(V x) {
  if constexpr (kSingle<V>) {
    const i32v e = (bits_of(x) - 0x3f3504f3) >> 23;
    return {to_float(e), (f32v)(bits_of(x) - (e << 23))};
  } else {
    const i64v e = (bits_of(x) - 0x3fe6a09e667f3bcd) >> 52;
    // The low bits of 1.5 * 2^52 + e: no conversion from 64-bit integers before AVX-512.
    return {(f64v)(e + 0x4338000000000000) - 0x1.8p52, (f64v)(bits_of(x) - (e << 52))};
  }
}

template <class V>
inline Mask<V> is_positive_normal(V x) {
  return (x >= constant<V>(kSingle<V> ? 0x1p-126 : 0x1p-1022)) & (x < constant<V>(__builtin_inf()));
}
// Zero gives -inf, a negative number NaN, infinity and NaN themselves.
template <class V>
inline V log_of_special(V x, V of_positive) {
  const V inf = constant<V>(__builtin_inf());
  V y = select<V>(x == inf, inf, of_positive);
  y = select<V>(x == Element<V>(0), -inf, y);
  return select<V>(x >= Element<V>(0), y, x < Element<V>(0) ? constant<V>(__builtin_nan("")) : x);
}
// Subnormals are scaled up first: 2^25 (2^54).
template <class V>
inline V scale_subnormal(V x, V& exponent_shift) {
  const auto small = x < constant<V>(kSingle<V> ? 0x1p-126 : 0x1p-1022);
  exponent_shift = select<V>(small, constant<V>(kSingle<V> ? -25 : -54), V{});
  return select<V>(small, x * constant<V>(kSingle<V> ? 0x1p25 : 0x1p54), x);
}

// log(1 + f) = f - half_square + tail, for 1 + f in [sqrt(1/2), sqrt(2)).
template <class V>
struct LogParts {
  V half_square, tail;
};
template <class V>
inline LogParts<V> log_parts(V f) {
  const V half_square = f * f * Element<V>(0.5);
  if constexpr (kSingle<V>) {
    const V p = polynomial(f, 0.33333313, -0.2500001, 0.20002134, -0.16668007, 0.14219224, -0.12405135, 0.11890322,
                           -0.11679657, 0.06746607);
    return {half_square, f * f * f * p};
  } else {
    // 2 atanh(s) = log((1 + s) / (1 - s)), whose series has odd powers alone.
    const V s = f / (f + Element<V>(2));
    const V z = s * s;
    const V p = polynomial(z, 0.6666666666666735, 0.3999999999940749, 0.2857142874414164, 0.22222198378459493,
                           0.18183575166059565, 0.15313755752712596, 0.14799066108059503);
    return {half_square, s * fma(z, p, half_square)};
  }
}

// e ln 2 + log(1 + f); the first part of ln 2 is short, so that its product with e is exact.
template <class V>
inline V log_sum(V e, V f) {
  const auto [half_square, tail] = log_parts(f);
  const V hi = constant<V>(kSingle<V> ? 0x1.62e4p-1 : 0x1.62e42fefap-1);
  const V lo = constant<V>(kSingle<V> ? 0x1.7f7d1cf79abcap-20 : 0x1.cf79abc9e3b3ap-40);
  return fma(e, hi, f - (half_square - fma(e, lo, tail)));
}

template <class V>
inline V log(V x) {
#if defined(__AVX512F__)
  return log_by_table<kNatural>(x);
#else
  const auto normal = is_positive_normal(x);
  if (all(normal)) [[likely]] {
    const auto [e, m] = reduce_log(x);
    return log_sum(e, V(m - Element<V>(1)));
  }
  V shift;
  const auto [e, m] = reduce_log(scale_subnormal(x, shift));
  return log_of_special(x, log_sum(V(e + shift), V(m - Element<V>(1))));
#endif
}

template <class V>
inline V log2_sum(V e, V f) {
  if constexpr (kSingle<V>) {
    // log2(1 + f) = f (L + f p): the bits of L = 1 / ln 2 past the first part go to the small terms.
    const V p = polynomial(f, -0.72134733, 0.48089823, -0.36069676, 0.2885677, -0.23961431, 0.20459355, -0.19108562,
                           0.1862322, -0.10995873);
    const V small = f * fma(f, p, constant<V>(1.4426950408889634 - 1.4426950216293335));
    return e + fma(f, constant<V>(1.4426950216293335), small);
  } else {
    // log(1 + f) in two parts, the first of 32 bits, times 1 / ln 2 in two parts.
    const auto [half_square, tail] = log_parts(f);
    const V head = bits_as<V>(bits_of(V(f - half_square)) & int64_t(0xffffffff00000000));
    const V rest = tail - ((head - f) + half_square);
    const V inv_hi = constant<V>(0x1.7154765p+0), inv_lo = constant<V>(0x1.5c17f0bbbe880p-31);
    const V product = head * inv_hi;
    const V sum = e + product;
    return sum + ((e - sum) + product + fma(rest, inv_hi, (rest + head) * inv_lo));
  }
}

template <class V>
inline V log2(V x) {
#if defined(__AVX512F__)
  return log_by_table<kBinary>(x);
#else
  const auto normal = is_positive_normal(x);
  if (all(normal)) [[likely]] {
    const auto [e, m] = reduce_log(x);
    return log2_sum(e, V(m - Element<V>(1)));
  }
  V shift;
  const auto [e, m] = reduce_log(scale_subnormal(x, shift));
  return log_of_special(x, log2_sum(V(e + shift), V(m - Element<V>(1))));
#endif
}

template <class V>
inline V log1p(V x) {
  // 1 + x = 2^e m from the rounded sum; f = m - 1 from x itself: 2^-e x + (2^-e - 1) keeps its low bits.
  const V u = x + Element<V>(1);
  const auto [e, m] = reduce_log(u);
  // 2^-e overflows nowhere: u is at least half an epsilon; past 2^96 x alone is 1 + x.
  const V big = constant<V>(kSingle<V> ? 0x1p96 : 0x1p960);
  const V t = power_of_two(V(min_or_second(-e, constant<V>(kSingle<V> ? 126 : 1022))));
  const V f = select<V>(x < big, fma(x, t, t - Element<V>(1)), m - Element<V>(1));
  const V y = log_sum(e, f);
  const V tiny = constant<V>(kSingle<V> ? 0x1p-25 : 0x1p-54);
  return select<V>(abs(x) < tiny, x, log_of_special(u, y));
}

// e log10 2 + log10(1 + f): both constants in two parts, the first short or its product fused.
template <class V>
inline V log10(V x) {
#if defined(__AVX512F__)
  return log_by_table<kDecimal>(x);
#else
  V shift;
  const auto [e, m] = reduce_log(scale_subnormal(x, shift));
  const V n = e + shift, f = m - Element<V>(1);
  const auto [half_square, tail] = log_parts(f);
  const V r = f - (half_square - tail), lost = (f - r) - (half_square - tail);
  const V c_hi = constant<V>(kSingle<V> ? 0x1.bcb7b2p-2 : 0x1.bcb7b1526e50ep-2);
  const V c_lo = constant<V>(kSingle<V> ? -0x1.5b235ep-27 : 0x1.95355baaafad3p-57);
  const V n_hi = constant<V>(kSingle<V> ? 0x1.344p-2 : 0x1.34413509f78p-2);
  const V n_lo = constant<V>(kSingle<V> ? 0x1.3509f8p-18 : 0x1.fef311f12b358p-46);
  return log_of_special(x, V(fma(n, n_hi, fma(r, c_hi, fma(n, n_lo, fma(r, c_lo, lost * c_hi))))));
#endif
}

inline f64v asinh(f64v x) {
  const f64v a = abs(x), z = a * a;
  const f64v y = log1p(f64v(a + z / (sqrt(f64v(z + 1.0)) + 1.0)));
  return copysign(select<f64v>(a < constant<f64v>(1e150), y, log(a) + constant<f64v>(0.6931471805599453)), x);
}
inline f64v acosh(f64v x) {
  const f64v t = x - 1.0;
  const f64v y = log1p(f64v(t + sqrt(f64v(t * (t + 2.0)))));
  const f64v far = log(x) + constant<f64v>(0.6931471805599453);
  return select<f64v>(x < 1.0, constant<f64v>(__builtin_nan("")), select<f64v>(x > constant<f64v>(1e150), far, y));
}
inline f64v atanh(f64v x) {
  const f64v a = abs(x);
  return copysign(log1p(f64v((a + a) / (1.0 - a))) * 0.5, x);
}
// In f32 the roundings of their steps would add up to more than 2 units.
inline f32v asinh(f32v x) {
  const auto [low, high] = widen(x);
  return narrow({asinh(low), asinh(high)});
}
inline f32v acosh(f32v x) {
  const auto [low, high] = widen(x);
  return narrow({acosh(low), acosh(high)});
}
// Up to 1/2 an odd polynomial; from there on 1 - a is exact and the logarithm large.
inline f32v atanh_near_zero(f32v x) {
  const f32v z = x * x;
  const f32v p = polynomial(z, 0.333333, 0.20002544, 0.14222401, 0.11826026, 0.051289752, 0.17676894);
  return fma(x * z, p, x);
}
inline f32v atanh(f32v x) {
  const f32v a = abs(x);
  const f32v far = log(f32v((a + 1.0f) / (1.0f - a))) * 0.5f;
  return copysign(select<f32v>(a < 0.5f, atanh_near_zero(a), far), x);
}

}  // namespace hotloop::HOTLOOP_ISA
