#include "kernels/cuda/emulator/grid.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

#include <sys/mman.h>

#include "core/parallel.h"
#include "kernels/cuda/emulator/worker.h"

namespace hotloop::emulator {

namespace {

// Blocks of one chunk, and grids from which on several OS threads play them.
constexpr uint64_t kChunkBlocks = 4, kParallelThreads = 4096;

std::atomic<uint64_t> next_slot{first_slot};
std::atomic<uint64_t> launches{0};
std::mutex one_launch;
thread_local LaunchReport report_of_last;

struct Choice {
  Schedule schedule = Schedule::vary;
  uint64_t seed = 0;
};

Choice choice_of_environment() {
  Choice choice;
  if (const char* seed = std::getenv("HOTLOOP_EMULATOR_SEED")) choice.seed = std::strtoull(seed, nullptr, 10);
  const char* schedule = std::getenv("HOTLOOP_EMULATOR_SCHEDULE");
  if (schedule == nullptr) return choice;
  for (Schedule s : {Schedule::vary, Schedule::greedy, Schedule::reverse, Schedule::random}) {
    if (std::strcmp(schedule, name(s)) == 0) {
      choice.schedule = s;
      return choice;
    }
  }
  fail<ValueError>("HOTLOOP_EMULATOR_SCHEDULE=%s: one of vary, greedy, reverse, random", schedule);
}

Choice& choice() {
  static Choice choice = choice_of_environment();
  return choice;
}

// Which block each slot of the launch belongs to; used anew at each launch.
std::atomic<uint32_t>* slot_blocks() {
  static auto* const table = [] {
    constexpr size_t kBytes = (size_t(1) << 32) * sizeof(uint32_t);
    void* base = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) fail<OutOfMemory>("emulator: %zu bytes of address space can't be reserved", kBytes);
    madvise(base, kBytes, MADV_DONTDUMP);
    return static_cast<std::atomic<uint32_t>*>(base);
  }();
  return table;
}

void check_size(const char* what, dim3 given, dim3 most, uint64_t most_in_all) {
  const uint64_t all = uint64_t(given.x) * given.y * given.z;
  if (all == 0 || given.x > most.x || given.y > most.y || given.z > most.z || all > most_in_all) {
    fail<ValueError>("launch: a %s of (%u, %u, %u), where at most (%u, %u, %u) and %llu in all can be", what, given.x,
                     given.y, given.z, most.x, most.y, most.z, static_cast<unsigned long long>(most_in_all));
  }
}

void play_blocks(Grid& grid, const std::vector<uint32_t>& order, size_t first, size_t last) {
  thread_local std::unique_ptr<Worker> worker;
  if (!worker) worker = std::make_unique<Worker>();
  for (size_t i = first; i < last && !grid.failed; ++i) {
    worker->play(grid, grid.block_index(order[i]), order[i]);
  }
}

std::vector<uint32_t> order_of_blocks(const Grid& grid, uint64_t blocks) {
  std::vector<uint32_t> order(blocks);
  std::iota(order.begin(), order.end(), 0);
  if (grid.schedule == Schedule::reverse) std::reverse(order.begin(), order.end());
  if (grid.schedule == Schedule::random) {
    uint64_t state = grid.seed * 0x9e3779b97f4a7c15u + 0x632be59bd9b4e019u;
    for (size_t i = blocks; i > 1; --i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      std::swap(order[i - 1], order[(state >> 33) % i]);
    }
  }
  return order;
}

// Throws what the launch found.
void conclude(Grid& grid) {
  const std::string from = " [launched at " + std::string(grid.launch.file) + ":" + std::to_string(grid.launch.line) +
                           "; HOTLOOP_EMULATOR_SCHEDULE=" + name(grid.schedule) +
                           " HOTLOOP_EMULATOR_SEED=" + std::to_string(grid.seed) + "]";
  if (grid.failed) {
    throw EmulatorError(grid.fault, std::string(name(grid.fault)) + " in " + grid.kernel + ", " + grid.failure + from);
  }
  const uint64_t races = grid.races, uninitialized = grid.uninitialized;
  if (races + uninitialized == 0) return;
  const Fault fault = races > 0 ? Fault::race : Fault::uninitialized_shared;
  std::string what = std::string(name(fault)) + " in " + grid.kernel + ", " + std::to_string(races + uninitialized) +
                     " times, such as:";
  for (const std::string& message : grid.messages) what += "\n  " + message;
  throw EmulatorError(fault, what + "\n " + from);
}

}  // namespace

const char* name(Fault fault) {
  static constexpr const char* kNames[] = {
      "race",           "out of bounds",     "use after free", "uninitialized shared memory",
      "pending copy",   "misaligned access", "host memory",    "divergent barrier",
      "divergent warp", "no progress",       "device check"};
  return kNames[int(fault)];
}

const char* name(Schedule schedule) {
  static constexpr const char* kNames[] = {"vary", "greedy", "reverse", "random"};
  return kNames[int(schedule)];
}

void set_schedule(Schedule schedule, uint64_t seed) { choice() = {schedule, seed}; }

const LaunchReport& last_launch() { return report_of_last; }
uint64_t launch_count() { return launches; }

uint3 Grid::block_index(uint64_t number) const {
  const dim3 n = launch.grid;
  return {unsigned(number % n.x), unsigned(number / n.x % n.y), unsigned(number / n.x / n.y)};
}

void Grid::record_failure(Fault its_fault, const std::string& what) {
  std::lock_guard lock(mutex);
  if (failed) return;
  fault = its_fault;
  failure = what;
  failed = true;
}

void Grid::add_message(const std::string& what) {
  std::lock_guard lock(mutex);
  if (messages.size() < kMaxMessages) messages.push_back(what);
}

uint32_t new_slot(const Grid& grid, uint64_t block_number) {
  const uint64_t slot = next_slot++;
  if (slot >= UINT32_MAX) {  // hours; records made before can't be told from those to come
    std::fprintf(stderr, "emulator: 2^32 barriers were played, which is all that a process can\n");
    std::abort();
  }
  slot_blocks()[slot - grid.first_slot].store(uint32_t(block_number), std::memory_order_relaxed);
  return uint32_t(slot);
}

uint64_t block_of_slot(const Grid& grid, uint32_t slot) {
  return slot_blocks()[slot - grid.first_slot].load(std::memory_order_relaxed);
}

void play(const Launch& launch) {
  check_size("grid", launch.grid, dim3(INT32_MAX, 65535, 65535), UINT32_MAX);
  check_size("block", launch.block, dim3(1024, 1024, 64), kMaxThreads);
  if (launch.shared_bytes > kMaxSharedBytes) {
    fail<ValueError>("launch: %zu bytes of dynamic shared memory, where at most %zu can be", launch.shared_bytes,
                     kMaxSharedBytes);
  }
  std::lock_guard lock(one_launch);
  Choice chosen = choice();
  const uint64_t number = ++launches;
  if (chosen.schedule == Schedule::vary) {
    const uint64_t mixed = (chosen.seed * 0x9e3779b97f4a7c15u + number) * 0xd1342543de82ef95u;
    chosen = {Schedule(1 + (mixed >> 33) % 3), mixed >> 40};
  }
  std::string kernel = name_of_function(launch.kernel);
  if (kernel.empty()) kernel = std::string("the kernel of ") + launch.function;
  Grid grid{launch, std::move(kernel), chosen.schedule, chosen.seed, number, uint32_t(next_slot)};
  const uint64_t blocks = uint64_t(launch.grid.x) * launch.grid.y * launch.grid.z;
  const uint64_t threads = blocks * launch.block.x * launch.block.y * launch.block.z;
  const std::vector<uint32_t> order = order_of_blocks(grid, blocks);
  if (threads < kParallelThreads) {
    play_blocks(grid, order, 0, blocks);
  } else {
    struct Work {
      Grid& grid;
      const std::vector<uint32_t>& order;
    } work{grid, order};
    parallel_run(
        int64_t((blocks + kChunkBlocks - 1) / kChunkBlocks),
        [](void* context, int64_t chunk) {
          auto& [grid, order] = *static_cast<Work*>(context);
          const size_t first = size_t(chunk) * kChunkBlocks;
          play_blocks(grid, order, first, std::min(first + kChunkBlocks, order.size()));
        },
        &work);
  }
  report_of_last = {grid.kernel, grid.schedule, grid.seed, blocks, grid.accesses, grid.races, grid.messages};
  conclude(grid);
}

}  // namespace hotloop::emulator
