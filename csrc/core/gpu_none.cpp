// The driver of a build without CUDA: no device is there, so nothing else is ever called.
#include "core/error.h"
#include "core/gpu.h"

namespace hotloop::gpu::driver {

namespace {
[[noreturn]] void refuse(const char* what) { fail<RuntimeError>("%s: hotloop was built without CUDA", what); }
}  // namespace

int device_count(const char** why_not) {
  *why_not = "hotloop was built without CUDA";
  return 0;
}
void read_properties(int, Properties&) { refuse("properties"); }
void set_device(int) { refuse("set_device"); }
void* allocate(size_t, int, GpuStream) { refuse("allocate"); }
void release(void*, int, GpuStream) noexcept {}
int device_of(const void*) { refuse("device_of"); }
void trim_pool(int) { refuse("empty_cache"); }
void* allocate_lasting(size_t) { refuse("allocate"); }
void release_lasting(void*) noexcept {}
void* allocate_pinned(size_t) { refuse("allocate_pinned"); }
void release_pinned(void*) noexcept {}
void copy(void*, const void*, size_t, Direction, GpuStream) { refuse("copy"); }
void copy_peer(void*, int, const void*, int, size_t, GpuStream) { refuse("copy"); }
void fill(void*, int, size_t, GpuStream) { refuse("fill"); }
GpuStream new_stream(int) { refuse("Stream"); }
void delete_stream(GpuStream) noexcept {}
void synchronize(GpuStream) { refuse("synchronize"); }
void synchronize_device() { refuse("synchronize"); }
bool is_done(GpuStream) { refuse("query"); }
GpuEvent new_event(bool) { refuse("Event"); }
void delete_event(GpuEvent) noexcept {}
void record(GpuEvent, GpuStream) { refuse("record"); }
void wait(GpuStream, GpuEvent) { refuse("wait"); }
void synchronize_event(GpuEvent) { refuse("synchronize"); }
bool is_done_event(GpuEvent) { refuse("query"); }
float milliseconds(GpuEvent, GpuEvent) { refuse("elapsed_time"); }
void begin_capture(GpuStream) { refuse("capture_begin"); }
GraphHandle end_capture(GpuStream) { refuse("capture_end"); }
uint64_t capture_id(GpuStream) { return 0; }
void launch_graph(GraphHandle, GpuStream) { refuse("replay"); }
void delete_graph(GraphHandle) noexcept {}

}  // namespace hotloop::gpu::driver
