// DLPack both ways. A capsule is consumed once: whoever takes it renames it and calls its deleter when done; a capsule
// that nobody took calls the deleter itself.
#include <memory>

#include "bindings/arguments.h"
#include "bindings/dlpack.h"
#include "bindings/interop.h"
#include "core/error.h"
#include "core/gpu.h"
#include "ops/broadcast.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

using namespace dlpack;

[[noreturn]] void buffer_error(const std::string& message) {
  PyErr_SetString(PyExc_BufferError, message.c_str());
  throw PythonError();
}

// --- in ---------------------------------------------------------------------------------------------

bool dtype_of(const DataType& type, DType& out) {
  if (type.lanes != 1) return false;
  switch (type.code * 256 + type.bits) {
    case kTypeBool * 256 + 8: out = DType::bool_; return true;
    case kTypeUInt * 256 + 8: out = DType::u8; return true;
    case kTypeInt * 256 + 8: out = DType::i8; return true;
    case kTypeInt * 256 + 32: out = DType::i32; return true;
    case kTypeInt * 256 + 64: out = DType::i64; return true;
    case kTypeFloat * 256 + 16: out = DType::f16; return true;
    case kTypeBfloat * 256 + 16: out = DType::bf16; return true;
    case kTypeFloat * 256 + 32: out = DType::f32; return true;
    case kTypeFloat * 256 + 64: out = DType::f64; return true;
    default: return false;
  }
}

std::string to_string(const DataType& type) {
  const char* names[] = {"int", "uint", "float", "opaque", "bfloat", "complex", "bool"};
  const std::string code = type.code < 7 ? names[type.code] : "code " + std::to_string(type.code) + ", bits ";
  return code + std::to_string(type.bits) + (type.lanes == 1 ? "" : "x" + std::to_string(type.lanes));
}

// Deleters may be Python's, so they run under its lock.
template <class M>
void release_managed(void* owner) {
  M* managed = static_cast<M*>(owner);
  if (!managed->deleter || !Py_IsInitialized()) return;
  const PyGILState_STATE state = PyGILState_Ensure();
  managed->deleter(managed);
  PyGILState_Release(state);
}

template <class M>
struct ReleaseManaged {
  void operator()(M* managed) const { release_managed<M>(managed); }
};

template <class M>
Tensor take_capsule(const char* op, PyObject* capsule) {
  std::unique_ptr<M, ReleaseManaged<M>> managed(static_cast<M*>(PyCapsule_GetPointer(capsule, M::kName)));
  if (!managed || PyCapsule_SetName(capsule, M::kUsed) < 0) throw PythonError();
  Guest guest;
  if constexpr (std::is_same_v<M, ManagedVersioned>) {
    if (managed->major > kMajor)
      buffer_error(std::string(op) + ": the capsule speaks DLPack " + std::to_string(managed->major) + "." +
                   std::to_string(managed->minor) + "; hotloop speaks 1.x");
    guest.read_only = managed->flags & kReadOnly;
  }
  const Array& array = managed->array;
  const bool on_gpu = array.device.type == kCuda && array.device.id < gpu::device_count();
  if (array.device.type != kCpu && array.device.type != kCudaHost && !on_gpu)
    buffer_error(std::string(op) + ": the array is on DLPack device (" + std::to_string(array.device.type) + ", " +
                 std::to_string(array.device.id) + "), and only CPU memory" +
                 (gpu::device_count() ? " and that of this machine's GPUs" : "") + " can be taken here");
  if (on_gpu) guest.device = {hotloop::DeviceType::cuda, int8_t(array.device.id)};
  if (!dtype_of(array.dtype, guest.dtype))
    buffer_error(std::string(op) + ": can't take elements of type " + to_string(array.dtype) +
                 "; hotloop has bool, uint8, int8, int32, int64, float16, bfloat16, float32 and float64");
  if (array.ndim < 0 || array.ndim > kMaxDims)
    buffer_error(std::string(op) + ": the array has " + std::to_string(array.ndim) +
                 " dimensions; a tensor has at most " + std::to_string(kMaxDims));
  for (int d = 0; d < array.ndim; ++d) guest.sizes.push(array.shape[d]);
  guest.strides = contiguous_strides(guest.sizes);
  for (int d = 0; array.strides && d < array.ndim; ++d) guest.strides[d] = array.strides[d];
  guest.data = static_cast<char*>(array.data) + array.byte_offset;
  if (numel_of(guest.sizes) && reinterpret_cast<uintptr_t>(guest.data) % itemsize(guest.dtype))
    buffer_error(std::string(op) + ": the array's memory is not aligned to its elements");
  guest.owner = managed.release();
  guest.release = release_managed<M>;
  return borrow(guest);
}

// What an exporter says of its device.
std::pair<int, int> device_of(PyObject* object) {
  const py::object method = py::reinterpret_steal<py::object>(PyObject_GetAttrString(object, "__dlpack_device__"));
  if (!method) {
    PyErr_Clear();
    return {kCpu, 0};
  }
  const py::object answer = owned(PyObject_CallNoArgs(method.ptr()));
  int type, id;
  if (!PyArg_ParseTuple(answer.ptr(), "ii", &type, &id)) throw PythonError();
  return {type, id};
}

py::object capsule_of(PyObject* object, std::optional<bool> copy) {
  const py::object method = py::reinterpret_borrow<py::object>(object).attr("__dlpack__");
  const py::dict options;
  options["max_version"] = owned(Py_BuildValue("(ii)", int(kMajor), int(kMinor)));
  if (const auto [type, id] = device_of(object); type == kCuda && id < gpu::device_count())
    options["stream"] = stream_number(gpu::current_stream(id));
  if (copy) options["copy"] = py::bool_(*copy);
  if (PyObject* capsule = PyObject_Call(method.ptr(), py::tuple().ptr(), options.ptr())) return owned(capsule);
  // An exporter from before 1.0 knows neither option.
  if (!PyErr_ExceptionMatches(PyExc_TypeError) || (copy && *copy)) throw PythonError();
  PyErr_Clear();
  return owned(PyObject_CallNoArgs(method.ptr()));
}

// --- out --------------------------------------------------------------------------------------------

DataType type_of(DType dtype) {
  const uint8_t bits = uint8_t(itemsize(dtype) * 8);
  if (dtype == DType::bool_) return {kTypeBool, bits, 1};
  if (dtype == DType::u8) return {kTypeUInt, bits, 1};
  if (dtype == DType::bf16) return {kTypeBfloat, bits, 1};
  return {uint8_t(is_floating(dtype) ? kTypeFloat : kTypeInt), bits, 1};
}

dlpack::Device device_of(const Tensor& t) {
  return {t.device().type == hotloop::DeviceType::cpu ? kCpu : kCuda, t.device().index};
}

// What the capsule points to, with all that it needs to live.
template <class M>
struct Export {
  M managed{};
  Tensor tensor;
  Dims sizes, strides;

  explicit Export(const Tensor& t) : tensor(t), sizes(t.sizes()), strides(t.strides()) {
    managed.array = {
        t.numel() ? t.data() : nullptr, device_of(t), t.ndim(), type_of(t.dtype()), sizes.data, strides.data, 0};
    managed.context = this;
    managed.deleter = [](M* m) { delete static_cast<Export*>(m->context); };
  }
};

template <class M>
void drop_capsule(PyObject* capsule) {
  if (!PyCapsule_IsValid(capsule, M::kName)) return;  // taken
  auto* managed = static_cast<M*>(PyCapsule_GetPointer(capsule, M::kName));
  managed->deleter(managed);
}

template <class M>
py::object make_capsule(std::unique_ptr<Export<M>> exported) {
  PyObject* capsule = PyCapsule_New(&exported->managed, M::kName, drop_capsule<M>);
  if (!capsule) throw PythonError();
  exported.release();
  return py::reinterpret_steal<py::object>(capsule);
}

// The consumer's stream waits for what ours has still to do; -1 asks for no order.
void hand_over_to(const py::object& stream, int device) {
  const int64_t number = stream.is_none() ? 1 : integer_of("__dlpack__", "stream", stream);
  if (number == 0 || number < -1)
    fail<ValueError>(
        "__dlpack__(): stream 0 says neither of CUDA's two default streams; 1 is the legacy one, 2 the "
        "thread's, got %lld",
        static_cast<long long>(number));
  if (number < 0) return;
  const auto theirs = number == 1 ? GpuStream(nullptr) : reinterpret_cast<GpuStream>(number);
  gpu::wait_for(device, theirs, gpu::current_stream(device));
}

py::object to_dlpack(const Tensor& t, const py::object& stream, const std::optional<Dims>& max_version,
                     const std::optional<Dims>& dl_device, std::optional<bool> copy) {
  if (t.requires_grad()) buffer_error("Can't export tensors that require gradient, use tensor.detach()");
  const dlpack::Device device = device_of(t);
  if (!stream.is_none() && device.type == kCpu)
    buffer_error("__dlpack__(): memory of device cpu has no streams; stream must be None, got " +
                 std::string(py::repr(stream)));
  if (dl_device && !(*dl_device == Dims{device.type, device.id}))
    buffer_error("__dlpack__(): can't export from device " + to_string(t.device()) + " to DLPack device " +
                 to_string(*dl_device) + "; move the tensor first");
  const bool versioned = max_version && !max_version->empty() && (*max_version)[0] >= int64_t(kMajor);
  const bool copied = copy && *copy;
  if (!versioned && !copied && t->storage->read_only())
    buffer_error(
        "__dlpack__(): the tensor is read-only, which DLPack before 1.0 can't say; pass max_version=(1, 0) or "
        "clone() it");
  const Tensor shared = copied ? ops::clone(t) : t;
  if (device.type == kCuda) hand_over_to(stream, device.id);
  if (!versioned) return make_capsule(std::make_unique<Export<Managed>>(shared));
  auto exported = std::make_unique<Export<ManagedVersioned>>(shared);
  exported->managed.major = kMajor;
  exported->managed.minor = kMinor;
  exported->managed.flags = (shared->storage->read_only() ? kReadOnly : 0) | (copied ? kIsCopied : 0);
  return make_capsule(std::move(exported));
}

std::tuple<int64_t, int64_t> dlpack_device(const Tensor& t) {
  const dlpack::Device device = device_of(t);
  return {device.type, device.id};
}

Tensor from_dlpack(const py::object& object, const std::optional<hotloop::Device>& device, std::optional<bool> copy) {
  const Tensor t = dlpack_tensor("from_dlpack()", object.ptr(), copy);
  return device ? ops::to_device(t, *device) : t;
}

}  // namespace

Tensor dlpack_tensor(const char* op, PyObject* object, std::optional<bool> copy) {
  py::object capsule = py::reinterpret_borrow<py::object>(object);
  if (!PyCapsule_CheckExact(object)) {
    if (!PyObject_HasAttrString(object, "__dlpack__"))
      fail<TypeError>("%s: expected an object with __dlpack__ or a DLPack capsule, got %s", op,
                      Py_TYPE(object)->tp_name);
    capsule = capsule_of(object, copy);
  }
  if (PyCapsule_IsValid(capsule.ptr(), ManagedVersioned::kName))
    return take_capsule<ManagedVersioned>(op, capsule.ptr());
  if (PyCapsule_IsValid(capsule.ptr(), Managed::kName)) return take_capsule<Managed>(op, capsule.ptr());
  const char* name = PyCapsule_CheckExact(capsule.ptr()) ? PyCapsule_GetName(capsule.ptr()) : nullptr;
  PyErr_Clear();
  fail<ValueError>("%s: not a DLPack capsule that can be taken (its name is '%s'); a capsule is consumed only once", op,
                   name ? name : "");
}

void add_dlpack_rows() {
  add_rows({
      HOTLOOP_FUNCTION("from_dlpack(ext_tensor: Any, *, device: device | str | None = None, copy: bool | None = None) "
                       "-> Tensor",
                       from_dlpack, "A tensor over the memory of anything that speaks DLPack, or of a DLPack capsule."),
      HOTLOOP_METHOD("__dlpack__(self: Tensor, stream: Any = None, max_version: tuple[int, int] | None = None, "
                     "dl_device: tuple[int, int] | None = None, copy: bool | None = None) -> Any",
                     to_dlpack, "A DLPack capsule of this memory, versioned where max_version is (1, 0) or later."),
      HOTLOOP_METHOD("__dlpack_device__(self: Tensor) -> tuple[int, int]", dlpack_device,
                     "The DLPack type and number of the device."),
  });
}

}  // namespace hotloop::bindings
