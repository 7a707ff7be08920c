// What launchers share on the host: sizes of blocks and grids, and the step from a dtype to its C++ type.
#pragma once

#include "core/gpu.h"
#include "kernels/cuda/common/block.h"

namespace hotloop::cuda {

// A grid of one dimension over n items, one thread each, whose threads stride over what is left: no more blocks than
// the device holds twice, and no more threads in a block than a small problem has items.
struct Grid {
  unsigned blocks, threads;
};
inline Grid grid_for(int64_t n, int most_threads = 256) {
  const int64_t warps = (n + kWarpSize - 1) / kWarpSize;
  const int threads = int(warps * kWarpSize < most_threads ? warps * kWarpSize : most_threads);
  if (threads == 0) return {0, unsigned(kWarpSize)};
  const int64_t resident = int64_t(gpu::properties(gpu::current_device()).multiprocessors) * (2048 / threads);
  return {blocks_for(n, threads, 2 * resident), unsigned(threads)};
}

// Calls f with a value of the dtype's type.
template <class F>
void with_float(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f16: return f(half_t{});
    case DType::bf16: return f(bfloat16_t{});
    case DType::f64: return f(double{});
    default: return f(float{});
  }
}
template <class F>
void with_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::bool_: return f(bool{});
    case DType::u8: return f(uint8_t{});
    case DType::i8: return f(int8_t{});
    case DType::i32: return f(int32_t{});
    case DType::i64: return f(int64_t{});
    default: return with_float(dtype, f);
  }
}

// Calls f with a value of the unsigned type of so many bytes: elements that are moved, and of which no more is asked.
template <class F>
void with_bits(size_t bytes, F&& f) {
  switch (bytes) {
    case 1: return f(uint8_t{});
    case 2: return f(uint16_t{});
    case 4: return f(uint32_t{});
    default: return f(uint64_t{});
  }
}

// The type that a dtype's arithmetic is done in.
template <class T>
using Compute = std::conditional_t<std::is_same_v<T, half_t> || std::is_same_v<T, bfloat16_t>, float, T>;

}  // namespace hotloop::cuda
