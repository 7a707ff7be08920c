// CUDA's words for the host compiler: what a kernel file may say, played by the emulator. No CUDA header is needed.
// Included through kernels/cuda/common/device.h only.
//
// The functions are not inline where they touch memory that threads share: they check the access themselves, and the
// kernel's own loads and stores are checked through GCC's instrumentation (hooks.cpp). cmake/cuda_emulator.cmake has
// the options that kernels are compiled with.
#pragma once

#include <math.h>
#include <string.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "core/dtype.h"
#include "kernels/cuda/emulator/intrinsics.h"
#include "kernels/cuda/emulator/types.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) alignas(n)

namespace hotloop::emulator {

// Of the running thread. `const`: they do not change while it runs.
[[gnu::const]] uint3 thread_index();
[[gnu::const]] uint3 block_index();
[[gnu::const]] dim3 block_size();
[[gnu::const]] dim3 grid_size();
[[gnu::const]] unsigned lane_index();

// One shared array of a kernel.
struct SharedSite {
  const char* name;
  size_t bytes, align;
};
void* shared_array(const SharedSite& site);
void* dynamic_shared();
// Threads run until here; the first thread of a block to come makes the array.

enum class Predicate : uint8_t { none, count, all, any };
int block_barrier(Predicate kind, int predicate);
void warp_barrier(unsigned mask);

enum class Shuffle : uint8_t { index, up, down, exclusive_or };
uint64_t shuffle(Shuffle kind, unsigned mask, uint64_t value, int argument, int width);
enum class Vote : uint8_t { ballot, all, any };
unsigned vote(Vote kind, unsigned mask, int predicate);
unsigned match_any(unsigned mask, uint64_t value);
unsigned match_all(unsigned mask, uint64_t value, int* same);
enum class Reduction : uint8_t { add, min, max, bit_and, bit_or, bit_xor };
unsigned reduce(Reduction kind, unsigned mask, unsigned value, bool is_signed);
unsigned active_mask();

enum class Atomic : uint8_t { add, sub, min, max, bit_and, bit_or, bit_xor, exchange, increment, decrement };
template <class T>
T atomic(Atomic kind, T* p, T value);
template <class T>
T compare_and_swap(T* p, T expected, T desired);
template <class T>
T load_atomic(const T* p);
template <class T>
void store_atomic(T* p, T value);
void fence();

[[noreturn]] void check_failed(const char* condition, const char* file, int line);
// Throws where p isn't aligned to `bytes`, which is a power of 2.
void check_aligned(const void* p, size_t bytes);

template <class T, class From>
T bits_as(From x) {
  T to{};
  __builtin_memcpy(&to, &x, sizeof(T) < sizeof(From) ? sizeof(T) : sizeof(From));
  return to;
}

}  // namespace hotloop::emulator

#define threadIdx (::hotloop::emulator::thread_index())
#define blockIdx (::hotloop::emulator::block_index())
#define blockDim (::hotloop::emulator::block_size())
#define gridDim (::hotloop::emulator::grid_size())
constexpr int warpSize = 32;

// --- barriers and fences ----------------------------------------------------------------------------
inline void __syncthreads() { hotloop::emulator::block_barrier(hotloop::emulator::Predicate::none, 0); }
inline int __syncthreads_count(int predicate) {
  return hotloop::emulator::block_barrier(hotloop::emulator::Predicate::count, predicate);
}
inline int __syncthreads_and(int predicate) {
  return hotloop::emulator::block_barrier(hotloop::emulator::Predicate::all, predicate);
}
inline int __syncthreads_or(int predicate) {
  return hotloop::emulator::block_barrier(hotloop::emulator::Predicate::any, predicate);
}
inline void __syncwarp(unsigned mask = 0xffffffffu) { hotloop::emulator::warp_barrier(mask); }
inline void __threadfence() { hotloop::emulator::fence(); }
inline void __threadfence_block() { hotloop::emulator::fence(); }
inline void __threadfence_system() { hotloop::emulator::fence(); }

// --- what the lanes of a warp do together -----------------------------------------------------------
#define HOTLOOP_SHUFFLE(name, kind, argument)                                                                 \
  template <class T>                                                                                          \
  inline T name(unsigned mask, T value, argument x, int width = 32) {                                         \
    static_assert(std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8), "4 or 8 bytes, as in CUDA"); \
    return hotloop::emulator::bits_as<T>(hotloop::emulator::shuffle(                                          \
        hotloop::emulator::Shuffle::kind, mask, hotloop::emulator::bits_as<uint64_t>(value), int(x), width)); \
  }
HOTLOOP_SHUFFLE(__shfl_sync, index, int)
HOTLOOP_SHUFFLE(__shfl_up_sync, up, unsigned)
HOTLOOP_SHUFFLE(__shfl_down_sync, down, unsigned)
HOTLOOP_SHUFFLE(__shfl_xor_sync, exclusive_or, int)
#undef HOTLOOP_SHUFFLE

inline unsigned __ballot_sync(unsigned mask, int predicate) {
  return hotloop::emulator::vote(hotloop::emulator::Vote::ballot, mask, predicate);
}
inline int __all_sync(unsigned mask, int predicate) {
  return int(hotloop::emulator::vote(hotloop::emulator::Vote::all, mask, predicate));
}
inline int __any_sync(unsigned mask, int predicate) {
  return int(hotloop::emulator::vote(hotloop::emulator::Vote::any, mask, predicate));
}
inline unsigned __activemask() { return hotloop::emulator::active_mask(); }
template <class T>
inline unsigned __match_any_sync(unsigned mask, T value) {
  return hotloop::emulator::match_any(mask, hotloop::emulator::bits_as<uint64_t>(value));
}
template <class T>
inline unsigned __match_all_sync(unsigned mask, T value, int* same) {
  return hotloop::emulator::match_all(mask, hotloop::emulator::bits_as<uint64_t>(value), same);
}

#define HOTLOOP_REDUCE(name, kind, type)                                                                               \
  inline type name(unsigned mask, type value) {                                                                        \
    return type(                                                                                                       \
        hotloop::emulator::reduce(hotloop::emulator::Reduction::kind, mask, unsigned(value), std::is_signed_v<type>)); \
  }
HOTLOOP_REDUCE(__reduce_add_sync, add, int)
HOTLOOP_REDUCE(__reduce_add_sync, add, unsigned)
HOTLOOP_REDUCE(__reduce_min_sync, min, int)
HOTLOOP_REDUCE(__reduce_min_sync, min, unsigned)
HOTLOOP_REDUCE(__reduce_max_sync, max, int)
HOTLOOP_REDUCE(__reduce_max_sync, max, unsigned)
HOTLOOP_REDUCE(__reduce_and_sync, bit_and, unsigned)
HOTLOOP_REDUCE(__reduce_or_sync, bit_or, unsigned)
HOTLOOP_REDUCE(__reduce_xor_sync, bit_xor, unsigned)
#undef HOTLOOP_REDUCE

// --- atomics, on integers only: sums of floats by atomics would differ from run to run ----------------
#define HOTLOOP_ATOMIC(name, kind, type) \
  inline type name(type* p, type value) { return hotloop::emulator::atomic(hotloop::emulator::Atomic::kind, p, value); }
#define HOTLOOP_ATOMICS(type)                                         \
  HOTLOOP_ATOMIC(atomicAdd, add, type)                                \
  HOTLOOP_ATOMIC(atomicMin, min, type)                                \
  HOTLOOP_ATOMIC(atomicMax, max, type)                                \
  HOTLOOP_ATOMIC(atomicAnd, bit_and, type)                            \
  HOTLOOP_ATOMIC(atomicOr, bit_or, type)                              \
  HOTLOOP_ATOMIC(atomicXor, bit_xor, type)                            \
  HOTLOOP_ATOMIC(atomicExch, exchange, type)                          \
  inline type atomicCAS(type* p, type expected, type desired) {       \
    return hotloop::emulator::compare_and_swap(p, expected, desired); \
  }
HOTLOOP_ATOMICS(int)
HOTLOOP_ATOMICS(unsigned)
HOTLOOP_ATOMICS(unsigned long long)
HOTLOOP_ATOMIC(atomicSub, sub, int)
HOTLOOP_ATOMIC(atomicSub, sub, unsigned)
HOTLOOP_ATOMIC(atomicInc, increment, unsigned)
HOTLOOP_ATOMIC(atomicDec, decrement, unsigned)
#undef HOTLOOP_ATOMICS
#undef HOTLOOP_ATOMIC

// --- loads and stores with a hint to the caches -------------------------------------------------------
#define HOTLOOP_LOAD(name)    \
  template <class T>          \
  inline T name(const T* p) { \
    return *p;                \
  }
#define HOTLOOP_STORE(name)         \
  template <class T>                \
  inline void name(T* p, T value) { \
    *p = value;                     \
  }
HOTLOOP_LOAD(__ldg)
HOTLOOP_LOAD(__ldca)
HOTLOOP_LOAD(__ldcg)
HOTLOOP_LOAD(__ldcs)
HOTLOOP_LOAD(__ldlu)
HOTLOOP_STORE(__stwb)
HOTLOOP_STORE(__stcg)
HOTLOOP_STORE(__stcs)
HOTLOOP_STORE(__stwt)
#undef HOTLOOP_LOAD
#undef HOTLOOP_STORE

// --- what common/device.h promises --------------------------------------------------------------------
#define SHARED(type, name)                                                                                  \
  static constexpr ::hotloop::emulator::SharedSite name##_site{#name, sizeof(::std::type_identity_t<type>), \
                                                               alignof(::std::type_identity_t<type>)};      \
  auto& name = *static_cast<::std::type_identity_t<type>*>(::hotloop::emulator::shared_array(name##_site))
#define DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(::hotloop::emulator::dynamic_shared())
#define DEVICE_CHECK(condition) \
  ((condition) ? void() : ::hotloop::emulator::check_failed(#condition, __FILE__, __LINE__))

namespace hotloop::cuda {

float to_f32(half_t x);
float to_f32(bfloat16_t x);
half_t to_f16(float x);
half_t to_f16(double x);
bfloat16_t to_bf16(float x);
bfloat16_t to_bf16(double x);

inline void check_aligned(const void* p, size_t bytes) { emulator::check_aligned(p, bytes); }
template <class T>
inline T load_relaxed(const T* p) {
  return emulator::load_atomic(p);
}
template <class T>
inline void store_relaxed(T* p, T value) {
  emulator::store_atomic(p, value);
}
__forceinline__ unsigned lane_index() { return emulator::lane_index(); }

}  // namespace hotloop::cuda
