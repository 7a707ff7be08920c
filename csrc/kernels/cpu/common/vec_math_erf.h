// erf, and the cumulative normal distribution that GELU multiplies with.
#pragma once

#include "kernels/cpu/common/vec_math_exp.h"

namespace hotloop::HOTLOOP_ISA {

template <class V>
inline V erf(V x) {
  const V a = abs(x), z = x * x;
  if constexpr (kSingle<V>) {
    // x (1 + P(x^2)) up to 0.95; from there to 4, where erf is 1, 1 - e^P(|x|).
    const V near =
        polynomial(z, 0.12837917, -0.37612632, 0.11283664, -0.026857706, 0.0051969523, -0.00080977037, 8.185094e-05);
    const V far = polynomial(min_or_second(constant<V>(4), a), -0.00022765642, -1.1275443, -0.63740206, -0.10373979,
                             0.022134941, -0.0030202544, 0.00019360667);
    return copysign(select<V>(a < constant<V>(0.95), fma(a, near, a), Element<V>(1) - exp(far)), x);
  } else {
    // The same up to 1, and from there to 6.
    const V near =
        polynomial(z, 0.12837916709551256, -0.37612638903183515, 0.11283791670943971, -0.026866170643076257,
                   0.005223977605821209, -0.0008548325914711098, 0.0001205529313075116, -1.4924703568348206e-05,
                   1.6447021974952758e-06, -1.6205461436803786e-07, 1.3707241272333501e-08, -7.772396714137886e-10);
    const V u = min_or_second(constant<V>(6), a) - Element<V>(2);
    const V far =
        polynomial(u, -5.364941264616636, -4.418160805994415, -0.9237508418239518, -0.016465118137355184,
                   0.0035707563480211913, -0.0007323993781086531, 0.00013530932943703054, -2.0706470768118083e-05,
                   1.9521906463154544e-06, 2.0372856572508068e-07, -1.7317705659801864e-07, 5.7694226567494684e-08,
                   -1.3985708579910706e-08, 2.610579288373102e-09, -2.588075970811894e-10, -7.157622428094656e-11,
                   3.70104121273988e-11, -4.94614963531339e-12);
    return copysign(select<V>(a < Element<V>(1), fma(a, near, a), Element<V>(1) - exp(far)), x);
  }
}

// Phi(x) = (1 + erf(x / sqrt 2)) / 2 and the density phi(x) = Phi'(x), whose relative error stays within 6 units
// in the last place on the left too, where 1 + erf would cancel.
template <class V>
struct Normal {
  V cdf, density;
};
template <class V>
inline Normal<V> normal_distribution(V x) {
  const V z = min_or_second(constant<V>(kSingle<V> ? 14.5 : 40), abs(x));
  // e^(-z^2/2), with what is lost in rounding z^2.
  const V square = z * z;
#if defined(__FMA__)
  const V lost = fma(z, z, -square);
#else
  const V head = bits_as<V>(bits_of(z) & Mask<V>(broadcast(Element<Mask<V>>(kSingle<V> ? -4096 : -134217728))));
  const V lost = ((head * head - square) + (head + head) * (z - head)) + (z - head) * (z - head);
#endif
  const auto [n, r] = reduce_exp(V(square * Element<V>(-0.5)));
  const V s = r - lost * Element<V>(0.5);
  const V e = scale_by_power_of_two(V(fma(s * s, exp_tail(s), s) + Element<V>(1)), n);
  // e^(z^2/2) Phi(-z) = u P(t), with u = 1 / (z + k) and t = 1 - 2 k u in [-1, 1].
  constexpr Element<V> k = kSingle<V> ? 3 : 5;
  const V u = Element<V>(1) / (z + k);
  const V t = fma(u, constant<V>(-2 * k), constant<V>(1));
  V p;
  if constexpr (kSingle<V>) {
    p = polynomial(t, 0.7290837, -0.509332, 0.2300177, -0.047262687, -0.010462521, 0.0069693024, 0.001024784,
                   -0.0010325244, -0.0002447548, 0.00013125417, 5.445525e-05);
  } else {
    p = polynomial(t, 0.769193049750063, -0.6653825028900566, 0.49530561596997724, -0.31353315667131826,
                   0.16502036617034924, -0.06911863870587677, 0.020795066800490616, -0.0029933767766843066,
                   -0.0007978694041008258, 0.0005448991127220976, -5.9375694955897476e-05, -4.9763037168798487e-05,
                   1.6681081637311798e-05, 3.981551079799418e-06, -2.768901633890575e-06, -3.3780944027144956e-07,
                   4.324589140074735e-07, 4.362444102431483e-08, -6.51323158993139e-08, -1.0168456234988849e-08,
                   7.1161518909482455e-09, 1.9853350029492717e-09);
  }
  const V tail = u * p;
  const V left = tail * e;
  return {select<V>(x > Element<V>(0), Element<V>(1) - left, left), e * constant<V>(0.3989422804014327)};
}

}  // namespace hotloop::HOTLOOP_ISA
