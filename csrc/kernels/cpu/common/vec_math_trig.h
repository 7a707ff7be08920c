// sin, cos, tan and their inverses, atan2.
#pragma once

#include "kernels/cpu/common/vec_math_base.h"

namespace hotloop::HOTLOOP_ISA {

// x = n pi/2 + r with |r| <= pi/4; the low two bits of `quadrant` are those of n.
template <class V>
struct TrigReduced {
  V r;
  Mask<V> quadrant;
};

// One number of any size, after Payne and Hanek: only those bits of 2/pi matter whose product with x is neither a
// multiple of 4 nor too small, so 192 of them, from a table, are multiplied as integers.
struct ScalarTrigReduced {
  double r;
  int quadrant;
};
[[gnu::noinline, gnu::unused]] static ScalarTrigReduced reduce_trig_large(double x) {
  // 64 zero bits, then the fraction of 2/pi.
  static constexpr uint64_t kTwoOverPi[] = {
      0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
      0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41,
      0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7,
      0x4f463f669e5fea2d, 0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
  };
  uint64_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  const int biased = int(bits >> 52) & 0x7ff;
  if (biased == 0x7ff) return {__builtin_nan(""), 0};
  const uint64_t significand = (bits & 0xfffffffffffff) | 0x10000000000000;
  const int first = biased - 1075 - 2 + 64;  // in the table, of the bit of weight 2^(1 - exponent of the last bit of x)
  const auto word = [&](int i) {
    const int at = (first >> 6) + i, shift = first & 63;
    return shift ? kTwoOverPi[at] << shift | kTwoOverPi[at + 1] >> (64 - shift) : kTwoOverPi[at];
  };
  // significand * (w0 w1 w2) modulo 2^192; in units of 2^-190 quarter turns.
  using u128 = unsigned __int128;
  const u128 low = u128(significand) * word(2);
  const u128 middle = u128(significand) * word(1) + uint64_t(low >> 64);
  const uint64_t high = significand * word(0) + uint64_t(middle >> 64);
  u128 fraction = u128(high) << 64 | uint64_t(middle);
  int quadrant = int(fraction >> 126);
  fraction <<= 2;
  fraction |= uint64_t(low) >> 62;
  // To nearest: a fraction past one half counts down from the next quarter turn.
  const bool up = fraction >> 127;
  if (up) {
    fraction = -fraction;
    ++quadrant;
  }
  const double hi = double(uint64_t(fraction >> 64)) * 0x1p-64;
  const double rest = double(int64_t(uint64_t(fraction >> 64) - uint64_t(hi * 0x1p64))) * 0x1p-64;
  const double lo = rest + double(uint64_t(fraction)) * 0x1p-128;
  double r = __builtin_fma(hi, 0x1.921fb54442d18p+0, hi * 0x1.1a62633145c07p-54 + lo * 0x1.921fb54442d18p+0);
  if (up) r = -r;
  return bits >> 63 ? ScalarTrigReduced{-r, -quadrant} : ScalarTrigReduced{r, quadrant};
}

#if !defined(__FMA__)
// Without FMA the products with n must be exact by themselves: the parts of pi/2 have 33 bits.
inline f64v reduce_trig_moderate(f64v x, f64v n) {
  const f64v r = (x - n * 0x1.921fb54400000p+0) - n * 0x1.0b4611a600000p-34;
  return (r - n * 0x1.3198a2e000000p-69) - n * 0x1.b839a252049c1p-104;
}
#endif

// pi/2 in three parts, each rounded down: a zero less zero times these keeps its sign.
template <class V>
constexpr double kHalfPiParts[3] = {0x1.921fb54442d18p+0, 0x1.1a62633145c06p-54, 0x1.c1cd129024e08p-107};
template <>
constexpr double kHalfPiParts<f32v>[3] = {0x1.921fb4p+0, 0x1.4442dp-24, 0x1.846988p-48};

// f32 up to 2^17, f64 up to 2^20. Adding 1.5 2^23 (2^52) rounds to a whole number, whose bits are the low ones.
template <class V>
inline TrigReduced<V> reduce_trig_moderate(V x) {
  const V big = constant<V>(kSingle<V> ? 0x1.8p23 : 0x1.8p52);
  const V shifted = fma(x, constant<V>(0x1.45f306dc9c883p-1), big), n = shifted - big;
  const Mask<V> quadrant = bits_of(shifted);
#if defined(__FMA__)
  V r = x;
  for (const double part : kHalfPiParts<V>) r = fma(n, constant<V>(-part), r);
  return {r, quadrant};
#else
  if constexpr (kSingle<V>) {
    V r;
    for (int i = 0; i < kLanes<float>; ++i) {
      const double m = n[i];
      r[i] = float((double(x[i]) - m * 0x1.921fb54400000p+0) - m * 0x1.0b4611a626331p-34);
    }
    return {r, quadrant};
  } else {
    return {reduce_trig_moderate(x, n), quadrant};
  }
#endif
}
template <class V>
constexpr double kModerateAngle = kSingle<V> ? 0x1p17 : 0x1p20;

template <class V>
inline TrigReduced<V> reduce_trig(V x) {
  auto reduced = reduce_trig_moderate(x);
  const auto moderate = abs(x) <= constant<V>(kModerateAngle<V>);
  if (!all(moderate)) [[unlikely]] {
    for (int i = 0; i < int(sizeof(V) / sizeof(x[0])); ++i) {
      if (moderate[i]) continue;
      const auto large = reduce_trig_large(double(x[i]));
      reduced.r[i] = Element<V>(large.r);
      reduced.quadrant[i] = large.quadrant;
    }
  }
  return reduced;
}

// On |r| <= pi/4.
template <class V>
inline V sin_near_zero(V r) {
  const V z = r * r;
  if constexpr (kSingle<V>) {
    const V p = polynomial(z, -0.16666667, 0.008333329, -0.00019839327, 2.7182373e-06);
    return copysign(fma(r * z, p, r), r);  // of a negative zero too
  } else {
    const V p = polynomial(z, -0.16666666666666632, 0.008333333333322316, -0.0001984126982972527,
                           2.7557313662080607e-06, -2.5050753268154674e-08, 1.5896505156332756e-10);
    return copysign(fma(r * z, p, r), r);
  }
}
template <class V>
inline V cos_near_zero(V r) {
  const V z = r * r;
  if constexpr (kSingle<V>) {
    return polynomial(z, 1, -0.5, 0.041666623, -0.0013886747, 2.438912e-05);
  } else {
    return fma(z,
               polynomial(z, -0.5, 0.041666666666666484, -0.0013888888888863556, 2.480158728485331e-05,
                          -2.755731330346709e-07, 2.0875604539496608e-09, -1.1354334510755372e-11),
               constant<V>(1));
  }
}

// y with its sign changed where bit 1 of `quadrant` is set.
template <class V>
inline V turn(V y, Mask<V> quadrant) {
  return bits_as<V>(bits_of(y) ^ ((quadrant << (kSingle<V> ? 30 : 62)) & sign_bits<V>()));
}
template <class V>
inline V sin(V x) {
  const auto [r, quadrant] = reduce_trig(x);
  return turn(select<V>((quadrant & 1) != 0, cos_near_zero(r), sin_near_zero(r)), quadrant);
}
template <class V>
inline V cos(V x) {
  const auto [r, quadrant] = reduce_trig(x);
  return turn(select<V>((quadrant & 1) != 0, sin_near_zero(r), cos_near_zero(r)), Mask<V>(quadrant + 1));
}
// tan on |r| <= pi/4, in f64; to 2^-29 where f32 is wanted.
template <bool kForSingle>
inline f64v tan_near_zero(f64v r) {
  const f64v z = r * r;
  f64v p;
  if constexpr (kForSingle) {
    p = polynomial(z, 0.3333333328690927, 0.13333342947002672, 0.05396501392028455, 0.021910697821843208,
                   0.008609143711922321, 0.004425592657457803, -3.558834400014006e-07, 0.0017894296860463015);
  } else {
    p = polynomial(z, 0.3333333333333333, 0.13333333333333, 0.053968253968655955, 0.021869488517052352,
                   0.00886323600399398, 0.003592120973565759, 0.0014559028012274904, 0.0005895752322504212,
                   0.00024122791588786433, 8.998061623477025e-05, 5.559727314202991e-05, -1.1026886975105443e-05,
                   3.652838163779051e-05, -1.832193354333281e-05, 8.484934299213977e-06);
  }
  return copysign(fma(r * z, p, r), r);
}
template <bool kForSingle>
inline f64v tan_of(f64v x) {
  const auto [r, quadrant] = reduce_trig(x);
  const f64v t = tan_near_zero<kForSingle>(r);
  return select<f64v>((quadrant & 1) != 0, -1.0 / t, t);
}
inline f64v tan(f64v x) { return tan_of<false>(x); }
#if defined(__FMA__)
// The reduced angle in two parts: the rounding of one would show.
inline f32v tan(f32v x) {
  const f32v big = constant<f32v>(0x1.8p23), shifted = fma(x, constant<f32v>(0x1.45f306dc9c883p-1), big);
  const f32v n = shifted - big;
  i32v quadrant = (i32v)shifted;
  const auto& half_pi = kHalfPiParts<f32v>;
  const f32v exact = fma(n, constant<f32v>(-half_pi[0]), x);
  f32v r = fma(n, constant<f32v>(-half_pi[1]), exact);
  // What r lost in rounding; where little is left of `exact`, exact - r would not be exact, but r is near enough.
  const f32v rounding = fma(n, constant<f32v>(-half_pi[1]), exact - r);
  f32v lost = fma(n, constant<f32v>(-half_pi[2]), select<f32v>(abs(exact) < 0x1p-6f, f32v{}, rounding));
  const auto moderate = abs(x) <= constant<f32v>(kModerateAngle<f32v>);
  if (!all(moderate)) [[unlikely]] {
    for (int i = 0; i < kLanes<float>; ++i) {
      if (moderate[i]) continue;
      const auto large = reduce_trig_large(double(x[i]));
      r[i] = float(large.r);
      lost[i] = float(large.r - double(r[i]));
      quadrant[i] = large.quadrant;
    }
  }
  const f32v z = r * r;
  const f32v p =
      polynomial(z, 0.33333352, 0.13332626, 0.05406362, 0.021264853, 0.010877301, 4.038885e-05, 0.0043991306);
  const f32v rest = fma(r * z, p, fma(lost, z, lost)), t = copysign(r + rest, r);
  const f32v cotangent = -1.0f / t, t_lost = (r - t) + rest;
  return select<f32v>((quadrant & 1) != 0, fma(cotangent * t_lost, cotangent, cotangent), t);
}
#else
// In f32 the rounding of the reduced angle would show.
inline f32v tan(f32v x) {
  const auto [low, high] = widen(x);
  return narrow({tan_of<true>(low), tan_of<true>(high)});
}
#endif

// On |x| <= 1/2: asin(x) = x + x z P(z), z = x^2.
template <class V>
inline V asin_tail(V z) {
  V p;
  if constexpr (kSingle<V>) {
    p = polynomial(z, 0.16666666, 0.07500095, 0.04459932, 0.031101728, 0.017143717, 0.033700727);
  } else {
    p = polynomial(z, 0.16666666666666669, 0.07499999999998425, 0.04464285714637338, 0.030381944137085216,
                   0.0223721730020056, 0.0173523912659092, 0.013971235301124917, 0.011478952690254089,
                   0.010324318288763578, 0.005450878187643824, 0.017419357965078285, -0.0148814093931001,
                   0.02877844261277394);
  }
  return z * p;
}
// pi / 2 in two parts.
template <class V>
constexpr Element<V> kHalfPi = kSingle<V> ? Element<V>(0x1.921fb6p+0) : Element<V>(0x1.921fb54442d18p+0);
template <class V>
constexpr Element<V> kHalfPiLost = kSingle<V> ? Element<V>(-0x1.777a5cp-25) : Element<V>(0x1.1a62633145c07p-54);

// Past 1/2, asin(a) = pi/2 - 2 asin(s) with s = sqrt((1 - a) / 2).
template <class V>
inline V asin(V x) {
  const V a = abs(x);
  const auto past = a > Element<V>(0.5);
  const V z = select<V>(past, (Element<V>(1) - a) * Element<V>(0.5), a * a);
  const V s = select<V>(past, sqrt(z), a);
  const V tail = asin_tail(z), two = constant<V>(2);
  const V outer = fma(-two, s, constant<V>(kHalfPi<V>)) - fma(two * s, tail, constant<V>(-kHalfPiLost<V>));
  return copysign(select<V>(past, outer, fma(s, tail, s)), x);
}
template <class V>
inline V acos(V x) {
  const V a = abs(x);
  const auto past = a > Element<V>(0.5);
  const V z = select<V>(past, (Element<V>(1) - a) * Element<V>(0.5), a * a);
  const V s = select<V>(past, sqrt(z), x);
  const V y = fma(s, asin_tail(z), s);
  const V outer = select<V>(x > Element<V>(0), y + y, kHalfPi<V> * 2 - (y + y - kHalfPiLost<V> * 2));
  return select<V>(past, outer, kHalfPi<V> - (y - kHalfPiLost<V>));
}

// atan(t) = t + t z P(z) on |t| <= 1/2.
template <class V>
inline V atan_near_zero(V t) {
  const V z = t * t;
  V p;
  if constexpr (kSingle<V>) {
    p = polynomial(z, -0.33333334, 0.19999875, -0.14279793, 0.11006777, -0.08234976, 0.0422475);
  } else {
    p = polynomial(z, -0.3333333333333333, 0.19999999999999485, -0.1428571428559874, 0.11111111100881761,
                   -0.09090908618865388, 0.07692294677482633, -0.06666435144143125, 0.05879573107799586,
                   -0.05240064154410491, 0.046278700864163934, -0.038062247949910206, 0.024999689507439166,
                   -0.00921106350457545);
  }
  return fma(t * z, p, t);
}
// Past 1/2, where a - 1 is exact, as pi/4 + atan((a - 1) / (a + 1)); past tan(3 pi/8) as pi/2 - atan(1 / a).
template <class V>
inline V atan(V x) {
  const V a = abs(x), one = constant<V>(1);
  const auto middle = a > constant<V>(0.5), far = a > constant<V>(2.414213562373095);
  const V t = select<V>(far, -one, select<V>(middle, a - one, a)) / select<V>(far, a, select<V>(middle, a + one, one));
  const V quarters = select<V>(far, constant<V>(1), select<V>(middle, constant<V>(0.5), V{}));
  return copysign(fma(quarters, constant<V>(kHalfPi<V>), fma(quarters, constant<V>(kHalfPiLost<V>), atan_near_zero(t))),
                  x);
}

// The angle of the point (x, y), in [-pi, pi].
template <class V>
inline V atan2(V y, V x) {
  const V pi = constant<V>(3.141592653589793), zero = V{};
  const V ax = abs(x), ay = abs(y);
  const V small = min_or_second(ax, ay), large = max_or_second(ax, ay);
  // Halved, so that the sum of two large numbers is finite; two infinities count as equal.
  const auto both_infinite = small == constant<V>(__builtin_inf());
  const V a = select<V>(both_infinite, constant<V>(1), small) * Element<V>(0.5);
  const V b = select<V>(both_infinite, constant<V>(1), large) * Element<V>(0.5);
  // atan(a / b) in [0, pi/4]; past 1/2 as pi/4 - atan((b - a) / (b + a)).
  const auto past = a > b * constant<V>(0.5);
  V t = select<V>(past, b - a, a) / select<V>(past, b + a, b);
  t = select<V>(large == zero, zero, t);
  V r = atan_near_zero(t);
  // Each step r -> q - r for a multiple q of pi/4, whose rounding error is added back.
  const auto reflect = [&](Mask<V> where, double quarters) {
    constexpr double lost = kSingle<V> ? -2.1855694143368964e-08 : 3.061616997868383e-17;  // pi/4 minus its rounding
    r = select<V>(where, pi * Element<V>(0.25 * quarters) - (r - constant<V>(lost * quarters)), r);
  };
  reflect(past, 1);
  reflect(ay > ax, 2);
  reflect((bits_of(x) & sign_bits<V>()) != 0, 4);
  r = select<V>((x != x) | (y != y), x + y, r);
  return copysign(r, y);
}

}  // namespace hotloop::HOTLOOP_ISA
