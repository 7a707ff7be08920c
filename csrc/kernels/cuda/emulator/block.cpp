// What kernels call of the emulator besides memory: where they are, barriers, and what the lanes of a warp do together.
#include <algorithm>
#include <bit>

#include "core/half.h"
#include "kernels/cuda/emulator/worker.h"

namespace hotloop::emulator {

namespace {

// A lane that reads from one that does not take part gets this: NaN in every floating type, -1 in integers.
constexpr uint64_t kUndefined = ~uint64_t(0);

// Calls visit(lane) for each lane of the set.
template <class Visit>
void for_each_lane(uint32_t lanes, Visit visit) {
  for (; lanes != 0; lanes &= lanes - 1) visit(std::countr_zero(lanes));
}

// A collective whose lanes bring a struct each: its name, and what the last one to come does with all of them.
template <class Brought, void (*kRun)(Brought* const* data, uint32_t lanes)>
constexpr Collective collective(const char* name, bool aligned = false) {
  return {name, aligned,
          [](void* const* data, uint32_t lanes, Worker&) { kRun(reinterpret_cast<Brought* const*>(data), lanes); }};
}

struct ShuffleData {
  Shuffle kind;
  int argument, width;
  uint64_t value, result;
};

void run_shuffle(ShuffleData* const* data, uint32_t lanes) {
  for_each_lane(lanes, [&](int lane) {
    ShuffleData& mine = *data[lane];
    const int first = lane & ~(mine.width - 1), last = first + mine.width - 1;
    int source = lane;
    switch (mine.kind) {
      case Shuffle::index: source = first + (mine.argument & (mine.width - 1)); break;
      case Shuffle::up: source = lane - mine.argument < first ? lane : lane - mine.argument; break;
      case Shuffle::down: source = lane + mine.argument > last ? lane : lane + mine.argument; break;
      case Shuffle::exclusive_or: source = (lane ^ mine.argument) > last ? lane : lane ^ mine.argument; break;
    }
    mine.result = source < kLanes && (lanes >> source & 1) ? data[source]->value : kUndefined;
  });
}

struct VoteData {
  uint64_t value;  // or predicate
  unsigned result;
  int same;
};

unsigned ballot_of(VoteData* const* data, uint32_t lanes) {
  unsigned set = 0;
  for_each_lane(lanes, [&](int lane) { set |= unsigned(data[lane]->value != 0) << lane; });
  return set;
}

void run_ballot(VoteData* const* data, uint32_t lanes) {
  const unsigned set = ballot_of(data, lanes);
  for_each_lane(lanes, [&](int lane) { data[lane]->result = set; });
}

void run_all(VoteData* const* data, uint32_t lanes) {
  const unsigned set = ballot_of(data, lanes);
  for_each_lane(lanes, [&](int lane) { data[lane]->result = set == lanes; });
}

void run_any(VoteData* const* data, uint32_t lanes) {
  const unsigned set = ballot_of(data, lanes);
  for_each_lane(lanes, [&](int lane) { data[lane]->result = set != 0; });
}

void run_match_any(VoteData* const* data, uint32_t lanes) {
  for_each_lane(lanes, [&](int lane) {
    data[lane]->result = 0;
    for_each_lane(lanes,
                  [&](int other) { data[lane]->result |= unsigned(data[other]->value == data[lane]->value) << other; });
  });
}

void run_match_all(VoteData* const* data, uint32_t lanes) {
  const uint64_t first = data[std::countr_zero(lanes)]->value;
  bool same = true;
  for_each_lane(lanes, [&](int lane) { same &= data[lane]->value == first; });
  for_each_lane(lanes, [&](int lane) { data[lane]->result = same ? lanes : 0, data[lane]->same = same; });
}

struct ReduceData {
  Reduction kind;
  bool is_signed;
  unsigned value, result;
};

unsigned combine(Reduction kind, bool is_signed, unsigned a, unsigned b) {
  const bool less = is_signed ? int(b) < int(a) : b < a;
  switch (kind) {
    case Reduction::add: return a + b;
    case Reduction::min: return less ? b : a;
    case Reduction::max: return less ? a : b;
    case Reduction::bit_and: return a & b;
    case Reduction::bit_or: return a | b;
    case Reduction::bit_xor: return a ^ b;
  }
  return 0;
}

void run_reduce(ReduceData* const* data, uint32_t lanes) {
  const int first = std::countr_zero(lanes);
  unsigned sum = data[first]->value;
  for_each_lane(lanes & (lanes - 1),
                [&](int lane) { sum = combine(data[first]->kind, data[first]->is_signed, sum, data[lane]->value); });
  for_each_lane(lanes, [&](int lane) { data[lane]->result = sum; });
}

constexpr Collective kSyncWarp = {"__syncwarp", false,
                                  [](void* const*, uint32_t lanes, Worker& worker) { worker.sync_warp(lanes); }};
constexpr Collective kShuffles[] = {
    collective<ShuffleData, run_shuffle>("__shfl_sync"), collective<ShuffleData, run_shuffle>("__shfl_up_sync"),
    collective<ShuffleData, run_shuffle>("__shfl_down_sync"), collective<ShuffleData, run_shuffle>("__shfl_xor_sync")};
constexpr Collective kVotes[] = {collective<VoteData, run_ballot>("__ballot_sync"),
                                 collective<VoteData, run_all>("__all_sync"),
                                 collective<VoteData, run_any>("__any_sync")};
constexpr Collective kMatchAny = collective<VoteData, run_match_any>("__match_any_sync");
constexpr Collective kMatchAll = collective<VoteData, run_match_all>("__match_all_sync");
constexpr Collective kReductions[] = {
    collective<ReduceData, run_reduce>("__reduce_add_sync"), collective<ReduceData, run_reduce>("__reduce_min_sync"),
    collective<ReduceData, run_reduce>("__reduce_max_sync"), collective<ReduceData, run_reduce>("__reduce_and_sync"),
    collective<ReduceData, run_reduce>("__reduce_or_sync"),  collective<ReduceData, run_reduce>("__reduce_xor_sync")};

constexpr const char* kBarriers[] = {"__syncthreads", "__syncthreads_count", "__syncthreads_and", "__syncthreads_or"};

}  // namespace

uint3 thread_index() { return running_worker->thread_index(); }
uint3 block_index() { return running_worker->block_index(); }
dim3 block_size() { return running_worker->grid().launch.block; }
dim3 grid_size() { return running_worker->grid().launch.grid; }
unsigned lane_index() { return unsigned(running_worker->lane()); }

void* shared_array(const SharedSite& site) { return Entered()->shared_array(site); }
void* dynamic_shared() { return Entered()->dynamic_shared(); }

int block_barrier(Predicate kind, int predicate) {
  const Entered worker;
  const int count = worker->wait_at_barrier(kBarriers[int(kind)], predicate);
  switch (kind) {
    case Predicate::all: return count == worker->thread_count();
    case Predicate::any: return count > 0;
    default: return count;
  }
}

void warp_barrier(unsigned mask) { Entered()->meet(kSyncWarp, mask, nullptr); }

uint64_t shuffle(Shuffle kind, unsigned mask, uint64_t value, int argument, int width) {
  ShuffleData data{kind, argument, width, value, 0};
  Entered()->meet(kShuffles[int(kind)], mask, &data);
  return data.result;
}

unsigned vote(Vote kind, unsigned mask, int predicate) {
  VoteData data{uint64_t(predicate != 0), 0, 0};
  Entered()->meet(kVotes[int(kind)], mask, &data);
  return data.result;
}

unsigned match_any(unsigned mask, uint64_t value) {
  VoteData data{value, 0, 0};
  Entered()->meet(kMatchAny, mask, &data);
  return data.result;
}

unsigned match_all(unsigned mask, uint64_t value, int* same) {
  VoteData data{value, 0, 0};
  Entered()->meet(kMatchAll, mask, &data);
  *same = data.same;
  return data.result;
}

unsigned reduce(Reduction kind, unsigned mask, unsigned value, bool is_signed) {
  ReduceData data{kind, is_signed, value, 0};
  Entered()->meet(kReductions[int(kind)], mask, &data);
  return data.result;
}

unsigned active_mask() { return running_worker->alive_lanes(); }

void fence() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

void check_failed(const char* condition, const char* file, int line) {
  Entered()->fail_here(Fault::device_check,
                       std::string("DEVICE_CHECK(") + condition + ") at " + file + ":" + std::to_string(line));
}

void check_aligned(const void* p, size_t bytes) { Entered()->check_aligned(p, bytes); }

// --- atomics ----------------------------------------------------------------------------------------

namespace {

template <class T>
T apply(Atomic kind, T old, T value) {
  using U = std::make_unsigned_t<T>;
  switch (kind) {
    case Atomic::add: return T(U(old) + U(value));
    case Atomic::sub: return T(U(old) - U(value));
    case Atomic::min: return std::min(old, value);
    case Atomic::max: return std::max(old, value);
    case Atomic::bit_and: return old & value;
    case Atomic::bit_or: return old | value;
    case Atomic::bit_xor: return old ^ value;
    case Atomic::exchange: return value;
    case Atomic::increment: return old >= value ? 0 : old + 1;
    case Atomic::decrement: return old == 0 || old > value ? value : old - 1;
  }
  return old;
}

void touch_atomic(const void* p, size_t bytes, Access access) {
  const Entered worker;
  worker->check_aligned(p, bytes);
  worker->count_access();
  worker->touch(p, bytes, access);
}

}  // namespace

template <class T>
T atomic(Atomic kind, T* p, T value) {
  touch_atomic(p, sizeof(T), Access::atomic);
  T old = __atomic_load_n(p, __ATOMIC_SEQ_CST);
  while (!__atomic_compare_exchange_n(p, &old, apply(kind, old, value), false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
  }
  return old;
}

template <class T>
T compare_and_swap(T* p, T expected, T desired) {
  touch_atomic(p, sizeof(T), Access::atomic);
  __atomic_compare_exchange_n(p, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return expected;
}

template <class T>
T load_atomic(const T* p) {
  touch_atomic(p, sizeof(T), Access::atomic_load);
  return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

template <class T>
void store_atomic(T* p, T value) {
  touch_atomic(p, sizeof(T), Access::atomic);
  __atomic_store_n(p, value, __ATOMIC_SEQ_CST);
}

#define INSTANTIATE(T)                   \
  template T atomic(Atomic, T*, T);      \
  template T compare_and_swap(T*, T, T); \
  template T load_atomic(const T*);      \
  template void store_atomic(T*, T);
INSTANTIATE(int)
INSTANTIATE(unsigned)
INSTANTIATE(long long)
INSTANTIATE(unsigned long long)

}  // namespace hotloop::emulator

namespace hotloop::cuda {

float to_f32(half_t x) { return to_float(x); }
float to_f32(bfloat16_t x) { return to_float(x); }
half_t to_f16(float x) { return to_half(x); }
half_t to_f16(double x) { return to_half(x); }
bfloat16_t to_bf16(float x) { return to_bfloat16(x); }
bfloat16_t to_bf16(double x) { return to_bfloat16(x); }

}  // namespace hotloop::cuda
