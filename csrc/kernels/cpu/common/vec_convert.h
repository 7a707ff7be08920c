// 16-bit floats to f32 vectors and back, rounded to nearest, ties to even; NaN stays NaN (quiet).
#pragma once

#include "core/dtype.h"
#include "kernels/cpu/common/vec.h"

namespace hotloop::HOTLOOP_ISA {

// As many 16-bit numbers as a vector has f32 lanes: half a vector.
typedef uint16_t u16h __attribute__((vector_size(kVectorBytes / 2)));

inline u16h load_half_vector(const void* p) {
  u16h v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
inline void store_half_vector(void* p, u16h v) { __builtin_memcpy(p, &v, sizeof v); }

inline u16h load_half_vector_partial(const void* p, int n) {
  u16h v{};
  copy_bytes<kVectorBytes / 2>((char*)&v, (const char*)p, 2 * n);
  return v;
}
inline void store_half_vector_partial(void* p, u16h v, int n) {
  copy_bytes<kVectorBytes / 2>((char*)p, (const char*)&v, 2 * n);
}

inline f32v from_bfloat16(u16h x) { return (f32v)(__builtin_convertvector(x, u32v) << 16); }

inline u16h to_bfloat16(f32v x) {
  const u32v bits = (u32v)x;
  const u32v rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const u32v quiet = (bits >> 16) | 0x40;
  return __builtin_convertvector((u32v)(x != x ? (i32v)quiet : (i32v)rounded), u16h);
}

#if defined(__AVX512F__)
inline f32v from_half(u16h x) { return (f32v)_mm512_cvtph_ps((__m256i)x); }
inline u16h to_half(f32v x) { return (u16h)_mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT); }
#elif defined(__F16C__)
inline f32v from_half(u16h x) { return (f32v)_mm256_cvtph_ps((__m128i)x); }
inline u16h to_half(f32v x) { return (u16h)_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT); }
#else
inline f32v from_half(u16h x) {
  const u32v wide = __builtin_convertvector(x, u32v);
  const u32v sign = (wide & 0x8000) << 16, magnitude = (wide & 0x7fff) << 13;
  // The exponent field moved into f32's: a multiplication by 2^112 mends the bias, subnormals included.
  const f32v finite = (f32v)magnitude * 0x1p112f;
  const u32v special = magnitude | 0x7f800000 | ((u32v)((wide & 0x3ff) != 0) & 0x400000);
  const u32v bits = (u32v)((wide & 0x7c00) == 0x7c00 ? (i32v)special : (i32v)finite);
  return (f32v)(bits | sign);
}
inline u16h to_half(f32v x) {
  const u32v bits = (u32v)x, sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
  // Normal results: drop 13 bits, rounded to even, the bias changed; a carry may reach infinity, rightly.
  const u32v normal = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // Subnormal ones: adding 2^-1 leaves them, rounded to even, in the low bits.
  const u32v subnormal = (u32v)((f32v)magnitude + 0.5f) - 0x3f000000;
  const u32v special =
      (u32v)(magnitude > 0x7f800000 ? (i32v)(0x7e00 | (magnitude >> 13 & 0x3ff)) : (i32v)(u32v{} + 0x7c00));
  u32v h = (u32v)(magnitude < 0x38800000 ? (i32v)subnormal : (i32v)normal);
  h = (u32v)(magnitude >= 0x47800000 ? (i32v)special : (i32v)h);
  return __builtin_convertvector(h | sign, u16h);
}
#endif

// Wider numbers to f32, rounded to odd where not exact: rounding that to 16 bits rounds the number, and once.
typedef float f32h __attribute__((vector_size(kVectorBytes / 2)));
inline f32h odd_floats(f64v x) {
#if defined(__AVX512F__)
  const __m256i towards_zero =
      _mm256_castps_si256(_mm512_cvt_roundpd_ps((__m512d)x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC));
  const __m512d back = _mm512_cvtps_pd(_mm256_castsi256_ps(towards_zero));
  const __mmask8 inexact = _mm512_cmp_pd_mask(back, (__m512d)x, _CMP_NEQ_UQ);
  return (f32h)_mm256_mask_or_epi32(towards_zero, inexact, towards_zero, _mm256_set1_epi32(1));
#else
  typedef int32_t Bits __attribute__((vector_size(sizeof(f32h))));
  const f32h floats = __builtin_convertvector(x, f32h);
  const f64v back = __builtin_convertvector(floats, f64v);
  const Bits inexact = __builtin_convertvector(back != x, Bits);
  // A comparison that holds is -1: one step back towards zero.
  const Bits beyond = __builtin_convertvector((x < 0 ? -back > -x : back > x), Bits);
  return (f32h)(((Bits)floats + beyond) | (inexact & 1));
#endif
}
inline f32h odd_floats(i64v x) { return odd_floats(__builtin_convertvector(x, f64v)); }
inline f32v odd_floats(i32v x) {
#if defined(__AVX512F__)
  const __m512i towards_zero =
      _mm512_castps_si512(_mm512_cvt_roundepi32_ps((__m512i)x, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC));
  const __m512i back = _mm512_cvttps_epi32(_mm512_castsi512_ps(towards_zero));
  const __mmask16 inexact = _mm512_cmpneq_epi32_mask(back, (__m512i)x);
  return (f32v)_mm512_mask_or_epi32(towards_zero, inexact, towards_zero, _mm512_set1_epi32(1));
#else
  const f32v floats = __builtin_convertvector(x, f32v);
  const i32v back = __builtin_convertvector(floats, i32v);  // of 2^31 the least number: as a size that is right
  const i32v sign = x >> 31;
  const i32v beyond = (i32v)((u32v)((back ^ sign) - sign) > (u32v)((x ^ sign) - sign));
  return (f32v)(((i32v)floats + beyond) | ((back != x) & 1));
#endif
}

template <class T>
constexpr bool kSixteenBits = __is_same(T, half_t) || __is_same(T, bfloat16_t);

// Elements of memory as vectors of what they are computed in: f64 for f64, f32 for all other floats.
template <class T>
struct FloatElements {
  using V = Vec<T>;
  static V load(const T* p) { return HOTLOOP_ISA::load(p); }
  static void store(T* p, V v) { HOTLOOP_ISA::store(p, v); }
  static V load_partial(const T* p, int n) { return HOTLOOP_ISA::load_partial(p, n); }
  static void store_partial(T* p, V v, int n) { HOTLOOP_ISA::store_partial(p, v, n); }
};
template <>
struct FloatElements<half_t> {
  using V = f32v;
  static V load(const half_t* p) { return from_half(load_half_vector(p)); }
  static void store(half_t* p, V v) { store_half_vector(p, to_half(v)); }
  static V load_partial(const half_t* p, int n) { return from_half(load_half_vector_partial(p, n)); }
  static void store_partial(half_t* p, V v, int n) { store_half_vector_partial(p, to_half(v), n); }
};
template <>
struct FloatElements<bfloat16_t> {
  using V = f32v;
  static V load(const bfloat16_t* p) { return from_bfloat16(load_half_vector(p)); }
  static void store(bfloat16_t* p, V v) { store_half_vector(p, to_bfloat16(v)); }
  static V load_partial(const bfloat16_t* p, int n) { return from_bfloat16(load_half_vector_partial(p, n)); }
  static void store_partial(bfloat16_t* p, V v, int n) { store_half_vector_partial(p, to_bfloat16(v), n); }
};

}  // namespace hotloop::HOTLOOP_ISA
