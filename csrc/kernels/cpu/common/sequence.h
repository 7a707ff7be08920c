// Sequences (kernels/args/sequence.h): bound by writing. A vector of positions is counted on, since few instruction sets
// convert 64-bit integers.
#pragma once

#include "kernels/args/sequence.h"
#include "kernels/cpu/common/chunks.h"
#include "kernels/cpu/common/half.h"
#include "kernels/cpu/common/pointwise_drive.h"
#include "kernels/cpu/common/vec_convert.h"

namespace hotloop::HOTLOOP_ISA {

// out[i] = base + (first + i) * step.
template <class T, class N>
[[gnu::noinline]] void affine(T* out, int64_t count, N base, int64_t first, N step) {
  constexpr int lanes = kLanes<N>;
  Vec<N> position;
  for (int j = 0; j < lanes; ++j) position[j] = N(first + j);
  int64_t i = 0;
  if constexpr (kSixteenBits<T>) {
    constexpr int64_t kTogether = 64;
    alignas(64) float floats[kTogether];
    for (; i < count; i += kTogether) {
#pragma GCC unroll 1
      for (int j = 0; j < kTogether; j += lanes, position += N(lanes)) {
        const auto odd = odd_floats(__builtin_convertvector(base + position * step, f64v));
        __builtin_memcpy(floats + j, &odd, sizeof odd);
      }
      store_row(out + i, floats, smaller(kTogether, count - i));
    }
  } else {
    if constexpr (!__is_same(T, bool)) {
      typedef T Elements __attribute__((vector_size(lanes * sizeof(T))));
#pragma GCC unroll 2
      for (; i + lanes <= count; i += lanes, position += N(lanes)) {
        const Elements elements = __builtin_convertvector(base + position * step, Elements);
        __builtin_memcpy(out + i, &elements, sizeof elements);
      }
    }
    for (; i < count; ++i) out[i] = T(base + N(first + i) * step);
  }
}

template <class T>
void sequence_of(const SequenceArgs& s) {
  T* out = static_cast<T*>(s.out);
  // What a narrow integer keeps of a sum or product depends on the low bits alone.
  using Whole = typename Choose<kDTypesOf<T> == kDTypesOf<bool> || (kDTypesOf<T> & kFloats) || sizeof(T) == 8, int64_t,
                                int32_t>::type;
  if (s.whole) return affine<T, Whole>(out, s.n, Whole(s.n_start), 0, Whole(s.n_step));
  const int64_t forward = s.from_end ? s.n - s.n / 2 : s.n;
  affine<T, double>(out, forward, s.start, 0, s.step);
  affine<T, double>(out + forward, s.n - forward, s.end, forward - (s.n - 1), s.step);
}

void sequence(const SequenceArgs& s) {
  switch (s.dtype) {
    case DType::bool_: return sequence_of<bool>(s);
    case DType::u8: return sequence_of<uint8_t>(s);
    case DType::i8: return sequence_of<int8_t>(s);
    case DType::i32: return sequence_of<int32_t>(s);
    case DType::i64: return sequence_of<int64_t>(s);
    case DType::f16: return sequence_of<half_t>(s);
    case DType::bf16: return sequence_of<bfloat16_t>(s);
    case DType::f32: return sequence_of<float>(s);
    case DType::f64: return sequence_of<double>(s);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
