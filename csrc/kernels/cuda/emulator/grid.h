// One launch, as its workers share it.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "kernels/cuda/emulator/arena.h"
#include "kernels/cuda/emulator/emulator.h"
#include "kernels/cuda/emulator/types.h"

namespace hotloop::emulator {

// What common/launch.h gives: the kernel with its arguments, as one function over one pointer.
struct Launch {
  dim3 grid, block;
  size_t shared_bytes;
  const char* file;
  const char* function;  // that launches
  unsigned line;
  void (*kernel)();
  void (*call)(const void* arguments);
  const void* arguments;
  size_t argument_bytes;
};

// Plays all blocks; throws EmulatorError. One launch at a time.
void play(const Launch& launch);

constexpr uint64_t kMaxMessages = 8;  // of a launch; the others are counted

struct Grid {
  const Launch& launch;
  std::string kernel;
  Schedule schedule;
  uint64_t seed;
  uint64_t number;  // of the launch
  uint32_t first_slot;

  std::atomic<bool> failed{false};
  std::atomic<uint64_t> accesses{0}, races{0}, uninitialized{0};
  std::mutex mutex{};
  Fault fault = Fault::race;  // the first that ended the launch
  std::string failure{};
  std::vector<std::string> messages{};

  Record floor() const { return Record(first_slot) << kSlotShift; }
  uint3 block_index(uint64_t number) const;
  void record_failure(Fault fault, const std::string& what);
  void add_message(const std::string& what);
};

// A new slot for a block; the block that a slot of this launch belongs to.
uint32_t new_slot(const Grid& grid, uint64_t block_number);
uint64_t block_of_slot(const Grid& grid, uint32_t slot);

// Whether a kernel may read there as from a constant: read-only parts of this program and its libraries.
bool is_constant_data(const void* p);

// The global memory.
Arena& global_arena();
// "global memory of 64 bytes + 12"; the piece that lies nearest.
std::string describe_global(const void* p);

std::string name_of_function(void (*function)());  // demangled; empty where the binary has no symbols

}  // namespace hotloop::emulator
