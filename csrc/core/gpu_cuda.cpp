// The driver on CUDA's runtime, which is linked statically: without a GPU or its driver the first call says so, and
// nothing else happens. Never run on a GPU yet.
#include <cuda_runtime.h>

#include <cstdio>

#include "core/error.h"
#include "core/gpu.h"

namespace hotloop::gpu::driver {

namespace {

void check_at(cudaError_t error, const char* call, const char* file, int line) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // what can be forgotten is
  fail<RuntimeError>("CUDA: %s (%s) from %s, %s:%d", cudaGetErrorString(error), cudaGetErrorName(error), call, file,
                     line);
}

cudaStream_t as_stream(GpuStream stream) { return static_cast<cudaStream_t>(stream); }
cudaEvent_t as_event(GpuEvent event) { return static_cast<cudaEvent_t>(event); }

// Kernels are compiled for compute capability 8.0 and up.
constexpr int kLeastMajor = 8;

}  // namespace

#define HOTLOOP_CUDA_CHECK(call) check_at((call), #call, __FILE__, __LINE__)

int device_count(const char** why_not) {
  static char reason[256];
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  *why_not = "";
  if (error == cudaErrorInsufficientDriver || error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) {
    cudaGetLastError();
    int version = 0;
    cudaDriverGetVersion(&version);
    if (version == 0)
      *why_not = "no NVIDIA driver is installed";
    else if (error == cudaErrorInsufficientDriver)
      std::snprintf(reason, sizeof reason, "the NVIDIA driver is for CUDA %d.%d, and this build needs %d.%d",
                    version / 1000, version % 1000 / 10, CUDART_VERSION / 1000, CUDART_VERSION % 1000 / 10),
          *why_not = reason;
    else
      *why_not = "the NVIDIA driver sees no GPU (or CUDA_VISIBLE_DEVICES hides it)";
    return 0;
  }
  if (error != cudaSuccess) {
    cudaGetLastError();
    std::snprintf(reason, sizeof reason, "CUDA: %s (%s)", cudaGetErrorString(error), cudaGetErrorName(error));
    *why_not = reason;
    return 0;
  }
  int usable = 0;  // those in front of the first one that is too old
  for (; usable < count; ++usable) {
    int major = 0;
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, usable);
    if (major < kLeastMajor) break;
  }
  if (usable == 0) {
    int major = 0, minor = 0;
    cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0);
    cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0);
    std::snprintf(reason, sizeof reason, "the GPU has compute capability %d.%d, and hotloop needs %d.0 or newer", major,
                  minor, kLeastMajor);
    *why_not = reason;
  }
  return usable;
}

void read_properties(int device, Properties& p) {
  cudaDeviceProp all;
  HOTLOOP_CUDA_CHECK(cudaGetDeviceProperties(&all, device));
  std::snprintf(p.name, sizeof p.name, "%s", all.name);
  p.major = all.major;
  p.minor = all.minor;
  p.multiprocessors = all.multiProcessorCount;
  p.memory_bytes = all.totalGlobalMem;
  p.shared_bytes_per_block = all.sharedMemPerBlockOptin;
  cudaDriverGetVersion(&p.driver_version);
  cudaRuntimeGetVersion(&p.runtime_version);
}

void set_device(int device) {
  HOTLOOP_CUDA_CHECK(cudaSetDevice(device));
  // What is freed stays in the pool, so that a training step asks the system for nothing.
  static bool kept[kMaxDevices] = {};
  if (kept[device]) return;
  cudaMemPool_t pool;
  HOTLOOP_CUDA_CHECK(cudaDeviceGetDefaultMemPool(&pool, device));
  uint64_t all = UINT64_MAX;
  HOTLOOP_CUDA_CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all));
  kept[device] = true;
}

void* allocate(size_t bytes, int, GpuStream stream) {
  void* pointer = nullptr;
  const cudaError_t error = cudaMallocAsync(&pointer, bytes, as_stream(stream));
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check_at(error, "cudaMallocAsync", __FILE__, __LINE__);
  return pointer;
}

// At the end of the process the driver may be gone before the last tensor: there is nobody left to tell.
void release(void* pointer, int, GpuStream stream) noexcept {
  if (cudaFreeAsync(pointer, as_stream(stream)) != cudaSuccess) cudaGetLastError();
}

void trim_pool(int device) {
  cudaMemPool_t pool;
  HOTLOOP_CUDA_CHECK(cudaDeviceGetDefaultMemPool(&pool, device));
  HOTLOOP_CUDA_CHECK(cudaMemPoolTrimTo(pool, 0));
}

int device_of(const void* pointer) {
  cudaPointerAttributes attributes;
  HOTLOOP_CUDA_CHECK(cudaPointerGetAttributes(&attributes, pointer));
  if (attributes.type != cudaMemoryTypeDevice && attributes.type != cudaMemoryTypeManaged)
    fail<ValueError>("the address %p is no GPU memory that CUDA knows", pointer);
  return attributes.device;
}

namespace {
// What can't be recorded is refused while any stream records, by any thread; unless a thread says that it knows.
class WhileCapturing {
 public:
  WhileCapturing() { HOTLOOP_CUDA_CHECK(cudaThreadExchangeStreamCaptureMode(&mode_)); }
  ~WhileCapturing() {
    if (cudaThreadExchangeStreamCaptureMode(&mode_) != cudaSuccess) cudaGetLastError();
  }

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};
}  // namespace

void* allocate_lasting(size_t bytes) {
  const WhileCapturing relaxed;
  void* pointer = nullptr;
  const cudaError_t error = cudaMalloc(&pointer, bytes);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check_at(error, "cudaMalloc", __FILE__, __LINE__);
  return pointer;
}

void release_lasting(void* pointer) noexcept {
  try {
    const WhileCapturing relaxed;
    if (cudaFree(pointer) != cudaSuccess) cudaGetLastError();
  } catch (const Error&) {  // the driver is gone
  }
}

void* allocate_pinned(size_t bytes) {
  void* pointer = nullptr;
  const cudaError_t error = cudaHostAlloc(&pointer, bytes, cudaHostAllocPortable | cudaHostAllocMapped);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check_at(error, "cudaHostAlloc", __FILE__, __LINE__);
  return pointer;
}

void release_pinned(void* pointer) noexcept {
  if (cudaFreeHost(pointer) != cudaSuccess) cudaGetLastError();
}

void copy(void* to, const void* from, size_t bytes, Direction direction, GpuStream stream) {
  const cudaMemcpyKind kind = direction == Direction::from_host ? cudaMemcpyHostToDevice
                              : direction == Direction::to_host ? cudaMemcpyDeviceToHost
                                                                : cudaMemcpyDeviceToDevice;
  HOTLOOP_CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, kind, as_stream(stream)));
}

void copy_peer(void* to, int to_device, const void* from, int from_device, size_t bytes, GpuStream stream) {
  HOTLOOP_CUDA_CHECK(cudaMemcpyPeerAsync(to, to_device, from, from_device, bytes, as_stream(stream)));
}

void fill(void* to, int value, size_t bytes, GpuStream stream) {
  HOTLOOP_CUDA_CHECK(cudaMemsetAsync(to, value, bytes, as_stream(stream)));
}

GpuStream new_stream(int priority) {
  cudaStream_t stream;
  HOTLOOP_CUDA_CHECK(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, priority));
  return stream;
}

void delete_stream(GpuStream stream) noexcept {
  if (cudaStreamDestroy(as_stream(stream)) != cudaSuccess) cudaGetLastError();
}

void synchronize(GpuStream stream) { HOTLOOP_CUDA_CHECK(cudaStreamSynchronize(as_stream(stream))); }
void synchronize_device() { HOTLOOP_CUDA_CHECK(cudaDeviceSynchronize()); }

namespace {
bool done(cudaError_t error, const char* call) {
  if (error == cudaErrorNotReady) {
    cudaGetLastError();
    return false;
  }
  check_at(error, call, __FILE__, __LINE__);
  return true;
}
}  // namespace

bool is_done(GpuStream stream) { return done(cudaStreamQuery(as_stream(stream)), "cudaStreamQuery"); }

GpuEvent new_event(bool timing) {
  cudaEvent_t event;
  HOTLOOP_CUDA_CHECK(cudaEventCreateWithFlags(&event, timing ? cudaEventDefault : cudaEventDisableTiming));
  return event;
}

void delete_event(GpuEvent event) noexcept {
  if (cudaEventDestroy(as_event(event)) != cudaSuccess) cudaGetLastError();
}

void record(GpuEvent event, GpuStream stream) {
  HOTLOOP_CUDA_CHECK(cudaEventRecord(as_event(event), as_stream(stream)));
}
void wait(GpuStream stream, GpuEvent event) {
  HOTLOOP_CUDA_CHECK(cudaStreamWaitEvent(as_stream(stream), as_event(event), 0));
}
void synchronize_event(GpuEvent event) { HOTLOOP_CUDA_CHECK(cudaEventSynchronize(as_event(event))); }
bool is_done_event(GpuEvent event) { return done(cudaEventQuery(as_event(event)), "cudaEventQuery"); }
float milliseconds(GpuEvent begin, GpuEvent end) {
  float elapsed;
  HOTLOOP_CUDA_CHECK(cudaEventElapsedTime(&elapsed, as_event(begin), as_event(end)));
  return elapsed;
}

void begin_capture(GpuStream stream) {
  HOTLOOP_CUDA_CHECK(cudaStreamBeginCapture(as_stream(stream), cudaStreamCaptureModeGlobal));
}

GraphHandle end_capture(GpuStream stream) {
  cudaGraph_t graph = nullptr;
  HOTLOOP_CUDA_CHECK(cudaStreamEndCapture(as_stream(stream), &graph));
  cudaGraphExec_t ready = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&ready, graph, 0);
  cudaGraphDestroy(graph);
  check_at(error, "cudaGraphInstantiate", __FILE__, __LINE__);
  return ready;
}

// The legacy stream records nothing, and can't be asked while another does.
uint64_t capture_id(GpuStream stream) {
  cudaStreamCaptureStatus status;
  unsigned long long id = 0;
  const cudaError_t error = cudaStreamGetCaptureInfo(as_stream(stream), &status, &id);
  if (error == cudaErrorStreamCaptureImplicit) {
    cudaGetLastError();
    return 0;
  }
  check_at(error, "cudaStreamGetCaptureInfo", __FILE__, __LINE__);
  return status == cudaStreamCaptureStatusNone ? 0 : id;
}

void launch_graph(GraphHandle graph, GpuStream stream) {
  HOTLOOP_CUDA_CHECK(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), as_stream(stream)));
}

void delete_graph(GraphHandle graph) noexcept {
  if (cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)) != cudaSuccess) cudaGetLastError();
}

}  // namespace hotloop::gpu::driver
