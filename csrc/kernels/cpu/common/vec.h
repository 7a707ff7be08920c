// Vectors as GCC/Clang vector types, written once for every width. This header and all others in
// common/ are compiled once an instruction set, inside that set's own namespace (HOTLOOP_ISA, a macro
// the build gives each folder), so no inline function of one set can be linked into another.
#pragma once

#include <cstdint>
#if defined(__AVX2__)
#pragma GCC diagnostic push
// GCC's own header reads a variable that it leaves undefined on purpose.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

#ifndef HOTLOOP_ISA
#error "compile through one of csrc/kernels/cpu/<isa>: the folder's flags define HOTLOOP_ISA"
#endif

namespace hotloop::HOTLOOP_ISA {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
struct VecType {
  typedef T type __attribute__((vector_size(kVectorBytes)));
};
template <class T>
using Vec = typename VecType<T>::type;
template <class T>
constexpr int kLanes = kVectorBytes / int(sizeof(T));

using f32v = Vec<float>;
using f64v = Vec<double>;
using i32v = Vec<int32_t>;
using i64v = Vec<int64_t>;
using u32v = Vec<uint32_t>;
using u64v = Vec<uint64_t>;

// The element of a vector, and the signed integers that its comparisons give: 0 or -1 a lane.
template <class V>
struct LaneTypes;
template <>
struct LaneTypes<f32v> {
  using Element = float;
  using Mask = i32v;
};
template <>
struct LaneTypes<f64v> {
  using Element = double;
  using Mask = i64v;
};
template <>
struct LaneTypes<i32v> {
  using Element = int32_t;
  using Mask = i32v;
};
template <>
struct LaneTypes<i64v> {
  using Element = int64_t;
  using Mask = i64v;
};
template <class V>
using Element = typename LaneTypes<V>::Element;
template <class V>
using Mask = typename LaneTypes<V>::Mask;

template <class T>
inline Vec<T> load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class T>
inline void store(T* p, Vec<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

template <class T>
inline Vec<T> broadcast(T x) {
  return x - Vec<T>{};  // minus, not plus: keeps the sign of a negative zero
}

// -1 in the first n lanes, 0 in the others.
template <class T>
inline Vec<T> first_lanes(int n) {
  Vec<T> index;
  for (int i = 0; i < kLanes<T>; ++i) index[i] = T(i);
  return (Vec<T>)(index < broadcast(T(n)));
}

// At most kMost bytes (a power of two), without a call: a move for each bit of the count.
template <int kMost>
inline void copy_bytes(char* to, const char* from, int bytes) {
  if (bytes == kMost) return (void)__builtin_memcpy(to, from, kMost);
  if constexpr (kMost > 1) {
    constexpr int kHalf = kMost / 2;
    if (bytes & kHalf) {
      __builtin_memcpy(to, from, kHalf);
      to += kHalf, from += kHalf;
    }
    copy_bytes<kHalf>(to, from, bytes & (kHalf - 1));
  }
}

// The first n lanes (0 <= n <= lanes) from memory, zero in the others; no byte past them is touched.
template <class T>
inline Vec<T> load_partial(const T* p, int n) {
#if defined(__AVX512F__) && defined(__AVX512BW__)
  if constexpr (sizeof(T) == 4) {
    return (Vec<T>)_mm512_maskz_loadu_epi32(__mmask16((1u << n) - 1), p);
  } else if constexpr (sizeof(T) == 8) {
    return (Vec<T>)_mm512_maskz_loadu_epi64(__mmask8((1u << n) - 1), p);
  } else if constexpr (sizeof(T) == 2) {
    return (Vec<T>)_mm512_maskz_loadu_epi16(__mmask32((uint64_t(1) << n) - 1), p);
  } else {
    return (Vec<T>)_mm512_maskz_loadu_epi8(n == 64 ? ~__mmask64(0) : (__mmask64(1) << n) - 1, p);
  }
#else
#if defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    return (Vec<T>)_mm256_maskload_epi32((const int*)p, (__m256i)first_lanes<int32_t>(n));
  } else if constexpr (sizeof(T) == 8) {
    return (Vec<T>)_mm256_maskload_epi64((const long long*)p, (__m256i)first_lanes<int64_t>(n));
  }
#endif
  Vec<T> v{};
  copy_bytes<kVectorBytes>((char*)&v, (const char*)p, n * int(sizeof(T)));
  return v;
#endif
}

template <class T>
inline void store_partial(T* p, Vec<T> v, int n) {
#if defined(__AVX512F__) && defined(__AVX512BW__)
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_epi32(p, __mmask16((1u << n) - 1), (__m512i)v);
  } else if constexpr (sizeof(T) == 8) {
    _mm512_mask_storeu_epi64(p, __mmask8((1u << n) - 1), (__m512i)v);
  } else if constexpr (sizeof(T) == 2) {
    _mm512_mask_storeu_epi16(p, __mmask32((uint64_t(1) << n) - 1), (__m512i)v);
  } else {
    _mm512_mask_storeu_epi8(p, n == 64 ? ~__mmask64(0) : (__mmask64(1) << n) - 1, (__m512i)v);
  }
#else
#if defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    return _mm256_maskstore_epi32((int*)p, (__m256i)first_lanes<int32_t>(n), (__m256i)v);
  } else if constexpr (sizeof(T) == 8) {
    return _mm256_maskstore_epi64((long long*)p, (__m256i)first_lanes<int64_t>(n), (__m256i)v);
  }
#endif
  copy_bytes<kVectorBytes>((char*)p, (const char*)&v, n * int(sizeof(T)));
#endif
}

// a * b + c, rounded once where the instruction set has FMA (the build turns contraction off, so
// that only what says fma is fused).
inline f32v fma(f32v a, f32v b, f32v c) {
#if defined(__AVX512F__)
  return (f32v)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (f32v)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}
inline f64v fma(f64v a, f64v b, f64v c) {
#if defined(__AVX512F__)
  return (f64v)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
  return (f64v)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
  return a * b + c;
#endif
}

// Lane-wise choice; the mask is what a comparison of vectors gives.
template <class V>
inline V select(Mask<V> mask, V yes, V no) {
  return mask ? yes : no;
}

template <class V>
inline V bits_as(Mask<V> bits) {
  return (V)bits;
}
template <class V>
inline Mask<V> bits_of(V x) {
  return (Mask<V>)x;
}

template <class M>
inline bool any(M mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi64_mask((__m512i)mask, (__m512i)mask) != 0;
#elif defined(__AVX2__)
  return !_mm256_testz_si256((__m256i)mask, (__m256i)mask);
#else
  const auto halves = (u64v)mask;
  return (halves[0] | halves[1]) != 0;
#endif
}

template <class M>
inline bool all(M mask) {
#if defined(__AVX512F__)
  if constexpr (sizeof(mask[0]) == 4) {
    return _mm512_movepi32_mask((__m512i)mask) == 0xffff;
  } else {
    return _mm512_movepi64_mask((__m512i)mask) == 0xff;
  }
#else
  return !any(~mask);
#endif
}

// a < b ? a : b and a > b ? a : b: where either is NaN, b. One instruction on x86.
inline f32v min_or_second(f32v a, f32v b) {
#if defined(__AVX512F__)
  return (f32v)_mm512_min_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (f32v)_mm256_min_ps((__m256)a, (__m256)b);
#else
  return a < b ? a : b;
#endif
}
inline f64v min_or_second(f64v a, f64v b) {
#if defined(__AVX512F__)
  return (f64v)_mm512_min_pd((__m512d)a, (__m512d)b);
#elif defined(__AVX2__)
  return (f64v)_mm256_min_pd((__m256d)a, (__m256d)b);
#else
  return a < b ? a : b;
#endif
}
inline f32v max_or_second(f32v a, f32v b) {
#if defined(__AVX512F__)
  return (f32v)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX2__)
  return (f32v)_mm256_max_ps((__m256)a, (__m256)b);
#else
  return a > b ? a : b;
#endif
}
inline f64v max_or_second(f64v a, f64v b) {
#if defined(__AVX512F__)
  return (f64v)_mm512_max_pd((__m512d)a, (__m512d)b);
#elif defined(__AVX2__)
  return (f64v)_mm256_max_pd((__m256d)a, (__m256d)b);
#else
  return a > b ? a : b;
#endif
}

// To the nearest integer, ties to even, as floating point.
#if defined(__AVX512F__)
inline f32v round_even(f32v x) { return (f32v)_mm512_roundscale_ps((__m512)x, 0x08); }
inline f64v round_even(f64v x) { return (f64v)_mm512_roundscale_pd((__m512d)x, 0x08); }
inline f32v floor(f32v x) { return (f32v)_mm512_roundscale_ps((__m512)x, 0x09); }
inline f64v floor(f64v x) { return (f64v)_mm512_roundscale_pd((__m512d)x, 0x09); }
inline f32v ceil(f32v x) { return (f32v)_mm512_roundscale_ps((__m512)x, 0x0a); }
inline f64v ceil(f64v x) { return (f64v)_mm512_roundscale_pd((__m512d)x, 0x0a); }
inline f32v trunc(f32v x) { return (f32v)_mm512_roundscale_ps((__m512)x, 0x0b); }
inline f64v trunc(f64v x) { return (f64v)_mm512_roundscale_pd((__m512d)x, 0x0b); }
#elif defined(__AVX2__)
inline f32v round_even(f32v x) { return (f32v)_mm256_round_ps((__m256)x, 0x08); }
inline f64v round_even(f64v x) { return (f64v)_mm256_round_pd((__m256d)x, 0x08); }
inline f32v floor(f32v x) { return (f32v)_mm256_round_ps((__m256)x, 0x09); }
inline f64v floor(f64v x) { return (f64v)_mm256_round_pd((__m256d)x, 0x09); }
inline f32v ceil(f32v x) { return (f32v)_mm256_round_ps((__m256)x, 0x0a); }
inline f64v ceil(f64v x) { return (f64v)_mm256_round_pd((__m256d)x, 0x0a); }
inline f32v trunc(f32v x) { return (f32v)_mm256_round_ps((__m256)x, 0x0b); }
inline f64v trunc(f64v x) { return (f64v)_mm256_round_pd((__m256d)x, 0x0b); }
#else
template <class V>
inline V with_sign_of(V magnitude, V sign) {
  const Mask<V> top = bits_of(broadcast(-Element<V>(0)));
  return bits_as<V>((bits_of(magnitude) & ~top) | (bits_of(sign) & top));
}
// Adding 2^23 (2^52) pushes the fraction out of the significand, rounded to even; larger numbers are
// integers already, and NaN falls to the same side.
template <class V>
inline V round_even(V x) {
  const V big = broadcast(sizeof(Element<V>) == 4 ? Element<V>(0x1p23) : Element<V>(0x1p52));
  const V magnitude = with_sign_of(x, big);
  const V rounded = with_sign_of(V((magnitude + big) - big), x);
  return magnitude < big ? rounded : x;
}
template <class V>
inline V floor(V x) {
  const V r = round_even(x);
  return with_sign_of(V(r > x ? r - Element<V>(1) : r), x);
}
template <class V>
inline V ceil(V x) {
  const V r = round_even(x);
  return with_sign_of(V(r < x ? r + Element<V>(1) : r), x);
}
template <class V>
inline V trunc(V x) {
  const V r = round_even(x);
  const V magnitude = with_sign_of(r, V{}), wanted = with_sign_of(x, V{});
  return with_sign_of(V(magnitude > wanted ? magnitude - Element<V>(1) : magnitude), x);
}
#endif

// Integers to floating point and back (towards zero; the lanes must fit).
inline i32v to_int(f32v x) { return __builtin_convertvector(x, i32v); }
inline f32v to_float(i32v n) { return __builtin_convertvector(n, f32v); }

// The halves of a vector of f32, as f64.
struct Widened {
  f64v low, high;
};
inline Widened widen(f32v x) {
#if defined(__AVX512F__)
  return {(f64v)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)x)),
          (f64v)_mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)x, 1))};
#elif defined(__AVX2__)
  return {(f64v)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)x)),
          (f64v)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)x, 1))};
#else
  return {f64v{x[0], x[1]}, f64v{x[2], x[3]}};
#endif
}
inline f32v narrow(Widened x) {
#if defined(__AVX512F__)
  return (f32v)_mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)x.low)),
                                  _mm512_cvtpd_ps((__m512d)x.high), 1);
#elif defined(__AVX2__)
  return (f32v)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm256_cvtpd_ps((__m256d)x.low)),
                                    _mm256_cvtpd_ps((__m256d)x.high), 1);
#else
  return f32v{float(x.low[0]), float(x.low[1]), float(x.high[0]), float(x.high[1])};
#endif
}

}  // namespace hotloop::HOTLOOP_ISA
