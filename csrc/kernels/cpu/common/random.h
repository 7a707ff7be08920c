// Random fills (kernels/args/random.h). Words are made a batch at a time in L1, then turned into numbers by loops that
// round alike on every instruction set: no fma, no function of vec_math.h.
#pragma once

#include "core/memory.h"
#include "core/parallel.h"
#include "kernels/args/random.h"
#include "kernels/cpu/common/half.h"
#include "kernels/cpu/common/pointwise_drive.h"
#include "kernels/cpu/common/random_philox.h"
#include "kernels/cpu/common/vec_convert.h"
#include "kernels/cpu/common/vec_math_log.h"

namespace hotloop::HOTLOOP_ISA {

constexpr int64_t kRandomChunkBatches = 32;

// Calls each(words, first element, count) for batches of `per_batch` elements, in parallel chunks of them.
template <class Each>
inline void for_each_batch(uint64_t seed, uint64_t offset, int64_t n, int64_t per_batch, const Each& each) {
  struct Context {
    uint64_t seed, offset;
    int64_t n, per_batch, batches;
    const Each* each;
  };
  const int64_t batches = (n + per_batch - 1) / per_batch;
  Context context{seed, offset, n, per_batch, batches, &each};
  parallel_run((batches + kRandomChunkBatches - 1) / kRandomChunkBatches,
               [](void* opaque, int64_t chunk) {
                 const auto& c = *(const Context*)opaque;
                 alignas(64) uint32_t words[kBatchWords];
                 int64_t batch = chunk * kRandomChunkBatches;
                 const int64_t end = batch + kRandomChunkBatches < c.batches ? batch + kRandomChunkBatches : c.batches;
                 for (; batch < end; ++batch) {
                   const int64_t first = batch * c.per_batch;
                   const int64_t count = c.n - first < c.per_batch ? c.n - first : c.per_batch;
                   philox_batch(c.seed, c.offset + uint64_t(batch) * (kBatchWords / 4),
                                count * (kBatchWords / c.per_batch), words);
                   (*c.each)(words, first, count);
                 }
               },
               &context);
}

// --- from f32 or f64 to the element, in runs ---

template <class T>
inline void store_floats(T* to, const float* from, int64_t n) {
  if constexpr (__is_same(T, float)) {
    __builtin_memcpy(to, from, size_t(n) * sizeof(float));
  } else {
    constexpr int lanes = kLanes<float>;
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) FloatElements<T>::store(to + i, load(from + i));
    if (i < n) FloatElements<T>::store_partial(to + i, load_partial(from + i, int(n - i)), int(n - i));
  }
}
template <class T>
inline void load_floats(float* to, const T* from, int64_t n) {
  if constexpr (__is_same(T, float)) {
    __builtin_memcpy(to, from, size_t(n) * sizeof(float));
  } else {
    constexpr int lanes = kLanes<float>;
    int64_t i = 0;
    for (; i + lanes <= n; i += lanes) store(to + i, FloatElements<T>::load(from + i));
    if (i < n) store_partial(to + i, FloatElements<T>::load_partial(from + i, int(n - i)), int(n - i));
  }
}

inline uint64_t word_pair(const uint32_t* words, int64_t i) { return words[2 * i] | uint64_t(words[2 * i + 1]) << 32; }

// --- uniform ---

template <class T, int kBits>
void uniform_singles(const RandomArgs& args) {
  for_each_batch(args.seed, args.offset, args.n, kBatchWords, [&](const uint32_t* words, int64_t first, int64_t count) {
    const float unit = 1.0f / float(1 << kBits), scale = float(args.scale), shift = float(args.shift);
    float numbers[kBatchWords];
    for (int64_t i = 0; i < count; ++i) numbers[i] = float(int32_t(words[i] >> (32 - kBits))) * unit * scale + shift;
    store_floats((T*)args.out + first, numbers, count);
  });
}
inline void uniform_doubles(const RandomArgs& args) {
  for_each_batch(args.seed, args.offset, args.n, kBatchWords / 2,
                 [&](const uint32_t* words, int64_t first, int64_t count) {
                   auto* out = (double*)args.out + first;
                   for (int64_t i = 0; i < count; ++i)
                     out[i] = double(int64_t(word_pair(words, i) >> 11)) * 0x1p-53 * args.scale + args.shift;
                 });
}
void random_uniform(const RandomArgs& args) {
  switch (args.dtype) {
    case DType::f16: return uniform_singles<half_t, 11>(args);
    case DType::bf16: return uniform_singles<bfloat16_t, 8>(args);
    case DType::f32: return uniform_singles<float, 24>(args);
    default: return uniform_doubles(args);
  }
}

// --- normal ---

// c + c1 x + c2 x^2 + ..., each step rounded.
template <class V>
inline V rounded_polynomial(V, double c) {
  return constant<V>(c);
}
template <class V, class... C>
inline V rounded_polynomial(V x, double c, C... higher) {
  return rounded_polynomial(x, higher...) * x + constant<V>(c);
}

// log of x in (0, 1], normal.
template <class V>
inline V rounded_log(V x) {
  const auto [e, m] = reduce_log(x);
  const V f = m - Element<V>(1), half_square = f * f * Element<V>(0.5);
  V tail;
  if constexpr (kSingle<V>) {
    tail = f * f * f *
           rounded_polynomial(f, 0.33333313, -0.2500001, 0.20002134, -0.16668007, 0.14219224, -0.12405135, 0.11890322,
                              -0.11679657, 0.06746607);
  } else {
    const V s = f / (f + Element<V>(2)), z = s * s;
    tail = s * (half_square + z * rounded_polynomial(z, 0.6666666666666735, 0.3999999999940749, 0.2857142874414164,
                                                     0.22222198378459493, 0.18183575166059565, 0.15313755752712596,
                                                     0.14799066108059503));
  }
  const V hi = constant<V>(kSingle<V> ? 0x1.62e4p-1 : 0x1.62e42fefap-1);
  const V lo = constant<V>(kSingle<V> ? 0x1.7f7d1cf79abcap-20 : 0x1.cf79abc9e3b3ap-40);
  return e * hi + (f - (half_square - (e * lo + tail)));
}

// The sine and cosine of u turns, u in [0, 1): in quarter turns the reduction is exact.
template <class V>
struct SinCos {
  V sin, cos;
};
template <class V>
inline SinCos<V> rounded_sin_cos(V u) {
  const V quarters = u * Element<V>(4);
  // To nearest, by pushing out the fraction; 0 to 4.
  const V big = constant<V>(kSingle<V> ? 0x1.8p23 : 0x1.8p52), shifted = quarters + big;
  const Mask<V> quadrant = bits_of(shifted);
  const V r = (quarters - (shifted - big)) * constant<V>(1.5707963267948966), z = r * r;
  V s, c;
  if constexpr (kSingle<V>) {
    s = r + r * z * rounded_polynomial(z, -0.16666667, 0.008333329, -0.00019839327, 2.7182373e-06);
    c = Element<V>(1) -
        (z * Element<V>(0.5) - z * z * rounded_polynomial(z, 0.041666646, -0.0013887362, 2.4437732e-05));
  } else {
    s = r + r * z *
                rounded_polynomial(z, -0.16666666666666632, 0.008333333333322316, -0.0001984126982972527,
                                   2.7557313662080607e-06, -2.5050753268154674e-08, 1.5896505156332756e-10);
    c = Element<V>(1) - (z * Element<V>(0.5) - z * z *
                                                   rounded_polynomial(z, 0.0416666666666666, -0.001388888888887399,
                                                                      2.4801587289394937e-05, -2.75573143260348e-07,
                                                                      2.087571955938936e-09, -1.1359448721202494e-11));
  }
  const auto odd = (quadrant & 1) != 0;
  const V sine = select<V>(odd, c, s), cosine = select<V>(odd, s, c);
  return {select<V>((quadrant & 2) != 0, -sine, sine), select<V>(((quadrant + 1) & 2) != 0, -cosine, cosine)};
}

// numbers[2j], numbers[2j + 1] = r cos, r sin, from two uniform numbers a pair: u in (0, 1] and v in [0, 1).
template <class T>
inline void box_muller(const T* u, const T* v, T* numbers, int64_t pairs, T scale, T shift) {
  using V = Vec<T>;
  constexpr int lanes = kLanes<T>;
  using I = typename Choose<sizeof(T) == 4, int32_t, int64_t>::type;
  for (int64_t j = 0; j < pairs; j += lanes) {
    const V radius = sqrt(V(rounded_log(load(u + j)) * T(-2)));
    const auto [s, c] = rounded_sin_cos(load(v + j));
    const V x = radius * c * scale + shift, y = radius * s * scale + shift;
    store((I*)numbers + 2 * j, interleave<I, 0>((Vec<I>)x, (Vec<I>)y));
    store((I*)numbers + 2 * j + lanes, interleave<I, lanes / 2>((Vec<I>)x, (Vec<I>)y));
  }
}

template <class T>
void normal_singles(const RandomArgs& args) {
  for_each_batch(args.seed, args.offset, args.n, kBatchWords, [&](const uint32_t* words, int64_t first, int64_t count) {
    float u[kBatchWords / 2], v[kBatchWords / 2], numbers[kBatchWords];
    const int64_t pairs = words_made(count) / 2;  // whole vectors
    for (int64_t j = 0; j < pairs; ++j) {
      u[j] = float(int32_t(words[2 * j] >> 8) + 1) * 0x1p-24f;
      v[j] = float(int32_t(words[2 * j + 1] >> 8)) * 0x1p-24f;
    }
    box_muller<float>(u, v, numbers, pairs, float(args.scale), float(args.shift));
    store_floats((T*)args.out + first, numbers, count);
  });
}
inline void normal_doubles(const RandomArgs& args) {
  for_each_batch(args.seed, args.offset, args.n, kBatchWords / 2,
                 [&](const uint32_t* words, int64_t first, int64_t count) {
                   double u[kBatchWords / 4], v[kBatchWords / 4], numbers[kBatchWords / 2];
                   const int64_t pairs = words_made(2 * count) / 4;  // whole vectors
                   for (int64_t j = 0; j < pairs; ++j) {
                     u[j] = double(int64_t(word_pair(words, 2 * j) >> 11) + 1) * 0x1p-53;
                     v[j] = double(int64_t(word_pair(words, 2 * j + 1) >> 11)) * 0x1p-53;
                   }
                   box_muller<double>(u, v, numbers, pairs, args.scale, args.shift);
                   __builtin_memcpy((double*)args.out + first, numbers, size_t(count) * sizeof(double));
                 });
}
void random_normal(const RandomArgs& args) {
  switch (args.dtype) {
    case DType::f16: return normal_singles<half_t>(args);
    case DType::bf16: return normal_singles<bfloat16_t>(args);
    case DType::f32: return normal_singles<float>(args);
    default: return normal_doubles(args);
  }
}

// --- bernoulli, integers ---

template <class F>
inline void with_element(DType dtype, F&& f) {
  switch (dtype) {
    case DType::bool_: return f(bool{});
    case DType::u8: return f(uint8_t{});
    case DType::i8: return f(int8_t{});
    case DType::i32: return f(int32_t{});
    case DType::i64: return f(int64_t{});
    case DType::f16: return f(half_t{});
    case DType::bf16: return f(bfloat16_t{});
    case DType::f32: return f(float{});
    case DType::f64: return f(double{});
  }
}

// 2^32 p to the nearest integer: from 0 to 2^32.
inline uint64_t threshold(double p) { return uint64_t(p * 0x1p32 + 0.5); }

void random_bernoulli(const RandomArgs& args) {
  const uint64_t below = threshold(args.scale);
  with_element(args.dtype, [&](auto element) {
    using T = decltype(element);
    for_each_batch(args.seed, args.offset, args.n, kBatchWords,
                   [&](const uint32_t* words, int64_t first, int64_t count) {
                     T* out = (T*)args.out + first;
                     if constexpr (kSixteenBits<T>) {
                       float numbers[kBatchWords];
                       for (int64_t i = 0; i < count; ++i) numbers[i] = words[i] < below ? 1.0f : 0.0f;
                       store_floats(out, numbers, count);
                     } else {
                       for (int64_t i = 0; i < count; ++i) out[i] = words[i] < below ? T(1) : T(0);
                     }
                   });
  });
}

void random_integers(const RandomArgs& args) {
  const uint64_t range = uint64_t(args.high) - uint64_t(args.low);
  with_element(args.dtype, [&](auto element) {
    using T = decltype(element);
    for_each_batch(args.seed, args.offset, args.n, kBatchWords / 2,
                   [&](const uint32_t* words, int64_t first, int64_t count) {
                     T* out = (T*)args.out + first;
                     float numbers[kBatchWords / 2];
                     for (int64_t i = 0; i < count; ++i) {
                       const uint64_t bits = word_pair(words, i);
                       const auto drawn = int64_t(uint64_t(args.low) + uint64_t((unsigned __int128)bits * range >> 64));
                       if constexpr (kSixteenBits<T>) {
                         numbers[i] = float(drawn);
                       } else {
                         out[i] = T(drawn);
                       }
                     }
                     if constexpr (kSixteenBits<T>) store_floats(out, numbers, count);
                   });
  });
}

// --- permutation ---

// The numbers to change places with are drawn a batch ahead, so that what they name is on its way when it is swapped.
template <class T>
void permute(const RandomArgs& args, T* order) {
  constexpr int64_t kDraws = kBatchWords / 2;
  alignas(64) uint32_t words[kBatchWords];
  int64_t place[kDraws];
  for (int64_t i = 0; i < args.n; ++i) order[i] = T(i);
  uint64_t block = args.offset;
  for (int64_t last = args.n - 1; last > 0; last -= kDraws, block += kBatchWords / 4) {
    const int64_t count = last < kDraws ? last : kDraws;
    philox_batch(args.seed, block, 2 * count, words);
    for (int64_t d = 0; d < count; ++d) {
      const uint64_t draw = uint64_t(words[2 * d]) << 32 | words[2 * d + 1];
      place[d] = int64_t((unsigned __int128)draw * uint64_t(last - d + 1) >> 64);
      __builtin_prefetch(order + place[d], 1);
    }
    for (int64_t d = 0; d < count; ++d) {
      const T moved = order[last - d];
      order[last - d] = order[place[d]];
      order[place[d]] = moved;
    }
  }
}

void random_permutation(const RandomArgs& args) {
  auto* out = static_cast<int64_t*>(args.out);
  if (args.n > INT32_MAX) return permute(args, out);
  Workspace memory(size_t(args.n) * sizeof(int32_t));  // half as much to swap in
  auto* order = static_cast<int32_t*>(memory.data());
  permute(args, order);
  for (int64_t i = 0; i < args.n; ++i) out[i] = order[i];
}

// --- dropout ---

template <class T>
inline void dropout_run(T* out, const T* in, const bool* mask, int64_t count, double p) {
  // As a product with 0 or 1: a select would not be vectorised.
  const auto* kept = (const uint8_t*)mask;
  if constexpr (__is_same(T, double)) {
    const double scale = p < 1 ? 1 / (1 - p) : 0;
    for (int64_t i = 0; i < count; ++i) out[i] = in[i] * (double(kept[i]) * scale);
  } else {
    const float scale = p < 1 ? float(1 / (1 - p)) : 0;
    float numbers[kBatchWords];
    load_floats(numbers, in, count);
    for (int64_t i = 0; i < count; ++i) numbers[i] *= float(kept[i]) * scale;
    store_floats(out, numbers, count);
  }
}

void dropout(const DropoutArgs& args) {
  const uint64_t dropped = threshold(args.p);
  with_float(args.dtype, [&](auto element) {
    using T = decltype(element);
    for_each_batch(args.seed, args.offset, args.n, kBatchWords,
                   [&](const uint32_t* words, int64_t first, int64_t count) {
                     bool* mask = args.mask + first;
                     if (dropped == 0) {
                       __builtin_memset(mask, 1, size_t(count));
                     } else {
                       const auto last = uint32_t(dropped - 1);
                       for (int64_t i = 0; i < count; ++i) mask[i] = words[i] > last;
                     }
                     dropout_run((T*)args.out + first, (const T*)args.in + first, mask, count, args.p);
                   });
  });
}

void dropout_backward(const DropoutBackwardArgs& args) {
  with_float(args.dtype, [&](auto element) {
    using T = decltype(element);
    struct Context {
      const DropoutBackwardArgs* args;
      int64_t chunk;
    } context{&args, kRandomChunkBatches * kBatchWords};
    parallel_run((args.n + context.chunk - 1) / context.chunk,
                 [](void* opaque, int64_t chunk) {
                   const auto& c = *(const Context*)opaque;
                   const int64_t begin = chunk * c.chunk,
                                 end = begin + c.chunk < c.args->n ? begin + c.chunk : c.args->n;
                   for (int64_t i = begin; i < end; i += kBatchWords)
                     dropout_run((T*)c.args->grad_in + i, (const T*)c.args->grad_out + i, c.args->mask + i,
                                 end - i < kBatchWords ? end - i : kBatchWords, c.args->p);
                 },
                 &context);
  });
}

}  // namespace hotloop::HOTLOOP_ISA
