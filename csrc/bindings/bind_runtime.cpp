// What isn't an op: threads, memory, instruction sets, seeds, checksums, the profiler, the build.
#include <cstring>
#include <random>

#include "bindings/arguments.h"
#include "bindings/pybind.h"
#include "bindings/tables.h"
#include "bindings/types.h"
#include "core/build_info.h"
#include "core/checksum.h"
#include "core/cpu_features.h"
#include "core/device.h"
#include "core/error.h"
#include "core/host_lock.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "core/random.h"
#include "dispatch/matmul.h"
#include "dispatch/pointwise.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "profile/profiler.h"
#include "profile/roofline.h"

namespace hotloop::bindings {

// A seed as PyTorch takes them: all of 64 bits, where negative numbers are the upper half.
struct Seed {
  uint64_t value = 0;
};

}  // namespace hotloop::bindings

namespace pybind11::detail {

template <>
struct type_caster<hotloop::bindings::Seed> {
  PYBIND11_TYPE_CASTER(hotloop::bindings::Seed, const_name("int"));

  bool load(handle source, bool) {
    if (PyFloat_Check(source.ptr()) || !PyIndex_Check(source.ptr())) return false;
    const object number = reinterpret_steal<object>(PyNumber_Index(source.ptr()));
    if (!number) throw error_already_set();
    if (number < int_(INT64_MIN) || number > int_(UINT64_MAX))
      throw value_error("seed: an integer from -2**63 to 2**64 - 1 is wanted, got " + std::string(str(number)));
    value.value = PyLong_AsUnsignedLongLongMask(number.ptr());
    return true;
  }
};

}  // namespace pybind11::detail

namespace hotloop::bindings {

namespace {

py::object dtype_object(DType dtype) { return py::reinterpret_steal<py::object>(to_python(dtype)); }

// A dtype object or its name.
DType dtype_named(py::handle object) {
  if (is_dtype(object.ptr())) return as_dtype(object.ptr());
  for (int i = 0; i < kDTypeCount; ++i)
    if (py::isinstance<py::str>(object) && object.cast<std::string>() == name(DType(i))) return DType(i);
  throw py::type_error("expected a dtype or its name");
}

constexpr const char* kFloat32Precisions[] = {"highest", "high", "medium"};  // in the enum's order

void set_float32_matmul_precision(const std::string& precision) {
  for (int i = 0; i < 3; ++i)
    if (precision == kFloat32Precisions[i])
      return dispatch::set_float32_matmul_precision(dispatch::Float32Precision(i));
  fail<ValueError>("set_float32_matmul_precision: precision must be 'highest', 'high' or 'medium', got '%s'",
                   precision.c_str());
}

void bind_machine(py::module_& m) {
  m.def("active_isa", [] { return name(active_isa()); }, "The instruction set whose kernels run now.");
  m.def("detected_isa", [] { return name(detected_isa()); }, "The best instruction set that this machine has.");
  m.def(
      "cap_isa", [](const std::string& isa) { cap_isa(isa.c_str()); }, py::arg("isa"),
      "Keeps dispatch to this instruction set and those below it; HOTLOOP_ISA does so from the start.");
  m.def("far_store_bytes", &far_store_bytes, "From how many bytes on an output is stored around the caches.");
  m.def("set_far_store_bytes", &set_far_store_bytes, py::arg("bytes"), "Sets it: tests need no large outputs then.");
  m.def("far_stores", &far_stores, "How often kernels, or parts of them, stored so.");
  m.def("cpu_model", &cpu_model, "The processor's name.");
  m.def("last_kernel", &dispatch::last_kernel, "The kernel that dispatch chose last in this thread.");
  m.def("get_num_threads", &num_threads, "Threads that parallel kernels use.");
  m.def("set_num_threads", &set_num_threads, py::arg("count"), "Sets how many threads parallel kernels use.");
  m.def(
      "get_float32_matmul_precision", [] { return kFloat32Precisions[int(dispatch::float32_matmul_precision())]; },
      "What f32 matrix products on a GPU may be computed by: 'highest', 'high' or 'medium'.");
  m.def("set_float32_matmul_precision", &set_float32_matmul_precision, py::arg("precision"),
        "Lets f32 matrix products on a GPU round their operands to tf32 ('high', 'medium') or not ('highest').");
  m.def(
      "build_info",
      [] {
        const BuildInfo& b = build_info();
        py::dict info;
        info["version"] = b.version;
        info["build_type"] = b.build_type;
        info["compiler"] = b.compiler;
        info["sanitizers"] = b.sanitizers;
        info["cuda"] = b.cuda;
        info["instruction_sets"] = b.instruction_sets;
        return info;
      },
      "How this extension was built.");
}

void bind_memory(py::module_& m) {
  m.def(
      "memory_stats",
      [] {
        const MemoryStats s = memory_stats();
        py::dict stats;
        stats["allocated_bytes"] = s.allocated_bytes;
        stats["peak_allocated_bytes"] = s.peak_allocated_bytes;
        stats["reserved_bytes"] = s.reserved_bytes;
        stats["allocations"] = s.allocations;
        stats["cache_hits"] = s.cache_hits;
        return stats;
      },
      "Bytes in use, at the peak and reserved; calls to the allocator and those its cache served.");
  m.def("reset_peak_memory_stats", &reset_peak_memory_stats, "Starts the peak anew at what is in use now.");
  m.def("empty_cache", &empty_cache, "Gives cached blocks back to the system.");
  m.def("_fail_allocation_after", &fail_allocation_after, py::arg("n"),
        "Makes the n-th allocation from now fail, once; 0 stops. For tests.");
  m.def(
      "crc32c",
      [](const py::buffer& data, uint32_t start) {
        Py_buffer view;
        if (PyObject_GetBuffer(data.ptr(), &view, PyBUF_C_CONTIGUOUS) != 0) throw py::error_already_set();
        uint32_t sum;
        {
          HoldsHostLock held;
          ReleaseHostLock unlock(view.len / 16);
          sum = crc32c(view.buf, size_t(view.len), start);
        }
        PyBuffer_Release(&view);
        return sum;
      },
      py::arg("data"), py::arg("start") = 0, "CRC-32C of a contiguous buffer.");
}

// A generator's state as PyTorch shows one: a tensor of bytes, those of the seed and of the position.
py::object state_bytes(const Generator& g) {
  const RandomState state = g.state();
  const Tensor bytes = empty({int64_t(sizeof state)}, DType::u8);
  std::memcpy(bytes.data(), &state, sizeof state);
  return owned(wrap(bytes));
}

// From those bytes, or from the pair (seed, position).
void set_state(Generator& g, const py::object& given) {
  RandomState state;
  if (is_tensor(given.ptr())) {
    const Tensor& bytes = as_tensor(given.ptr());
    if (bytes.dtype() != DType::u8 || bytes.numel() != int64_t(sizeof state) || !bytes.is_contiguous())
      throw py::type_error(
          "set_state: RNG state must be a contiguous uint8 tensor of 16 elements, as get_state() gives");
    std::memcpy(&state, bytes.data(), sizeof state);
  } else {
    const auto [seed, offset] = given.cast<std::pair<uint64_t, uint64_t>>();
    state = {seed, offset};
  }
  g.set_state(state);
}

void bind_random(py::module_& m) {
  py::class_<Generator>(m, "Generator", "A stream of random numbers: a seed and a position.")
      .def(py::init([](const py::object& device) {
             if (!is_device(device.ptr()) && !PyUnicode_Check(device.ptr()))
               throw py::type_error("Generator: expected a device or its name");
             require_device(is_device(device.ptr()) ? as_device(device.ptr())
                                                    : parse_device(PyUnicode_AsUTF8(device.ptr())));
             return new Generator(default_generator().state().seed);
           }),
           py::arg("device") = "cpu")
      .def(
          "manual_seed",
          [](Generator& g, Seed seed) -> Generator& {
            g.set_state({seed.value, 0});
            return g;
          },
          py::arg("seed"), py::return_value_policy::reference_internal, "Starts the stream of this seed.")
      .def(
          "initial_seed", [](const Generator& g) { return g.state().seed; }, "The seed.")
      .def(
          "seed",
          [](Generator& g) {
            std::random_device source;
            const uint64_t seed = uint64_t(source()) << 32 | source();
            g.set_state({seed, 0});
            return seed;
          },
          "Starts the stream of a seed from the operating system, and returns it.")
      .def_property_readonly(
          "device", [](const Generator&) { return owned(to_python(Device{})); }, "Where the generator keeps its state.")
      .def("get_state", state_bytes, "The seed and the position, as a uint8 tensor.")
      .def("set_state", set_state, py::arg("state"),
           "Goes on from a state that get_state() gave, or from a pair (seed, position).");
  m.attr("default_generator") = py::cast(&default_generator(), py::return_value_policy::reference);
  m.def(
      "manual_seed",
      [](Seed seed) {
        manual_seed(seed.value);
        return py::cast(&default_generator(), py::return_value_policy::reference);
      },
      py::arg("seed"), "Seeds the default generator.");
  m.def("initial_seed", [] { return default_generator().state().seed; }, "The default generator's seed.");
}

const char* device_name(int type) { return DeviceType(type) == DeviceType::cpu ? "cpu" : "cuda"; }

void bind_records(py::module_& m) {
  m.def(
      "op_records",
      [] {
        py::list records;
        for (const ops::Family& family : ops::families())
          for (const OpRecord* op : family.records) {
            py::list devices;
            for (int type = 0; type < kDeviceTypes; ++type)
              if (op->kernel[type] || op->is_view) devices.append(device_name(type));
            py::dict record;
            record["name"] = op->name;
            record["family"] = family.name;
            record["devices"] = devices;
            record["differentiable"] = op->gradient != nullptr;
            record["is_view"] = op->is_view;
            records.append(record);
          }
        return records;
      },
      "Every op record: its name, its file in csrc/ops, devices, whether it has a gradient, whether it is a view.");
  m.def(
      "pointwise_rows",
      [] {
        py::dict rows;
        for (int i = 0; i < kPointwiseOps; ++i) {
          const auto op = PointwiseOp(i);
          py::list dtypes;
          for (int d = 0; d < kDTypeCount; ++d)
            if (dispatch::dtypes(op) >> d & 1) dtypes.append(dtype_object(DType(d)));
          rows[dispatch::name(op)] = py::make_tuple(dispatch::inputs(op), dtypes);
        }
        return rows;
      },
      "The pointwise ops by name: how many inputs, and the dtypes of their kernels.");
  m.def(
      "run_pointwise",
      [](const std::string& name, const py::list& inputs, double p0, double p1) {
        std::vector<Tensor> tensors;
        for (const py::handle input : inputs) {
          if (!is_tensor(input.ptr())) throw py::type_error("run_pointwise: expected a list of Tensors");
          tensors.push_back(as_tensor(input.ptr()));
        }
        return py::reinterpret_steal<py::object>(wrap(ops::run_pointwise(name, tensors, p0, p1)));
      },
      py::arg("name"), py::arg("inputs"), py::arg("p0") = 0.0, py::arg("p1") = 0.0,
      "A pointwise op by its name, without promotion; p0 and p1 are its numbers.");
}

Stream stream_named(const std::string& text) {
  if (text == "read") return Stream::read;
  if (text == "copy") return Stream::copy;
  if (text == "triad") return Stream::triad;
  if (text == "update") return Stream::update;
  fail<ValueError>("StreamProbe: stream is '%s'; read, copy, triad or update is wanted", text.c_str());
}

StreamWay stream_way_named(const std::string& text) {
  if (text == "plain") return StreamWay::plain;
  if (text == "around") return StreamWay::around;
  if (text == "ahead") return StreamWay::ahead;
  fail<ValueError>("StreamProbe: way is '%s'; plain, around or ahead is wanted", text.c_str());
}

void bind_measuring(py::module_& m) {
  install_profiler();
  m.def("_profile_start", &profile_start);
  m.def("_profile_stop", [] {
    py::list rows;
    for (const ProfileRow& r : profile_stop())
      rows.append(py::make_tuple(r.op, r.kernel, dtype_object(r.dtype), r.calls, r.seconds, r.flops, r.bytes));
    return rows;
  });
  py::class_<ComputeProbe>(m, "_ComputeProbe")
      .def(py::init([](py::handle dtype, int threads) { return new ComputeProbe(dtype_named(dtype), threads); }),
           py::arg("dtype"), py::arg("threads"))
      .def_property_readonly("kernel", &ComputeProbe::kernel)
      .def_property_readonly("flops", &ComputeProbe::flops)
      .def("run", &ComputeProbe::run, py::arg("iterations"), py::call_guard<py::gil_scoped_release>());
  py::class_<StreamProbe>(m, "_StreamProbe")
      .def(py::init([](const std::string& stream, int64_t footprint, int threads) {
             return new StreamProbe(stream_named(stream), footprint, threads);
           }),
           py::arg("stream"), py::arg("footprint"), py::arg("threads"))
      .def_property_readonly("kernel", &StreamProbe::kernel)
      .def_property_readonly("bytes", &StreamProbe::bytes)
      .def(
          "run",
          [](const StreamProbe& probe, int64_t repeats, const std::string& way) {
            const StreamWay chosen = stream_way_named(way);
            const py::gil_scoped_release released;
            return probe.run(repeats, chosen);
          },
          py::arg("repeats"), py::arg("way"));
}

}  // namespace

Generator* generator_from(const Source& s) {
  const py::handle object = s.object;
  if (object.is_none()) return &default_generator();
  if (!py::isinstance<Generator>(object)) s.refuse();
  return &object.cast<Generator&>();
}

void bind_runtime(py::module_& m) {
  set_host_lock({[]() -> void* { return PyEval_SaveThread(); },
                 [](void* state) { PyEval_RestoreThread(static_cast<PyThreadState*>(state)); }});
  bind_machine(m);
  bind_memory(m);
  bind_random(m);
  bind_measuring(m);
  bind_records(m);
  m.def(
      "get_default_dtype", [] { return dtype_object(ops::default_dtype()); },
      "What floating-point tensors have where no dtype is given.");
  m.def(
      "set_default_dtype",
      [](py::handle dtype) {
        if (!is_dtype(dtype.ptr())) throw py::type_error("set_default_dtype: expected a dtype");
        ops::set_default_dtype(as_dtype(dtype.ptr()));
      },
      py::arg("d"), "Sets what floating-point tensors have where no dtype is given.");
}

}  // namespace hotloop::bindings
