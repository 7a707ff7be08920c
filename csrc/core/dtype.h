// Element types. Plain declarations only: kernels of every instruction set include this file,
// and nothing inline may cross from one instruction set to another (csrc/README.md).
#pragma once

#include <cstddef>
#include <cstdint>

namespace hotloop {

// In order of promotion within a category; categories are bool < integer < floating.
enum class DType : uint8_t { bool_, u8, i8, i32, i64, f16, bf16, f32, f64 };
constexpr int kDTypeCount = 9;

// 16-bit floats are carried as bits; arithmetic on them is done in f32.
struct half_t {
  uint16_t bits;
};
struct bfloat16_t {
  uint16_t bits;
};

// A set of dtypes as a bit mask: bit i stands for DType(i).
using DTypeSet = uint16_t;
constexpr DTypeSet kBool = 1u << 0;
constexpr DTypeSet kIntegers = (1u << 1) | (1u << 2) | (1u << 3) | (1u << 4);
constexpr DTypeSet kFloats = (1u << 5) | (1u << 6) | (1u << 7) | (1u << 8);
constexpr DTypeSet kAllDTypes = kBool | kIntegers | kFloats;

size_t itemsize(DType dtype);
const char* name(DType dtype);  // "float32", as in Python
bool is_floating(DType dtype);
bool is_integral(DType dtype);  // integers without bool
DTypeSet set_of(DType dtype);

// The smallest dtype that both convert to, by PyTorch's table. One entry differs: u8 with i8 gives i32,
// where PyTorch gives int16, which is not among the dtypes here.
DType promote(DType a, DType b);

}  // namespace hotloop
