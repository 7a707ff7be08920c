// What GCC's -fsanitize=thread makes kernels call before their loads and stores, in place of its own library: each
// access is looked at by the worker whose thread makes it. Outside of kernels they do nothing.
//
// Kernels are compiled with --param tsan-instrument-func-entry-exit=0.
#include <cstddef>
#include <cstdint>

#include "kernels/cuda/emulator/worker.h"

using hotloop::emulator::Access;
using hotloop::emulator::hooked_worker;

namespace {

template <bool kAligned = false>
void see(const void* p, size_t bytes, Access access) {
  auto* const worker = hooked_worker;
  if (worker == nullptr) return;
  hooked_worker = nullptr;
  if (kAligned) worker->check_aligned(p, bytes);
  worker->count_access();
  worker->touch(p, bytes, access);
  hooked_worker = worker;
}

}  // namespace

#define HOOKS(bytes)                                                                   \
  void __tsan_read##bytes(void* p) { see<true>(p, bytes, Access::read); }              \
  void __tsan_write##bytes(void* p) { see<true>(p, bytes, Access::write); }            \
  void __tsan_unaligned_read##bytes(void* p) { see(p, bytes, Access::read); }          \
  void __tsan_unaligned_write##bytes(void* p) { see(p, bytes, Access::write); }        \
  void __tsan_volatile_read##bytes(void* p) { see<true>(p, bytes, Access::read); }     \
  void __tsan_volatile_write##bytes(void* p) { see<true>(p, bytes, Access::write); }   \
  void __tsan_unaligned_volatile_read##bytes(void* p) { see(p, bytes, Access::read); } \
  void __tsan_unaligned_volatile_write##bytes(void* p) { see(p, bytes, Access::write); }

// GCC's atomics: those of kernels go through emulator/atomics.cpp, so that these are the host's.
#define ATOMIC_FETCH(bits, type, operation)                                     \
  type __tsan_atomic##bits##_fetch_##operation(volatile type* p, type x, int) { \
    see(const_cast<type*>(p), sizeof(type), Access::atomic);                    \
    return __atomic_fetch_##operation(p, x, __ATOMIC_SEQ_CST);                  \
  }
#define ATOMICS(bits, type)                                                                                \
  type __tsan_atomic##bits##_load(const volatile type* p, int) {                                           \
    see(const_cast<const type*>(p), sizeof(type), Access::atomic_load);                                    \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                                           \
  }                                                                                                        \
  void __tsan_atomic##bits##_store(volatile type* p, type x, int) {                                        \
    see(const_cast<type*>(p), sizeof(type), Access::atomic);                                               \
    __atomic_store_n(p, x, __ATOMIC_SEQ_CST);                                                              \
  }                                                                                                        \
  type __tsan_atomic##bits##_exchange(volatile type* p, type x, int) {                                     \
    see(const_cast<type*>(p), sizeof(type), Access::atomic);                                               \
    return __atomic_exchange_n(p, x, __ATOMIC_SEQ_CST);                                                    \
  }                                                                                                        \
  bool __tsan_atomic##bits##_compare_exchange_strong(volatile type* p, type* expected, type x, int, int) { \
    see(const_cast<type*>(p), sizeof(type), Access::atomic);                                               \
    return __atomic_compare_exchange_n(p, expected, x, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);         \
  }                                                                                                        \
  bool __tsan_atomic##bits##_compare_exchange_weak(volatile type* p, type* expected, type x, int, int) {   \
    return __tsan_atomic##bits##_compare_exchange_strong(p, expected, x, 0, 0);                            \
  }                                                                                                        \
  ATOMIC_FETCH(bits, type, add)                                                                            \
  ATOMIC_FETCH(bits, type, sub)                                                                            \
  ATOMIC_FETCH(bits, type, and)                                                                            \
  ATOMIC_FETCH(bits, type, or)                                                                             \
  ATOMIC_FETCH(bits, type, xor)                                                                            \
  ATOMIC_FETCH(bits, type, nand)

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void** p, void*) { see(p, sizeof *p, Access::write); }
void __tsan_vptr_read(void** p) { see(p, sizeof *p, Access::read); }
void __tsan_read_range(void* p, size_t bytes) { see(p, bytes, Access::read); }
void __tsan_write_range(void* p, size_t bytes) { see(p, bytes, Access::write); }

HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)

ATOMICS(8, uint8_t)
ATOMICS(16, uint16_t)
ATOMICS(32, uint32_t)
ATOMICS(64, uint64_t)

void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
void __tsan_atomic_signal_fence(int) {}

}  // extern "C"
