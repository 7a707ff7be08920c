// hotloop._core's GPU side: devices, streams, events, memory. hotloop.cuda is its face.
#include <memory>

#include "bindings/pybind.h"
#include "bindings/tables.h"
#include "bindings/types.h"
#include "core/capture.h"
#include "core/device.h"
#include "core/error.h"
#include "core/gpu.h"
#include "core/host_lock.h"

namespace hotloop::bindings {

namespace {

int checked(int device) {
  if (device < 0 || device > INT8_MAX) fail<ValueError>("cuda: expected the number of a GPU, got %d", device);
  require_device({DeviceType::cuda, int8_t(device)});
  return device;
}

// A stream of a device; owned where it was made here.
class PyStream {
 public:
  PyStream(int device, int priority) : device_(checked(device)), owned_(true) {
    const gpu::DeviceGuard guard(device_);
    stream_ = gpu::driver::new_stream(priority);
  }
  PyStream(int device, GpuStream stream) : device_(checked(device)), stream_(stream), owned_(false) {}
  PyStream(const PyStream&) = delete;
  PyStream& operator=(const PyStream&) = delete;
  ~PyStream() {
    if (owned_) gpu::driver::delete_stream(stream_);
  }

  int device() const { return device_; }
  GpuStream stream() const { return stream_; }
  void synchronize() const { gpu::synchronize_stream(device_, stream_); }
  bool query() const {
    gpu::refuse_while_capturing(device_, stream_, "query: the host can't ask how far it is");
    return gpu::driver::is_done(stream_);
  }
  void wait_stream(const PyStream& other) const { gpu::wait_for(device_, stream_, other.stream_); }

 private:
  int device_;
  GpuStream stream_;
  bool owned_;
};

// A mark in a stream. Its event is made where it is first recorded, on that stream's device.
class PyEvent {
 public:
  explicit PyEvent(bool timing) : timing_(timing) {}
  PyEvent(const PyEvent&) = delete;
  PyEvent& operator=(const PyEvent&) = delete;
  ~PyEvent() {
    if (event_) gpu::driver::delete_event(event_);
  }

  void record(const PyStream& stream) {
    const gpu::DeviceGuard guard(stream.device());
    if (!event_) event_ = gpu::driver::new_event(timing_);
    gpu::driver::record(event_, stream.stream());
  }
  void wait(const PyStream& stream) const {
    if (event_) gpu::driver::wait(stream.stream(), event_);
  }
  void synchronize() const {
    if (!event_) return;
    const py::gil_scoped_release unlock;
    gpu::driver::synchronize_event(event_);
  }
  bool query() const { return !event_ || gpu::driver::is_done_event(event_); }
  float elapsed_time(const PyEvent& end) const {
    if (!event_ || !end.event_) fail<ValueError>("elapsed_time: both events must have been recorded");
    if (!timing_ || !end.timing_) fail<ValueError>("elapsed_time: both events must be made with enable_timing=True");
    return gpu::driver::milliseconds(event_, end.event_);
  }

 private:
  bool timing_;
  GpuEvent event_ = nullptr;
};

// A CUDA graph; the stream that it records is the current one of the current device.
class PyGraph {
 public:
  void begin(std::shared_ptr<gpu::GraphPool> pool) {
    const int device = checked(gpu::current_device());
    graph_.begin(device, gpu::current_stream(device), std::move(pool));
  }
  void end() { graph_.end(); }
  void abandon() { graph_.abandon(); }
  void replay() { graph_.replay(); }
  void reset() { graph_.reset(); }
  std::shared_ptr<gpu::GraphPool> pool() const {
    if (!graph_.pool()) fail<RuntimeError>("pool: no graph was captured");
    return graph_.pool();
  }

 private:
  gpu::Graph graph_;
};

py::dict stats_of(int device) {
  const MemoryStats s = gpu::memory_stats(checked(device));
  py::dict stats;
  stats["allocated_bytes"] = s.allocated_bytes;
  stats["peak_allocated_bytes"] = s.peak_allocated_bytes;
  stats["allocations"] = s.allocations;
  return stats;
}

py::dict properties_of(int device) {
  const gpu::Properties& p = gpu::properties(checked(device));
  py::dict all;
  all["name"] = p.name;
  all["major"] = p.major;
  all["minor"] = p.minor;
  all["multi_processor_count"] = p.multiprocessors;
  all["total_memory"] = p.memory_bytes;
  all["shared_memory_per_block_optin"] = p.shared_bytes_per_block;
  all["driver_version"] = p.driver_version;
  all["runtime_version"] = p.runtime_version;
  return all;
}

// CuPy's allocator: an object with malloc(size) -> memory with .ptr. Kept in a table until it is given back.
struct PythonPool {
  PyObject* allocate = nullptr;  // (bytes, device, stream) -> address, or 0
  PyObject* release = nullptr;   // (address)
} python_pool;

void* pool_allocate(size_t bytes, int device, GpuStream stream) {
  const py::gil_scoped_acquire lock;
  try {
    const py::object address = py::handle(python_pool.allocate)(bytes, device, reinterpret_cast<uintptr_t>(stream));
    return PyLong_AsVoidPtr(address.ptr());
  } catch (py::error_already_set& e) {
    fail<RuntimeError>("the memory pool of another library failed: %s", e.what());
  }
}

void pool_release(void* pointer, size_t, int, GpuStream) {
  if (!Py_IsInitialized()) return;
  const py::gil_scoped_acquire lock;
  PyObject* done = PyObject_CallFunction(python_pool.release, "N", PyLong_FromVoidPtr(pointer));
  if (!done) PyErr_WriteUnraisable(python_pool.release);
  Py_XDECREF(done);
}

// While no tensor is on a GPU, since memory goes back to the pool that it came from. None and None: CUDA's own pool.
void set_python_pool(const py::object& allocate, const py::object& release) {
  for (int device = 0; device < gpu::device_count(); ++device)
    if (gpu::memory_stats(device).allocated_bytes)
      fail<RuntimeError>("use_cupy_pool: cuda:%d has tensors; the pool can be chosen while there are none", device);
  const PythonPool before = python_pool;
  python_pool = {allocate.inc_ref().ptr(), release.inc_ref().ptr()};
  gpu::set_memory_pool(allocate.is_none() ? gpu::MemoryPool{} : gpu::MemoryPool{pool_allocate, pool_release});
  Py_XDECREF(before.allocate);
  Py_XDECREF(before.release);
}

}  // namespace

void bind_gpu(py::module_& m) {
  py::class_<PyStream>(m, "_CudaStream")
      .def(py::init<int, int>(), py::arg("device"), py::arg("priority"))
      .def_static(
          "of_pointer",
          [](int device, uintptr_t pointer) {
            return std::make_unique<PyStream>(device, reinterpret_cast<GpuStream>(pointer));
          },
          py::arg("device"), py::arg("pointer"))
      .def_property_readonly("device_index", &PyStream::device)
      .def_property_readonly("cuda_stream", [](const PyStream& s) { return reinterpret_cast<uintptr_t>(s.stream()); })
      .def("synchronize",
           [](const PyStream& s) {
             HoldsHostLock held;
             s.synchronize();
           })
      .def("query", &PyStream::query)
      .def("wait_stream", &PyStream::wait_stream, py::arg("stream"));
  py::class_<PyEvent>(m, "_CudaEvent")
      .def(py::init<bool>(), py::arg("enable_timing"))
      .def("record", &PyEvent::record, py::arg("stream"))
      .def("wait", &PyEvent::wait, py::arg("stream"))
      .def("synchronize", &PyEvent::synchronize)
      .def("query", &PyEvent::query)
      .def("elapsed_time", &PyEvent::elapsed_time, py::arg("end_event"));

  py::class_<gpu::GraphPool, std::shared_ptr<gpu::GraphPool>>(m, "_CudaGraphPool").def(py::init([] {
    return std::make_shared<gpu::GraphPool>(checked(gpu::current_device()));
  }));
  py::class_<PyGraph>(m, "_CudaGraph")
      .def(py::init<>())
      .def("_begin", &PyGraph::begin, py::arg("pool"))
      .def("_abandon", &PyGraph::abandon)
      .def("capture_end", &PyGraph::end, "Ends what capture_begin began; the graph can be replayed now.")
      .def("replay", &PyGraph::replay,
           "Gives all that was captured to the current stream, which is read and written where it was then.")
      .def("reset", &PyGraph::reset, "Lets go of what was captured, and of its memory.")
      .def("pool", &PyGraph::pool, "Its memory, for capture_begin of a graph that is never replayed at the same time.");

  m.def("_cuda_is_available", &cuda_is_available);
  m.def("_cuda_why_not", &cuda_why_not);
  m.def("_cuda_device_count", &gpu::device_count);
  m.def("_cuda_current_device", &gpu::current_device);
  m.def("_cuda_set_device", [](int device) { gpu::set_current_device(checked(device)); });
  m.def("_cuda_synchronize", [](int device) {
    HoldsHostLock held;
    gpu::synchronize(checked(device));
  });
  m.def("_cuda_properties", properties_of);
  m.def("_cuda_memory_stats", stats_of);
  m.def("_cuda_reset_peak_memory_stats", [](int device) { gpu::reset_peak_memory_stats(checked(device)); });
  m.def("_cuda_empty_cache", [](int device) { gpu::empty_cache(checked(device)); });
  m.def("_cuda_set_pool", set_python_pool);
  m.def("_cuda_is_capturing",
        [] { return gpu::device_count() > 0 && gpu::is_capturing({DeviceType::cuda, int8_t(gpu::current_device())}); });
  m.def("_cuda_current_stream",
        [](int device) { return std::make_unique<PyStream>(device, gpu::current_stream(checked(device))); });
  m.def("_cuda_set_stream", [](const PyStream& s) { gpu::set_current_stream(s.device(), s.stream()); });
  m.def("get_default_device", &default_device, "Where tensors are made that no device is named for.");
  m.def(
      "set_default_device",
      [](const py::object& device) {
        set_default_device(device.is_none()                  ? Device{}
                           : py::isinstance<py::str>(device) ? parse_device(device.cast<std::string>())
                                                             : device.cast<Device>());
      },
      py::arg("device"), "Sets where tensors are made that no device is named for, in this thread; None is the CPU.");
}

}  // namespace hotloop::bindings
