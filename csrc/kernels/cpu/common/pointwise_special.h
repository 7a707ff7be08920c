// The gamma function's kin and Bessel functions: one number after another, in f64.
#pragma once

#include "kernels/cpu/common/vec_math.h"

namespace hotloop::HOTLOOP_ISA {

template <class V>
concept FloatVector = __is_same(V, f32v) || __is_same(V, f64v);

template <FloatVector V, class F>
inline V each_lane(V x, F f) {
  V y;
  for (int i = 0; i < int(sizeof(V) / sizeof(x[0])); ++i) y[i] = Element<V>(f(double(x[i])));
  return y;
}

constexpr double kPi = 3.141592653589793;

[[gnu::noinline, gnu::unused]] static double lgamma_scalar(double x) {
  int sign;
  return __builtin_lgamma_r(x, &sign);
}

// log x and Bernoulli numbers from 10 on; below, digamma(x) = digamma(x + 1) - 1 / x; by reflection on the left.
[[gnu::noinline, gnu::unused]] static double digamma_scalar(double x) {
  if (x == 0) return __builtin_copysign(__builtin_inf(), -x);
  double sum = 0;
  if (x < 0) {
    if (__builtin_trunc(x) == x) return __builtin_nan("");
    sum = -kPi / __builtin_tan(kPi * (x - __builtin_trunc(x)));
    x = 1 - x;
  }
  for (; x < 10; x += 1) sum -= 1 / x;
  const double z = 1 / (x * x);
  const double tail =
      z * (1. / 12 - z * (1. / 120 - z * (1. / 252 - z * (1. / 240 - z * (1. / 132 - z * (691. / 32760 - z / 12))))));
  return sum + __builtin_log(x) - 0.5 / x - tail;
}

// The sum over k >= 0 of (x + k)^-s, s > 1: the first terms, then Euler and Maclaurin's integral of the rest.
[[gnu::noinline, gnu::unused]] static double hurwitz_zeta(double s, double x) {
  if (x <= 0 && (__builtin_floor(x) == x || __builtin_floor(s) != s))
    return __builtin_floor(x) == x ? __builtin_inf() : __builtin_nan("");
  if (x > 1e300) return 0;
  double sum = 0;
  for (; x < 12; x += 1) sum += __builtin_pow(x, -s);
  const double power = __builtin_pow(x, -s);
  sum += power * (x / (s - 1) + 0.5);
  // B_2j / (2j)!
  static constexpr double kTerms[] = {1. / 12,           -1. / 720,
                                      1. / 30240,        -1. / 1209600,
                                      1. / 47900160,     -691. / 1307674368000.,
                                      1. / 74724249600., -3617. / 10670622842880000.};
  double factor = power * s / x;
  for (int j = 0; j < 8; ++j) {
    sum += factor * kTerms[j];
    factor *= (s + 2 * j + 1) * (s + 2 * j + 2) / (x * x);
  }
  return sum;
}

[[gnu::noinline, gnu::unused]] static double polygamma_scalar(double n, double x) {
  if (n == 0) return digamma_scalar(x);
  if (n == 1 && x < 0.5 && __builtin_floor(x) != x) {
    const double s = __builtin_sin(kPi * x);
    return kPi * kPi / (s * s) - hurwitz_zeta(2, 1 - x);
  }
  if (!(x > -1e6) && __builtin_floor(x) != x) return x != x ? x : __builtin_nan("");  // too many terms
  int sign;
  const double value = __builtin_exp(__builtin_lgamma_r(n + 1, &sign)) * hurwitz_zeta(n + 1, x);
  return __builtin_fmod(n, 2) == 1 ? value : -value;
}

// I_order: its power series, whose terms have one sign; from 30 on e^x / sqrt(2 pi x) times an asymptotic series.
[[gnu::noinline, gnu::unused]] static double bessel_i_scalar(int order, double x) {
  const double a = __builtin_fabs(x);
  const double sign = order == 1 && x < 0 ? -1 : 1;
  if (a < 30) {
    const double z = a * a / 4;
    double term = order == 1 ? a / 2 : 1, sum = term;
    for (int k = 1; term > sum * 1e-17; ++k) {
      term *= z / (double(k) * (k + order));
      sum += term;
    }
    return sign * sum + (x - x);
  }
  const double m = 4. * order;
  double term = 1, sum = 1;
  for (int k = 1; k < 30; ++k) {
    const double odd = 2 * k - 1, next = term * -(m - odd * odd) / (8 * a * k);
    if (!(__builtin_fabs(next) < __builtin_fabs(term))) break;
    sum += term = next;
  }
  const double root = __builtin_exp(a / 2);  // e^a may overflow before the quotient does
  return sign * (root / __builtin_sqrt(2 * kPi * a) * sum) * root;
}

template <FloatVector V>
inline V lgamma(V x) {
  return each_lane(x, lgamma_scalar);
}
template <FloatVector V>
inline V digamma(V x) {
  return each_lane(x, digamma_scalar);
}
template <FloatVector V>
inline V polygamma(V x, V n) {
  const double order = n[0];
  return each_lane(x, [order](double a) { return polygamma_scalar(order, a); });
}
template <FloatVector V>
inline V i0(V x) {
  return each_lane(x, [](double a) { return bessel_i_scalar(0, a); });
}
template <FloatVector V>
inline V i1(V x) {
  return each_lane(x, [](double a) { return bessel_i_scalar(1, a); });
}

}  // namespace hotloop::HOTLOOP_ISA
