// The functions that the rows of pointwise.def call, naively: floats in double with the C++ library's functions,
// integers in their own type.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/reference/special_math.h"

namespace hotloop::reference {

namespace {

using std::abs, std::acos, std::acosh, std::asin, std::asinh, std::atan, std::atan2, std::atanh, std::ceil;
using std::copysign, std::cos, std::cosh, std::erf, std::erfc, std::exp, std::exp2, std::expm1, std::floor, std::fmod;
using std::hypot, std::lgamma, std::log, std::log10, std::log1p, std::log2, std::pow, std::sin, std::sinh, std::sqrt;
using std::tan, std::tanh, std::trunc;

template <class T>
concept Integer = std::is_integral_v<T>;

template <class T>
T select(bool condition, T yes, T no) {
  return condition ? yes : no;
}
template <class T>
T maximum(T a, T b) {
  return a != a ? a : b != b ? b : a > b ? a : b;
}
template <class T>
T minimum(T a, T b) {
  return a != a ? a : b != b ? b : a < b ? a : b;
}
template <class T>
T relu(T a) {
  return a < T(0) ? T(0) : a;
}
template <class T>
bool is_inf(T a) {
  return a == std::numeric_limits<T>::infinity() || a == T(-std::numeric_limits<T>::infinity());
}
template <Integer T>
bool is_inf(T) {
  return false;
}
template <class T>
bool is_finite(T a) {
  return a == a && !is_inf(a);
}

double rsqrt(double a) { return 1 / std::sqrt(a); }
double sigmoid(double a) { return a < 0 ? std::exp(a) / (1 + std::exp(a)) : 1 / (1 + std::exp(-a)); }
double round_even(double a) { return std::nearbyint(a); }
// Far left a double's rounding of the argument would show in the result.
double normal_cdf(double a) { return double(std::erfc(-a / std::sqrt(2.0L)) / 2); }
double normal_density(double a) { return double(std::exp(-0.5L * a * a) * 0.398942280401432677939946L); }
double gelu(double a) { return a * normal_cdf(a); }
double gelu_backward(double grad, double a) {
  return grad * (normal_cdf(a) + (std::isinf(a) ? 0 : a * normal_density(a)));
}
double silu(double a) { return (a < 0 ? a * std::exp(a) : a) / (1 + std::exp(-std::fabs(a))); }
double logit(double a) { return a > 0.25 && a < 0.75 ? 2 * std::atanh(2 * a - 1) : std::log(a / (1 - a)); }
double silu_backward(double grad, double a) {
  a = a > 800 ? 800 : a < -800 ? -800 : a;  // infinity times 0
  return grad * sigmoid(a) * (1 + a * sigmoid(-a));
}
// a sigmoid(v), v = a (k1 + k3 a^2).
double gelu_tanh(double a) {
  const long double wide = a, v = wide * (1.5957691216057308L + 0.07135481627260025L * wide * wide);
  return a * double(1 / (1 + std::exp(-v)));
}
// sigmoid(v), v = a (k1 + k3 a^2); held where |a| is past 22, e^(-v) being 0 there.
double gelu_tanh_backward(double grad, double a) {
  a = a > 22 ? 22 : a < -22 ? -22 : a;
  const double k1 = 1.5957691216057308, k3 = 0.07135481627260025, v = a * (k1 + k3 * a * a);
  return grad * (sigmoid(v) + a * sigmoid(v) * sigmoid(-v) * (k1 + 3 * k3 * a * a));
}
double gelu_tanh_curvature(double a) {
  a = a > 22 ? 22 : a < -22 ? -22 : a;
  const double k1 = 1.5957691216057308, k3 = 0.07135481627260025, v = a * (k1 + k3 * a * a);
  const double s = sigmoid(v), t = sigmoid(-v), v1 = k1 + 3 * k3 * a * a, v2 = 6 * k3 * a;
  return s * t * (2 * v1 + a * ((t - s) * v1 * v1 + v2));
}
double remainder(double a, double b) {
  const double r = std::fmod(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
double floor_divide(double a, double b) {
  if (b == 0) return a / b;
  const double r = std::fmod(a, b), q = (a - r) / b;
  const double whole = std::nearbyint(r != 0 && (r < 0) != (b < 0) ? q - 1 : q);
  return whole == 0 ? std::copysign(0.0, a / b) : whole;
}

// tanh(log(1 + e^a)) and its derivative.
double mish_gate(double a) { return a > 40 ? 1 : std::tanh(std::log1p(std::exp(a))); }
double mish(double a) { return a * mish_gate(a); }
double mish_backward(double grad, double a) {
  const double t = mish_gate(a);
  return grad * (t + (a > 40 ? 0 : std::max(a, -800.0) * (1 - t * t) * sigmoid(a)));
}
// Bisection between zero and where erfc vanishes.
double erfinv(double a) {
  if (a != a || std::fabs(a) > 1) return NAN;
  if (std::fabs(a) == 1) return std::copysign(INFINITY, a);
  long double low = 0, high = 7;
  for (int i = 0; i < 80; ++i) {
    const long double middle = (low + high) / 2;
    (std::erfc(middle) > 1 - std::fabs((long double)a) ? low : high) = middle;
  }
  return std::fabs(a) < 1e-10 ? a * 0.886226925452758 : std::copysign(double(low), a);
}
double digamma(double a) {
  if (a == 0) return std::copysign(INFINITY, -a);
  if (a < 0 && std::floor(a) == a) return NAN;
  if (a < 0) return digamma(1 - a) - M_PI / std::tan(M_PI * std::fmod(a, 1));
  double sum = 0;
  for (; a < 1000; a += 1) sum -= 1 / a;
  return sum + std::log(a) - 1 / (2 * a) - 1 / (12 * a * a) + 1 / (120 * a * a * a * a);
}
// (-1)^(n+1) n! times the sum over k >= 0 of (a + k)^-(n+1): a thousand terms and the integral of the rest.
double polygamma(double a, double n) {
  if (n == 0) return digamma(a);
  if (a <= 0 && std::floor(a) == a) return std::fmod(n, 2) == 1 ? INFINITY : -INFINITY;
  if (!(a > -1e6)) return NAN;
  const double s = n + 1;
  double sum = 0, x = a;
  for (; x < 1000 + std::max(a, 0.0); x += 1) sum += std::pow(x, -s);
  sum += std::pow(x, 1 - s) / (s - 1) + std::pow(x, -s) / 2 + s * std::pow(x, -s - 1) / 12;
  return (std::fmod(n, 2) == 1 ? 1 : -1) * std::tgamma(s) * sum;
}
// The integral of e^(a cos t) cos(order t) over half a turn, by the midpoint rule, which is exact to rounding here.
double bessel_i(int order, double a) {
  constexpr int kPoints = 2000;
  const double scale = std::fabs(a) / 2;
  double sum = 0;
  for (int i = 0; i < kPoints; ++i) {
    const double t = M_PI * (i + 0.5) / kPoints;
    sum += std::exp(a * std::cos(t) - scale) * std::cos(order * t);
  }
  return std::isinf(a) ? (a < 0 && order == 1 ? a : INFINITY) : sum / kPoints * std::exp(scale);
}
double i0(double a) { return bessel_i(0, a); }
double i1(double a) { return bessel_i(1, a); }

template <Integer T>
T abs(T a) {
  return a < T(0) ? T(-a) : a;
}
template <Integer T>
T floor(T a) {
  return a;
}
template <Integer T>
T ceil(T a) {
  return a;
}
template <Integer T>
T trunc(T a) {
  return a;
}
template <Integer T>
T round_even(T a) {
  return a;
}
template <Integer T>
T invert(T a) {
  return T(~a);
}
bool invert(bool a) { return !a; }
// By zero: 0. The lowest number by -1 would trap.
template <Integer T>
T fmod(T a, T b) {
  if (b == T(0) || (std::is_signed_v<T> && b == T(-1))) return T(0);
  return T(a % b);
}
template <Integer T>
T remainder(T a, T b) {
  const T r = fmod(a, b);
  return r != T(0) && (r < T(0)) != (b < T(0)) ? T(r + b) : r;
}
template <Integer T>
T floor_divide(T a, T b) {
  if (b == T(0)) return T(0);
  if (std::is_signed_v<T> && b == T(-1)) return T(-a);
  const T q = T(a / b);
  return T(q * b) != a && (a < T(0)) != (b < T(0)) ? T(q - 1) : q;
}
template <Integer T>
T pow(T base, T exponent) {
  if (exponent < T(0)) return base == T(1) ? T(1) : base == T(-1) ? T(exponent % 2 == 0 ? 1 : -1) : T(0);
  T result = 1;
  for (; exponent > T(0); exponent = T(exponent / 2)) {
    if (exponent % 2 != 0) result = T(result * base);
    base = T(base * base);
  }
  return result;
}
template <class T>
T pow_number(T base, T exponent) {
  return pow(base, exponent);
}

template <Integer T>
T gcd(T a, T b) {
  return b == T(0) ? abs(a) : abs(gcd(b, fmod(a, b)));
}
// What overflows is PyTorch's: the product wraps as an int at least, and its absolute value is taken before it is narrowed.
template <Integer T>
T lcm(T a, T b) {
  const T divisor = gcd(a, b);
  if (divisor == T(0)) return T(0);
  const auto multiple = floor_divide(a, divisor) * b;
  return T(multiple < 0 ? -multiple : multiple);
}
template <Integer T>
T shift_left(T a, T count) {
  for (T i = 0; count >= T(0) && i < count && a != T(0); ++i) a = T(a * 2);
  return count < T(0) ? T(0) : a;
}
template <Integer T>
T shift_right(T a, T count) {
  if (count < T(0)) return a < T(0) ? T(-1) : T(0);
  for (T i = 0; i < count && a != T(0) && a != T(-1); ++i) a = floor_divide(a, T(2));
  return a;
}

}  // namespace

}  // namespace hotloop::reference
