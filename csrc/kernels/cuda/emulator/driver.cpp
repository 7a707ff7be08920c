// The driver of a build with HOTLOOP_CUDA=emulate (core/gpu.h): one device, or HOTLOOP_EMULATOR_DEVICES of them, whose
// memory is the emulator's. All work is done when it is given, so streams and events have nothing to order but what is
// recorded for a graph.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

#include "core/error.h"
#include "core/gpu.h"
#include "kernels/cuda/emulator/emulator.h"
#include "kernels/cuda/emulator/stream.h"

namespace hotloop::gpu::driver {

namespace {

int number_of_devices() {
  const char* text = std::getenv("HOTLOOP_EMULATOR_DEVICES");
  const int count = text ? std::atoi(text) : 1;
  return count >= 1 && count <= kMaxDevices ? count : 1;
}

// So that a stream has an address of its own.
struct Stream {
  int priority;
};
using emulator::Event;
using emulator::Recording;

// An event in what is recorded: nobody will come by there before a graph is played, and then often.
Event& of_no_recording(GpuEvent event) {
  auto* const e = static_cast<Event*>(event);
  if (e->recording) fail<RuntimeError>("emulated event: it was recorded in a capture, and can't be asked");
  return *e;
}

thread_local int device = 0;

// Pinned memory is the emulator's too, since kernels may follow pointers to it; it is the host's all the same.
struct PinnedBlocks {
  std::mutex mutex;
  std::map<const char*, size_t> bytes;

  bool hold(const void* pointer) {
    std::lock_guard lock(mutex);
    const auto* p = static_cast<const char*>(pointer);
    auto after = bytes.upper_bound(p);
    return after != bytes.begin() && size_t(p - (--after)->first) < after->second;
  }
};
PinnedBlocks& pinned_blocks() {
  static auto* const all = new PinnedBlocks;
  return *all;
}

// Copies are a driver's, not a kernel's: what lies outside the emulated memory is the host's.
void check_place(const void* pointer, bool on_gpu, const char* what) {
  if ((emulator::is_global_memory(pointer) && !pinned_blocks().hold(pointer)) != on_gpu)
    fail<RuntimeError>("emulated copy: its %s lies in %s memory", what, on_gpu ? "the host's" : "the GPU's");
}

}  // namespace

int device_count(const char** why_not) {
  *why_not = "";
  return number_of_devices();
}

void read_properties(int, Properties& p) {
  std::strcpy(p.name, "hotloop emulator");
  p.major = 8;
  p.minor = 0;
  p.multiprocessors = 4;
  p.memory_bytes = emulator::memory_limit();
  p.shared_bytes_per_block = 163 << 10;
  p.driver_version = p.runtime_version = 13000;
}

void set_device(int number) { device = number; }

void* allocate(size_t bytes, int, GpuStream) { return emulator::allocate(bytes); }
void release(void* pointer, int, GpuStream) noexcept { emulator::release(pointer); }
void trim_pool(int) {}

int device_of(const void* pointer) {
  if (!emulator::is_global_memory(pointer))
    fail<ValueError>("the address %p is no memory of the emulated GPU", pointer);
  return device;
}

void* allocate_lasting(size_t bytes) { return emulator::allocate(bytes); }
void release_lasting(void* pointer) noexcept { emulator::release(pointer); }
void* allocate_pinned(size_t bytes) {
  void* const pointer = emulator::allocate(bytes);
  if (pointer) {
    PinnedBlocks& all = pinned_blocks();
    std::lock_guard lock(all.mutex);
    all.bytes[static_cast<const char*>(pointer)] = bytes;
  }
  return pointer;
}
void release_pinned(void* pointer) noexcept {
  {
    PinnedBlocks& all = pinned_blocks();
    std::lock_guard lock(all.mutex);
    all.bytes.erase(static_cast<const char*>(pointer));
  }
  emulator::release(pointer);
}

void copy(void* to, const void* from, size_t bytes, Direction direction, GpuStream stream) {
  check_place(to, direction != Direction::to_host, "target");
  check_place(from, direction != Direction::from_host, "source");
  const auto copy_now = [=] { std::memcpy(to, from, bytes); };
  if (Recording* recording = emulator::recording_of(stream)) return recording->add(stream, copy_now);
  copy_now();
}

void copy_peer(void* to, int, const void* from, int, size_t bytes, GpuStream stream) {
  copy(to, from, bytes, Direction::within, stream);
}

void fill(void* to, int value, size_t bytes, GpuStream stream) {
  check_place(to, true, "target");
  const auto fill_now = [=] { std::memset(to, value, bytes); };
  if (Recording* recording = emulator::recording_of(stream)) return recording->add(stream, fill_now);
  fill_now();
}

GpuStream new_stream(int priority) { return new Stream{priority}; }
void delete_stream(GpuStream stream) noexcept { delete static_cast<Stream*>(stream); }
void synchronize(GpuStream) {}
void synchronize_device() {}
bool is_done(GpuStream) { return true; }

GpuEvent new_event(bool) { return new Event; }
void delete_event(GpuEvent event) noexcept { delete static_cast<Event*>(event); }
void record(GpuEvent event, GpuStream stream) { emulator::mark(*static_cast<Event*>(event), stream); }
void wait(GpuStream stream, GpuEvent event) { emulator::wait(stream, *static_cast<Event*>(event)); }
void synchronize_event(GpuEvent event) { of_no_recording(event); }
bool is_done_event(GpuEvent event) {
  of_no_recording(event);
  return true;
}
float milliseconds(GpuEvent begin, GpuEvent end) {
  const auto span = of_no_recording(end).at - of_no_recording(begin).at;
  return std::chrono::duration<float, std::milli>(span).count();
}

void begin_capture(GpuStream stream) { emulator::begin_recording(stream); }
GraphHandle end_capture(GpuStream stream) { return emulator::end_recording(stream); }
uint64_t capture_id(GpuStream stream) {
  const Recording* const recording = emulator::recording_of(stream);
  return recording ? recording->id() : 0;
}
void launch_graph(GraphHandle graph, GpuStream) { static_cast<const Recording*>(graph)->play(); }
void delete_graph(GraphHandle graph) noexcept { delete static_cast<Recording*>(graph); }

}  // namespace hotloop::gpu::driver
