// Division of a 32-bit number by one that the host knows beforehand: a multiplication and a shift. Never run on a GPU
// yet.
#pragma once

#include "kernels/cuda/common/device.h"

namespace hotloop::cuda {

// For dividends and divisors below 2^31. With s the least that makes 2^s >= d, and m = 2^32 (2^s - d) / d + 1, rounded
// down, n / d is (m n / 2^32 + n) / 2^s (Granlund and Montgomery, 1994).
class Divider {
 public:
  Divider() = default;
  explicit Divider(uint32_t divisor) : divisor_(divisor), shift_(0) {
    while (uint64_t(1) << shift_ < divisor) ++shift_;
    multiplier_ = uint32_t(((uint64_t(1) << 32) * ((uint64_t(1) << shift_) - divisor)) / divisor + 1);
  }
  // n / d; `rest` becomes n % d.
  __device__ __forceinline__ uint32_t divide(uint32_t n, uint32_t& rest) const {
    const uint32_t quotient = (__umulhi(n, multiplier_) + n) >> shift_;
    rest = n - quotient * divisor_;
    return quotient;
  }

 private:
  uint32_t divisor_, multiplier_, shift_;
};

}  // namespace hotloop::cuda
