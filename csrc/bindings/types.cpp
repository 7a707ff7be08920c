#include "bindings/types.h"

#include "bindings/pybind.h"
#include "core/error.h"

namespace hotloop::bindings {

namespace {

struct DTypeObject {
  PyObject_HEAD DType dtype;
};

DTypeObject dtype_objects[kDTypeCount];

PyObject* dtype_repr(PyObject* self) {
  return PyUnicode_FromFormat("hotloop.%s", name(reinterpret_cast<DTypeObject*>(self)->dtype));
}
// Pickles and copies as its name, looked up in the package.
PyObject* dtype_reduce(PyObject* self, PyObject*) {
  return PyUnicode_FromString(name(reinterpret_cast<DTypeObject*>(self)->dtype));
}
PyObject* dtype_itemsize(PyObject* self, void*) {
  return PyLong_FromSize_t(itemsize(reinterpret_cast<DTypeObject*>(self)->dtype));
}
PyObject* dtype_is_floating(PyObject* self, void*) {
  return PyBool_FromLong(is_floating(reinterpret_cast<DTypeObject*>(self)->dtype));
}
PyObject* dtype_is_complex(PyObject*, void*) { return PyBool_FromLong(0); }

PyMethodDef dtype_methods[] = {{"__reduce__", dtype_reduce, METH_NOARGS, nullptr}, {}};
PyGetSetDef dtype_getset[] = {
    {"itemsize", dtype_itemsize, nullptr, "bytes of one element", nullptr},
    {"is_floating_point", dtype_is_floating, nullptr, "whether elements are floating-point", nullptr},
    {"is_complex", dtype_is_complex, nullptr, "always False: hotloop has real dtypes only", nullptr},
    {}};

PyTypeObject dtype_type = {PyVarObject_HEAD_INIT(nullptr, 0)};

struct Layout {};
struct MemoryFormat {
  bool contiguous;
};

}  // namespace

bool is_layout(PyObject* object) { return py::isinstance<Layout>(object); }
bool is_memory_format(PyObject* object) { return py::isinstance<MemoryFormat>(object); }
bool is_contiguous_format(PyObject* object) {
  return is_memory_format(object) && py::handle(object).cast<MemoryFormat&>().contiguous;
}
py::object strided_layout() {
  static PyObject* strided = py::cast(Layout()).release().ptr();  // as long as the process
  return py::reinterpret_borrow<py::object>(strided);
}

bool is_dtype(PyObject* object) { return Py_TYPE(object) == &dtype_type; }
DType as_dtype(PyObject* object) { return reinterpret_cast<DTypeObject*>(object)->dtype; }
bool is_device(PyObject* object) { return py::isinstance<Device>(object); }
Device as_device(PyObject* object) { return py::cast<Device>(py::handle(object)); }

PyObject* to_python(DType dtype) {
  PyObject* object = reinterpret_cast<PyObject*>(&dtype_objects[int(dtype)]);
  Py_INCREF(object);
  return object;
}
PyObject* to_python(Device device) { return py::cast(device).release().ptr(); }

void bind_types(py::module_& module) {
  dtype_type.tp_name = "hotloop.dtype";
  dtype_type.tp_basicsize = sizeof(DTypeObject);
  dtype_type.tp_flags = Py_TPFLAGS_DEFAULT;
  dtype_type.tp_doc = "The type of a tensor's elements; there is one object for each.";
  dtype_type.tp_repr = dtype_repr;
  dtype_type.tp_methods = dtype_methods;
  dtype_type.tp_getset = dtype_getset;
  if (PyType_Ready(&dtype_type) < 0) throw py::error_already_set();
  module.add_object("dtype", py::reinterpret_borrow<py::object>(reinterpret_cast<PyObject*>(&dtype_type)));
  for (int i = 0; i < kDTypeCount; ++i) {
    auto* object = reinterpret_cast<PyObject*>(&dtype_objects[i]);
    PyObject_Init(object, &dtype_type);
    dtype_objects[i].dtype = DType(i);
    Py_INCREF(object);
    module.add_object(name(DType(i)), py::reinterpret_borrow<py::object>(object));
  }

  py::class_<Layout>(module, "layout", "How a tensor lies in memory: hotloop.strided, the one way here.")
      .def("__repr__", [](const Layout&) { return "hotloop.strided"; });
  module.attr("strided") = strided_layout();
  py::class_<MemoryFormat>(module, "memory_format",
                           "The order of a tensor's dims in memory: row-major (contiguous_format), or as it was "
                           "(preserve_format).")
      .def("__repr__", [](const MemoryFormat& f) {
        return f.contiguous ? "hotloop.contiguous_format" : "hotloop.preserve_format";
      });
  module.attr("contiguous_format") = py::cast(MemoryFormat{true});
  module.attr("preserve_format") = py::cast(MemoryFormat{false});

  py::class_<Device>(module, "device", "Where a tensor lives: \"cpu\" or \"cuda:N\".")
      .def(py::init([](const std::string& name, int index) {
             Device d = parse_device(name);
             if (index >= 0) d.index = int8_t(index);
             return d;
           }),
           py::arg("type"), py::arg("index") = -1)
      .def(py::init([](const Device& d) { return d; }), py::arg("device"))
      .def_property_readonly(
          "type", [](Device d) { return d.type == DeviceType::cpu ? "cpu" : "cuda"; }, "\"cpu\" or \"cuda\".")
      .def_property_readonly(
          "index",
          [](Device d) -> py::object {
            if (d.type == DeviceType::cpu) return py::none();
            return py::int_(int(d.index));
          },
          "The number of the GPU; None for the CPU.")
      .def("__str__", [](Device d) { return to_string(d); })
      .def("__repr__",
           [](Device d) {
             if (d.type == DeviceType::cpu) return std::string("device(type='cpu')");
             return "device(type='cuda', index=" + std::to_string(int(d.index)) + ")";
           })
      .def("__eq__", [](Device a, const py::object& b) { return py::isinstance<Device>(b) && a == b.cast<Device>(); })
      .def("__hash__", [](Device d) { return int(d.type) * 1024 + d.index; })
      .def("__reduce__",
           [module](Device d) { return py::make_tuple(module.attr("device"), py::make_tuple(to_string(d))); });
}

}  // namespace hotloop::bindings
