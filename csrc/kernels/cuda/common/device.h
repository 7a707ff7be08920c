// The one header that a kernel file includes for CUDA's words. nvcc brings them itself; for the host compiler
// (HOTLOOP_EMULATE) the emulator plays them: qualifiers, threadIdx and kin, barriers, shuffles, votes, atomics on
// integers, vector types, mathematics. Never run on a GPU yet.
//
// What is said differently from CUDA, so that the emulator knows each array by name, size and place:
//
//   SHARED(float[32][33], tile);        for  __shared__ float tile[32][33];   (aligned to 16 bytes at least)
//   DYNAMIC_SHARED(half_t, ring);       for  extern __shared__: a half_t*, aligned to 128 bytes
//   DEVICE_CHECK(i < n);                for  assert
//
// A type with a comma in it needs a `using` first. Launches go through launch.h, instructions through ptx.h.
//
// 16-bit floats are core's half_t and bfloat16_t, converted by to_f32, to_f16, to_bf16 and convert<T>: to nearest,
// ties to even, subnormals kept; NaN stays NaN, but its other bits are the GPU's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/dtype.h"

#if defined(__CUDACC__)

#include <cuda_runtime.h>

#define SHARED(type, name) __shared__ __align__(16)::std::type_identity_t<type> name
#define DYNAMIC_SHARED(type, name)                                         \
  extern __shared__ __align__(128) unsigned char hotloop_dynamic_shared[]; \
  type* const name = reinterpret_cast<type*>(hotloop_dynamic_shared)
#define DEVICE_CHECK(condition) ((condition) ? void() : __trap())

namespace hotloop::cuda {

__device__ __forceinline__ float to_f32(half_t x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
  return y;
}
__device__ __forceinline__ float to_f32(bfloat16_t x) { return __uint_as_float(unsigned(x.bits) << 16); }

__device__ __forceinline__ half_t to_f16(float x) {
  half_t y;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
}
__device__ __forceinline__ half_t to_f16(double x) {
  half_t y;
  asm("cvt.rn.f16.f64 %0, %1;" : "=h"(y.bits) : "d"(x));
  return y;
}
__device__ __forceinline__ bfloat16_t to_bf16(float x) {
  bfloat16_t y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
}
__device__ __forceinline__ bfloat16_t to_bf16(double x) {
  // Rounded once: to odd in f32 first, which leaves the second rounding nothing to decide wrongly.
  float y = __double2float_rz(x);
  if (double(y) != x && x == x) y = __uint_as_float(__float_as_uint(y) | 1);
  return to_bf16(y);
}

__device__ __forceinline__ void check_aligned(const void*, size_t) {}
// Loads and stores of one value that other threads change meanwhile; they order nothing else.
template <class T>
__device__ __forceinline__ T load_relaxed(const T* p) {
  return *static_cast<const volatile T*>(p);
}
template <class T>
__device__ __forceinline__ void store_relaxed(T* p, T value) {
  *static_cast<volatile T*>(p) = value;
}
__device__ __forceinline__ unsigned lane_index() {
  unsigned lane;
  asm("mov.u32 %0, %%laneid;" : "=r"(lane));
  return lane;
}

}  // namespace hotloop::cuda

#elif defined(HOTLOOP_EMULATE)
#include "kernels/cuda/emulator/device.h"
#else
#error "a kernel is compiled by nvcc, or by the host compiler with HOTLOOP_EMULATE defined"
#endif

namespace hotloop::cuda {

__device__ __forceinline__ float to_f32(float x) { return x; }

// From any dtype to any; from a 16-bit float through f32, which holds it exactly. Integers beyond the range of an
// integer type are the caller's to look at first.
template <class To, class From>
__device__ __forceinline__ To convert(From x) {
  if constexpr (std::is_same_v<To, From>) {
    return x;
  } else if constexpr (std::is_same_v<From, half_t> || std::is_same_v<From, bfloat16_t>) {
    return convert<To>(to_f32(x));
  } else if constexpr (std::is_same_v<To, half_t> || std::is_same_v<To, bfloat16_t>) {
    using Exact = std::conditional_t<std::is_floating_point_v<From>, From, double>;
    if constexpr (std::is_same_v<To, half_t>) {
      return to_f16(Exact(x));
    } else {
      return to_bf16(Exact(x));
    }
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace hotloop::cuda
