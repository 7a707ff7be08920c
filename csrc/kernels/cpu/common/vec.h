// Vectors as GCC/Clang vector types, written once for every width. This header and all others in
// common/ are compiled once an instruction set, inside that set's own namespace (HOTLOOP_ISA, a macro
// the build gives each folder), so no inline function of one set can be linked into another.
#pragma once

#include <cstdint>
#if defined(__AVX2__)
#include <immintrin.h>
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
  Vec<T> v{};
  __builtin_memcpy(&v, p, size_t(n) * sizeof(T));
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
  __builtin_memcpy(p, &v, size_t(n) * sizeof(T));
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

}  // namespace hotloop::HOTLOOP_ISA
