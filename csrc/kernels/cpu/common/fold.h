// The lanes of a vector as one number: the first half with the second, and so on, in registers.
#pragma once

#include "kernels/cpu/common/vec.h"

namespace hotloop::HOTLOOP_ISA {

template <class V, class Combine>
[[gnu::always_inline]] inline auto fold(V v, Combine combine) {
  constexpr int lanes = int(sizeof(V) / sizeof(v[0]));
  if constexpr (lanes == 2) {
    return combine(v[0], v[1]);
  } else if constexpr (lanes == 4) {
    return fold(combine(__builtin_shufflevector(v, v, 0, 1), __builtin_shufflevector(v, v, 2, 3)), combine);
  } else if constexpr (lanes == 8) {
    return fold(combine(__builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 4, 5, 6, 7)), combine);
  } else {
    static_assert(lanes == 16);
    return fold(combine(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                        __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)),
                combine);
  }
}

}  // namespace hotloop::HOTLOOP_ISA
