// What tests of the GPU's kernels share: arrays of any dtype with values to test by, and comparisons.
#pragma once

#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/error.h"
#include "core/gpu.h"
#include "emulated.h"
#include "kernels/reference/scalar.h"

// Declares a kernel of the GPU and those that judge it: its reference or, bit by bit, the CPU's.
#define HOTLOOP_TESTED_KERNEL(kernel, Args) \
  namespace hotloop::sm80 {                 \
  void kernel(const Args&, GpuStream);      \
  }                                         \
  namespace hotloop::baseline {             \
  void kernel(const Args&);                 \
  }                                         \
  namespace hotloop::reference {            \
  void kernel(const Args&);                 \
  }

namespace kernels {

using emulated::Array;
using hotloop::DType;

inline const std::vector<DType> kFloatDTypes = {DType::f16, DType::bf16, DType::f32, DType::f64};
inline const std::vector<DType> kEveryDType = {DType::bool_, DType::u8,   DType::i8,  DType::i32, DType::i64,
                                               DType::f16,   DType::bf16, DType::f32, DType::f64};

// Elements of a dtype in the emulated GPU's memory, `skew` elements behind an aligned address.
class Elements {
 public:
  Elements(DType dtype, int64_t n, int64_t skew = 0)
      : dtype_(dtype),
        n_(n),
        item_(int64_t(hotloop::itemsize(dtype))),
        skew_(skew),
        bytes_(size_t((n + skew) * item_), [](size_t) { return uint8_t(0); }) {}
  Elements(const Elements& other) : Elements(other.dtype_, other.n_, other.skew_) {
    std::memcpy(data(), other.data(), size_t(n_ * item_));
  }

  DType dtype() const { return dtype_; }
  int64_t size() const { return n_; }
  template <class T = void>
  T* data() const {
    return reinterpret_cast<T*>(bytes_.data() + skew_ * item_);
  }
  double operator[](int64_t i) const { return hotloop::reference::get(data(), dtype_, i); }
  void set(int64_t i, double x) const { hotloop::reference::put(data(), dtype_, i, x); }
  bool same_bits(const Elements& other) const {
    return n_ == other.n_ && std::memcmp(data(), other.data(), size_t(n_ * item_)) == 0;
  }
  // Elements that differ; NaN is equal to NaN, whatever its bits.
  int64_t differences(const Elements& other) const {
    int64_t count = 0;
    for (int64_t i = 0; i < n_; ++i) {
      const bool nan = std::isnan((*this)[i]) && std::isnan(other[i]);
      count += !nan && std::memcmp(data<char>() + i * item_, other.data<char>() + i * item_, size_t(item_)) != 0;
    }
    return count;
  }

 private:
  DType dtype_;
  int64_t n_, item_, skew_;
  Array<uint8_t> bytes_;
};

// A small generator of numbers to test by.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed * 2862933555777941757u + 3037000493u) {}
  uint64_t bits() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  int64_t below(int64_t n) { return int64_t(bits() >> 11) % n; }
  double uniform(double low, double high) { return low + (high - low) * double(bits() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

inline std::string text(const char* format, ...) {
  char all[400];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(all, sizeof all, format, arguments);
  va_end(arguments);
  return all;
}

inline bool is_float(DType dtype) { return dtype >= DType::f16; }
// A unit in the last place of 1.
inline double epsilon(DType dtype) {
  switch (dtype) {
    case DType::f16: return 0x1p-10;
    case DType::bf16: return 0x1p-7;
    case DType::f32: return 0x1p-23;
    default: return 0x1p-52;
  }
}
// The same of what f16, bf16 and f32 are computed in.
inline double arithmetic(DType dtype) { return epsilon(dtype == DType::f64 ? DType::f64 : DType::f32); }

// Reports the first element that is off by more than its last rounding and `lost`, what arithmetic may lose before it.
inline void check_near(const std::string& what, const Elements& got, const Elements& want, double lost) {
  const DType dtype = got.dtype();
  const double smallest = dtype == DType::f16 ? 0x1p-24 : 0;
  for (int64_t i = 0; i < got.size(); ++i) {
    const double bound = epsilon(dtype) * std::fabs(want[i]) + lost + smallest;
    const bool same = got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]));
    if (same || std::fabs(got[i] - want[i]) <= bound) continue;
    return check::report(__FILE__, __LINE__,
                         text("%s %s: at %lld got %.17g, want %.17g, bound %.3g", what.c_str(), name(dtype),
                              (long long)i, got[i], want[i], bound));
  }
}

}  // namespace kernels
