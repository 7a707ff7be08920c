// exp, exp2, expm1 and what is made of them: sigmoid, tanh, sinh, cosh.
#pragma once

#include "kernels/cpu/common/vec_math_table.h"

namespace hotloop::HOTLOOP_ISA {

// x = n ln 2 + r with |r| <= ln 2 / 2. The first part of ln 2 is short, so that its product with n is exact
// without FMA too.
template <class V>
struct ExpReduced {
  V n, r;
};
// `rest` is what x lacks of the exact argument.
template <class V>
inline ExpReduced<V> reduce_exp(V x, V rest) {
  const V n = round_even(x * constant<V>(0x1.71547652b82fep+0));
  const V hi = constant<V>(kSingle<V> ? -0x1.62e4p-1 : -0x1.62e42fefap-1);
  const V lo = constant<V>(kSingle<V> ? -0x1.7f7d1cf79abcap-20 : -0x1.cf79abc9e3b3ap-40);
  return {n, fma(n, hi, x) + fma(n, lo, rest)};
}
template <class V>
inline ExpReduced<V> reduce_exp(V x) {
  const V n = round_even(x * constant<V>(0x1.71547652b82fep+0));
  if constexpr (kSingle<V>) {
    return {n, fma(n, constant<V>(-0x1.7f7d1cf79abcap-20), fma(n, constant<V>(-0x1.62e4p-1), x))};
  } else {
    return {n, fma(n, constant<V>(-0x1.cf79abc9e3b3ap-40), fma(n, constant<V>(-0x1.62e42fefap-1), x))};
  }
}

// (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2; the longer polynomial where the error is relative to e^r - 1.
template <class V>
inline V exp_tail(V r) {
  if constexpr (kSingle<V>) {
    return polynomial(r, 0.5, 0.16666518, 0.041666202, 0.008369025, 0.0013950726);
  } else {
    return polynomial(r, 0.5000000000000006, 0.16666666666666685, 0.0416666666665722, 0.008333333333314314,
                      0.0013888888932877862, 0.00019841269903720016, 2.4801503813200945e-05, 2.755722727288516e-06,
                      2.7626589610254267e-07, 2.5114706122761073e-08);
  }
}
template <class V>
inline V expm1_tail(V r) {
  if constexpr (kSingle<V>) {
    return polynomial(r, 0.5, 0.16666667, 0.04166635, 0.008333272, 0.0013941206, 0.00019914447);
  } else {
    return polynomial(r, 0.5, 0.16666666666666677, 0.0416666666666667, 0.008333333333321436, 0.0013888888888866514,
                      0.0001984126988667371, 2.480158736121044e-05, 2.755724360887361e-06, 2.755724219205559e-07,
                      2.5109261914900784e-08, 2.0924620806101663e-09);
  }
}

template <class V>
inline V exp(V x) {
  // Past these everything is infinite or zero.
  x = kSingle<V> ? clamp_keep_nan(x, -104, 89) : clamp_keep_nan(x, -746, 710);
#if defined(__AVX512F__)
  if constexpr (!kSingle<V>) return exp_by_table(x);
#endif
  const auto [n, r] = reduce_exp(x);
  const V p = fma(r * r, exp_tail(r), r) + Element<V>(1);
  return scale_by_power_of_two(p, n);
}

// e^(x + rest) for a small rest, and `times` as much, rounded no more where e^x alone is subnormal.
template <class V>
struct ExpTimes {
  V e, product;
};
template <class V>
inline ExpTimes<V> exp_times(V x, V rest, V times) {
  if constexpr (kSingle<V>) {
    const auto [n, r] = reduce_exp(clamp_keep_nan(x, -120, 89), rest);
    const V p = fma(r * r, exp_tail(r), r);  // e^r - 1, which the product takes before it is rounded into e^r
    return {scale_by_power_of_two(V(p + Element<V>(1)), n), scale_by_power_of_two(fma(times, p, times), n)};
  } else {
    const V y = exp(x), e = fma(y, rest, y);
    return {e, times * e};
  }
}

// a / d for d from 1 to 4. One division of 16 numbers takes the time of 32 multiply-adds; an estimate of 1 / d to 14 bits,
// and one step by what is left of a, round as well.
template <class V>
inline V quotient(V a, V d) {
#if defined(__AVX512F__)
  if constexpr (kSingle<V>) {
    const V estimate = (V)_mm512_rcp14_ps((__m512)d), q = a * estimate;
    return fma(fma(-q, d, a), estimate, q);
  }
#endif
  return a / d;
}

// a sigmoid(v + rest) for a small rest, x being a held where it is large: x / (1 + e^-v) close to 0 on the left, further
// out x e - x e q with e = e^v and q = e / (1 + e), on the right x - x q with e = e^-v. Each keeps the roundings of e and
// of 1 + e small beside the result.
template <class V>
inline V times_sigmoid(V a, V x, V v, V rest) {
  const auto left = v < Element<V>(-0.9), right = v >= Element<V>(0);
  const auto [e, y] = exp_times(select<V>(left, v, -v), select<V>(left, rest, -rest), x);
  const V q = quotient(select<V>(left | right, e, x), e + Element<V>(1));
  // Minus infinity times 0 is NaN.
  const V far = fma(-select<V>(left, y, x), q, select<V>(left, y - (a - a), a));
  return copysign(select<V>(left | right, far, q), a);  // minus 0 too
}

// e^x, and product 2^n = times e^x.
template <class V>
struct ExpTimesPower {
  V e, product, n;
};
template <class V>
inline ExpTimesPower<V> exp_times_powers(V x, V times) {
  if constexpr (kSingle<V>) {
    const auto [n, r] = reduce_exp(clamp_keep_nan(x, -120, 89));
    const V p = fma(r * r, exp_tail(r), r);
    return {scale_by_power_of_two(V(p + Element<V>(1)), n), fma(times, p, times), n};
  } else {
    const V e = exp(x);
    return {e, times * e, V{}};
  }
}

// e^x for x <= 0, zero where that would be subnormal: softmax in fewer steps.
template <class V>
inline V exp_nonpositive(V x) {
  const V lowest = constant<V>(kSingle<V> ? -87 : -708);
  const auto [n, r] = reduce_exp(max_or_second(lowest, x));
  const V p = fma(r * r, exp_tail(r), r) + Element<V>(1);
  return select<V>(x < lowest, V{}, p * power_of_two(n));
}

// 2^r for |r| <= 1/2.
template <class V>
inline V exp2_near_zero(V r) {
  V q;
  if constexpr (kSingle<V>) {
    q = polynomial(r, 0.6931472, 0.2402265, 0.05550328, 0.009618004, 0.001340027, 0.000154763);
  } else {
    q = polynomial(r, 0.6931471805599453, 0.24022650695910133, 0.05550410866482174, 0.009618129107593333,
                   0.0013333558146379114, 0.0001540353045807915, 1.5252733867469044e-05, 1.321543481711335e-06,
                   1.017804648983054e-07, 7.073860147212271e-09, 4.4573831501236593e-10);
  }
  return fma(q, r, constant<V>(1));
}
template <class V>
inline V exp2(V x) {
  x = kSingle<V> ? clamp_keep_nan(x, -151, 129) : clamp_keep_nan(x, -1076, 1025);
  const V n = round_even(x);
  return scale_by_power_of_two(exp2_near_zero(V(x - n)), n);
}

template <class V>
inline V expm1(V x) {
  const V clamped = kSingle<V> ? clamp_keep_nan(x, -20, 88.8) : clamp_keep_nan(x, -40, 709.9);
  const auto [n, r] = reduce_exp(clamped);
  const V p = fma(r * r, expm1_tail(r), r);
  // 2^n p + (2^n - 1), at half its size so that 2^n does not overflow before the result does.
  const V t = power_of_two(n - Element<V>(1));
  const V y = fma(t, p, t - Element<V>(0.5));
  return select<V>(abs(x) < constant<V>(kSingle<V> ? 0x1p-25 : 0x1p-54), x, y + y);
}

// sigmoid(x) and sigmoid(-x) = 1 - sigmoid(x), both to full precision: with e = e^-|x| and q = e / (1 + e) they are
// e - e q and 1 - q, where what is rounded is small beside the result.
template <class V>
struct SigmoidPair {
  V of_x, of_minus_x;
};
template <class V>
inline SigmoidPair<V> sigmoid_pair(V x) {
  const V e = exp(-abs(x));
  const V q = quotient(e, e + Element<V>(1));
  const V lower = fma(-e, q, e), upper = Element<V>(1) - q;
  const auto negative = x < Element<V>(0);
  return {select<V>(negative, lower, upper), select<V>(negative, upper, lower)};
}
// 1 / (1 + e^-x).
template <class V>
inline V sigmoid(V x) {
  return sigmoid_pair(x).of_x;
}

template <class V>
inline V tanh(V x) {
#if defined(__AVX512F__)
  if constexpr (kSingle<V>) return tanh_by_table(x);
#endif
  // Near zero an odd polynomial; past 5/8, 1 - 2 / (e^2a + 1) loses nothing.
  const V a = abs(x), z = a * a;
  V near;
  if constexpr (kSingle<V>) {
    near = polynomial(z, -0.3333333, 0.1333321, -0.053947203, 0.02170297, -0.008182678, 0.0021475405);
  } else {
    near = polynomial(z, -0.3333333333333333, 0.13333333333333042, -0.053968253967896986, 0.021869488519007947,
                      -0.008863235103233051, 0.0035921217510555565, -0.0014557754112635964, 0.0005896606538152376,
                      -0.00023759063679356873, 9.257113562594654e-05, -3.1201072429119866e-05, 6.485149368164153e-06);
  }
  const V far = Element<V>(1) - Element<V>(2) / (exp(a + a) + Element<V>(1));
  return copysign(select<V>(a < Element<V>(0.625), fma(a * z, near, a), far), x);
}

// e^x / 2, finite wherever that is.
template <class V>
inline V half_exp(V x) {
  x = kSingle<V> ? clamp_keep_nan(x, -104, 90) : clamp_keep_nan(x, -746, 711);
  const auto [n, r] = reduce_exp(x);
  return scale_by_power_of_two(V(fma(r * r, exp_tail(r), r) + Element<V>(1)), n - Element<V>(1));
}

template <class V>
inline V sinh(V x) {
  const V a = abs(x), z = a * a;
  V near;
  if constexpr (kSingle<V>) {
    near = polynomial(z, 0.16666667, 0.008333339, 0.000198381, 2.8062855e-06);
  } else {
    near = polynomial(z, 0.16666666666666666, 0.008333333333333333, 0.00019841269841269773, 2.7557319224040365e-06,
                      2.5052108364049466e-08, 1.6059048397722392e-10, 7.646625253572625e-13, 2.8445297426379226e-15);
  }
  const V h = half_exp(a);
  return copysign(select<V>(a < Element<V>(1), fma(a * z, near, a), h - Element<V>(0.25) / h), x);
}
template <class V>
inline V cosh(V x) {
  const V h = half_exp(abs(x));
  return h + Element<V>(0.25) / h;
}

}  // namespace hotloop::HOTLOOP_ISA
