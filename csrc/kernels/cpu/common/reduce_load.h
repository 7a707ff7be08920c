// Between memory and the accumulator type of a reduction: blocks in, results out, any dtype and stride.
#pragma once

#include "kernels/cpu/common/half.h"
#include "kernels/cpu/common/reduce_core.h"

namespace hotloop::HOTLOOP_ISA {

// dst[i] = A(src[i * stride]), or with kNonzero whether it is not zero; rows of that, kStrip apart in dst.
template <class A>
using BlockLoader = void (*)(A* dst, const void* src, int64_t stride, int64_t count, int rows, int64_t row_stride);

template <class A, class T, bool kNonzero>
inline void load_row_as(A* __restrict__ dst, const T* __restrict__ src, int64_t stride, int64_t count) {
  const auto convert = [](T x) -> A {
    if constexpr (__is_same(T, half_t) || __is_same(T, bfloat16_t))
      return kNonzero ? A((x.bits & 0x7fff) != 0) : A(to_f32(x));
    else
      return kNonzero ? A(x != T(0)) : A(x);
  };
  if (stride == 1) {
    if constexpr (!kNonzero && __is_same(T, half_t) && __is_same(A, float))
      load_row(dst, src, count);
    else
      for (int64_t i = 0; i < count; ++i) dst[i] = convert(src[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) dst[i] = convert(src[i * stride]);
  }
}

template <class A, class T, bool kNonzero>
void load_block(A* dst, const void* source, int64_t stride, int64_t count, int rows, int64_t row_stride) {
  const T* src = static_cast<const T*>(source);
  if (sizeof(T) == 2 && !kNonzero && stride == 1 && count == kStrip<A>) {
    // A row is two lines: those beside them, which the next strip reads, come along. Loops have a known length.
    for (int r = 0; r < rows; ++r, dst += kStrip<A>, src += row_stride) {
      for (int64_t line = 0; line < kStrip<A>; line += 32) __builtin_prefetch(src + kStrip<A> + line, 0, 2);
      load_row_as<A, T, kNonzero>(dst, src, 1, kStrip<A>);
    }
    return;
  }
  for (int r = 0; r < rows; ++r, dst += kStrip<A>, src += row_stride)
    load_row_as<A, T, kNonzero>(dst, src, stride, count);
}

template <bool kNonzero>
BlockLoader<int32_t> i32_loader(DType dtype) {
  switch (dtype) {
    case DType::bool_:
    case DType::u8: return load_block<int32_t, uint8_t, kNonzero>;
    case DType::i8: return load_block<int32_t, int8_t, kNonzero>;
    case DType::i32: return load_block<int32_t, int32_t, kNonzero>;
    default: break;
  }
  if constexpr (kNonzero) {
    switch (dtype) {
      case DType::i64: return load_block<int32_t, int64_t, true>;
      case DType::f16: return load_block<int32_t, half_t, true>;
      case DType::bf16: return load_block<int32_t, bfloat16_t, true>;
      case DType::f32: return load_block<int32_t, float, true>;
      case DType::f64: return load_block<int32_t, double, true>;
      default: break;
    }
  }
  return nullptr;
}

template <class A>
BlockLoader<A> loader(DType dtype) {
  if constexpr (__is_same(A, double)) {
    switch (dtype) {
      case DType::f16: return load_block<double, half_t, false>;
      case DType::bf16: return load_block<double, bfloat16_t, false>;
      case DType::f32: return load_block<double, float, false>;
      default: return load_block<double, double, false>;
    }
  } else if constexpr (__is_same(A, float)) {
    return dtype == DType::f16    ? load_block<float, half_t, false>
           : dtype == DType::bf16 ? load_block<float, bfloat16_t, false>
                                  : load_block<float, float, false>;
  } else if constexpr (__is_same(A, int64_t)) {
    switch (dtype) {
      case DType::bool_:
      case DType::u8: return load_block<int64_t, uint8_t, false>;
      case DType::i8: return load_block<int64_t, int8_t, false>;
      case DType::i32: return load_block<int64_t, int32_t, false>;
      default: return load_block<int64_t, int64_t, false>;
    }
  } else {
    return i32_loader<false>(dtype);
  }
}

template <class A, class T>
inline void store_as(T* dst, int64_t stride, const A* values, int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (__is_same(T, half_t))
      dst[i * stride] = to_f16(float(values[i]));
    else if constexpr (__is_same(T, bfloat16_t))
      dst[i * stride] = to_bf16(float(values[i]));
    else if constexpr (__is_same(T, bool))
      dst[i * stride] = values[i] != A(0);
    else
      dst[i * stride] = T(values[i]);
  }
}

// out[offset + i * stride] = values[i], offset and stride in elements of dtype.
template <class A>
void store_results(DType dtype, void* out, int64_t offset, int64_t stride, const A* values, int64_t count) {
  switch (dtype) {
    case DType::bool_: return store_as(static_cast<bool*>(out) + offset, stride, values, count);
    case DType::u8: return store_as(static_cast<uint8_t*>(out) + offset, stride, values, count);
    case DType::i8: return store_as(static_cast<int8_t*>(out) + offset, stride, values, count);
    case DType::i32: return store_as(static_cast<int32_t*>(out) + offset, stride, values, count);
    case DType::i64: return store_as(static_cast<int64_t*>(out) + offset, stride, values, count);
    case DType::f16: return store_as(static_cast<half_t*>(out) + offset, stride, values, count);
    case DType::bf16: return store_as(static_cast<bfloat16_t*>(out) + offset, stride, values, count);
    case DType::f32: return store_as(static_cast<float*>(out) + offset, stride, values, count);
    case DType::f64: return store_as(static_cast<double*>(out) + offset, stride, values, count);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
