// pow.
#pragma once

#include "kernels/cpu/common/vec_math_exp.h"
#include "kernels/cpu/common/vec_math_log.h"

namespace hotloop::HOTLOOP_ISA {

// x^y for positive finite x in f32's range, good to 2^-28: rounded to f32 it is nearly always the nearest.
inline f64v pow_for_single(f64v x, f64v y) {
  const auto [e, m] = reduce_log(x);
  const f64v f = m - 1.0;
  const f64v q =
      polynomial(f, 1.442695040868439, -0.7213475208737362, 0.48089836155686766, -0.3606736740088515,
                 0.2885372777903208, -0.24045319444009614, 0.206175898191792, -0.18030049493039954, 0.1587621776195005,
                 -0.14315019093710196, 0.14478640882708907, -0.14289642893823784, 0.07737083164141682);
  const f64v exponent = clamp_keep_nan(f64v(y * fma(f, q, e)), -200, 200);
  const f64v n = round_even(exponent), r = exponent - n;
  const f64v p = polynomial(r, 0.6931471805416549, 0.24022651075847004, 0.055504109625723226, 0.009618036911607508,
                            0.0013333430785846046, 0.0001546711013908504, 1.5314947213645992e-05);
  return fma(p, r, constant<f64v>(1)) * power_of_two(n);
}
// x 2^shift to the y, for positive normal x.
inline f32v pow_of_positive(f32v x, f32v y, f32v) {
  const auto [x_low, x_high] = widen(x);
  const auto [y_low, y_high] = widen(y);
  return narrow({pow_for_single(x_low, y_low), pow_for_single(x_high, y_high)});
}

// y times log2 x may reach 1000, so log2 x is needed to 2^-64: it is kept in two numbers, head and tail.
inline f64v pow_of_positive(f64v x, f64v y, f64v shift) {
  const auto [exponent, m] = reduce_log(x);
  // s = (m - 1) / (m + 1) and w = s^2; log2 m = 2 / ln 2 (s + s w (1/3 + w Q(w))).
  const f64v d = m + 1.0, d_tail = m - (d - 1.0), f = m - 1.0;
  const f64v s = f / d;
  const f64v sd = s * d;
  const f64v s_tail = (((f - sd) - product_error(s, d, sd)) - s * d_tail) / d;
  const f64v w = s * s, w_tail = product_error(s, s, w) + (s + s) * s_tail;
  const f64v q = w * polynomial(w, 0.19999999999999987, 0.1428571428572267, 0.1111111110874078, 0.09090909438528065,
                                0.07692278205355313, 0.06668167571449447, 0.05837229197077015, 0.05996007562500655);
  const f64v third = q + 0x1.5555555555555p-2,
             third_tail = ((0x1.5555555555555p-2 - third) + q) + 0x1.5555555555555p-56;
  const f64v u = w * third, u_tail = product_error(w, third, u) + (w * third_tail + w_tail * third);
  const f64v v = s * u, v_tail = product_error(s, u, v) + (s * u_tail + s_tail * u);
  const f64v h = s + v, h_tail = ((s - h) + v) + (v_tail + s_tail);
  const f64v scale = constant<f64v>(0x1.71547652b82fep+1), scale_tail = constant<f64v>(0x1.777d0ffda0d24p-55);
  const f64v g = h * scale, g_tail = product_error(h, scale, g) + (h * scale_tail + h_tail * scale);
  const f64v e = exponent + shift;
  const f64v log2 = e + g, log2_tail = ((e - log2) + g) + g_tail;

  const f64v product = y * log2;
  f64v t_tail = product_error(y, log2, product) + y * log2_tail;
  const f64v t = clamp_keep_nan(product, -1100, 1100);
  t_tail = select<f64v>(t == product, t_tail, f64v{});
  const f64v n = round_even(t), r = (t - n) + t_tail;
  return scale_by_power_of_two(exp2_near_zero(r), n);
}

// Zeros, infinities, NaN and negative bases, by C's rules.
template <class V>
[[gnu::noinline]] inline V pow_of_special(V x, V y) {
  const V a = abs(x), zero = V{}, one = constant<V>(1), inf = constant<V>(__builtin_inf());
  const V y_finite = select<V>(abs(y) < inf, y, zero);
  const V finite = select<V>((a > zero) & (a < inf), a, one);
  V shift;
  const V normal = scale_subnormal(finite, shift);
  V p = kSingle<V> ? pow_of_positive(finite, y_finite, zero) : pow_of_positive(normal, y_finite, shift);
  // 0, inf and NaN as the base, or an infinite or NaN exponent: by the sign of y log x.
  const auto grows = (a > one) == (y > zero);
  const auto extreme = (a == zero) | (a == inf) | (abs(y) == inf);
  p = select<V>(extreme, select<V>(grows, inf, zero), p);
  p = select<V>((x != x) | (y != y), x + y, p);
  const auto integral = trunc(y) == y;
  const V half = y * Element<V>(0.5);
  const auto odd = integral & (trunc(half) != half);
  p = select<V>((x < zero) & (a < inf) & ~integral & (abs(y) < inf), constant<V>(__builtin_nan("")), p);
  p = select<V>(odd, copysign(p, x), p);
  return select<V>((y == zero) | (x == one) | ((x == -one) & (abs(y) == inf)), one, p);
}

template <class V>
inline V pow(V x, V y) {
  const auto plain = is_positive_normal(x) & (abs(y) < constant<V>(__builtin_inf()));
  if (all(plain)) [[likely]]
    return pow_of_positive(x, y, V{});
  return pow_of_special(x, y);
}

}  // namespace hotloop::HOTLOOP_ISA
