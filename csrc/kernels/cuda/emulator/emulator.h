// The emulator as tests and the runtime see it: how threads are scheduled, what a launch found, and the memory of the
// emulated GPU. docs/gpu.md says how it works and what it can't see.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/error.h"

namespace hotloop::emulator {

enum class Fault : uint8_t {
  race,                  // two accesses, one of them a write, with nothing that orders them
  out_of_bounds,         // beyond its memory, or where there is none
  use_after_free,        //
  uninitialized_shared,  // read of shared memory that this block did not write
  pending_copy,          // access to what a cp.async has still to write
  misaligned,            // for the size of the access
  host_memory,           // a pointer that a GPU can't follow
  divergent_barrier,     // not all threads of the block come to it
  divergent_collective,  // not all lanes named in its mask come to it
  no_progress,           // threads that spin for what nobody does
  device_check,          // a DEVICE_CHECK of the kernel failed
};
const char* name(Fault fault);

// Thrown by the launch. The message names the kernel, the threads, the memory, and the schedule that shows it again.
struct EmulatorError : RuntimeError {
  EmulatorError(Fault fault, const std::string& what) : RuntimeError(what), fault(fault) {}
  Fault fault;
};

// The order in which threads run. It is chosen anew at each launch, from the seed and the number of the launch, unless
// one is set here or by HOTLOOP_EMULATOR_SCHEDULE=greedy|reverse|random; HOTLOOP_EMULATOR_SEED gives the seed.
enum class Schedule : uint8_t {
  vary,
  greedy,   // one warp as far as it gets, the lowest first
  reverse,  // ... the highest first; blocks too
  random,   // any thread of any warp, a new choice at each sync and every few memory accesses
};
const char* name(Schedule schedule);
void set_schedule(Schedule schedule, uint64_t seed);

struct LaunchReport {
  std::string kernel;
  Schedule schedule = Schedule::vary;
  uint64_t seed = 0;
  uint64_t blocks = 0;
  uint64_t accesses = 0;  // that were checked
  uint64_t races = 0;
  std::vector<std::string> messages;  // of the first races
};
// Of this OS thread's last launch, whether it threw or not.
const LaunchReport& last_launch();
uint64_t launch_count();

// Global memory: aligned to 256 bytes, filled with NaN, between red zones. Null where `limit` would be exceeded.
// Freed memory is poisoned, and given out again only after a while. From any thread.
void* allocate(size_t bytes);
void release(void* pointer);
bool is_global_memory(const void* pointer);
void set_memory_limit(size_t bytes);
size_t memory_limit();
size_t memory_in_use();

}  // namespace hotloop::emulator
