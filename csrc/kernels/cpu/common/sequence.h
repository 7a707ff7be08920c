// Sequences (kernels/args/sequence.h): bound by writing. A vector of positions is counted on, since few instruction sets
// convert 64-bit integers.
#pragma once

#include "core/half.h"
#include "kernels/args/sequence.h"
#include "kernels/cpu/common/half.h"
#include "kernels/cpu/common/pointwise_drive.h"
#include "kernels/cpu/common/vec_convert.h"

namespace hotloop::HOTLOOP_ISA {

template <class T, class N>
inline T sequence_element(N number) {
  if constexpr (__is_same(T, half_t))
    return hotloop::to_half(double(number));
  else if constexpr (__is_same(T, bfloat16_t))
    return hotloop::to_bfloat16(double(number));
  else
    return T(number);
}

// out[i] = base + (first + i) * step.
template <class T, class N>
void affine(T* out, int64_t count, N base, int64_t first, N step) {
  constexpr int lanes = kLanes<N>;
  Vec<N> position;
  for (int j = 0; j < lanes; ++j) position[j] = N(first + j);
  for (int64_t i = 0; i < count; i += lanes, position += N(lanes)) {
    const Vec<N> numbers = base + position * step;
    if constexpr (__is_same(T, bool) || kSixteenBits<T>) {
      for (int j = 0; j < lanes && i + j < count; ++j) out[i + j] = sequence_element<T>(numbers[j]);
    } else {
      typedef T Elements __attribute__((vector_size(lanes * sizeof(T))));
      const Elements elements = __builtin_convertvector(numbers, Elements);
      if (i + lanes <= count)
        __builtin_memcpy(out + i, &elements, sizeof elements);
      else
        copy_bytes<int(sizeof elements)>((char*)(out + i), (const char*)&elements, int((count - i) * sizeof(T)));
    }
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
