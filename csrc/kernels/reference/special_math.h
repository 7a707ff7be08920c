// Special functions for the naive rows, from their definitions.
#pragma once

#include <math.h>

#include <algorithm>
#include <cmath>

namespace hotloop::reference {

namespace {

// C's own, of POSIX.
double bessel_j0(double a) { return ::j0(a); }
double bessel_j1(double a) { return ::j1(a); }
double bessel_y0(double a) { return a < 0 ? NAN : ::y0(a); }
double bessel_y1(double a) { return a < 0 ? NAN : ::y1(a); }

// e^-|a| I: the mean of e^(|a| (cos t - 1)) cos(order t) over half a turn, by the midpoint rule, in steps that follow the
// narrowing peak.
double scaled_bessel_i(int order, double a) {
  const double x = std::fabs(a);
  const int points = int(200 + 60 * std::sqrt(std::min(x, 1e9)));
  double sum = 0;
  for (int i = 0; i < points; ++i) {
    const double t = M_PI * (i + 0.5) / points, s = std::sin(t / 2);
    sum += std::exp(-2 * x * s * s) * std::cos(order * t);
  }
  return (a < 0 && order == 1 ? -sum : sum) / points;
}
double i0e(double a) { return scaled_bessel_i(0, a); }
double i1e(double a) { return scaled_bessel_i(1, a); }

// e^a K of any order: the integral of e^(-a (cosh t - 1)) cosh(order t), by the trapezoidal rule.
double scaled_bessel_k(double order, double a) {
  if (!(a > 0)) return a == 0 ? INFINITY : NAN;
  const double last = std::acosh(1 + 800 / a), step = last / 4000;
  double sum = 0.5;
  for (int i = 1; i <= 4000; ++i) {
    const double t = i * step, s = std::sinh(t / 2);
    sum += std::exp(-2 * a * s * s) * std::cosh(order * t);
  }
  return sum * step;
}
double scaled_modified_bessel_k0(double a) { return scaled_bessel_k(0, a); }
double scaled_modified_bessel_k1(double a) { return scaled_bessel_k(1, a); }
double modified_bessel_k0(double a) { return scaled_bessel_k(0, a) * std::exp(-a); }
double modified_bessel_k1(double a) { return scaled_bessel_k(1, a) * std::exp(-a); }

double spherical_bessel_j0(double a) { return a == 0 ? 1 : std::isinf(a) ? 0 : std::sin(a) / a; }

// On the right by K of order 1/3; on the left steps of Taylor's from y'' = x y, and far out the leading wave.
double airy_ai(double a) {
  const double z = 2 * std::pow(std::fabs(a), 1.5) / 3;
  if (a > 1) return std::sqrt(a / 3) / M_PI * scaled_bessel_k(1. / 3, z) * std::exp(-z);
  if (a < -500) return std::cos(z - M_PI / 4) / std::sqrt(M_PI * std::sqrt(-a));
  const int steps = int(std::ceil(std::fabs(a) / 0.125));
  const long double step = steps ? a / (long double)steps : 0;
  long double x = 0, y = 0.355028053887817239260063L, slope = -0.258819403792806798405183L;
  for (int i = 0; i < steps; ++i, x += step) {
    long double c[40] = {y, slope, x * y / 2};
    for (int n = 1; n < 38; ++n) c[n + 2] = (x * c[n] + c[n - 1]) / ((n + 1) * (n + 2));
    y = slope = 0;
    for (int n = 39; n >= 0; --n) {
      y = y * step + c[n];
      if (n) slope = slope * step + n * c[n];
    }
  }
  return double(y);
}

double erfcx(double a) {
  if (a < 100) return double(std::exp((long double)a * a) * std::erfc((long double)a));
  const double r = 1 / (2 * a * a);
  return (1 - r + 3 * r * r) / (a * std::sqrt(M_PI));
}
double log_ndtr(double a) {
  if (a < -1) return std::log(erfcx(-a * M_SQRT1_2) / 2) - a * a / 2;
  return std::log1p(-std::erfc(a * M_SQRT1_2) / 2);
}

// The sum over k >= 0 of (b + k)^-a: a thousand terms and the integral of the rest.
double zeta(double a, double b) {
  if (a == 1) return INFINITY;
  if (!(a > 1)) return NAN;
  if (b <= 0 && std::floor(b) == b) return INFINITY;
  if (b <= 0 && (std::floor(a) != a || b < -1e6)) return NAN;
  long double sum = 0, x = b;
  for (; x < 1000 + std::max(b, 0.0); x += 1) sum += std::pow(x, -(long double)a);
  const long double power = std::pow(x, -(long double)a);
  return double(sum + power * x / (a - 1) + power / 2 + power * a / x / 12);
}

// The sum of b^k / ((a + 1) ... (a + k)), or a continued fraction from its end, times b^a e^-b / Gamma(a + 1).
double incomplete_gamma(double a, double b, bool upper) {
  if (!(a >= 0 && b >= 0)) return NAN;
  if (a == 0) return b > 0 ? !upper : NAN;
  if (std::isinf(a)) return std::isinf(b) ? NAN : upper;
  if (b == 0 || std::isinf(b)) return (b == 0) == upper;
  const long double x = b, order = a;
  const long double density = std::exp(order * std::log(x) - x - std::lgamma(order + 1));
  if (b <= a + 1) {
    long double term = 1, sum = 1;
    for (int k = 1; k < 1000000 && term > sum * 1e-20L; ++k) sum += term *= x / (order + k);
    return double(upper ? 1 - density * sum : density * sum);
  }
  long double fraction = 0;
  for (int k = 5000; k > 0; --k) fraction = k * (order - k) / (x + 2 * k + 1 - order + fraction);
  const long double above = density * order / (x + 1 - order + fraction);
  return double(upper ? above : 1 - above);
}
double igamma(double a, double b) { return incomplete_gamma(a, b, false); }
double igammac(double a, double b) { return incomplete_gamma(a, b, true); }

// Polynomials by their recurrences, from degrees 0 and 1 on.
template <class F>
double by_recurrence(double degree, long double first, F next) {
  const double n = std::trunc(degree);
  if (!(n >= 1)) return n == 0;
  long double before = 1, value = first;
  for (double k = 1; k < n; ++k) {
    const long double after = next(k, value, before);
    before = value;
    value = after;
  }
  return double(value);
}
double chebyshev(double a, double n, long double first) {
  return by_recurrence(n, first, [a](double, long double q, long double p) { return 2 * a * q - p; });
}
double chebyshev_t(double a, double n) { return chebyshev(a, n, a); }
double chebyshev_u(double a, double n) { return chebyshev(a, n, 2.0L * a); }
double chebyshev_v(double a, double n) { return chebyshev(a, n, 2.0L * a - 1); }
double chebyshev_w(double a, double n) { return chebyshev(a, n, 2.0L * a + 1); }
double hermite_h(double a, double n, double most) {
  if (n > most) return NAN;
  return by_recurrence(n, 2.0L * a, [a](double k, long double q, long double p) { return 2 * a * q - 2 * k * p; });
}
double hermite_he(double a, double n, double most) {
  if (n > most) return NAN;
  return by_recurrence(n, a, [a](double k, long double q, long double p) { return a * q - k * p; });
}
double laguerre_l(double a, double n) {
  return by_recurrence(n, 1.0L - a,
                       [a](double k, long double q, long double p) { return ((2 * k + 1 - a) * q - k * p) / (k + 1); });
}
double legendre_p(double a, double n) {
  return by_recurrence(n, a,
                       [a](double k, long double q, long double p) { return ((2 * k + 1) * a * q - k * p) / (k + 1); });
}

}  // namespace

}  // namespace hotloop::reference
