// What all drivers share: the current device and streams of a thread, accounts of memory, faults.
#include "core/gpu.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include <pthread.h>

#include "core/capture.h"
#include "core/error.h"
#include "core/host_lock.h"
#include "core/pinned.h"

namespace hotloop::gpu {

namespace {

// The driver can't be used in the child of a process that used it.
constinit std::atomic<bool> used{false};
constinit bool forked = false;
void after_fork_in_child() { forked = used.load(std::memory_order_relaxed); }
[[maybe_unused]] const int fork_handler = pthread_atfork(nullptr, nullptr, after_fork_in_child);

struct Devices {
  int count;
  const char* why_not = "";
  Properties properties[kMaxDevices] = {};

  Devices() {
    count = driver::device_count(&why_not);
    if (count > kMaxDevices) count = kMaxDevices;
    for (int i = 0; i < count; ++i) driver::read_properties(i, properties[i]);
  }
};

const Devices& devices() {
  static const Devices all;
  return all;
}

struct Account {
  std::atomic<int64_t> allocated{0}, peak{0}, allocations{0};
  std::once_flag fault_once;
  std::atomic<Fault*> fault{nullptr};
};
Account accounts[kMaxDevices];
constinit MemoryPool memory_pool{};

thread_local int current = 0;
thread_local bool is_set = false;
thread_local GpuStream streams[kMaxDevices] = {};

}  // namespace

int device_count() { return forked ? 0 : devices().count; }

const char* why_not() {
  return forked ? "the process used the GPU before fork(), and a child can't; start it with spawn" : devices().why_not;
}

const Properties& properties(int device) { return devices().properties[device]; }

int active_arch(int device) {
  static const int cap = [] {
    const char* text = std::getenv("HOTLOOP_GPU_ARCH");  // checked by check_environment
    return text && std::strncmp(text, "sm", 2) == 0 ? std::atoi(text + 2) : 999;
  }();
  const Properties& p = properties(device);
  return std::min(cap, 10 * p.major + p.minor);
}

int current_device() { return current; }

void set_current_device(int device) {
  if (device == current && is_set) return;
  used.store(true, std::memory_order_relaxed);
  driver::set_device(device);
  current = device;
  is_set = true;
}

DeviceGuard::~DeviceGuard() {
  if (before_ == current) return;
  try {
    set_current_device(before_);
  } catch (const Error&) {  // it was current before, so it can be again; the next call says what is wrong
  }
}

GpuStream current_stream(int device) { return streams[device]; }
void set_current_stream(int device, GpuStream stream) { streams[device] = stream; }

void wait_for(int device, GpuStream stream, GpuStream other) {
  if (stream == other) return;
  const DeviceGuard guard(device);
  const GpuEvent event = driver::new_event(false);
  driver::record(event, other);
  driver::wait(stream, event);
  driver::delete_event(event);
}

void synchronize(int device) {
  if (any_capture(device))
    fail<CaptureError>("the host can't wait for cuda:%d while a CUDA graph is captured on it", device);
  const DeviceGuard guard(device);
  {
    const ReleaseHostLock unlock(INT64_MAX);
    driver::synchronize_device();
  }
  throw_if_faulted(device);
}

void synchronize_stream(int device, GpuStream stream) {
  refuse_while_capturing(device, stream, "the host can't wait");
  const DeviceGuard guard(device);
  {
    const ReleaseHostLock unlock(INT64_MAX);
    driver::synchronize(stream);
  }
  throw_if_faulted(device);
}

// --- memory -----------------------------------------------------------------------------------------
void* allocate(size_t bytes, int device, GpuStream stream) {
  fail_if_asked(bytes);
  const size_t asked = bytes ? bytes : 1;
  const DeviceGuard guard(device);
  void* pointer;
  if (Graph* graph = capturing(stream)) {
    pointer = graph->pool()->allocate(asked, stream);
  } else if (memory_pool.allocate) {
    pointer = memory_pool.allocate(asked, device, stream);
  } else {
    pointer = driver::allocate(asked, device, stream);
    if (!pointer && !any_capture(device)) {
      driver::synchronize_device();  // what was freed on other streams comes back
      driver::trim_pool(device);
      pointer = driver::allocate(asked, device, stream);
    }
  }
  Account& account = accounts[device];
  if (!pointer)
    fail<OutOfMemory>("cannot allocate %zu bytes on cuda:%d: its memory of %zu bytes is full (%lld bytes in use here)",
                      bytes, device, properties(device).memory_bytes, static_cast<long long>(account.allocated.load()));
  account.allocations.fetch_add(1, std::memory_order_relaxed);
  const int64_t now = account.allocated.fetch_add(int64_t(bytes), std::memory_order_relaxed) + int64_t(bytes);
  int64_t peak = account.peak.load(std::memory_order_relaxed);
  while (now > peak && !account.peak.compare_exchange_weak(peak, now, std::memory_order_relaxed)) {
  }
  return pointer;
}

void deallocate(void* pointer, size_t bytes, int device, GpuStream stream) noexcept {
  if (!pointer || forked) return;
  accounts[device].allocated.fetch_sub(int64_t(bytes), std::memory_order_relaxed);
  if (release_to_pool(pointer)) return;
  try {
    const DeviceGuard guard(device);
    if (memory_pool.release)
      memory_pool.release(pointer, bytes, device, stream);
    else if (Graph* graph = capturing(stream))
      graph->release_later(pointer);
    else
      driver::release(pointer, device, stream);
  } catch (const Error&) {  // the driver is gone, as at the end of the process: so is the memory
  }
}

MemoryStats memory_stats(int device) {
  const Account& account = accounts[device];
  MemoryStats stats{};
  stats.allocated_bytes = account.allocated.load();
  stats.peak_allocated_bytes = account.peak.load();
  stats.reserved_bytes = stats.allocated_bytes;
  stats.allocations = account.allocations.load();
  return stats;
}

void reset_peak_memory_stats(int device) { accounts[device].peak.store(accounts[device].allocated.load()); }

void empty_cache(int device) {
  if (any_capture(device))
    fail<CaptureError>("memory of cuda:%d can't be given back while a CUDA graph is captured on it", device);
  const DeviceGuard guard(device);
  driver::synchronize_device();
  driver::trim_pool(device);
}

void set_memory_pool(MemoryPool pool) { memory_pool = pool; }

// --- copies -----------------------------------------------------------------------------------------
void copy_from_host(void* to, const void* from, size_t bytes, int device) {
  if (bytes == 0) return;
  refuse_while_capturing(device, current_stream(device), "what the host has can't be copied to the GPU");
  const DeviceGuard guard(device);
  driver::copy(to, from, bytes, driver::Direction::from_host, current_stream(device));
  if (is_pinned(from)) driver::synchronize(current_stream(device));  // it is read while the stream comes by
}

void copy_to_host(void* to, const void* from, size_t bytes, int device) {
  refuse_while_capturing(device, current_stream(device), "the host can't read what the GPU has still to compute");
  const DeviceGuard guard(device);
  if (bytes) driver::copy(to, from, bytes, driver::Direction::to_host, current_stream(device));
  synchronize_stream(device, current_stream(device));
}

void copy_within(void* to, const void* from, size_t bytes, int device) {
  if (bytes == 0) return;
  const DeviceGuard guard(device);
  driver::copy(to, from, bytes, driver::Direction::within, current_stream(device));
}

void copy_between(void* to, int to_device, const void* from, int from_device, size_t bytes) {
  if (to_device == from_device) return copy_within(to, from, bytes, to_device);
  if (bytes == 0) return;
  // The source is complete before the target's stream reads it, and unchanged until it has.
  GpuEvent written, read;
  {
    const DeviceGuard guard(from_device);
    written = driver::new_event(false);
    driver::record(written, current_stream(from_device));
  }
  {
    const DeviceGuard guard(to_device);
    driver::wait(current_stream(to_device), written);
    driver::copy_peer(to, to_device, from, from_device, bytes, current_stream(to_device));
    read = driver::new_event(false);
    driver::record(read, current_stream(to_device));
  }
  const DeviceGuard guard(from_device);
  driver::wait(current_stream(from_device), read);
  driver::delete_event(written);
  driver::delete_event(read);
}

void fill_bytes(void* to, int value, size_t bytes, int device) {
  if (bytes == 0) return;
  const DeviceGuard guard(device);
  driver::fill(to, value, bytes, current_stream(device));
}

// --- faults -----------------------------------------------------------------------------------------
Fault* fault_slot(int device) {
  Account& account = accounts[device];
  std::call_once(account.fault_once, [&] {
    auto* slot = static_cast<Fault*>(driver::allocate_pinned(sizeof(Fault)));
    if (!slot) fail<OutOfMemory>("cannot allocate %zu bytes of pinned host memory", sizeof(Fault));
    *slot = {};
    account.fault.store(slot);
  });
  return account.fault.load();
}

void throw_if_faulted(int device) {
  Fault* slot = accounts[device].fault.load(std::memory_order_acquire);
  if (!slot || !__atomic_load_n(&slot->raised, __ATOMIC_ACQUIRE)) return;
  const Fault fault = *slot;
  *slot = {};
  using ll = long long;
  if (fault.dim < 0)
    fail<IndexError>("%s: Target %lld is out of bounds. (classes are 0 to %lld; found on cuda:%d)", fault.op,
                     ll(fault.value), ll(fault.size) - 1, device);
  fail<IndexError>("%s: index %lld is out of bounds for dimension %d with size %lld (found on cuda:%d)", fault.op,
                   ll(fault.value), fault.dim, ll(fault.size), device);
}

}  // namespace hotloop::gpu
