// Elements of a matrix product. S is the stored type; O is the operand that a step of the chain multiplies:
// an element converted to the type of the sums or, for bf16 dot products, a pair of elements.
#pragma once

#include "kernels/cpu/common/half.h"
#include "kernels/cpu/common/transpose.h"

namespace hotloop::HOTLOOP_ISA {

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
#if defined(__AVX2__)
    return load_partial(p, n);
#else
    Vec<S> v{};
    for (int i = 0; i < n; ++i) v[i] = p[i];
    return v;
#endif
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

// kLanes<float> elements as they are stored.
typedef uint16_t u16_row __attribute__((vector_size(kVectorBytes / 2)));

template <class S>
inline u16_row round_to(f32v v) {
  if constexpr (__is_same(S, bfloat16_t)) {
#if defined(__AVX512BF16__)
    return (u16_row)_mm512_cvtneps_pbh((__m512)v);  // flushes subnormals, as the dot products before it do
#endif
    const auto bits = (u32v)v;
    const u32v nearest = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;  // ties to even
    const auto is_nan = (u32v)(v != v);
    return __builtin_convertvector((nearest & ~is_nan) | ((bits >> 16 | 0x40) & is_nan), u16_row);
  } else {
#if defined(__AVX512F__)
    return (u16_row)_mm512_cvtps_ph((__m512)v, _MM_FROUND_TO_NEAREST_INT);
#elif defined(__F16C__)
    return (u16_row)_mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT);
#else
    u16_row bits;
    for (int i = 0; i < kLanes<float>; ++i) bits[i] = to_f16(v[i]).bits;
    return bits;
#endif
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
    const u16_row bits = round_to<S>(v);
    if (n == kLanes<float>) {
      __builtin_memcpy(p, &bits, sizeof bits);
    } else {
#if defined(__AVX512F__)
      _mm256_mask_storeu_epi16(p, __mmask16((1u << n) - 1), (__m256i)bits);
#else
      for (int i = 0; i < n; ++i) p[i].bits = bits[i];
#endif
    }
  }
}

// Two bf16 along k, the earlier in the low half.
using Pair = uint32_t;

template <class O>
struct SumType {
  using type = O;
};
template <>
struct SumType<Pair> {
  using type = float;
};
template <class O>
using Sum = typename SumType<O>::type;

// Elements along k of one operand.
template <class O>
constexpr int kStep = __is_same(O, Pair) ? 2 : 1;

inline f32v multiply_add(f32v a, f32v b, f32v c) { return fma(a, b, c); }
inline f64v multiply_add(f64v a, f64v b, f64v c) { return fma(a, b, c); }
#if defined(__AVX512BF16__)
inline f32v multiply_add(u32v a, u32v b, f32v c) { return (f32v)_mm512_dpbf16_ps((__m512)c, (__m512bh)a, (__m512bh)b); }
#endif

template <class O>
inline Vec<O> broadcast_operand(O x) {
  if constexpr (__is_same(O, Pair))
    return Vec<O>{} + x;
  else
    return broadcast(x);
}

// The operands of one step of k in the first n of kLanes<O> columns next to each other. `next` leads to the
// pair's second element, which is absent at the end of an odd sum.
template <class O, class S>
inline Vec<O> load_columns(const S* p, [[maybe_unused]] int64_t next, int n, [[maybe_unused]] bool second) {
  const auto elements = [n](const S* q) { return n == kLanes<O> ? load_as(q) : load_partial_as(q, n); };
  if constexpr (__is_same(O, Pair)) {
    const u32v high = second ? (u32v)elements(p + next) : u32v{};
    return ((u32v)elements(p) >> 16) | high;  // a bf16 as f32 is its bits in the high half
  } else {
    return elements(p);
  }
}

// Whether whole vectors of two rows make the pairs of twice as many columns, without widening each.
template <class O, class S>
constexpr bool kLoadsTwo = false;
#if defined(__AVX512BW__)
template <>
constexpr bool kLoadsTwo<Pair, bfloat16_t> = true;
#endif

// load_columns for two vectors of columns next to each other.
template <class S, class V>
inline void load_two_columns([[maybe_unused]] const S* p, [[maybe_unused]] int64_t next, [[maybe_unused]] V& low,
                             [[maybe_unused]] V& high) {
#if defined(__AVX512BW__)
  typedef uint16_t u16v __attribute__((vector_size(kVectorBytes)));
  const u16v x = load((const uint16_t*)p), y = load((const uint16_t*)(p + next));
  low = (V)__builtin_shufflevector(x, y, 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39, 8, 40, 9, 41, 10, 42,
                                   11, 43, 12, 44, 13, 45, 14, 46, 15, 47);
  high = (V)__builtin_shufflevector(x, y, 16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55, 24, 56, 25,
                                    57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63);
#endif
}

// kLanes<O> operands along contiguous k, of which `elements` elements exist; as lanes of the sums' type.
template <class O, class S>
inline Vec<Sum<O>> load_along(const S* p, int64_t elements) {
  if constexpr (__is_same(O, Pair)) {
#if defined(__AVX512BW__)
    if (elements >= 2 * kLanes<O>) return (f32v)load((const uint32_t*)p);
    return (f32v)_mm512_maskz_loadu_epi16(__mmask32((uint64_t(1) << elements) - 1), p);
#endif
  } else {
    return elements >= kLanes<O> ? load_as(p) : load_partial_as(p, int(elements));
  }
}

// kLanes<O> whole lines of operands along contiguous k, `stride` apart, transposed: square[q] holds operand q
// of every line.
template <class O, class S>
inline void load_square(const S* p, int64_t stride, Vec<Sum<O>> (&square)[kLanes<O>]) {
#pragma GCC unroll 16
  for (int j = 0; j < kLanes<O>; ++j) square[j] = load_along<O>(p + j * stride, kLanes<O> * kStep<O>);
  transpose<Sum<O>>(square);
}

template <class O, class S>
inline O operand(const S* p, [[maybe_unused]] int64_t next, [[maybe_unused]] bool second) {
  if constexpr (__is_same(O, Pair))
    return p->bits | (second ? Pair(p[next].bits) << 16 : 0);
  else
    return to_compute(*p);
}

}  // namespace hotloop::HOTLOOP_ISA
