// Sequences (kernels/args/sequence.h).
#include "kernels/args/sequence.h"

#include "core/half.h"

namespace hotloop::reference {

namespace {

template <class T, class Convert>
void fill(const SequenceArgs& s, Convert convert) {
  T* out = static_cast<T*>(s.out);
  if (s.whole) {
    for (int64_t i = 0; i < s.n; ++i) out[i] = convert(s.n_start + i * s.n_step);
    return;
  }
  const int64_t counted_back = s.from_end ? s.n / 2 : 0;
  for (int64_t i = 0; i < s.n - counted_back; ++i) out[i] = convert(s.start + double(i) * s.step);
  for (int64_t i = s.n - counted_back; i < s.n; ++i) out[i] = convert(s.end - double(s.n - 1 - i) * s.step);
}

template <class T>
void plain(const SequenceArgs& s) {
  fill<T>(s, [](auto v) { return T(v); });
}

}  // namespace

void sequence(const SequenceArgs& s) {
  switch (s.dtype) {
    case DType::bool_: return plain<bool>(s);
    case DType::u8: return plain<uint8_t>(s);
    case DType::i8: return plain<int8_t>(s);
    case DType::i32: return plain<int32_t>(s);
    case DType::i64: return plain<int64_t>(s);
    case DType::f16: return fill<half_t>(s, [](auto v) { return to_half(double(v)); });
    case DType::bf16: return fill<bfloat16_t>(s, [](auto v) { return to_bfloat16(double(v)); });
    case DType::f32: return plain<float>(s);
    case DType::f64: return plain<double>(s);
  }
}

}  // namespace hotloop::reference
