// parallel_run over a callable of this instruction set's namespace.
#pragma once

#include "core/parallel.h"
#include "kernels/cpu/common/vec.h"

namespace hotloop::HOTLOOP_ISA {

template <class F>
inline void for_chunks(int64_t chunks, F&& f) {
  if (chunks == 1) return f(int64_t(0));
  struct Body {
    F& f;
  } body{f};
  parallel_run(chunks, [](void* context, int64_t chunk) { static_cast<Body*>(context)->f(chunk); }, &body);
}

template <class T>
constexpr T smaller(T a, T b) {
  return a < b ? a : b;
}
template <class T>
constexpr T larger(T a, T b) {
  return a > b ? a : b;
}

}  // namespace hotloop::HOTLOOP_ISA
