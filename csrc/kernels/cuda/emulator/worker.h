// One OS thread that plays blocks, one after the other: the fibers of a block's threads, which of them runs next, and
// where they wait for each other.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/cuda/emulator/arena.h"
#include "kernels/cuda/emulator/device.h"
#include "kernels/cuda/emulator/emulator.h"
#include "kernels/cuda/emulator/fiber.h"
#include "kernels/cuda/emulator/grid.h"

namespace hotloop::emulator {

constexpr int kLanes = 32, kMaxThreads = 1024, kMaxWarps = kMaxThreads / kLanes;
constexpr size_t kMaxSharedBytes = 227 << 10, kMaxStaticSharedBytes = 48 << 10;

// What the lanes of a warp do together. The last one that comes runs it for all: data[lane] is what each brought.
struct Collective {
  const char* name;
  bool aligned;  // all 32 lanes must take part
  void (*run)(void* const* data, uint32_t lanes, Worker& worker);
};

struct Thread {
  enum class State : uint8_t { fresh, ready, running, at_barrier, at_collective, done };
  State state;
  uint3 index;
  uint32_t stamp;  // its warp's clock at the last sync that it took part in
  Fiber fiber;
  Stack stack;
};

// Lanes that wait for each other with one mask.
struct Meeting {
  const Collective* collective;
  uint32_t mask, arrived;
};

struct Warp {
  uint32_t ready, alive;
  uint32_t clock;      // counts syncs since the block's last barrier
  uint32_t all_since;  // what was done at an earlier stamp is known to all lanes
  std::vector<Meeting> meetings;
  void* data[kLanes];
  // After a sync of some lanes only: what was done by lane j before known[i][j] is known to lane i.
  std::unique_ptr<uint32_t[][kLanes]> known;
  bool partial = false;  // `known` holds something
};

// A cp.async that was issued and not waited for.
struct AsyncCopy {
  char* to;
  const char* from;
  uint32_t bytes, valid;  // the valid ones are copied, the others become zero
};
struct AsyncCopies {
  std::vector<AsyncCopy> copies;
  std::vector<size_t> group_ends;  // of the committed groups: how many copies they and those before them have
};

class Worker {
 public:
  Worker();
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // All threads of a block to their end, or to the first failure, which `grid` is told.
  void play(Grid& grid, uint3 block, uint64_t block_number);

  // --- for the running thread ---
  int wait_at_barrier(const char* name, int predicate);  // how many predicates were true
  void meet(const Collective& collective, uint32_t mask, void* data);
  void* shared_array(const SharedSite& site);
  void* dynamic_shared();
  void touch(const void* p, size_t bytes, Access access);
  void count_access() {  // and let others run from time to time
    if (--patience_ == 0) lose_patience();
  }
  void check_aligned(const void* p, size_t bytes) {
    if (reinterpret_cast<uintptr_t>(p) & (bytes - 1)) fail_misaligned(p, bytes);
  }
  [[noreturn]] void fail_here(Fault fault, const std::string& what);
  // A race with the access that `other` tells, of these bytes. After this and the next one the launch goes on, to
  // find more, and throws at its end.
  void report_race(const void* p, size_t bytes, bool is_write, Record other, bool other_is_write);
  void report_uninitialized(const void* p, size_t bytes);
  // Whether what the record tells was done before now, as this thread can know.
  bool is_ordered(Record record) const;

  // --- for a collective that runs ---
  void sync_warp(uint32_t lanes);                       // orders memory among them
  void read_as(int lane, const void* p, size_t bytes);  // as another lane of the warp; aligned

  int thread() const { return thread_; }
  int thread_count() const { return count_; }
  int lane() const { return thread_ % kLanes; }
  uint32_t alive_lanes() const { return warps_[thread_ / kLanes].alive; }
  uint3 thread_index() const { return threads_[thread_].index; }
  uint3 block_index() const { return block_; }
  Arena& shared() { return shared_; }
  const Arena& shared() const { return shared_; }
  const Grid& grid() const { return *grid_; }
  Record key() const { return key_; }
  AsyncCopies& copies() {
    copies_used_ = true;
    return copies_[thread_];
  }
  std::string where(const void* p) const;  // "tile + 12"
  std::string who(int thread) const;       // "thread (1, 0, 0)"

 private:
  struct SharedArray {
    const SharedSite* site;
    size_t offset;
  };

  void begin_block(Grid& grid, uint3 block, uint64_t block_number);
  void advance_slot();
  void new_key() { key_ = make_record(slot_, threads_[thread_].stamp, uint32_t(thread_)); }

  Warp& warp() { return warps_[thread_ / kLanes]; }
  int pick();  // a thread that can run; -1: none
  void run_next(Thread* from);
  void set_ready(int thread);
  void suspend();  // the running thread, whose state says until when
  void finish_thread();
  void complete(size_t meeting);
  void leave_meetings();
  void new_patience();
  void lose_patience();
  uint64_t random();
  static void trampoline();
  [[noreturn]] void report_deadlock();

  std::string what_access(const void* p, size_t bytes, bool is_write) const;
  void touch_elsewhere(const void* p, size_t bytes, Access access);
  size_t place_shared(size_t bytes, size_t align);
  void lay_out_shared();
  [[noreturn]] void fail_misaligned(const void* p, size_t bytes);

  Arena& global_ = global_arena();
  Grid* grid_ = nullptr;
  uint3 block_{};
  uint64_t block_number_ = 0;
  int thread_ = -1;  // the running one
  Record key_ = 0;   // what its accesses are recorded as
  int count_ = 0, warp_count_ = 0, alive_ = 0;
  uint32_t slot_ = 0, block_floor_ = 0;  // now; at the block's begin
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;

  uint32_t ready_warps_ = 0;
  int current_warp_ = 0;
  bool pick_any_ = false;
  uint64_t random_ = 0;
  int64_t patience_ = 0, given_patience_ = 0;  // accesses until others run
  int64_t impatience_ = 0;                     // how often it was lost in this block
  uint64_t accesses_ = 0;

  const char* barrier_name_ = nullptr;
  int at_barrier_ = 0, predicates_ = 0, barrier_count_ = 0;

  Fiber main_;
  std::vector<Stack> stacks_, free_stacks_;  // all of them; those that no thread is on
  std::vector<AsyncCopies> copies_;
  bool copies_used_ = false;

  Arena shared_;
  std::vector<SharedArray> arrays_;
  uint64_t launch_ = 0;  // whose arrays they are
  size_t shared_used_ = 0, static_bytes_ = 0, dynamic_offset_ = 0;
};

// The one of this OS thread while it plays a block; null otherwise. The hooks of kernels' accesses look at the second
// one, which is null as well while the emulator itself runs: the linker may give it an inline function of the standard
// library as it was compiled for a kernel.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local Worker* running_worker;
[[gnu::tls_model("initial-exec")]] extern constinit thread_local Worker* hooked_worker;

// What a kernel calls begins with one of these; it ends when the kernel goes on.
class Entered {
 public:
  Entered() : worker_(running_worker) { hooked_worker = nullptr; }
  ~Entered() { hooked_worker = worker_; }
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
  Worker* operator->() const { return worker_; }
  Worker& operator*() const { return *worker_; }

 private:
  Worker* worker_;
};

}  // namespace hotloop::emulator
