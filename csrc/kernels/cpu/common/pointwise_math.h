// The functions that the rows of pointwise.def call: for vectors of f32 and f64, and for scalar integers and bool.
#pragma once

#include "kernels/cpu/common/pointwise_special.h"

namespace hotloop::HOTLOOP_ISA {

// --- vectors ---

// NaN where either is NaN.
template <FloatVector V>
inline V maximum(V a, V b) {
  return select<V>(a != a, a, max_or_second(a, b));
}
template <FloatVector V>
inline V minimum(V a, V b) {
  return select<V>(a != a, a, min_or_second(a, b));
}
template <FloatVector V>
inline V relu(V a) {
  return max_or_second(V{}, a);
}
template <FloatVector V>
inline Mask<V> is_inf(V a) {
  return abs(a) == constant<V>(__builtin_inf());
}
template <FloatVector V>
inline Mask<V> is_finite(V a) {
  return abs(a) < constant<V>(__builtin_inf());
}

inline float fmod_scalar(float a, float b) { return __builtin_fmodf(a, b); }
inline double fmod_scalar(double a, double b) { return __builtin_fmod(a, b); }

// Exact. The quotient, rounded, is never below a whole number that the true one has reached, so its whole part is
// right or one too many; with FMA what is left is exact while that fits the significand.
template <FloatVector V>
inline V fmod(V a, V b) {
#if defined(__FMA__)
  const V aa = abs(a), ab = abs(b);
  const V quotient = trunc(V(aa / ab));
  const auto fits = quotient < constant<V>(kSingle<V> ? 0x1p22 : 0x1p51);
  if (all(fits)) [[likely]] {
    V r = fma(-quotient, ab, aa);
    r = select<V>(r < V{}, r + ab, r);
    // An infinite b leaves a as it is; 0 * inf above is NaN.
    return copysign(select<V>(ab == constant<V>(__builtin_inf()), aa, r), a);
  }
#endif
  V r;
  for (int i = 0; i < int(sizeof(V) / sizeof(a[0])); ++i) r[i] = fmod_scalar(a[i], b[i]);
  return r;
}
// With the sign of b.
template <FloatVector V>
inline V remainder(V a, V b) {
  const V r = fmod(a, b);
  return select<V>((r != V{}) & ((r < V{}) != (b < V{})), r + b, r);
}
inline f32v hypot(f32v a, f32v b) {
  const auto [a_low, a_high] = widen(a);
  const auto [b_low, b_high] = widen(b);
  const f32v r = narrow({sqrt(f64v(a_low * a_low + b_low * b_low)), sqrt(f64v(a_high * a_high + b_high * b_high))});
  return select<f32v>(is_inf(a) | is_inf(b), constant<f32v>(__builtin_inf()), r);  // beside a NaN too
}
inline f64v hypot(f64v a, f64v b) {
  const f64v x = abs(a), y = abs(b), large = max_or_second(x, y), small = min_or_second(x, y), ratio = small / large;
  const f64v r = select<f64v>(large == 0.0, f64v{}, large * sqrt(f64v(ratio * ratio + 1.0)));
  return select<f64v>(is_inf(a) | is_inf(b), constant<f64v>(__builtin_inf()), select<f64v>(a != a, a, r));
}
// A step of the bits of a, towards b.
template <FloatVector V>
inline V nextafter(V a, V b) {
  using Bits = Mask<V>;
  const Bits away = (abs(b) > abs(a)) & ((bits_of(a) ^ bits_of(b)) >= 0);
  const V least = copysign(bits_as<V>(Bits{} + 1), b);
  const V next = select<V>(a == V{}, least, bits_as<V>(bits_of(a) + (away ? Bits{} + 1 : Bits{} - 1)));
  return select<V>(a == b, b, select<V>((a != a) | (b != b), a + b, next));
}
template <FloatVector V>
inline V floor_divide(V a, V b) {
  const V r = fmod(a, b);
  const V quotient = (a - r) / b;  // a whole number but for rounding
  const auto below = (r != V{}) & ((r < V{}) != (b < V{}));
  const V whole = round_even(select<V>(below, quotient - Element<V>(1), quotient));
  const V signed_zero = copysign(V{}, V(a / b));
  return select<V>(b == V{}, a / b, select<V>(whole == V{}, signed_zero, whole));
}

// A power that is one number.
template <FloatVector V>
inline V pow_number(V a, V p) {
  if (p[0] == Element<V>(2)) return a * a;
  if (p[0] == Element<V>(3)) return a * a * a;
  return pow(a, p);
}

// grad (Phi(x) + x phi(x))
template <FloatVector V>
inline V gelu_backward(V grad, V x) {
  const auto [cdf, density] = normal_distribution(x);
  // Where the density is zero so is x times it, infinite x too.
  return grad * (cdf + select<V>(density == V{}, V{}, x * density));
}
// t = tanh(log(1 + e^x)) = w / (w + 2) with w = e^x (e^x + 2), s = sigmoid(x), and 1 - t^2 = 4 (w + 1) / (w + 2)^2.
template <class V>
struct MishParts {
  V t, s, rest;
};
template <FloatVector V>
inline MishParts<V> mish_parts(V x) {
  // Past 40, t is 1; e^x need not overflow. Its own cap keeps e^x e^x finite in f32.
  const V e = exp(clamp_keep_nan(x, -800, 40)), w = fma(e, e, e + e);
  const V reciprocal = Element<V>(1) / (w + Element<V>(2));
  return {w * reciprocal, e / (e + Element<V>(1)), Element<V>(4) * (w + Element<V>(1)) * reciprocal * reciprocal};
}
// a / (1 + e^-a), where e^-a = 2^n (1 + t) joins the sum before it is rounded, or where it is larger the sum joins it: 2^n (1
// + (t + 2^-n)). Past 2^64 both sides of the quotient are 2^-64 times what they are, so that neither overflows.
template <FloatVector V>
inline V silu(V a) {
  if constexpr (kSingle<V>) {
    const V x = max_or_second(constant<V>(-120), a);
    const auto [n, r] = reduce_exp(clamp_keep_nan(-x, -87, 120));
    const V t = fma(r * r, exp_tail(r), r);
    const auto far = n > constant<V>(64);
    const V power = power_of_two(select<V>(far, n - Element<V>(64), n));
    const V one = select<V>(far, constant<V>(0x1p-64), constant<V>(1));
    const auto large = (n > constant<V>(12)) & ~far;
    const V sum = fma(power, select<V>(large, t + power_of_two(-n), t), select<V>(large, power, power + one));
    const V y = x / sum * one;
    return select<V>(a == constant<V>(-__builtin_inf()), constant<V>(__builtin_nan("")), y);
  } else {
    return a * sigmoid(a);
  }
}
// grad s + grad s x t with s = sigmoid(x), t = sigmoid(-x).
template <FloatVector V>
inline V silu_backward(V grad, V x) {
  x = clamp_keep_nan(x, -800, 800);  // infinity times 0 is none
  const auto [e, y, n] = exp_times_powers(V(-abs(x)), grad);
  const V q = e / (e + Element<V>(1));
  const auto negative = x < Element<V>(0);
  const V held = select<V>(negative, y, grad), grad_s = fma(-held, q, held);
  const V slope = fma(grad_s, select<V>(negative, fma(-x, q, x), x * q), grad_s);
  return scale_by_power_of_two(slope, select<V>(negative, n, V{}));
}

// log(a / (1 - a)), and about 1/2, where that is small, 2 atanh(2a - 1), whose argument is exact there.
template <FloatVector V>
inline V logit(V a) {
  const V z = a + a - Element<V>(1);
  const V far = log(V(a / (Element<V>(1) - a)));
  if constexpr (kSingle<V>) {
    return select<V>(abs(z) < Element<V>(0.5), Element<V>(2) * atanh_near_zero(z), far);
  } else {
    return select<V>(abs(z) < Element<V>(0.5), log1p(V((z + z) / (Element<V>(1) - z))), far);
  }
}
template <FloatVector V>
inline V mish(V x) {
  const V e = exp(clamp_keep_nan(x, -800, 40)), w = fma(e, e, e + e);
  return x * (w / (w + Element<V>(2)));
}
// grad (t + x (1 - t^2) s)
template <FloatVector V>
inline V mish_backward(V grad, V x) {
  const auto [t, s, rest] = mish_parts(x);
  return grad * fma(clamp_keep_nan(x, -800, 800) * rest, s, t);
}

// x sigmoid(v) with v = x (k1 + k3 x^2): its first and second derivatives. x is held where |x| is past 22:
// there |v| is past 745, and e^(-|v|) is 0 in f64.
template <class V>
struct GeluTanh {
  V x, s, t, v1, v2;  // sigmoid(v), sigmoid(-v), v', v''
};
template <FloatVector V>
inline GeluTanh<V> gelu_tanh_parts(V x) {
  x = clamp_keep_nan(x, -22, 22);
  const V k1 = constant<V>(1.5957691216057308), k3 = constant<V>(0.07135481627260025), z = x * x;
  const auto [s, t] = sigmoid_pair(V(x * fma(k3, z, k1)));
  return {x, s, t, fma(k3 * Element<V>(3), z, k1), x * k3 * Element<V>(6)};
}
template <FloatVector V>
inline V gelu_tanh_backward(V grad, V a) {
  const auto [x, s, t, v1, v2] = gelu_tanh_parts(a);
  return grad * fma(x * v1 * s, t, s);
}
template <FloatVector V>
inline V gelu_tanh_curvature(V a) {
  const auto [x, s, t, v1, v2] = gelu_tanh_parts(a);
  return s * t * (v1 + v1 + x * fma((t - s) * v1, v1, v2));
}

// --- scalars: integers wrap (the build says -fwrapv), and division never traps ---

template <class T>
concept Scalar = __is_same(T, bool) || __is_same(T, uint8_t) || __is_same(T, int8_t) || __is_same(T, int32_t) ||
                 __is_same(T, int64_t) || __is_same(T, int16_t);

template <Scalar T>
inline T constant(double x) {
  return T(x);
}
template <Scalar T>
inline T select(bool mask, T yes, T no) {
  return mask ? yes : no;
}
template <Scalar T>
inline T maximum(T a, T b) {
  return a > b ? a : b;
}
template <Scalar T>
inline T minimum(T a, T b) {
  return a < b ? a : b;
}
template <Scalar T>
inline T relu(T a) {
  return a > T(0) ? a : T(0);
}
template <Scalar T>
inline T abs(T a) {
  return a < T(0) ? T(-a) : a;
}
template <Scalar T>
inline T floor(T a) {
  return a;
}
template <Scalar T>
inline T ceil(T a) {
  return a;
}
template <Scalar T>
inline T round_even(T a) {
  return a;
}
template <Scalar T>
inline T trunc(T a) {
  return a;
}
template <Scalar T>
inline bool is_inf(T) {
  return false;
}
template <Scalar T>
inline bool is_finite(T) {
  return true;
}
template <Scalar T>
inline T invert(T a) {
  return T(~a);
}
inline bool invert(bool a) { return !a; }

// Whole quotients. A float type that holds both numbers exactly divides them in vectors: their quotient is rounded to
// a whole number only where it is one. By zero: 0. By -1 apart: the lowest number's quotient overflows.
template <bool kFloor, Scalar T>
inline T quotient(T a, T b) {
  const bool negates = T(-1) < T(0) && b == T(-1);
  if constexpr (sizeof(T) <= 4) {
    using Float = typename Choose<sizeof(T) == 1, float, double>::type;
    const Float ratio = Float(a) / Float(b == T(0) || negates ? T(1) : b);
    const T whole = T(!kFloor          ? ratio
                      : sizeof(T) == 1 ? Float(__builtin_floorf(float(ratio)))
                                       : __builtin_floor(ratio));
    return b == T(0) ? T(0) : negates ? T(-a) : whole;
  } else {
    constexpr int64_t kExact = int64_t(1) << 52;
    if (b == T(0)) return T(0);
    if (uint64_t(a + kExact) <= 2 * kExact && uint64_t(b + kExact) <= 2 * kExact) {
      const double ratio = double(a) / double(b);
      return T(kFloor ? __builtin_floor(ratio) : ratio);
    }
    if (negates) return T(-a);
    const T whole = T(a / b);
    return kFloor && T(whole * b) != a && (a < T(0)) != (b < T(0)) ? T(whole - 1) : whole;
  }
}
template <Scalar T>
inline T floor_divide(T a, T b) {
  return quotient<true>(a, b);
}
template <Scalar T>
inline T fmod(T a, T b) {
  return b == T(0) ? T(0) : T(a - quotient<false>(a, b) * b);
}
template <Scalar T>
inline T remainder(T a, T b) {
  return b == T(0) ? T(0) : T(a - quotient<true>(a, b) * b);
}
// By a negative count, or by all bits and more, nothing of the number is left but its sign.
template <Scalar T>
inline T shift_left(T a, T count) {
  return count < T(0) || count >= T(sizeof(T) * 8) ? T(0) : T(a << count);
}
template <Scalar T>
inline T shift_right(T a, T count) {
  return T(count < T(0) || count >= T(sizeof(T) * 8) ? a >> (sizeof(T) * 8 - 1) >> (T(-1) > T(0)) : a >> count);
}
// One division, which ends it for numbers next to each other, then halving and subtracting (Stein 1967): a step of that
// is a few cycles.
template <Scalar T>
inline T gcd(T a, T b) {
  uint64_t x = uint64_t(abs(a)), y = uint64_t(abs(b));  // the lowest i64 is its own absolute value, and right as u64
  if (sizeof(T) < 8) x &= ~uint64_t(0) >> (64 - 8 * sizeof(T)), y &= ~uint64_t(0) >> (64 - 8 * sizeof(T));
  if (x == 0 || y == 0) return T(x | y);
  if (x < y)
    y %= x;
  else
    x %= y;
  if (x == 0 || y == 0) return T(x | y);
  const int shift = __builtin_ctzll(x | y);
  x >>= __builtin_ctzll(x);
  do {
    y >>= __builtin_ctzll(y);
    const uint64_t larger = x > y ? x : y, smaller = x > y ? y : x;
    x = smaller;
    y = larger - smaller;
  } while (y != 0 && x != 1);
  return T(x << shift);
}
// What overflows is PyTorch's: the product wraps as an int at least, and its absolute value is taken before it is narrowed.
template <Scalar T>
inline T lcm(T a, T b) {
  const T divisor = gcd(a, b);
  if (divisor == T(0)) return T(0);
  const auto multiple = floor_divide(a, divisor) * b;
  return T(multiple < 0 ? -multiple : multiple);
}
// A negative power of an integer is the whole part of the fraction: 0, but for 1 and -1.
template <Scalar T>
inline T pow(T base, T exponent) {
  if (exponent < T(0)) return base == T(1) ? T(1) : base == T(-1) ? T(exponent & 1 ? -1 : 1) : T(0);
  T result = 1;
  for (; exponent > T(0); exponent = T(exponent / 2)) {
    if (exponent & 1) result = T(result * base);
    base = T(base * base);
  }
  return result;
}

template <Scalar T>
inline T pow_number(T base, T exponent) {
  return pow(base, exponent);
}

}  // namespace hotloop::HOTLOOP_ISA
