// Each kind of fault is caught, under each schedule, and called by its name; what is right is let through.
#include "emulated.h"
#include "kernels/cuda/common/launch.h"
#include "kernels/cuda/common/ptx.h"

using namespace hotloop;
using namespace hotloop::cuda;
using emulated::Array;
using emulated::check_fault;
using emulator::Fault;

namespace {

constexpr int kThreads = 128;
constexpr unsigned kAllLanes = 0xffffffffu;

// --- races ------------------------------------------------------------------------------------------

template <bool kBarrier>
__global__ void reverse_block(const int* x, int* out) {
  SHARED(int[kThreads], held);
  held[threadIdx.x] = x[threadIdx.x];
  if (kBarrier) __syncthreads();
  out[threadIdx.x] = held[kThreads - 1 - threadIdx.x];
}

// Reads before all have written the next value: the second barrier of a loop.
template <bool kBarrier>
__global__ void rotate_often(int* x) {
  SHARED(int[kThreads], held);
  held[threadIdx.x] = x[threadIdx.x];
  for (int i = 0; i < 3; ++i) {
    __syncthreads();
    const int next = held[(threadIdx.x + 40) % kThreads];
    if (kBarrier) __syncthreads();
    held[threadIdx.x] = next;
  }
  x[threadIdx.x] = held[threadIdx.x];
}

template <bool kSync>
__global__ void reverse_warp(const int* x, int* out) {
  SHARED(int[kThreads], held);
  held[threadIdx.x] = x[threadIdx.x];
  if (kSync) __syncwarp();
  out[threadIdx.x] = held[threadIdx.x ^ 31];
}

// A shuffle moves values between registers and orders no memory.
__global__ void shuffle_is_no_sync(int* out) {
  SHARED(int[32], held);
  held[threadIdx.x] = 1;
  const int one = __shfl_sync(kAllLanes, 1, 0);
  out[threadIdx.x] = held[threadIdx.x ^ 1] + one;
}

__global__ void neighbours_in_global(int* x) { x[threadIdx.x] = x[(threadIdx.x + 1) % kThreads]; }

__global__ void all_blocks_write(int* x) {
  if (threadIdx.x == 0) x[0] = int(blockIdx.x);
}

__global__ void read_other_block(const int* x, int* y) {
  if (threadIdx.x == 0) y[blockIdx.x] = y[(blockIdx.x + 1) % gridDim.x] + x[0];
}

__global__ void plain_beside_atomic(int* x) {
  if (threadIdx.x == 0)
    x[0] = 1;
  else
    atomicAdd(x, 1);
}

// --- no races ---------------------------------------------------------------------------------------

__global__ void bytes_side_by_side(uint8_t* x, uint16_t* y) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  x[i] = uint8_t(x[i] + 1);
  y[i] = uint16_t(y[i] + 1);
}

__global__ void halves_of_a_warp(int* out) {
  SHARED(int[32], held);
  const int lane = int(threadIdx.x), half = lane / 16;
  const unsigned mask = half ? 0xffff0000u : 0x0000ffffu;
  for (int i = 0; i < 4; ++i) {
    held[lane] = lane + i;
    __syncwarp(mask);
    const int value = held[lane ^ 15];
    __syncwarp(mask);
    if (half == 1 && i == 2) __syncwarp(mask);  // the halves need not keep step
    held[lane] = value;
  }
  __syncwarp();
  out[lane] = held[31 - lane];
}

__global__ void all_read_one(const int* x, int* out) {
  SHARED(int, one);
  if (threadIdx.x == 77) one = x[0];
  __syncthreads();
  out[blockIdx.x * blockDim.x + threadIdx.x] = one + x[1];
}

__global__ void atomics_of_all_blocks(int* counter, unsigned* largest) {
  SHARED(int, count);
  if (threadIdx.x == 0) count = 0;
  __syncthreads();
  atomicAdd(&count, 1);
  atomicMax(largest, threadIdx.x);
  __syncthreads();
  if (threadIdx.x == 0) atomicAdd(counter, count);
}

// --- bounds -----------------------------------------------------------------------------------------

__global__ void write_shared(int at) {
  SHARED(int[32], before);
  SHARED(int[32], tile);
  SHARED(int[32], after);
  before[threadIdx.x] = after[threadIdx.x] = tile[threadIdx.x] = 0;
  __syncthreads();
  int* p = tile;
  if (threadIdx.x == 3) p[at] = 1;
}

__global__ void index_registers(int* out, int at) {
  int local[4] = {1, 2, 3, 4};
  for (int i = 0; i < at; ++i) local[i] += int(threadIdx.x);
  out[threadIdx.x] = local[0] + local[1] + local[2] + local[3] + (out[threadIdx.x] << at);
}

__global__ void index_row(int* out, int column) {
  SHARED(int[4][8], tile);
  if (threadIdx.x < 32) tile[threadIdx.x / 8][threadIdx.x % 8] = 1;
  __syncthreads();
  out[threadIdx.x] = tile[1][column];  // inside the array, but beyond the row
}

__global__ void write_dynamic(int at) {
  DYNAMIC_SHARED(char, ring);
  if (threadIdx.x == 3) ring[at] = 1;
}

template <class T>
__global__ void write_global(T* x, int64_t at) {
  if (threadIdx.x == 3) x[at] = T(1);
}

template <class T>
__global__ void read_global(const T* x, int64_t at, T* out) {
  out[threadIdx.x] = x[at];
}

__global__ void read_uninitialized(int* out, bool all) {
  SHARED(int[64], tile);
  tile[threadIdx.x] = 1;
  __syncthreads();
  if (threadIdx.x == 5 || all) out[threadIdx.x] = tile[threadIdx.x + 32];
}

__global__ void write_then_next_block_reads(int* out) {
  SHARED(int[32], tile);
  if (blockIdx.x == 0) tile[threadIdx.x] = 1;
  __syncthreads();
  out[blockIdx.x * 32 + threadIdx.x] = tile[threadIdx.x];
}

__global__ void read_vector(const float* x, float* out) {
  const float4 v = *reinterpret_cast<const float4*>(x + 1);
  out[threadIdx.x] = v.x + v.y + v.z + v.w;
}

// --- divergence -------------------------------------------------------------------------------------

__global__ void some_at_barrier(int n) {
  if (int(threadIdx.x) < n) __syncthreads();
}

__global__ void leave_early(int n) {
  if (int(threadIdx.x) >= n) return;
  __syncthreads();
}

__global__ void two_barriers() {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads_or(1);
}

__global__ void some_shuffle(int* out) {
  if (threadIdx.x < 7)
    out[threadIdx.x] = __shfl_sync(kAllLanes, 1, 0);
  else
    __syncthreads();
}

__global__ void shuffle_outside_mask(int* out) { out[threadIdx.x] = __shfl_sync(0xffu, 1, 0); }

__global__ void half_a_warp_multiplies(float* out) {
  if (threadIdx.x >= 16) return;
  float d[4] = {0, 0, 0, 0};
  const uint32_t a[4] = {0, 0, 0, 0}, b[2] = {0, 0};
  mma_m16n8k16<half_t>(d, a, b);
  out[threadIdx.x] = d[0];
}

__global__ void shuffle_and_vote(int* out) {
  if (threadIdx.x % 2)
    out[threadIdx.x] = __shfl_sync(kAllLanes, 1, 0);
  else
    out[threadIdx.x] = __any_sync(kAllLanes, 1);
}

__global__ void wait_for_nobody(int* flag) {
  while (load_relaxed(flag) == 0) {
  }
}

// Threads of one block may wait for each other without a barrier.
__global__ void wait_for_the_last(int* flag, int* out) {
  if (threadIdx.x == blockDim.x - 1) {
    store_relaxed(flag, 1);
  } else {
    while (load_relaxed(flag) == 0) {
    }
  }
  out[threadIdx.x] = 1;
}

__global__ void checked(int limit) { DEVICE_CHECK(int(threadIdx.x) < limit); }

__global__ void read_table(int* out) {
  static constexpr int kTable[4] = {1, 2, 4, 8};
  out[threadIdx.x] = kTable[out[threadIdx.x] & 3];
}

// --- cp.async ---------------------------------------------------------------------------------------

enum class Missing { nothing, wait, commit, barrier };

template <Missing kMissing>
__global__ void copy_through(const int* x, int* out) {
  SHARED(int[kThreads], tile);
  cp_async<4>(&tile[threadIdx.x], &x[threadIdx.x]);
  if (kMissing != Missing::commit) cp_async_commit();
  if (kMissing != Missing::wait) cp_async_wait<0>();
  if (kMissing != Missing::barrier) __syncthreads();
  out[threadIdx.x] = tile[kThreads - 1 - threadIdx.x];
}

__global__ void copy_past_the_end(const int* x, int valid) {
  SHARED(int4[1], tile);
  cp_async<16>(&tile[0], x, valid);
  cp_async_commit();
  cp_async_wait<0>();
}

std::function<void()> launched(auto... arguments) {
  return [=] { launch(nullptr, arguments...); };
}

}  // namespace

TEST(faults, races_in_a_block) {
  Array<int> x(kThreads, [](size_t i) { return int(i); }), out(kThreads);
  check_fault(Fault::race, {"race in", "reverse_block<false>", "held + ", "block (0, 0, 0)", "thread ("},
              launched(1, kThreads, 0, reverse_block<false>, x.data(), out.data()));
  check_fault(Fault::race, {"rotate_often<false>", "held + "}, launched(1, kThreads, 0, rotate_often<false>, x.data()));
  check_fault(Fault::race, {"reverse_warp<false>"},
              launched(1, kThreads, 0, reverse_warp<false>, x.data(), out.data()));
  check_fault(Fault::race, {"shuffle_is_no_sync"}, launched(1, 32, 0, shuffle_is_no_sync, out.data()));
  check_fault(Fault::race, {"global memory of 512 bytes"}, launched(1, kThreads, 0, neighbours_in_global, x.data()));
  check_fault(Fault::race, {"plain_beside_atomic"}, launched(1, kThreads, 0, plain_beside_atomic, x.data()));
}

TEST(faults, races_between_blocks) {
  Array<int> x(8, [](size_t) { return 0; });
  check_fault(Fault::race, {"block (1, 0, 0)", "in the same launch"}, launched(2, 32, 0, all_blocks_write, x.data()));
  check_fault(Fault::race, {"read_other_block"}, launched(8, 32, 0, read_other_block, x.data(), x.data()));
}

TEST(faults, races_are_counted) {
  Array<int> x(kThreads, [](size_t i) { return int(i); }), out(kThreads);
  emulator::set_schedule(emulator::Schedule::greedy, 0);
  try {
    launch(nullptr, 1, kThreads, 0, reverse_block<false>, x.data(), out.data());
  } catch (const emulator::EmulatorError&) {
  }
  // The first half of the threads reads what was not written yet, and is told when it is written; the second half
  // reads what was written by others.
  CHECK_EQUAL(emulator::last_launch().races, uint64_t(kThreads));
  CHECK_EQUAL(emulator::last_launch().messages.size(), size_t(8));
  launch(nullptr, 1, kThreads, 0, reverse_block<true>, x.data(), out.data());
  CHECK_EQUAL(emulator::last_launch().races, uint64_t(0));
  CHECK(emulator::last_launch().accesses >= 4 * kThreads);
  CHECK(emulator::last_launch().kernel.find("reverse_block<true>") != std::string::npos);
}

// What a missing barrier does to the result, whether a race is told or not.
TEST(faults, schedules_expose_a_missing_barrier) {
  for (auto schedule : {emulator::Schedule::greedy, emulator::Schedule::reverse, emulator::Schedule::random}) {
    Array<int> x(kThreads, [](size_t i) { return int(i); });
    emulator::set_schedule(schedule, 1);
    try {
      launch(nullptr, 1, kThreads, 0, rotate_often<false>, x.data());
    } catch (const emulator::EmulatorError&) {
    }
    int wrong = 0;
    for (int i = 0; i < kThreads; ++i) wrong += x[size_t(i)] != (i + 120) % kThreads;
    CHECK(wrong > 0);
  }
}

TEST(faults, what_is_ordered_is_no_race) {
  emulated::under_each_schedule([] {
    Array<int> x(kThreads, [](size_t i) { return int(i); }), out(4 * kThreads);
    launch(nullptr, 1, kThreads, 0, reverse_block<true>, x.data(), out.data());
    for (int i = 0; i < kThreads; ++i) CHECK_EQUAL(out[size_t(i)], kThreads - 1 - i);
    launch(nullptr, 1, kThreads, 0, rotate_often<true>, x.data());
    for (int i = 0; i < kThreads; ++i) CHECK_EQUAL(x[size_t(i)], (i + 120) % kThreads);
    launch(nullptr, 1, kThreads, 0, reverse_warp<true>, x.data(), out.data());
    launch(nullptr, 1, 32, 0, halves_of_a_warp, out.data());
    launch(nullptr, 4, kThreads, 0, all_read_one, x.data(), out.data());
    Array<uint8_t> bytes(4 * kThreads, [](size_t) { return uint8_t(1); });
    Array<uint16_t> shorts(4 * kThreads, [](size_t) { return uint16_t(1); });
    launch(nullptr, 4, kThreads, 0, bytes_side_by_side, bytes.data(), shorts.data());
    for (size_t i = 0; i < 4 * kThreads; ++i) CHECK_EQUAL(bytes[i] + shorts[i], 4);
    Array<int> counter(1, [](size_t) { return 0; });
    Array<unsigned> largest(1, [](size_t) { return 0u; });
    launch(nullptr, 50, kThreads, 0, atomics_of_all_blocks, counter.data(), largest.data());
    CHECK_EQUAL(counter[0], 50 * kThreads);
    CHECK_EQUAL(largest[0], unsigned(kThreads - 1));
  });
}

TEST(faults, out_of_bounds) {
  check_fault(Fault::out_of_bounds, {"writes 4 bytes at tile + 128", "thread (3, 0, 0)"},
              launched(1, 32, 0, write_shared, 32));
  check_fault(Fault::out_of_bounds, {"tile - 4"}, launched(1, 32, 0, write_shared, -1));
  check_fault(Fault::out_of_bounds, {"dynamic shared memory + 100"}, launched(1, 32, 100, write_dynamic, 100));
  check_fault(Fault::out_of_bounds, {"of which the launch has none"}, launched(1, 32, 0, write_dynamic, 0));
  Array<int> x(10);
  check_fault(Fault::out_of_bounds, {"global memory of 40 bytes + 40"},
              launched(1, 32, 0, write_global<int>, x.data(), int64_t(10)));
  check_fault(Fault::out_of_bounds, {"global memory of 40 bytes - 4"},
              launched(1, 32, 0, write_global<int>, x.data(), int64_t(-1)));
  Array<uint8_t> bytes(5), more(32);
  check_fault(Fault::out_of_bounds, {"reads 1 bytes at global memory of 5 bytes + 5"},
              launched(1, 32, 0, read_global<uint8_t>, bytes.data(), int64_t(5), more.data()));
  check_fault(Fault::out_of_bounds, {}, launched(1, 32, 0, write_global<int>, x.data(), int64_t(1) << 20));
  Array<int> out(32, [](size_t) { return 0; });
  launch(nullptr, 1, 32, 0, index_registers, out.data(), 4);
  check_fault(Fault::out_of_bounds, {"the element 4 of a shorter array", "test_faults.cpp"},
              launched(1, 32, 0, index_registers, out.data(), 5));
  check_fault(Fault::out_of_bounds, {"the element 8 of"}, launched(1, 32, 0, index_row, out.data(), 8));
}

TEST(faults, use_after_free) {
  int* freed;
  {
    Array<int> x(10);
    freed = x.data();
  }
  check_fault(Fault::use_after_free, {"global memory of 40 bytes + 12", "was freed"},
              launched(1, 32, 0, write_global<int>, freed, int64_t(3)));
  CHECK(check::message_of<RuntimeError>([&] { emulator::release(freed); }).find("freed before") != std::string::npos);
}

TEST(faults, uninitialized_shared) {
  Array<int> out(64);
  check_fault(Fault::uninitialized_shared, {"tile + 148", "thread (5, 0, 0)"},
              launched(1, 32, 0, read_uninitialized, out.data(), false));
  check_fault(Fault::uninitialized_shared, {"tile + "}, launched(1, 32, 0, read_uninitialized, out.data(), true));
  check_fault(Fault::uninitialized_shared, {"block (1, 0, 0)"},
              launched(2, 32, 0, write_then_next_block_reads, out.data()));
}

TEST(faults, misaligned) {
  Array<float> x(8, [](size_t) { return 1.0f; }), out(32);
  check_fault(Fault::misaligned, {"16 bytes", "global memory of 32 bytes + 4"},
              launched(1, 32, 0, read_vector, x.data(), out.data()));
}

TEST(faults, host_memory) {
  int on_host = 0;
  check_fault(Fault::host_memory, {"is the host's"}, launched(1, 32, 0, write_global<int>, &on_host, int64_t(0)));
  check_fault(Fault::host_memory, {"is null"}, launched(1, 32, 0, write_global<int>, nullptr, int64_t(0)));
  Array<int> out(32, [](size_t i) { return int(i); });
  launch(nullptr, 1, 32, 0, read_table, out.data());
  CHECK_EQUAL(out[7], 8);
}

TEST(faults, divergent_barriers) {
  check_fault(Fault::divergent_barrier, {"__syncthreads"}, launched(1, 64, 0, some_at_barrier, 32));
  check_fault(Fault::divergent_barrier, {"__syncthreads"}, launched(1, 64, 0, some_at_barrier, 1));
  check_fault(Fault::divergent_barrier, {"the kernel", "__syncthreads"}, launched(1, 64, 0, leave_early, 63));
  check_fault(Fault::divergent_barrier, {"__syncthreads_or"}, launched(1, 64, 0, two_barriers));
  launch(nullptr, 1, 64, 0, some_at_barrier, 64);
  launch(nullptr, 1, 64, 0, some_at_barrier, 0);
}

TEST(faults, divergent_warps) {
  Array<int> out(32);
  Array<float> sums(32);
  check_fault(Fault::divergent_collective, {"__shfl_sync", "mask 0xffffffff", "lanes 0x0000007f", "__syncthreads"},
              launched(1, 32, 0, some_shuffle, out.data()));
  check_fault(Fault::divergent_collective, {"0x000000ff", "in which it is not"},
              launched(1, 32, 0, shuffle_outside_mask, out.data()));
  check_fault(Fault::divergent_collective, {"mma.m16n8k16.f16"},
              launched(1, 32, 0, half_a_warp_multiplies, sums.data()));
  check_fault(Fault::divergent_collective, {"__shfl_sync", "__any_sync"},
              launched(1, 32, 0, shuffle_and_vote, out.data()));
}

TEST(faults, threads_that_spin) {
  Array<int> flag(1, [](size_t) { return 0; }), out(64);
  emulator::set_schedule(emulator::Schedule::greedy, 0);
  CHECK(
      check::message_of<emulator::EmulatorError>(launched(1, 1, 0, wait_for_nobody, flag.data())).find("no progress") !=
      std::string::npos);
  emulated::under_each_schedule([&] {
    flag[0] = 0;
    launch(nullptr, 1, 64, 0, wait_for_the_last, flag.data(), out.data());
  });
}

TEST(faults, device_checks) {
  check_fault(Fault::device_check, {"int(threadIdx.x) < limit", "test_faults.cpp", "thread (31, 0, 0)"},
              launched(1, 32, 0, checked, 31));
  launch(nullptr, 1, 32, 0, checked, 32);
}

TEST(faults, asynchronous_copies) {
  Array<int> x(kThreads, [](size_t i) { return int(i); }), out(kThreads);
  emulated::under_each_schedule([&] {
    launch(nullptr, 1, kThreads, 0, copy_through<Missing::nothing>, x.data(), out.data());
    for (int i = 0; i < kThreads; ++i) CHECK_EQUAL(out[size_t(i)], kThreads - 1 - i);
  });
  check_fault(Fault::pending_copy, {"tile + ", "issued a cp.async"},
              launched(1, kThreads, 0, copy_through<Missing::wait>, x.data(), out.data()));
  check_fault(Fault::pending_copy, {"tile + "},
              launched(1, kThreads, 0, copy_through<Missing::commit>, x.data(), out.data()));
  Array<int> few(3, [](size_t) { return 1; });
  check_fault(Fault::out_of_bounds, {"global memory of 12 bytes + 12"},
              launched(1, 1, 0, copy_past_the_end, few.data(), 16));
  launch(nullptr, 1, 1, 0, copy_past_the_end, few.data(), 12);
}

TEST(faults, a_launch_that_failed_leaves_the_emulator_whole) {
  Array<int> x(kThreads, [](size_t i) { return int(i); }), out(kThreads);
  for (int i = 0; i < 3; ++i) {
    check_fault(Fault::race, {}, launched(1, kThreads, 0, reverse_block<false>, x.data(), out.data()));
    check_fault(Fault::divergent_barrier, {}, launched(1, 64, 0, some_at_barrier, 32));
    launch(nullptr, 1, kThreads, 0, reverse_block<true>, x.data(), out.data());
    CHECK_EQUAL(out[0], kThreads - 1);
  }
}
