// Copies, one element after another.
#include <cstring>
#include <type_traits>

#include "core/half.h"
#include "kernels/args/copy.h"

namespace hotloop::reference {

namespace {

// Exactly, and into the one wider type of its category.
double widen(float x) { return x; }
double widen(double x) { return x; }
double widen(half_t x) { return to_float(x); }
double widen(bfloat16_t x) { return to_float(x); }
template <class T>
  requires std::is_integral_v<T>
int64_t widen(T x) {
  return x;
}

template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (std::is_same_v<To, bool>) {
    return widen(x) != 0;
  } else if constexpr (std::is_same_v<To, half_t>) {
    return to_half(double(widen(x)));
  } else if constexpr (std::is_same_v<To, bfloat16_t>) {
    return to_bfloat16(double(widen(x)));
  } else {
    return To(widen(x));
  }
}

template <class To, class From>
void copy_elements(const PointwiseArgs& args) {
  int64_t elements = 1;
  for (int d = 0; d < args.ndim; ++d) elements *= args.sizes[d];
  for (int64_t i = 0; i < elements; ++i) {
    int64_t rest = i, out = 0, in = 0;
    for (int d = args.ndim - 1; d >= 0; --d) {
      out += rest % args.sizes[d] * args.out_strides[d];
      in += rest % args.sizes[d] * args.in_strides[0][d];
      rest /= args.sizes[d];
    }
    static_cast<To*>(args.out)[out] = convert<To>(static_cast<const From*>(args.in[0])[in]);
  }
}

template <class From>
void copy_from(DType to, const PointwiseArgs& args) {
  switch (to) {
    case DType::bool_: return copy_elements<bool, From>(args);
    case DType::u8: return copy_elements<uint8_t, From>(args);
    case DType::i8: return copy_elements<int8_t, From>(args);
    case DType::i32: return copy_elements<int32_t, From>(args);
    case DType::i64: return copy_elements<int64_t, From>(args);
    case DType::f16: return copy_elements<half_t, From>(args);
    case DType::bf16: return copy_elements<bfloat16_t, From>(args);
    case DType::f32: return copy_elements<float, From>(args);
    case DType::f64: return copy_elements<double, From>(args);
  }
}

}  // namespace

void copy(const CopyArgs& args) {
  switch (args.from) {
    case DType::bool_: return copy_from<bool>(args.to, args.operands);
    case DType::u8: return copy_from<uint8_t>(args.to, args.operands);
    case DType::i8: return copy_from<int8_t>(args.to, args.operands);
    case DType::i32: return copy_from<int32_t>(args.to, args.operands);
    case DType::i64: return copy_from<int64_t>(args.to, args.operands);
    case DType::f16: return copy_from<half_t>(args.to, args.operands);
    case DType::bf16: return copy_from<bfloat16_t>(args.to, args.operands);
    case DType::f32: return copy_from<float>(args.to, args.operands);
    case DType::f64: return copy_from<double>(args.to, args.operands);
  }
}

}  // namespace hotloop::reference
