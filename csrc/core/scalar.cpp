#include "core/scalar.h"

#include <limits>
#include <type_traits>

namespace hotloop {

namespace {

template <class T>
bool fits_integer(const Scalar& value) {
  using Limits = std::numeric_limits<T>;
  if (value.kind == Scalar::floating) {
    constexpr double low = double(Limits::min()), high = double(Limits::max());
    // 2^63 is a double, the largest int64 is not.
    return value.f > low - 1 && (sizeof(T) == 8 ? value.f >= low && value.f < high : value.f < high + 1);
  }
  const int64_t low = std::is_unsigned_v<T> ? -int64_t(Limits::max()) : int64_t(Limits::min());
  return value.i >= low && value.i <= int64_t(Limits::max());
}

}  // namespace

bool fits(const Scalar& value, DType dtype) {
  switch (dtype) {
    case DType::u8: return fits_integer<uint8_t>(value);
    case DType::i8: return fits_integer<int8_t>(value);
    case DType::i32: return fits_integer<int32_t>(value);
    case DType::i64: return fits_integer<int64_t>(value);
    default: return true;
  }
}

}  // namespace hotloop
