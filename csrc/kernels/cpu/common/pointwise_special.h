// The gamma function's kin and Bessel functions, in f64; f32 by way of it.
#pragma once

#include "kernels/cpu/common/vec_math.h"

namespace hotloop::HOTLOOP_ISA {

template <class V>
concept FloatVector = __is_same(V, f32v) || __is_same(V, f64v);

// f of doubles, for a vector of either type.
template <class F>
inline f64v in_double(f64v x, F f) {
  return f(x);
}
template <class F>
inline f32v in_double(f32v x, F f) {
  const auto [low, high] = widen(x);
  return narrow({f(low), f(high)});
}

template <class F>
inline f64v each_lane(f64v x, F f) {
  f64v y;
  for (int i = 0; i < kLanes<double>; ++i) y[i] = f(x[i]);
  return y;
}

// What kernels/args/special_functions.h asks for, and the functions that it makes.
struct Double {
  static double exp(double x) { return __builtin_exp(x); }
  static double log(double x) { return __builtin_log(x); }
  static double log1p(double x) { return __builtin_log1p(x); }
  static double expm1(double x) { return __builtin_expm1(x); }
  static double pow(double x, double y) { return __builtin_pow(x, y); }
  static double sqrt(double x) { return __builtin_sqrt(x); }
  static double floor(double x) { return __builtin_floor(x); }
  static double lgamma(double x) {
    int sign;
    return __builtin_lgamma_r(x, &sign);
  }
};
template <class F>
inline f64v lane_by_lane(f64v a, f64v b, F f) {
  f64v y;
  for (int i = 0; i < kLanes<double>; ++i) y[i] = f(a[i], b[i]);
  return y;
}
// f of doubles and those of b, for vectors of either type.
template <class F>
inline f64v in_double(f64v x, f64v y, F f) {
  return f(x, y);
}
template <class F>
inline f32v in_double(f32v x, f32v y, F f) {
  const auto [x_low, x_high] = widen(x);
  const auto [y_low, y_high] = widen(y);
  return narrow({f(x_low, y_low), f(x_high, y_high)});
}
#define HOTLOOP_SPECIAL __attribute__((noinline, unused)) static
#define HOTLOOP_SPECIAL_UNARY(name, value)             \
  template <FloatVector V>                             \
  inline V name(V x) {                                 \
    return in_double(x, [](f64v a) { return value; }); \
  }
#define HOTLOOP_SPECIAL_BINARY(name, value)                                                          \
  template <FloatVector V>                                                                           \
  inline V name(V x, V y, [[maybe_unused]] V limit = V{}) {                                          \
    [[maybe_unused]] const f64v most = constant<f64v>(limit[0]);                                     \
    return in_double(x, y, [&]([[maybe_unused]] f64v a, [[maybe_unused]] f64v b) { return value; }); \
  }
#include "kernels/args/special_functions.h"
#undef HOTLOOP_SPECIAL_BINARY
#undef HOTLOOP_SPECIAL_UNARY
#undef HOTLOOP_SPECIAL

constexpr double kPi = 3.141592653589793;

// Up to sign, half of what sin(pi x) and cos(pi x) are made of: the sine and cosine of half the angle from the nearest
// whole number.
struct HalfTurn {
  f64v sin, cos;
};
inline HalfTurn half_turn(f64v x) {
  const f64v r = (x - round_even(x)) * (kPi / 2);
  return {sin_near_zero(r), cos_near_zero(r)};
}

// Gamma(x + 1) = x Gamma(x) leads to [1.5, 3): there a rational function, with the zeros at 1 and 2 as factors, keeps its
// digits. Stirling's formula from 8 on; Gamma(x) = pi / (sin(pi x) Gamma(1 - x)) for negative x.
inline f64v lgamma_of(f64v given) {
  const auto negative = given < 0.0;
  const f64v x = select<f64v>(negative, 1.0 - given, given);
  const auto far = x >= 8.0, small = x < 1.5, tiny = x < 0.5;
  // Gamma(x) is Gamma(u + 2) times the product, over it where x is small.
  f64v u = select<f64v>(tiny, x, select<f64v>(small, x - 1.0, select<f64v>(far, f64v{}, x - 2.0)));
  f64v product = select<f64v>(tiny, x * (x + 1.0), select<f64v>(small, x, constant<f64v>(1)));
  for (auto high = u >= 1.0; any(high); high = u >= 1.0) {
    product = select<f64v>(high, product * (u + 1.0), product);
    u = select<f64v>(high, u - 1.0, u);
  }
  const f64v rational =
      polynomial(u, 0.42278433509846713, 0.8230920797972491, 0.649665683800346, 0.26617121905194335,
                 0.06009027914161365, 0.007291844432716566, 0.0004245161876480808, 8.746366583861278e-06,
                 1.4031982052902411e-08) /
      polynomial(u, 1, 2.1841144640719468, 1.9769066244333653, 0.9576372187761457, 0.2673679593973638,
                 0.043090250986627755, 0.0037848318307565614, 0.0001566021547267322, 2.0980414537454737e-06);
  const f64v logarithm = log(abs(select<f64v>(far, x, product)));
  f64v y = (u + 1.0) * u * rational + select<f64v>(small, -logarithm, logarithm);
  if (any(far)) {
    const f64v r = 1.0 / x;
    const f64v rest = r * polynomial(f64v(r * r), 0.08333333333333333, -0.0027777777777776742, 0.0007936507935121313,
                                     -0.0005952380237046911, 0.0008417325892866325, -0.001914972490502156,
                                     0.006208465668189083, -0.020862136342372894);
    // log(2 pi) / 2 - 1 / 2
    y = select<f64v>(far, fma(x - 0.5, logarithm - 1.0, rest + 0.4189385332046727), y);
  }
  if (any(negative)) {
    const auto [sine, cosine] = half_turn(given);
    y = select<f64v>(negative, -log(abs(f64v(sine * cosine * (2 / kPi)))) - y, y);
  }
  const f64v inf = constant<f64v>(__builtin_inf());
  return select<f64v>(abs(given) == inf, inf, y);
}

// log x and Bernoulli numbers from 10 on; below, digamma(x) = digamma(x + 2) - 1 / x - 1 / (x + 1); by reflection on
// the left.
inline f64v digamma_of(f64v x) {
  const f64v given = x;
  const auto negative = x < 0.0;
  f64v sum = f64v{};
  if (any(negative)) {
    const auto [sine, cosine] = half_turn(x);  // pi / tan(pi x), with the double angle's tangent
    const f64v reflected = (sine * sine - cosine * cosine) / (sine * cosine) * (kPi / 2);
    sum = select<f64v>(negative, reflected, sum);
    x = select<f64v>(negative, 1.0 - x, x);
  }
  for (auto low = x < 10.0; any(low); low = x < 10.0) {
    const f64v next = x + 1.0;
    sum = select<f64v>(low, sum - (x + next) / (x * next), sum);
    x = select<f64v>(low, x + 2.0, x);
  }
  const f64v r = 1.0 / x, z = r * r;
  const f64v tail = z * polynomial(z, 1. / 12, -1. / 120, 1. / 252, -1. / 240, 1. / 132, -691. / 32760, 1. / 12);
  f64v y = sum + log(x) - 0.5 * r - tail;
  const f64v inf = constant<f64v>(__builtin_inf());
  y = select<f64v>(given == f64v{}, copysign(inf, f64v(-given)), y);
  return select<f64v>(negative & (trunc(given) == given), constant<f64v>(__builtin_nan("")), y);
}

// The derivative of digamma, likewise: 1 / x^2 + 1 / (x + 1)^2 at a time.
inline f64v trigamma_of(f64v x) {
  const auto reflects = x < 0.0;
  f64v sum = f64v{}, sign = constant<f64v>(1);
  if (any(reflects)) {
    const auto [sine, cosine] = half_turn(x);
    const f64v s = sine * cosine;
    sum = select<f64v>(reflects, kPi * kPi / 4 / (s * s), sum);
    sign = select<f64v>(reflects, -sign, sign);
    x = select<f64v>(reflects, 1.0 - x, x);
  }
  for (auto low = x < 10.0; any(low); low = x < 10.0) {
    const f64v product = x * (x + 1.0);
    sum = select<f64v>(low, sum + sign * ((product + product + 1.0) / product / product), sum);
    x = select<f64v>(low, x + 2.0, x);
  }
  const f64v r = 1.0 / x, z = r * r;
  const f64v tail = polynomial(z, 1. / 6, -1. / 30, 1. / 42, -1. / 30, 5. / 66, -691. / 2730, 7. / 6, -3617. / 510);
  return fma(sign, r + fma(z * r, tail, 0.5 * z), sum);
}

[[gnu::noinline, gnu::unused]] static double polygamma_scalar(double n, double x) {
  if (!(x > -1e6) && __builtin_floor(x) != x) return x != x ? x : __builtin_nan("");  // too many terms
  int sign;
  const double value = __builtin_exp(__builtin_lgamma_r(n + 1, &sign)) * hurwitz_zeta(n + 1, x);
  return __builtin_fmod(n, 2) == 1 ? value : -value;
}

// I_order from 30 on: e^x / sqrt(2 pi x) times an asymptotic series.
[[gnu::noinline, gnu::unused]] static double bessel_i_far(int order, double x) {
  const double a = __builtin_fabs(x);
  const double m = 4. * order;
  double term = 1, sum = 1;
  for (int k = 1; k < 30; ++k) {
    const double odd = 2 * k - 1, next = term * -(m - odd * odd) / (8 * a * k);
    if (!(__builtin_fabs(next) < __builtin_fabs(term))) break;
    sum += term = next;
  }
  const double root = __builtin_exp(a / 2);  // e^a may overflow before the quotient does
  return (root / __builtin_sqrt(2 * kPi * a) * sum) * root;
}
// Below, its power series, whose terms have one sign.
template <int kOrder>
inline f64v bessel_i(f64v x) {
  const f64v a = abs(x), z = a * a * 0.25;
  const auto near = a < 30.0;
  f64v y = x - x;  // NaN of NaN
  if (any(near)) {
    const f64v bounded = select<f64v>(near, z, f64v{});
    f64v term = constant<f64v>(1), sum = term;
    for (int k = 1; any(term > sum * 1e-17); ++k) {
      term *= bounded * (1. / (double(k) * (k + kOrder)));
      sum += term;
    }
    y = select<f64v>(near, kOrder == 1 ? a * 0.5 * sum : sum, y);
  }
  const auto far = a >= 30.0;
  if (any(far)) [[unlikely]]
    y = select<f64v>(far, each_lane(a, [](double b) { return b >= 30 ? bessel_i_far(kOrder, b) : 0; }), y);
  return kOrder == 1 ? copysign(y, x) : y;
}

template <FloatVector V>
inline V lgamma(V x) {
  return in_double(x, [](f64v a) { return lgamma_of(a); });
}
template <FloatVector V>
inline V digamma(V x) {
  return in_double(x, [](f64v a) { return digamma_of(a); });
}
template <FloatVector V>
inline V polygamma(V x, V n) {
  const double order = n[0];
  if (order == 0) return digamma(x);
  if (order == 1) return in_double(x, [](f64v a) { return trigamma_of(a); });
  return in_double(x,
                   [order](f64v a) { return each_lane(a, [order](double b) { return polygamma_scalar(order, b); }); });
}
template <FloatVector V>
inline V i0(V x) {
  return in_double(x, [](f64v a) { return bessel_i<0>(a); });
}
template <FloatVector V>
inline V i1(V x) {
  return in_double(x, [](f64v a) { return bessel_i<1>(a); });
}

}  // namespace hotloop::HOTLOOP_ISA
