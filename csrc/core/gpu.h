// The GPU as the library knows it: devices, streams, events, memory, copies. What the driver does stands behind one
// small interface (namespace gpu::driver) with three builds: CUDA's runtime (core/gpu_cuda.cpp), the emulator
// (kernels/cuda/emulator/driver.cpp), and none (core/gpu_none.cpp).
//
// Work is ordered by streams. Everything here takes the calling thread's current stream of a device unless it says
// otherwise, and only what is called synchronize, or brings bytes to the host, waits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/memory.h"

namespace hotloop {

using GpuStream = void*;  // cudaStream_t; null is the legacy default stream
using GpuEvent = void*;   // cudaEvent_t

namespace gpu {

constexpr int kMaxDevices = 16;

struct Properties {
  char name[256];
  int major, minor;  // compute capability
  int multiprocessors;
  size_t memory_bytes;
  size_t shared_bytes_per_block;  // the most that a kernel may ask for
  int driver_version, runtime_version;
};

// --- devices ----------------------------------------------------------------------------------------
int device_count();     // usable ones; 0 where there is none. Never throws, makes no context.
const char* why_not();  // why there is none; empty where there is one
const Properties& properties(int device);
// The compute capability that dispatch goes by, as 90: the device's own, or HOTLOOP_GPU_ARCH=sm80 where that is less.
int active_arch(int device);
int current_device();  // of the calling thread; 0 at first
void set_current_device(int device);

// Makes a device current while it lives.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) : before_(current_device()) { set_current_device(device); }
  ~DeviceGuard();
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int before_;
};

// --- streams and events -----------------------------------------------------------------------------
GpuStream current_stream(int device);
void set_current_stream(int device, GpuStream stream);
// Work given to `stream` from now on waits for all that was given to `other`. Waits for nothing here.
void wait_for(int device, GpuStream stream, GpuStream other);
// Waits, and throws what kernels found wrong meanwhile (Fault below).
void synchronize(int device);
void synchronize_stream(int device, GpuStream stream);

// --- memory -----------------------------------------------------------------------------------------
// Stream-ordered: the memory may be used by work on `stream` from now on. OutOfMemory says what was asked for and
// what is in use; the device stays usable.
void* allocate(size_t bytes, int device, GpuStream stream);
void deallocate(void* pointer, size_t bytes, int device, GpuStream stream) noexcept;
MemoryStats memory_stats(int device);
void reset_peak_memory_stats(int device);
void empty_cache(int device);

// Another library's pool in place of CUDA's (CuPy's); both or neither.
struct MemoryPool {
  void* (*allocate)(size_t bytes, int device, GpuStream stream);  // null where there is no memory
  void (*release)(void* pointer, size_t bytes, int device, GpuStream stream);
};
void set_memory_pool(MemoryPool pool);

// Scratch memory of a kernel on its stream.
class Scratch {
 public:
  Scratch(size_t bytes, int device, GpuStream stream)
      : data_(bytes ? allocate(bytes, device, stream) : nullptr), bytes_(bytes), device_(device), stream_(stream) {}
  ~Scratch() {
    if (data_) deallocate(data_, bytes_, device_, stream_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <class T = void>
  T* data() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_;
  size_t bytes_;
  int device_;
  GpuStream stream_;
};

// Copies on the current stream of `device`. From the host returns when the source may be changed; to the host waits.
// Both are refused while a graph is captured there (core/capture.h).
void copy_from_host(void* to, const void* from, size_t bytes, int device);
void copy_to_host(void* to, const void* from, size_t bytes, int device);
void copy_within(void* to, const void* from, size_t bytes, int device);
void copy_between(void* to, int to_device, const void* from, int from_device, size_t bytes);
void fill_bytes(void* to, int value, size_t bytes, int device);

// --- what kernels find wrong --------------------------------------------------------------------------
// A kernel can't throw. The first index out of range on a device is written here, in memory that the host sees, and
// thrown as IndexError by whatever next waits for the device.
struct Fault {
  int32_t raised;
  int32_t dim;          // of the indexed tensor; -1: the value is a class, not an index
  int64_t value, size;  // valid are -size ... size - 1
  const char* op;
};
Fault* fault_slot(int device);
void throw_if_faulted(int device);

// --- the driver ---------------------------------------------------------------------------------------
// Errors are thrown as RuntimeError that names the call, but where null or a count tells.
namespace driver {
int device_count(const char** why_not);
void read_properties(int device, Properties& properties);
void set_device(int device);
void* allocate(size_t bytes, int device, GpuStream stream);  // null: out of memory
void release(void* pointer, int device, GpuStream stream) noexcept;
void trim_pool(int device);
int device_of(const void* pointer);    // throws ValueError where it is not a GPU's memory
void* allocate_lasting(size_t bytes);  // at once, also while a graph is captured; null: out of memory
void release_lasting(void* pointer) noexcept;
void* allocate_pinned(size_t bytes);  // host memory that every device sees at the same address; null: out of memory
void release_pinned(void* pointer) noexcept;
enum class Direction { from_host, to_host, within };
void copy(void* to, const void* from, size_t bytes, Direction direction, GpuStream stream);
void copy_peer(void* to, int to_device, const void* from, int from_device, size_t bytes, GpuStream stream);
void fill(void* to, int value, size_t bytes, GpuStream stream);
GpuStream new_stream(int priority);  // on the current device, as the events
void delete_stream(GpuStream stream) noexcept;
void synchronize(GpuStream stream);
void synchronize_device();
bool is_done(GpuStream stream);
GpuEvent new_event(bool timing);
void delete_event(GpuEvent event) noexcept;
void record(GpuEvent event, GpuStream stream);
void wait(GpuStream stream, GpuEvent event);
void synchronize_event(GpuEvent event);
bool is_done_event(GpuEvent event);
float milliseconds(GpuEvent begin, GpuEvent end);
// What a stream is given from begin_capture on is recorded, and so is the work of streams that wait for it, until
// end_capture, which throws where the recording can't be replayed.
using GraphHandle = void*;
void begin_capture(GpuStream stream);
GraphHandle end_capture(GpuStream stream);
uint64_t capture_id(GpuStream stream);  // the same of all streams that one capture records; 0: none does
void launch_graph(GraphHandle graph, GpuStream stream);
void delete_graph(GraphHandle graph) noexcept;
}  // namespace driver

}  // namespace gpu
}  // namespace hotloop
