// erf, erfc, erfinv, and the cumulative normal distribution that GELU multiplies with.
#pragma once

#include "kernels/cpu/common/vec_math_exp.h"
#include "kernels/cpu/common/vec_math_log.h"

namespace hotloop::HOTLOOP_ISA {

template <class V>
inline V erf(V x) {
#if defined(__AVX512F__)
  if constexpr (!kSingle<V>) return erf_by_table(x);
#endif
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

// Below are Phi(x) = (1 + erf(x / sqrt 2)) / 2 and what is made of it: GELU, erfc. On the left, where 1 + erf would
// cancel, Phi(-z) = e^(-z^2 / 2) g(z) with a g that falls slowly from 1/2.

// e^(-k z^2) = 2^n (1 + q), with what is lost in rounding z^2.
template <class V>
struct ExpOfSquare {
  V n, q;
};
template <class V>
inline ExpOfSquare<V> exp_of_minus_square(V z, double k) {
  const V square = z * z;
#if defined(__FMA__)
  const V lost = fma(z, z, -square);
#else
  const V head = bits_as<V>(bits_of(z) & Mask<V>(broadcast(Element<Mask<V>>(kSingle<V> ? -4096 : -134217728))));
  const V lost = ((head * head - square) + (head + head) * (z - head)) + (z - head) * (z - head);
#endif
  const auto [n, r] = reduce_exp(V(square * Element<V>(-k)), V(lost * Element<V>(-k)));
  return {n, fma(r * r, expm1_tail(r), r)};
}

#if !defined(__AVX512F__)
// table[index & 15] in each lane.
inline f32v look_up(const float (&table)[16], i32v index) {
#if defined(__AVX2__)
  const __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), (__m256i)index);
  const __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), (__m256i)index);
  return (f32v)_mm256_blendv_ps(low, high, (__m256)(index << 28));
#else
  f32v y;
  for (int i = 0; i < kLanes<float>; ++i) y[i] = table[index[i] & 15];
  return y;
#endif
}
#endif

// A sum whose second part is small beside the first.
template <class V>
struct TwoParts {
  V high, low;
};

// g(z + lost) for 0 <= z < 15, lost a fraction of z's last place: a polynomial in the distance from the left end of
// one of 16 stretches. 1 + z in [2^i, 2^(i+1)) has four for each i, so that the top two bits of its significand and
// the low two of its exponent are the index; the exponent of [1, 2) comes last there. The first two rows are the
// constant term in two parts.
inline TwoParts<f32v> scaled_normal_tail(f32v z, f32v lost) {
  alignas(64) static constexpr float kTable[8][16] = {
      {0.2615783f, 0.20578067f, 0.168102f, 0.14133133f, 0.12151395f, 0.09441064f, 0.0769193f, 0.06477931f, 0.05589348f,
       0.04379879f, 0.03597489f, 0.030509414f, 0.5f, 0.4140321f, 0.34961882f, 0.30023247f},
      {2.1053657e-10f, -3.0694116e-09f, 5.0397753e-09f, 1.4388257e-09f, 5.1105686e-10f, -1.6795603e-09f, 2.6306841e-09f,
       2.9059135e-09f, 1.6628e-09f, -5.111141e-10f, -3.7253325e-10f, 3.4394623e-10f, 0.0f, 1.3165709e-09f,
       1.2384201e-08f, -7.695602e-09f},
      {-0.13736399f, -0.09027128f, -0.06273828f, -0.045613952f, -0.034400433f, -0.021299714f, -0.014345756f,
       -0.010266394f, -0.0076879025f, -0.0047531803f, -0.0032184946f, -0.002319892f, -0.3989423f, -0.29543427f,
       -0.22413287f, -0.17376794f},
      {0.06210693f, 0.035186797f, 0.021312693f, 0.013648214f, 0.009156201f, 0.004605863f, 0.002595256f, 0.0015904712f,
       0.0010390586f, 0.0005100779f, 0.0002857237f, 0.0001754092f, 0.2499999f, 0.17008671f, 0.11877617f, 0.08495324f},
      {-0.025080342f, -0.012495185f, -0.006703604f, -0.0038308578f, -0.0023090676f, -0.0009583908f, -0.00045638817f,
       -0.0002411545f, -0.00013799018f, -5.4124295e-05f, -2.5168552e-05f, -1.3187792e-05f, -0.132976f, -0.084301725f,
       -0.05491361f, -0.036683615f},
      {0.00920943f, 0.004094638f, 0.0019701899f, 0.0010152466f, 0.0005499486f, 0.00019132046f, 7.782013e-05f,
       3.5714616e-05f, 1.7791008e-05f, 5.6361528e-06f, 2.1889825e-06f, 9.825485e-07f, 0.062417526f, 0.03721009f,
       0.022807054f, 0.014347649f},
      {-0.0029812981f, -0.0012033579f, -0.0005270664f, -0.00024804933f, -0.00011554912f, -3.462882e-05f,
       -1.2278149e-05f, -4.968862e-06f, -2.0412438e-06f, -5.3858133e-07f, -1.7830902e-07f, -6.953569e-08f,
       -0.025944097f, -0.014661808f, -0.0085214665f, -0.0050855004f},
      {0.0006563981f, 0.0002472418f, 0.00010112542f, 4.449641e-05f, 1.5595033e-05f, 4.215421e-06f, 1.3550783e-06f,
       5.00008e-07f, 1.4787189e-07f, 3.43856e-08f, 1.0153041e-08f, 3.5683112e-09f, 0.007974065f, 0.004326579f,
       0.0024140642f, 0.0013831055f},
  };
  const i32v key = (i32v)(z + 1.0f);
  const i32v index = key >> 21;
  const f32v r = (z - ((f32v)(key & -0x200000) - 1.0f)) + lost;  // the difference is exact
  f32v p = look_up(kTable[7], index);
  for (int i = 6; i > 0; --i) p = fma(p, r, look_up(kTable[i], index));
  return {look_up(kTable[0], index), p};
}
// For 0 <= z <= 40: u P(t), with u = 1 / (z + 5) and t = 1 - 10 u in [-1, 1]; g' = z g - 1 / sqrt(2 pi).
inline TwoParts<f64v> scaled_normal_tail(f64v z, f64v lost) {
  const f64v u = 1.0 / (z + 5.0);
  const f64v t = fma(u, constant<f64v>(-10), constant<f64v>(1));
  const f64v g =
      u * polynomial(t, 0.769193049750063, -0.6653825028900566, 0.49530561596997724, -0.31353315667131826,
                     0.16502036617034924, -0.06911863870587677, 0.020795066800490616, -0.0029933767766843066,
                     -0.0007978694041008258, 0.0005448991127220976, -5.9375694955897476e-05, -4.9763037168798487e-05,
                     1.6681081637311798e-05, 3.981551079799418e-06, -2.768901633890575e-06, -3.3780944027144956e-07,
                     4.324589140074735e-07, 4.362444102431483e-08, -6.51323158993139e-08, -1.0168456234988849e-08,
                     7.1161518909482455e-09, 1.9853350029492717e-09);
  return {g, lost * fma(z, g, constant<f64v>(-0.3989422804014327))};
}
template <class V>
constexpr double kNormalTailEnd = kSingle<V> ? 14.99 : 40;  // past which Phi(-z) is zero

// Phi(x), and the density phi(x) = Phi'(x).
template <class V>
struct Normal {
  V cdf, density;
};
template <class V>
inline Normal<V> normal_distribution(V x) {
  const V z = min_or_second(constant<V>(kNormalTailEnd<V>), abs(x));
  const auto [n, q] = exp_of_minus_square(z, 0.5);
  const auto [g, g_low] = scaled_normal_tail(z, V{});
  const V left = scale_by_power_of_two(V(g + fma(V(g + g_low), q, g_low)), n);
  const V density = scale_by_power_of_two(V(q + Element<V>(1)), n) * constant<V>(0.3989422804014327);
  return {select<V>(x > Element<V>(0), Element<V>(1) - left, left), density};
}

// x Phi(x): p = x Phi(-|x|), whose product with g keeps what it lost in rounding, or x - p where x is positive.
template <class V>
inline V gelu_anywhere(V x) {
  const V z = min_or_second(constant<V>(kNormalTailEnd<V>), abs(x)), m = copysign(z, x);
  const auto [n, q] = exp_of_minus_square(z, 0.5);
  const auto [g, g_low] = scaled_normal_tail(z, V{});
  const V y = m * g, y_low = fma(m, g_low, product_error(m, g, y));
  const V p = scale_by_power_of_two(V(y + fma(V(y + y_low), q, y_low)), n);
  return select<V>(bits_of(x) < 0, p - (x - x), x - p);  // minus infinity times 0 is NaN
}
template <class V>
inline V gelu(V x) {
#if defined(__AVX512F__)
  if constexpr (kSingle<V>) {
    const V z = min_or_second(constant<V>(kNormalTableEnd), abs(x));
    const V y = max_or_second(V{}, x) - z * normal_by_table(z);
    const auto within = (x > -kNormalTableEnd) | (x != x);
    if (all(within)) [[likely]]
      return y;
    return select<V>(within, y, gelu_anywhere(x));  // lane by lane: a number's bits don't depend on its neighbours
  }
#endif
  return gelu_anywhere(x);
}

// 1 - erf(x): twice Phi at z = -sqrt(2) |x|.
template <class V>
inline V erfc(V x) {
#if defined(__AVX512F__)
  if constexpr (kSingle<V>) {
    const V a = min_or_second(constant<V>(10.5), abs(x));
    const auto [n, q] = exp_of_minus_square(a, 1);
    const V y = scaled_erfc(a), left = scale_by_power_of_two(V(fma(y, q, y)), n);
    return select<V>(x < Element<V>(0), Element<V>(2) - left, left);
  }
#endif
  const V a = min_or_second(constant<V>(kSingle<V> ? 10.5 : 28), abs(x));
  const auto [n, q] = exp_of_minus_square(a, 1);
  const V root = constant<V>(1.4142135623730951), z = a * root;
  const V lost = fma(a, root, -z) + a * constant<V>(kSingle<V> ? 2.4203234972e-08 : -9.667293313452913e-17);
  const auto [g, g_low] = scaled_normal_tail(z, lost);
  const V left = scale_by_power_of_two(V(g + fma(V(g + g_low), q, g_low)), n + Element<V>(1));
  return select<V>(x < Element<V>(0), Element<V>(2) - left, left);
}

// The y with erf(y) = x: x times a polynomial in w = -log(1 - x^2), or past some w in its square root.
inline f32v erfinv(f32v x) {
  const f32v w = -log(f32v(fma(-x, x, constant<f32v>(1))));
  // About points where the constant term is a float32 number.
  const f32v u = w - 0.52822265625f, v = w - 2.93896484375f;
  const f32v near = polynomial(u, 0.24220327, 0.0077048666, -0.0024719038, -2.5137713e-06, 4.522071e-05);
  const f32v middle = polynomial(v, 0.24232136, -0.0055806194, -0.00088436535, 0.00019880584, -1.1936924e-05,
                                 -1.928554e-06, 4.1754546e-07, -1.8856696e-08);
  f32v p = select<f32v>(w < 1.25f, fma(near, u, constant<f32v>(1.0116521)), fma(middle, v, constant<f32v>(1.6087729)));
  if (!all(w < 5.0f)) [[unlikely]] {
    const f32v far = polynomial(f32v(sqrt(w) - 3.0f), 2.8329768, 1.0016751, 0.009445821, -0.0076394863, 0.0056820493,
                                -0.0035862671, 0.0014988163, -7.879152e-05, -0.000321172, 0.0001309703);
    p = select<f32v>(w < 5.0f, p, far);
    p = select<f32v>(w == constant<f32v>(__builtin_inf()), w, p);
  }
  return x * p;
}
inline f64v erfinv(f64v x) {
  const f64v w = -log(f64v((1.0 - abs(x)) * (1.0 + abs(x))));
  f64v p = polynomial(f64v(w - 3.125), 1.6536545626831027, 0.24015818242558834, -0.006033670871426959,
                      -0.0007407025341546451, 0.00018673420802033718, -1.3882523393952743e-05, -1.365469176880201e-06,
                      4.234788168168749e-07, -2.9070390288740055e-08, -4.1126604337622794e-09, 1.051222803230667e-09,
                      -5.414303416143712e-11, -1.2978593836636523e-11, 2.6305271628389967e-12, -8.077059768540969e-14,
                      -4.002008580100067e-14, 6.5296460143247704e-15, -3.9395974974893294e-17, -1.2304544200167043e-16,
                      1.5510385460935017e-17, 6.678135059025803e-19, -3.4733233500377114e-19, 1.764233565979162e-20,
                      3.1937512615705148e-21, -3.19245554908013e-22);
  if (!all(w < 6.25)) [[unlikely]] {
    const f64v s = sqrt(w);
    const f64v middle =
        polynomial(f64v(s - 3.25), 3.0838856104922208, 1.0052589676941655, 0.005370914553554937, -0.003751208508224133,
                   0.0024914420979625118, -0.0016882755354676597, 0.0009532893414545732, -0.0003550378135177497,
                   2.4031514293935188e-05, 6.82871153314518e-05, -4.732069006264354e-05, 1.2465037552384108e-05,
                   2.9326161390650355e-06, -3.985731461522855e-06, 1.4815041761125171e-06, -2.757568484871783e-08,
                   -2.4535755788769323e-07, 1.3154976507449438e-07, -2.1031573988292538e-08, -1.5291597063316248e-08,
                   7.721620687493404e-09);
    const f64v far =
        polynomial(f64v(s - 5.0), 4.849906401408584, 1.0103004648645455, -0.00013871931837507068,
                   -0.0002150301198395346, 7.59952779581993e-05, -1.968177054602209e-05, 4.526053967488642e-06,
                   -9.930303015240065e-07, 2.2904536757842967e-07, -6.7553291646055e-08, 2.9040149118777083e-08,
                   -1.5260307439668966e-08, 7.785150281591441e-09, -3.4659411094636064e-09, 1.3515744160064346e-09,
                   -4.404985038032522e-10, 5.079061699882204e-11, 4.35258997490982e-11, -1.6267520582942976e-11);
    p = select<f64v>(w < 6.25, p, select<f64v>(w < 16.0, middle, far));
    p = select<f64v>(w == constant<f64v>(__builtin_inf()), w, p);
  }
  return x * p;
}

// x sigmoid(v) with v = x (k1 + k3 x^2), which is made with what its roundings lose, since e^-v magnifies it. Past 22, |v|
// is past 745, and e^-|v| is 0 in f64.
template <class V>
inline V gelu_tanh(V a) {
  constexpr double kK1 = 1.5957691216057308, kK3 = 0.07135481627260025;
  const V x = clamp_keep_nan(a, -22, 22), k1 = constant<V>(kK1), k3 = constant<V>(kK3);
  const V k1_low = constant<V>(kK1 - double(Element<V>(kK1))), k3_low = constant<V>(kK3 - double(Element<V>(kK3)));
  const V z = x * x, z_low = product_error(x, x, z), p = k3 * z, p_low = product_error(k3, z, p);
  const V w = k1 + p, larger = max_or_second(k1, p), smaller = min_or_second(k1, p);
  const V w_low = (smaller - (w - larger)) + (p_low + fma(k3, z_low, fma(k3_low, z, k1_low)));
  const V v = x * w, v_low = fma(x, w_low, product_error(x, w, v));
  return times_sigmoid(a, x, v, v_low);
}

}  // namespace hotloop::HOTLOOP_ISA
