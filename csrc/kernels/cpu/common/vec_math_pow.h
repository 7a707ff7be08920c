// pow.
#pragma once

#include "kernels/cpu/common/vec_math_exp.h"
#include "kernels/cpu/common/vec_math_log.h"

namespace hotloop::HOTLOOP_ISA {

// x^y for positive finite x in f32's range, good to 2^-28: rounded to f32 it is nearly always the nearest.
inline f64v pow_for_single(f64v x, f64v y) {
  const auto [e, m] = reduce_log(x);
  const f64v f = m - 1.0;
  const f64v q = polynomial(f, 1.442695040868439, -0.7213475208737362, 0.48089836155686766, -0.3606736740088515,
                            0.2885372777903208, -0.24045319444009614, 0.206175898191792, -0.18030049493039954,
                            0.1587621776195005, -0.14315019093710196, 0.14478640882708907, -0.14289642893823784,
                            0.07737083164141682);
  const f64v exponent = clamp_keep_nan(f64v(y * fma(f, q, e)), -200, 200);
  const f64v n = round_even(exponent), r = exponent - n;
  const f64v p = polynomial(r, 0.6931471805416549, 0.24022651075847004, 0.055504109625723226, 0.009618036911607508,
                            0.0013333430785846046, 0.0001546711013908504, 1.5314947213645992e-05);
  return fma(p, r, constant<f64v>(1)) * power_of_two(n);
}
inline f32v pow_of_positive(f32v x, f32v y) {
  const auto [x_low, x_high] = widen(x);
  const auto [y_low, y_high] = widen(y);
  return narrow({pow_for_single(x_low, y_low), pow_for_single(x_high, y_high)});
}

// Zeros, infinities, NaN and negative bases, by C's rules.
template <class V>
[[gnu::noinline]] inline V pow_of_special(V x, V y) {
  const V a = abs(x), zero = V{}, one = constant<V>(1), inf = constant<V>(__builtin_inf());
  const V finite = select<V>((a > zero) & (a < inf), a, one);
  V p = pow_of_positive(finite, select<V>(abs(y) < inf, y, zero));
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
  const auto plain = (x > V{}) & (x < constant<V>(__builtin_inf())) & (abs(y) < constant<V>(__builtin_inf()));
  if (!any(~plain)) [[likely]] return pow_of_positive(x, y);
  return pow_of_special(x, y);
}

}  // namespace hotloop::HOTLOOP_ISA
