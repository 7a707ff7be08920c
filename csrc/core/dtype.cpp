#include "core/dtype.h"

namespace hotloop {

namespace {

struct Info {
  const char* name;
  size_t itemsize;
};

constexpr Info kInfo[kDTypeCount] = {
    {"bool", 1},    {"uint8", 1},    {"int8", 1},    {"int32", 4},   {"int64", 8},
    {"float16", 2}, {"bfloat16", 2}, {"float32", 4}, {"float64", 8},
};

bool either_is(DType a, DType b, DType x, DType y) { return (a == x && b == y) || (a == y && b == x); }

}  // namespace

size_t itemsize(DType dtype) { return kInfo[int(dtype)].itemsize; }
const char* name(DType dtype) { return kInfo[int(dtype)].name; }
bool is_floating(DType dtype) { return set_of(dtype) & kFloats; }
bool is_integral(DType dtype) { return set_of(dtype) & kIntegers; }
DTypeSet set_of(DType dtype) { return DTypeSet(1u << int(dtype)); }

DType promote(DType a, DType b) {
  if (either_is(a, b, DType::u8, DType::i8)) {
    return DType::i32;
  }
  if (either_is(a, b, DType::f16, DType::bf16)) {
    return DType::f32;
  }
  return a > b ? a : b;  // the enumerators stand in the order of promotion
}

}  // namespace hotloop
