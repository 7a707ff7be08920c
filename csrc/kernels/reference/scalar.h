// Elements of any dtype as numbers, for the naive kernels.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/dtype.h"

namespace hotloop::reference {

inline float f16_to_f32(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 0x3ff;
  float x = exponent == 31 ? (mantissa ? NAN : INFINITY)
            : exponent     ? std::ldexp(float(mantissa + 1024), exponent - 25)
                           : std::ldexp(float(mantissa), -24);
  return bits & 0x8000 ? -x : x;
}
inline float bf16_to_f32(uint16_t bits) {
  const uint32_t wide = uint32_t(bits) << 16;
  float x;
  std::memcpy(&x, &wide, 4);
  return x;
}
// To the nearest number of `digits` binary digits with exponents from `lowest`, ties to even.
inline double round_to_digits(double x, int digits, int lowest) {
  if (x == 0 || !std::isfinite(x)) return x;
  const int exponent = std::max(std::ilogb(x), lowest) - (digits - 1);
  return std::ldexp(std::nearbyint(std::ldexp(x, -exponent)), exponent);
}
inline uint16_t f32_to_bf16(float x) {
  uint32_t bits;
  if (std::isnan(x)) return 0x7fc0;
  const float rounded = float(round_to_digits(x, 8, -126));
  std::memcpy(&bits, &rounded, 4);
  return uint16_t(bits >> 16);
}
inline uint16_t f32_to_f16(float x) {
  const uint16_t sign = std::signbit(x) ? 0x8000 : 0;
  if (std::isnan(x)) return 0x7e00;
  const double a = std::fabs(round_to_digits(x, 11, -14));
  if (a > 65504) return sign | 0x7c00;
  if (a < 0x1p-14) return sign | uint16_t(std::ldexp(a, 24));
  const int exponent = std::ilogb(a);
  return sign | uint16_t((exponent + 14) * 1024 + int(std::ldexp(a, 10 - exponent)));
}

inline double get(const void* p, DType dtype, int64_t i) {
  switch (dtype) {
    case DType::bool_:
    case DType::u8: return static_cast<const uint8_t*>(p)[i];
    case DType::i8: return static_cast<const int8_t*>(p)[i];
    case DType::i32: return static_cast<const int32_t*>(p)[i];
    case DType::i64: return double(static_cast<const int64_t*>(p)[i]);
    case DType::f16: return f16_to_f32(static_cast<const uint16_t*>(p)[i]);
    case DType::bf16: return bf16_to_f32(static_cast<const uint16_t*>(p)[i]);
    case DType::f32: return static_cast<const float*>(p)[i];
    case DType::f64: return static_cast<const double*>(p)[i];
  }
  return 0;
}
inline int64_t get_integer(const void* p, DType dtype, int64_t i) {
  return dtype == DType::i64 ? static_cast<const int64_t*>(p)[i] : int64_t(get(p, dtype, i));
}

inline void put(void* p, DType dtype, int64_t i, double x) {
  switch (dtype) {
    case DType::bool_: static_cast<bool*>(p)[i] = x != 0; break;
    case DType::u8: static_cast<uint8_t*>(p)[i] = uint8_t(x); break;
    case DType::i8: static_cast<int8_t*>(p)[i] = int8_t(x); break;
    case DType::i32: static_cast<int32_t*>(p)[i] = int32_t(x); break;
    case DType::i64: static_cast<int64_t*>(p)[i] = int64_t(x); break;
    case DType::f16: static_cast<uint16_t*>(p)[i] = f32_to_f16(float(x)); break;
    case DType::bf16: static_cast<uint16_t*>(p)[i] = f32_to_bf16(float(x)); break;
    case DType::f32: static_cast<float*>(p)[i] = float(x); break;
    case DType::f64: static_cast<double*>(p)[i] = x; break;
  }
}
inline void put_integer(void* p, DType dtype, int64_t i, int64_t x) {
  if (dtype == DType::i64)
    static_cast<int64_t*>(p)[i] = x;
  else if (dtype == DType::i32)
    static_cast<int32_t*>(p)[i] = int32_t(x);
  else if (dtype == DType::i8)
    static_cast<int8_t*>(p)[i] = int8_t(x);
  else if (dtype == DType::u8)
    static_cast<uint8_t*>(p)[i] = uint8_t(x);
  else
    put(p, dtype, i, double(x));
}

}  // namespace hotloop::reference
