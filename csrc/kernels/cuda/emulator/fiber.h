// Fibers: stacks of their own that one OS thread switches between. A switch saves the registers that a call keeps and
// nothing else (signal masks, floating-point modes): on x86-64 a few instructions of assembly, elsewhere ucontext.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace hotloop::emulator {

// Below it lies a page that nobody may touch, so that a kernel which needs more ends with SIGSEGV there.
constexpr size_t kStackBytes = 256 << 10;

struct Stack {
  char* base;
};

Stack map_stack();  // throws OutOfMemory
void unmap_stack(Stack stack);

struct Fiber {
#if defined(__x86_64__)
  void* stack_pointer = nullptr;
#else
  ucontext_t context;
#endif
};

// Makes `fiber` begin with entry(), which never returns, at the first switch to it.
void prepare(Fiber& fiber, Stack stack, void (*entry)());
void switch_fiber(Fiber& from, Fiber& to);

}  // namespace hotloop::emulator
