// f16 and bf16 to f32 and back, rows at a time. Rounds to nearest even; NaN stays NaN.
#pragma once

#include "core/dtype.h"
#include "kernels/cpu/common/vec.h"

namespace hotloop::HOTLOOP_ISA {

inline float bits_to_f32(uint32_t bits) {
  float x;
  __builtin_memcpy(&x, &bits, 4);
  return x;
}
inline uint32_t f32_to_bits(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, 4);
  return bits;
}

inline float to_f32(bfloat16_t x) { return bits_to_f32(uint32_t(x.bits) << 16); }
inline float to_f32(half_t x) {
#if defined(__F16C__)
  return _cvtsh_ss(x.bits);
#else
  const uint32_t magnitude = x.bits & 0x7fffu;
  // The exponent is rebased by a product, which is exact and normalises subnormals.
  uint32_t bits = f32_to_bits(bits_to_f32(magnitude << 13) * 0x1p112f);
  if (magnitude >= 0x7c00) bits |= 0x7f800000u;
  return bits_to_f32(bits | (x.bits & 0x8000u) << 16);
#endif
}

inline bfloat16_t to_bf16(float x) {
  const uint32_t bits = f32_to_bits(x);
  const uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
  return {uint16_t(x != x ? (bits >> 16 | 0x40u) : rounded)};
}
inline half_t to_f16(float x) {
#if defined(__F16C__)
  return {uint16_t(_cvtss_sh(x, _MM_FROUND_TO_NEAREST_INT))};
#else
  const uint32_t bits = f32_to_bits(x), magnitude = bits & 0x7fffffffu, sign = bits >> 16 & 0x8000u;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | (magnitude >> 13 & 0x3ffu);
  } else if (magnitude >= 0x477ff000u) {  // rounds to 65536 or more
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // subnormal: the sum with 0.5 aligns and rounds the bits
    half = f32_to_bits(bits_to_f32(magnitude) + 0.5f) - 0x3f000000u;
  } else {
    half = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1)) >> 13;
  }
  return {uint16_t(half | sign)};
#endif
}

inline void load_row(float* __restrict__ dst, const bfloat16_t* __restrict__ src, int64_t n) {
  for (int64_t i = 0; i < n; ++i) dst[i] = to_f32(src[i]);
}
inline void load_row(float* __restrict__ dst, const half_t* __restrict__ src, int64_t n) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= n; i += 16)
    _mm512_storeu_ps(dst + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)(src + i))));
#elif defined(__F16C__)
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(dst + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(src + i))));
#endif
  for (; i < n; ++i) dst[i] = to_f32(src[i]);
}

inline void store_row(bfloat16_t* __restrict__ dst, const float* __restrict__ src, int64_t n) {
  for (int64_t i = 0; i < n; ++i) dst[i] = to_bf16(src[i]);
}
inline void store_row(half_t* __restrict__ dst, const float* __restrict__ src, int64_t n) {
  int64_t i = 0;
#if defined(__AVX512F__)
  for (; i + 16 <= n; i += 16)
    _mm256_storeu_si256((__m256i*)(dst + i), _mm512_cvtps_ph(_mm512_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
#elif defined(__F16C__)
  for (; i + 8 <= n; i += 8)
    _mm_storeu_si128((__m128i*)(dst + i), _mm256_cvtps_ph(_mm256_loadu_ps(src + i), _MM_FROUND_TO_NEAREST_INT));
#endif
  for (; i < n; ++i) dst[i] = to_f16(src[i]);
}

// The type in which arithmetic on T is done.
template <class T>
struct ComputeType {
  using type = T;
};
template <>
struct ComputeType<half_t> {
  using type = float;
};
template <>
struct ComputeType<bfloat16_t> {
  using type = float;
};
template <class T>
using Compute = typename ComputeType<T>::type;

inline float to_compute(float x) { return x; }
inline double to_compute(double x) { return x; }
inline float to_compute(half_t x) { return to_f32(x); }
inline float to_compute(bfloat16_t x) { return to_f32(x); }

template <class T>
inline T from_compute(Compute<T> x) {
  if constexpr (__is_same(T, half_t))
    return to_f16(x);
  else if constexpr (__is_same(T, bfloat16_t))
    return to_bf16(x);
  else
    return x;
}

// Calls f with a value of the floating dtype's type.
template <class F>
inline void with_float(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f16: return f(half_t{});
    case DType::bf16: return f(bfloat16_t{});
    case DType::f64: return f(double{});
    default: return f(float{});
  }
}

}  // namespace hotloop::HOTLOOP_ISA
