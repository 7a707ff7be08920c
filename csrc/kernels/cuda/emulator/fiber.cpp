#include "kernels/cuda/emulator/fiber.h"

#include <cstdint>

#include <sys/mman.h>

#include "core/error.h"

namespace hotloop::emulator {

namespace {

constexpr size_t kGuardBytes = 4096;

}  // namespace

Stack map_stack() {
  void* base = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (base == MAP_FAILED) {
    fail<OutOfMemory>("emulator: no memory for a thread's stack of %zu bytes", kStackBytes);
  }
  mprotect(base, kGuardBytes, PROT_NONE);
  return {static_cast<char*>(base) + kGuardBytes};
}

void unmap_stack(Stack stack) { munmap(stack.base - kGuardBytes, kGuardBytes + kStackBytes); }

#if defined(__x86_64__)

// Pushes what a call keeps, leaves the stack pointer in *from, takes the other one and returns there.
extern "C" void hotloop_switch_stack(void** from, void* to);
asm(R"(
  .text
  .p2align 4
  .type hotloop_switch_stack, @function
  .globl hotloop_switch_stack
  .hidden hotloop_switch_stack
hotloop_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmpq *%rcx
  .size hotloop_switch_stack, . - hotloop_switch_stack
)");

void prepare(Fiber& fiber, Stack stack, void (*entry)()) {
  constexpr int kSavedRegisters = 6;
  auto* top = reinterpret_cast<void**>(stack.base + kStackBytes);
  *--top = nullptr;  // no caller, and the stack pointer that the ABI wants at a function's first instruction
  *--top = reinterpret_cast<void*>(entry);
  for (int i = 0; i < kSavedRegisters; ++i) {
    *--top = nullptr;
  }
  fiber.stack_pointer = top;
}

void switch_fiber(Fiber& from, Fiber& to) { hotloop_switch_stack(&from.stack_pointer, to.stack_pointer); }

#else

void prepare(Fiber& fiber, Stack stack, void (*entry)()) {
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = stack.base;
  fiber.context.uc_stack.ss_size = kStackBytes;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, entry, 0);
}

void switch_fiber(Fiber& from, Fiber& to) { swapcontext(&from.context, &to.context); }

#endif

}  // namespace hotloop::emulator
