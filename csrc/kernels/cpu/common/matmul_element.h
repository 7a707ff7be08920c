// Elements of a matrix product: how a stored type S is read into, and written from, the type that sums
// are kept in.
#pragma once

#include "kernels/cpu/common/half.h"

namespace hotloop::HOTLOOP_ISA {

inline float to_compute(float x) { return x; }
inline double to_compute(double x) { return x; }
inline float to_compute(half_t x) { return to_f32(x); }
inline float to_compute(bfloat16_t x) { return to_f32(x); }

template <class S>
inline Vec<Compute<S>> load_as(const S* p) {
  using T = Compute<S>;
  if constexpr (__is_same(S, T)) {
    return load(p);
  } else {
#if defined(__AVX512F__)
    const __m256i bits = _mm256_loadu_si256((const __m256i*)p);
    if constexpr (__is_same(S, half_t)) return (f32v)_mm512_cvtph_ps(bits);
    return (f32v)(((u32v)_mm512_cvtepu16_epi32(bits)) << 16);
#elif defined(__AVX2__)
    const __m128i bits = _mm_loadu_si128((const __m128i*)p);
    if constexpr (__is_same(S, half_t)) return (f32v)_mm256_cvtph_ps(bits);
    return (f32v)(((u32v)_mm256_cvtepu16_epi32(bits)) << 16);
#else
    f32v v;
    for (int i = 0; i < kLanes<float>; ++i) v[i] = to_f32(p[i]);
    return v;
#endif
  }
}

// The first n elements, zero in the other lanes; no element past them is touched.
template <class S>
inline Vec<Compute<S>> load_partial_as(const S* p, int n) {
  if constexpr (__is_same(S, Compute<S>)) {
    return load_partial(p, n);
  } else {
    S copy[kLanes<float>] = {};
#if defined(__AVX512F__)
    _mm256_storeu_si256((__m256i*)copy, _mm256_maskz_loadu_epi16(__mmask16((1u << n) - 1), p));
#else
    for (int i = 0; i < n; ++i) copy[i] = p[i];
#endif
    return load_as(copy);
  }
}

// The first n lanes, rounded to S.
template <class S>
inline void store_as(S* p, Vec<Compute<S>> v, int n) {
  if constexpr (__is_same(S, Compute<S>)) {
    if (n == kLanes<S>)
      store(p, v);
    else
      store_partial(p, v, n);
  } else {
    float row[kLanes<float>];
    S rounded[kLanes<float>];
    store(row, v);
    store_row(rounded, row, kLanes<float>);
#if defined(__AVX512F__)
    _mm256_mask_storeu_epi16(p, __mmask16((1u << n) - 1), _mm256_loadu_si256((const __m256i*)rounded));
#else
    for (int i = 0; i < n; ++i) p[i] = rounded[i];
#endif
  }
}

}  // namespace hotloop::HOTLOOP_ISA
