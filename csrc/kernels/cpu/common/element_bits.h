// Elements as bits of their size, for kernels that move them and ask nothing more of them.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace hotloop::HOTLOOP_ISA {

// Calls f with a value of the unsigned type that is as large as the dtype's.
template <class F>
inline void with_bits(DType dtype, F&& f) {
  switch (itemsize(dtype)) {
    case 1: return f(uint8_t{});
    case 2: return f(uint16_t{});
    case 4: return f(uint32_t{});
    default: return f(uint64_t{});
  }
}

}  // namespace hotloop::HOTLOOP_ISA
