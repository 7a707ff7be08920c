// The functions that the rows of pointwise.def call, for one value of a thread: floats in f32 or f64 by CUDA's own
// functions, integers in their own type. What CUDA lacks is here: digamma, polygamma, the Bessel functions, erfinv.
// Never run on a GPU yet.
#pragma once

#include <initializer_list>

#include "kernels/cuda/common/device.h"

namespace hotloop::cuda::math {

template <class T>
constexpr bool kIsInteger = std::is_integral_v<T>;
template <class T>
concept Integer = std::is_integral_v<T>;
template <class T>
concept Floating = std::is_floating_point_v<T>;

template <class T>
__device__ __forceinline__ T select(bool condition, T yes, T no) {
  return condition ? yes : no;
}
// NaN wins.
template <class T>
__device__ __forceinline__ T maximum(T a, T b) {
  return a != a ? a : b != b ? b : a > b ? a : b;
}
template <class T>
__device__ __forceinline__ T minimum(T a, T b) {
  return a != a ? a : b != b ? b : a < b ? a : b;
}
template <class T>
__device__ __forceinline__ T relu(T a) {
  return a < T(0) ? T(0) : a;
}

// --- CUDA's functions of f32 and f64 by one name ------------------------------------------------------
#define HOTLOOP_UNARY(name, of_float, of_double)                         \
  __device__ __forceinline__ float name(float a) { return of_float(a); } \
  __device__ __forceinline__ double name(double a) { return of_double(a); }
HOTLOOP_UNARY(abs, ::fabsf, ::fabs)
HOTLOOP_UNARY(sqrt, ::sqrtf, ::sqrt)
HOTLOOP_UNARY(rsqrt, 1.0f / ::sqrtf, 1.0 / ::sqrt)
HOTLOOP_UNARY(exp, ::expf, ::exp)
HOTLOOP_UNARY(exp2, ::exp2f, ::exp2)
HOTLOOP_UNARY(expm1, ::expm1f, ::expm1)
HOTLOOP_UNARY(log, ::logf, ::log)
HOTLOOP_UNARY(log2, ::log2f, ::log2)
HOTLOOP_UNARY(log10, ::log10f, ::log10)
HOTLOOP_UNARY(log1p, ::log1pf, ::log1p)
HOTLOOP_UNARY(sin, ::sinf, ::sin)
HOTLOOP_UNARY(cos, ::cosf, ::cos)
HOTLOOP_UNARY(tan, ::tanf, ::tan)
HOTLOOP_UNARY(asin, ::asinf, ::asin)
HOTLOOP_UNARY(acos, ::acosf, ::acos)
HOTLOOP_UNARY(atan, ::atanf, ::atan)
HOTLOOP_UNARY(sinh, ::sinhf, ::sinh)
HOTLOOP_UNARY(cosh, ::coshf, ::cosh)
HOTLOOP_UNARY(tanh, ::tanhf, ::tanh)
HOTLOOP_UNARY(asinh, ::asinhf, ::asinh)
HOTLOOP_UNARY(acosh, ::acoshf, ::acosh)
HOTLOOP_UNARY(atanh, ::atanhf, ::atanh)
HOTLOOP_UNARY(erf, ::erff, ::erf)
HOTLOOP_UNARY(erfc, ::erfcf, ::erfc)
HOTLOOP_UNARY(lgamma, ::lgammaf, ::lgamma)
HOTLOOP_UNARY(floor, ::floorf, ::floor)
HOTLOOP_UNARY(ceil, ::ceilf, ::ceil)
HOTLOOP_UNARY(trunc, ::truncf, ::trunc)
HOTLOOP_UNARY(round_even, ::rintf, ::rint)
#undef HOTLOOP_UNARY
#define HOTLOOP_BINARY(name, of_float, of_double)                                    \
  __device__ __forceinline__ float name(float a, float b) { return of_float(a, b); } \
  __device__ __forceinline__ double name(double a, double b) { return of_double(a, b); }
HOTLOOP_BINARY(pow, ::powf, ::pow)
HOTLOOP_BINARY(fmod, ::fmodf, ::fmod)
HOTLOOP_BINARY(hypot, ::hypotf, ::hypot)
HOTLOOP_BINARY(copysign, ::copysignf, ::copysign)
HOTLOOP_BINARY(nextafter, ::nextafterf, ::nextafter)
HOTLOOP_BINARY(atan2, ::atan2f, ::atan2)
#undef HOTLOOP_BINARY

// --- numbers and rounding -----------------------------------------------------------------------------
template <Floating T>
__device__ __forceinline__ T infinity() {
  if constexpr (std::is_same_v<T, float>) {
    return __uint_as_float(0x7f800000u);
  } else {
    return __longlong_as_double(0x7ff0000000000000ll);
  }
}
template <Floating T>
__device__ __forceinline__ T nan() {
  return infinity<T>() - infinity<T>();
}
template <Floating T>
__device__ __forceinline__ bool is_inf(T a) {
  return abs(a) == infinity<T>();
}
template <Integer T>
__device__ __forceinline__ bool is_inf(T) {
  return false;
}
template <class T>
__device__ __forceinline__ bool is_finite(T a) {
  return a == a && !is_inf(a);
}
// Rounded down, with the sign of b, as Python has them.
template <Floating T>
__device__ __forceinline__ T remainder(T a, T b) {
  const T r = fmod(a, b);
  return r != T(0) && (r < T(0)) != (b < T(0)) ? r + b : r;
}
template <Floating T>
__device__ __forceinline__ T floor_divide(T a, T b) {
  if (b == T(0)) return a / b;
  const T r = fmod(a, b), q = (a - r) / b;
  const T whole = round_even(r != T(0) && (r < T(0)) != (b < T(0)) ? q - T(1) : q);
  return whole == T(0) ? copysign(T(0), a / b) : whole;
}

// --- activations --------------------------------------------------------------------------------------
template <Floating T>
__device__ __forceinline__ T sigmoid(T a) {
  const T e = exp(-abs(a));
  return (a < T(0) ? e : T(1)) / (T(1) + e);
}
// The normal distribution up to a, exact in the tail too.
template <Floating T>
__device__ __forceinline__ T normal_cdf(T a) {
  return T(0.5) * erfc(T(-0.7071067811865476) * a);
}
template <Floating T>
__device__ __forceinline__ T gelu(T a) {
  return is_inf(a) ? (a < T(0) ? T(0) : a) : a * normal_cdf(a);
}
template <Floating T>
__device__ __forceinline__ T gelu_backward(T grad, T a) {
  const T density = T(0.3989422804014327) * exp(T(-0.5) * a * a);
  return grad * (normal_cdf(a) + (is_inf(a) ? T(0) : a * density));
}
template <Floating T>
__device__ __forceinline__ T silu(T a) {
  const T e = exp(-abs(a));
  return (a < T(0) ? a * e : a) / (T(1) + e);
}
// log(a / (1 - a)). About 1/2, where that is small, the quotient less 1 is made of differences that are exact.
template <Floating T>
__device__ __forceinline__ T logit(T a) {
  const T rest = T(1) - a, twice = a + a - T(1);
  if (!(abs(twice) <= T(0.5))) return log(a / rest);
  const T y = log1p(abs(twice) / (a < rest ? a : rest));
  return twice < T(0) ? -y : y;
}
template <Floating T>
__device__ __forceinline__ T silu_backward(T grad, T a) {
  a = a > T(800) ? T(800) : a < T(-800) ? T(-800) : a;  // infinity times 0
  return grad * sigmoid(a) * (T(1) + a * sigmoid(-a));
}
// a sigmoid(v), v = a (k1 + k3 a^2), with what the roundings of v lose, since e^-v magnifies it.
template <Floating T>
__device__ __forceinline__ T gelu_tanh(T a) {
  constexpr double kK1 = 1.5957691216057308, kK3 = 0.07135481627260025;
  const T x = a > T(22) ? T(22) : a < T(-22) ? T(-22) : a, k1 = T(kK1), k3 = T(kK3);
  const T k1_low = T(kK1 - double(k1)), k3_low = T(kK3 - double(k3));
  const T z = x * x, z_low = fma(x, x, -z), p = k3 * z, p_low = fma(k3, z, -p), w = k1 + p;
  const T lost = k1 > p ? p - (w - k1) : k1 - (w - p);
  const T w_low = lost + (p_low + fma(k3, z_low, fma(k3_low, z, k1_low)));
  const T v = x * w, v_low = fma(x, w_low, fma(x, w, -v)), y = exp(-abs(v));
  const T e = fma(y, v < T(0) ? v_low : -v_low, y);
  return (v < T(0) ? a * e : a) / (T(1) + e);
}
// sigmoid(v), v = a (k1 + k3 a^2); held where |a| is past 22, e^(-v) being 0 there.
template <Floating T>
__device__ __forceinline__ T gelu_tanh_backward(T grad, T a) {
  a = a > T(22) ? T(22) : a < T(-22) ? T(-22) : a;
  const T k1 = T(1.5957691216057308), k3 = T(0.07135481627260025), v = a * (k1 + k3 * a * a);
  return grad * (sigmoid(v) + a * sigmoid(v) * sigmoid(-v) * (k1 + T(3) * k3 * a * a));
}
template <Floating T>
__device__ __forceinline__ T gelu_tanh_curvature(T a) {
  a = a > T(22) ? T(22) : a < T(-22) ? T(-22) : a;
  const T k1 = T(1.5957691216057308), k3 = T(0.07135481627260025), v = a * (k1 + k3 * a * a);
  const T s = sigmoid(v), t = sigmoid(-v), v1 = k1 + T(3) * k3 * a * a, v2 = T(6) * k3 * a;
  return s * t * (T(2) * v1 + a * ((t - s) * v1 * v1 + v2));
}
// tanh(log(1 + e^a)).
template <Floating T>
__device__ __forceinline__ T mish_gate(T a) {
  return a > T(40) ? T(1) : tanh(log1p(exp(a)));
}
template <Floating T>
__device__ __forceinline__ T mish(T a) {
  return a < T(-800) ? T(0) : a * mish_gate(a);
}
template <Floating T>
__device__ __forceinline__ T mish_backward(T grad, T a) {
  const T t = mish_gate(a), held = a < T(-800) ? T(-800) : a;
  return grad * (t + (a > T(40) ? T(0) : held * (T(1) - t * t) * sigmoid(held)));
}

// --- special functions, in f64 whatever the dtype -------------------------------------------------------
// Giles's approximation (GPU Computing Gems 2, 2011) and two steps of Newton's on erfc, which keeps digits near 1.
__device__ inline double erfinv(double a) {
  const double b = abs(a);
  if (!(b < 1)) return b == 1 ? copysign(infinity<double>(), a) : nan<double>();
  double w = -log((1 - b) * (1 + b)), x;
  if (w < 5) {
    w -= 2.5;
    x = 2.81022636e-08;
    for (double c : {3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164,
                     0.246640727, 1.50140941})
      x = x * w + c;
  } else {
    w = sqrt(w) - 3;
    x = -0.000200214257;
    for (double c : {0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
                     1.00167406, 2.83297682})
      x = x * w + c;
  }
  x *= b;
  for (int step = 0; step < 2; ++step) {
    const double error = b < 0.5 ? erf(x) - b : (1 - b) - erfc(x);
    x -= error * 0.886226925452758 * exp(x * x);
  }
  return copysign(x, a);
}

__device__ inline double digamma(double a) {
  constexpr double kPi = 3.141592653589793;
  if (a == 0) return copysign(infinity<double>(), -a);
  double sum = 0;
  if (a < 0) {
    if (floor(a) == a) return nan<double>();
    sum = -kPi / tan(kPi * fmod(a, 1.0));
    a = 1 - a;
  }
  for (; a < 12; a += 1) sum -= 1 / a;
  const double r = 1 / (a * a);  // the asymptotic series, by Bernoulli's numbers
  double tail = 1.0 / 12;
  for (double c : {-691.0 / 32760, 1.0 / 132, -1.0 / 240, 1.0 / 252, -1.0 / 120, 1.0 / 12}) tail = tail * r + c;
  return sum + log(a) - 0.5 / a - r * tail;
}

// a^-s for whole s, of any sign of a.
__device__ inline double power(double a, double s) {
  const double size = exp(-s * log(abs(a)));
  return a < 0 && fmod(s, 2.0) == 1 ? -size : size;
}

// (-1)^(n+1) n! times the sum over k >= 0 of (a + k)^-(n+1), by Euler and Maclaurin from a + k >= 16 on.
__device__ inline double polygamma(double a, double n) {
  if (n == 0) return digamma(a);
  const double sign = fmod(n, 2.0) == 1 ? 1 : -1, s = n + 1;
  if (a <= 0 && floor(a) == a) return sign * infinity<double>();
  if (!(a > -1e6)) return nan<double>();
  double sum = 0;
  for (; a < 16; a += 1) sum += power(a, s);
  double term = power(a, s);
  sum += a * term / (s - 1) + term / 2;
  term *= s / a;
  double k = s;
  for (double c : {1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160, -691.0 / 1307674368000.0,
                   1.0 / 74724249600.0}) {
    sum += c * term;
    term *= (k + 1) * (k + 2) / (a * a);
    k += 2;
  }
  double factorial = 1;
  for (double i = 2; i <= n; ++i) factorial *= i;
  return sign * factorial * sum;
}

// The modified Bessel function of order 0 or 1: the power series, whose terms are all positive, and far out the
// asymptotic one, e^a cut in two so that it overflows no sooner than the result.
__device__ inline double bessel_i(double order, double a) {
  const double x = abs(a);
  if (!(x < infinity<double>())) return a < 0 && order == 1 ? a : x;
  double sum = 1, term = 1;
  if (x < 25) {
    const double quarter = x * x / 4;
    for (double k = 1; term > sum * 1e-17; ++k) {
      term *= quarter / (k * (k + order));
      sum += term;
    }
    if (order == 1) sum *= x / 2;
  } else {
    for (double k = 1; k < 40; ++k) {
      term *= ((2 * k - 1) * (2 * k - 1) - 4 * order * order) / (8 * k * x);
      sum += term;
    }
    sum *= exp(x / 2) / sqrt(6.283185307179586 * x) * exp(x / 2);
  }
  return a < 0 && order == 1 ? -sum : sum;
}
__device__ inline double i0(double a) { return bessel_i(0, a); }
__device__ inline double i1(double a) { return bessel_i(1, a); }

// What kernels/args/special_functions.h asks for, and the functions that it makes.
struct Double {
  static __device__ double exp(double x) { return ::exp(x); }
  static __device__ double log(double x) { return ::log(x); }
  static __device__ double log1p(double x) { return ::log1p(x); }
  static __device__ double expm1(double x) { return ::expm1(x); }
  static __device__ double pow(double x, double y) { return ::pow(x, y); }
  static __device__ double sqrt(double x) { return ::sqrt(x); }
  static __device__ double floor(double x) { return ::floor(x); }
  static __device__ double lgamma(double x) { return ::lgamma(x); }
};
template <class V>
__device__ __forceinline__ V constant(double x) {
  return V(x);
}
__device__ __forceinline__ bool any(bool condition) { return condition; }
template <class... C>
__device__ __forceinline__ double polynomial(double x, C... coefficients) {
  const double c[] = {double(coefficients)...};
  double y = c[sizeof...(C) - 1];
#pragma unroll
  for (int i = int(sizeof...(C)) - 2; i >= 0; --i) y = y * x + c[i];
  return y;
}
template <class F>
__device__ __forceinline__ double lane_by_lane(double a, double b, F f) {
  return f(a, b);
}
#define HOTLOOP_SPECIAL __device__ inline
#define HOTLOOP_SPECIAL_UNARY(name, value)                  \
  __device__ inline double name(double a) { return value; } \
  __device__ inline float name(float a) { return float(name(double(a))); }
#define HOTLOOP_SPECIAL_BINARY(name, value)                                                             \
  __device__ inline double name(double a, double b, [[maybe_unused]] double most = 0) { return value; } \
  __device__ inline float name(float a, float b, float most = 0) {                                      \
    return float(name(double(a), double(b), double(most)));                                             \
  }
#include "kernels/args/special_functions.h"
#undef HOTLOOP_SPECIAL_BINARY
#undef HOTLOOP_SPECIAL_UNARY
#undef HOTLOOP_SPECIAL

__device__ inline float erfinv(float a) { return float(erfinv(double(a))); }
__device__ inline float digamma(float a) { return float(digamma(double(a))); }
__device__ inline float polygamma(float a, float n) { return float(polygamma(double(a), double(n))); }
__device__ inline float i0(float a) { return float(i0(double(a))); }
__device__ inline float i1(float a) { return float(i1(double(a))); }

// --- integers -------------------------------------------------------------------------------------------
template <Integer T>
__device__ __forceinline__ T abs(T a) {
  return a < T(0) ? T(-a) : a;
}
#define HOTLOOP_WHOLE(name)                \
  template <Integer T>                     \
  __device__ __forceinline__ T name(T a) { \
    return a;                              \
  }
HOTLOOP_WHOLE(floor)
HOTLOOP_WHOLE(ceil)
HOTLOOP_WHOLE(trunc)
HOTLOOP_WHOLE(round_even)
#undef HOTLOOP_WHOLE
template <Integer T>
__device__ __forceinline__ T invert(T a) {
  if constexpr (std::is_same_v<T, bool>) {
    return !a;
  } else {
    return T(~a);
  }
}
// By zero: 0. The lowest number by -1 is 0 too.
template <Integer T>
__device__ __forceinline__ T fmod(T a, T b) {
  if (b == T(0) || (std::is_signed_v<T> && b == T(-1))) return T(0);
  return T(a % b);
}
template <Integer T>
__device__ __forceinline__ T remainder(T a, T b) {
  const T r = fmod(a, b);
  return r != T(0) && (r < T(0)) != (b < T(0)) ? T(r + b) : r;
}
template <Integer T>
__device__ __forceinline__ T floor_divide(T a, T b) {
  using U = std::make_unsigned_t<T>;
  if (b == T(0)) return T(0);
  if (std::is_signed_v<T> && b == T(-1)) return T(U(0) - U(a));
  const T q = T(a / b);
  return T(q * b) != a && (a < T(0)) != (b < T(0)) ? T(q - 1) : q;
}
// Wraps around, as the CPU's.
template <Integer T>
__device__ __forceinline__ T pow(T base, T exponent) {
  if (exponent < T(0)) return base == T(1) ? T(1) : base == T(-1) ? T(exponent % 2 == 0 ? 1 : -1) : T(0);
  uint64_t result = 1, factor = uint64_t(base);
  for (; exponent > T(0); exponent = T(exponent / 2)) {
    if (exponent % 2 != 0) result *= factor;
    factor *= factor;
  }
  return T(result);
}
// A power that is one number.
template <class T>
__device__ __forceinline__ T pow_number(T a, T p) {
  if (p == T(2)) return T(a * a);
  if (p == T(3)) return T(a * a * a);
  return pow(a, p);
}
template <Integer T>
__device__ __forceinline__ T gcd(T a, T b) {
  while (b != T(0)) {
    const T r = fmod(a, b);
    a = b;
    b = r;
  }
  return abs(a);
}
// What overflows is PyTorch's: the product wraps as an int at least, and its absolute value is taken before it is narrowed.
template <Integer T>
__device__ __forceinline__ T lcm(T a, T b) {
  const T divisor = gcd(a, b);
  if (divisor == T(0)) return T(0);
  using Wide = decltype(a * b);
  const auto multiple = Wide(uint64_t(floor_divide(a, divisor)) * uint64_t(b));
  return T(multiple < 0 ? uint64_t(0) - uint64_t(multiple) : uint64_t(multiple));
}
template <Integer T>
__device__ __forceinline__ T shift_left(T a, T count) {
  return count < T(0) || uint64_t(count) >= 8 * sizeof(T) ? T(0) : T(uint64_t(a) << count);
}
template <Integer T>
__device__ __forceinline__ T shift_right(T a, T count) {
  if (count < T(0) || uint64_t(count) >= 8 * sizeof(T)) return a < T(0) ? T(-1) : T(0);
  return T(a >> count);
}

}  // namespace hotloop::cuda::math
