#include "bindings/arguments.h"

#include <cstring>
#include <new>

#include "bindings/interop.h"
#include "bindings/out_argument.h"
#include "bindings/pybind.h"
#include "bindings/types.h"
#include "core/error.h"
#include "core/host_lock.h"
#include "ops/pointwise.h"

// Files that include pybind11's handles alone leave it to be defined here.
template std::string pybind11::handle::cast<std::string>() const;

namespace hotloop::bindings {

namespace {

// "a, b" at the top level of brackets, as signatures need.
std::vector<std::string> split_parameters(const std::string& text) {
  std::vector<std::string> parts;
  int depth = 0;
  std::string part;
  for (char c : text) {
    if (c == '[' || c == '(') ++depth;
    if (c == ']' || c == ')') --depth;
    if (c == ',' && depth == 0) {
      parts.push_back(part);
      part.clear();
    } else if (c != ' ' || !part.empty()) {
      part += c;
    }
  }
  if (!part.empty()) parts.push_back(part);
  return parts;
}

// The value of a Python expression.
PyObject* evaluate(const std::string& expression) {
  const py::dict globals;
  PyObject* value = PyRun_String(expression.c_str(), Py_eval_input, globals.ptr(), globals.ptr());
  if (!value) throw py::error_already_set();
  return value;
}

[[noreturn]] void type_error(const std::string& message) {
  PyErr_SetString(PyExc_TypeError, message.c_str());
  throw PythonError();
}

// An int or what stands for one; a bool is a mistake there, and a tensor must have one element.
bool is_integer(PyObject* o) {
  if (PyLong_Check(o)) return !PyBool_Check(o);
  return PyIndex_Check(o) && !PyFloat_Check(o) && !(is_tensor(o) && as_tensor(o).numel() != 1);
}

// Ints that are too long are PyTorch's OverflowError; of a dim, a size or a count its ValueError, in a list its TypeError.
int64_t to_int64(PyObject* o, PyObject* too_long) {
  const py::object index = py::reinterpret_steal<py::object>(PyNumber_Index(o));
  if (!index) throw PythonError();
  int overflow = 0;
  const int64_t v = PyLong_AsLongLongAndOverflow(index.ptr(), &overflow);
  if (overflow) PyErr_Format(too_long, "expected ints of at most 64 bits, got %R", o);
  if (PyErr_Occurred()) throw PythonError();
  return v;
}

// A 0-d tensor that takes part in type promotion by its category only.
Tensor number_tensor(PyObject* o) {
  Tensor t;
  if (PyBool_Check(o)) {
    t = ops::scalar_tensor(o == Py_True, DType::bool_);
  } else if (PyFloat_Check(o)) {
    t = ops::scalar_tensor(PyFloat_AS_DOUBLE(o), DType::f64);
  } else {
    t = ops::scalar_tensor(to_int64(o, PyExc_OverflowError), DType::i64);
  }
  t->wrapped_number = true;
  return t;
}

bool is_number(PyObject* o) {
  return PyFloat_Check(o) || PyLong_Check(o) || (PyIndex_Check(o) && !PySequence_Check(o));
}

bool makes_tensors(const Signature& signature) {
  int found = 0;
  for (const Parameter& p : signature.parameters) found += p.name == "requires_grad" || p.name == "device";
  return found == 2;
}

// Keywords that functions which make tensors take for PyTorch's sake: memory is strided and not pinned, always.
constexpr const char* kMemoryKeywords =
    "layout: layout | None = None, memory_format: memory_format | None = None, pin_memory: bool = False";

bool is_memory_keyword(const Signature& signature, PyObject* key, PyObject* value) {
  if (!makes_tensors(signature)) return false;
  const auto is = [&](const char* name) { return PyUnicode_CompareWithASCIIString(key, name) == 0; };
  if (is("pin_memory")) return value == Py_False || value == Py_None;
  if (is("layout")) return value == Py_None || is_layout(value);
  return is("memory_format") && (value == Py_None || is_memory_format(value));
}

// NumPy's name for a parameter, which PyTorch takes too.
struct OtherName {
  const char *numpy, *name;
};
constexpr OtherName kNumpyNames[] = {{"axis", "dim"}, {"keepdims", "keepdim"}, {"x", "input"},
                                     {"a", "input"},  {"x1", "input"},         {"x2", "other"}};

// The parameter that NumPy calls by this keyword; as many as there are where there is none.
size_t find_by_numpy_name(const std::vector<Parameter>& parameters, PyObject* key) {
  size_t i = parameters.size();
  for (const OtherName& other : kNumpyNames) {
    if (PyUnicode_CompareWithASCIIString(key, other.numpy) != 0) continue;
    for (i = 0; i < parameters.size() && parameters[i].name != other.name;) ++i;
  }
  return i;
}

}  // namespace

py::object owned(PyObject* result) {
  if (!result) throw PythonError();
  return py::reinterpret_steal<py::object>(result);
}

py::object imported(const char* module, const char* name) { return owned(PyImport_ImportModule(module)).attr(name); }

Signature::Signature(const char* source) {
  const std::string text(source, std::strcspn(source, "\n"));
  const size_t open = text.find('('), close = text.rfind(')', text.find("->"));
  name = text.substr(0, open);
  bool keyword_only = false;
  for (std::string part : split_parameters(text.substr(open + 1, close - open - 1))) {
    if (part == "*") {
      keyword_only = true;
      continue;
    }
    Parameter p;
    if (part[0] == '*') {
      variadic = int(parameters.size());
      part = part.substr(1);
    }
    std::string value;
    if (const size_t equals = part.find(" = "); equals != std::string::npos) {
      value = part.substr(equals + 3);
      part = part.substr(0, equals);
    }
    const size_t colon = part.find(": ");
    p.name = part.substr(0, colon);
    p.type = part.substr(colon + 2);
    p.keyword_only = keyword_only;
    p.takes_number = p.type.find("Number") != std::string::npos;
    p.takes_none = p.type.find("None") != std::string::npos;
    p.interned = PyUnicode_InternFromString(p.name.c_str());
    if (!value.empty()) p.default_value = evaluate(value);
    if (variadic >= 0) keyword_only = true;
    if (!p.keyword_only) ++positional;
    parameters.push_back(p);
  }
}

py::object Signature::sort(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords,
                           PyObject** values) const {
  const int n = int(parameters.size());
  py::object keep;
  int at = 0;
  if (self) values[at++] = self;
  Py_ssize_t taken = 0;
  while (at < positional && taken < count && at != variadic) values[at++] = args[taken++];
  if (at == variadic && taken < count) {
    const bool one_sequence = count - taken == 1 && (PyTuple_Check(args[taken]) || PyList_Check(args[taken]));
    if (one_sequence) {
      values[at++] = args[taken++];
    } else {
      keep = py::reinterpret_steal<py::object>(PyTuple_New(count - taken));
      for (Py_ssize_t i = 0; taken < count; ++i, ++taken) {
        Py_INCREF(args[taken]);
        PyTuple_SET_ITEM(keep.ptr(), i, args[taken]);
      }
      values[at++] = keep.ptr();
    }
  }
  if (taken < count)
    type_error(name + "() takes " + std::to_string(positional) + " positional arguments but " +
               std::to_string(count + (self ? 1 : 0)) + " were given");
  for (int i = at; i < n; ++i) values[i] = nullptr;
  const Py_ssize_t n_keywords = keywords ? PyTuple_GET_SIZE(keywords) : 0;
  for (Py_ssize_t k = 0; k < n_keywords; ++k) {
    PyObject* key = PyTuple_GET_ITEM(keywords, k);
    int i = 0;
    while (i < n && parameters[size_t(i)].interned != key) ++i;
    if (i == n)
      for (i = 0; i < n && PyUnicode_Compare(parameters[size_t(i)].interned, key) != 0;) ++i;
    if (i == n) i = int(find_by_numpy_name(parameters, key));
    if (i == n && is_memory_keyword(*this, key, args[count + k])) continue;
    if (i == n) type_error(name + "() got an unexpected keyword argument '" + PyUnicode_AsUTF8(key) + "'");
    if (values[i]) type_error(name + "() got multiple values for argument '" + parameters[size_t(i)].name + "'");
    values[i] = args[count + k];
  }
  for (int i = at; i < n; ++i) {
    if (values[i]) continue;
    values[i] = parameters[size_t(i)].default_value;
    if (!values[i]) type_error(name + "() missing required argument '" + parameters[size_t(i)].name + "'");
  }
  return keep;
}

void Signature::refuse(int index, PyObject* got) const {
  const Parameter& p = parameters[size_t(index)];
  type_error(name + "(): argument '" + p.name + "' (position " + std::to_string(index + 1) + ") must be " + p.type +
             ", not " + Py_TYPE(got)->tp_name);
}

void drop_python(py::object& object) noexcept {
#if PY_VERSION_HEX >= 0x030D0000
  const bool leaving = Py_IsFinalizing();
#else
  const bool leaving = _Py_IsFinalizing();
#endif
  if (!Py_IsInitialized() || (leaving && !PyGILState_Check())) {
    object.release();
    return;
  }
  const PyGILState_STATE gil = PyGILState_Ensure();
  object = py::object();
  PyGILState_Release(gil);
}

PyObject* run(const Operation& operation, PyObject* self, PyObject* const* args, Py_ssize_t count,
              PyObject* keywords) noexcept {
  try {
    if (keywords && operation.takes_out && !self) {
      HoldsHostLock held;
      return run_with_out(operation, args, count, keywords);
    }
    PyObject* values[Signature::kMaxParameters];
    const py::object keep = operation.signature->sort(self, args, count, keywords, values);
    HoldsHostLock held;
    if (operation.in_place) check_written_memory(operation, values);
    return operation.invoke(operation.function, values, *operation.signature);
  } catch (const CaptureError& e) {  // thrown by what knows no op
    PyErr_Format(PyExc_RuntimeError, "%s: %s", operation.signature->name.c_str(), e.what());
    return nullptr;
  } catch (...) {
    return translate_exception();
  }
}

Row define_row(int kind, const char* text, int arity, Operation& operation, Trampoline function, Trampoline method) {
  const auto* signature = new Signature(text);  // as long as the process: the module is never unloaded
  if (int(signature->parameters.size()) != arity || arity > Signature::kMaxParameters)
    fail<RuntimeError>("%s: bound with %d parameters, its signature has %d; at most %d", signature->name.c_str(), arity,
                       int(signature->parameters.size()), Signature::kMaxParameters);
  operation.signature = signature;
  operation.in_place = in_place_rule(*signature);
  const auto define = [&](Trampoline f, bool wanted, const char* doc) {
    return PyMethodDef{wanted ? signature->name.c_str() : nullptr,
                       reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)), METH_FASTCALL | METH_KEYWORDS,
                       doc};
  };
  if (makes_tensors(*signature)) {
    std::string with(text);
    text = (new std::string(with.insert(with.find(") ->"), std::string(", ") + kMemoryKeywords)))->c_str();
  }
  const char* function_text = text;
  if (kind & kFunction && takes_out(signature->name)) {
    operation.takes_out = true;
    const bool several = std::strstr(text, "-> Tensor") == nullptr;
    function_text = (new std::string(with_out(text, several)))->c_str();
  }
  return {define(function, kind & kFunction, function_text), define(method, kind & kMethod, text)};
}

namespace {

PyObject *dtype_error, *out_of_range_error;

PyObject* new_exception(py::handle module, const char* name, const char* text, PyObject* first, PyObject* second) {
  const std::string path = std::string("hotloop.") + name;
  const py::object bases = owned(PyTuple_Pack(2, first, second));
  PyObject* type = PyErr_NewExceptionWithDoc(path.c_str(), text, bases.ptr(), nullptr);
  if (!type || PyModule_AddObjectRef(module.ptr(), name, type) < 0) throw py::error_already_set();
  return type;
}

}  // namespace

void bind_exceptions(py::handle module) {
  dtype_error = new_exception(module, "DTypeError", "An op has no kernel for the dtype that it was given.",
                              PyExc_NotImplementedError, PyExc_TypeError);
  out_of_range_error = new_exception(module, "OutOfRangeError", "A tensor of indices names elements that aren't there.",
                                     PyExc_IndexError, PyExc_RuntimeError);
}

PyObject* translate_exception() noexcept {
  try {
    throw;
  } catch (const PythonError&) {
  } catch (py::error_already_set& e) {
    e.restore();
  } catch (const DTypeError& e) {
    PyErr_SetString(dtype_error, e.what());
  } catch (const OutOfRangeError& e) {
    PyErr_SetString(out_of_range_error, e.what());
  } catch (const ValueError& e) {
    PyErr_SetString(PyExc_ValueError, e.what());
  } catch (const TypeError& e) {
    PyErr_SetString(PyExc_TypeError, e.what());
  } catch (const IndexError& e) {
    PyErr_SetString(PyExc_IndexError, e.what());
  } catch (const OutOfMemory& e) {
    PyErr_SetString(PyExc_MemoryError, e.what());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  }
  return nullptr;
}

Tensor tensor_from(const Source& s) {
  if (is_tensor(s.object)) return as_tensor(s.object);
  if (s.object == Py_None && s.parameter().takes_none) return Tensor();
  if (s.parameter().takes_number) {
    if (is_number(s.object)) return number_tensor(s.object);
    if (Tensor t; number_operand(s.object, t)) return t;  // NumPy's
  }
  s.refuse();
}

namespace {

// Of a parameter that takes tensors too, one that is no number.
void check_number_tensor(const Source& s, bool fits, const char* wanted) {
  if (fits || s.parameter().type.find("Tensor") == std::string::npos) return;
  const Tensor& t = as_tensor(s.object);
  fail<RuntimeError>("%s(): argument '%s' must be %s or a 0-dimensional tensor of one, got shape %s and dtype %s",
                     s.signature.name.c_str(), s.parameter().name.c_str(), wanted, to_string(t.sizes()).c_str(),
                     name(t.dtype()));
}

}  // namespace

int64_t int_from(const Source& s) {
  if (is_tensor(s.object)) {
    const Tensor& t = as_tensor(s.object);
    check_number_tensor(s, t.ndim() == 0 && is_integral(t.dtype()), "an int");
  }
  if (!is_integer(s.object)) s.refuse();
  return to_int64(s.object, PyExc_ValueError);
}

double float_from(const Source& s) {
  if (!PyFloat_Check(s.object) && !PyNumber_Check(s.object)) s.refuse();
  if (is_tensor(s.object) && as_tensor(s.object).numel() != 1) {
    check_number_tensor(s, false, "a number");
    s.refuse();
  }
  const double v = PyFloat_AsDouble(s.object);
  if (v == -1 && PyErr_Occurred()) throw PythonError();
  return v;
}

bool bool_from(const Source& s) {
  if (s.object == Py_True) return true;
  if (s.object == Py_False) return false;
  s.refuse();
}

std::string string_from(const Source& s) {
  if (!PyUnicode_Check(s.object)) s.refuse();
  Py_ssize_t length;
  const char* text = PyUnicode_AsUTF8AndSize(s.object, &length);
  if (!text) throw PythonError();
  return std::string(text, size_t(length));
}

DType dtype_from(const Source& s) {
  if (!is_dtype(s.object)) s.refuse();
  return as_dtype(s.object);
}

Device device_from(const Source& s) {
  if (is_device(s.object)) return as_device(s.object);
  if (!PyUnicode_Check(s.object)) s.refuse();
  return parse_device(PyUnicode_AsUTF8(s.object));
}

Dims dims_from(const Source& s) {
  Dims dims;
  if (is_integer(s.object)) {
    dims.push(to_int64(s.object, PyExc_ValueError));
    return dims;
  }
  if (!PyTuple_Check(s.object) && !PyList_Check(s.object)) s.refuse();
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(s.object);
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(s.object, i);
    if (!is_integer(item)) s.refuse();
    dims.push(to_int64(item, PyExc_TypeError));
  }
  return dims;
}

std::vector<int64_t> ints_from(const Source& s) {
  if (!PyTuple_Check(s.object) && !PyList_Check(s.object)) s.refuse();
  std::vector<int64_t> values;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(s.object); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(s.object, i);
    if (!is_integer(item)) s.refuse();
    values.push_back(to_int64(item, PyExc_TypeError));
  }
  return values;
}

int64_t integer_of(const char* op, const char* argument, const py::object& object) {
  if (!is_integer(object.ptr()))
    type_error(std::string(op) + "(): argument '" + argument + "' must be int, not " + Py_TYPE(object.ptr())->tp_name);
  return to_int64(object.ptr(), PyExc_ValueError);
}

std::vector<int64_t> integers_of(const char* op, const char* argument, const py::object& object) {
  if (!PyTuple_Check(object.ptr()) && !PyList_Check(object.ptr()))
    type_error(std::string(op) + "(): argument '" + argument + "' must be int | Sequence[int], not " +
               Py_TYPE(object.ptr())->tp_name);
  std::vector<int64_t> values;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(object.ptr()); ++i)
    values.push_back(
        integer_of(op, argument, py::reinterpret_borrow<py::object>(PySequence_Fast_GET_ITEM(object.ptr(), i))));
  return values;
}

Scalar scalar_from(const Source& s) {
  if (PyBool_Check(s.object)) return Scalar(s.object == Py_True);
  if (PyFloat_Check(s.object)) return Scalar(PyFloat_AS_DOUBLE(s.object));
  if (is_tensor(s.object) && as_tensor(s.object).numel() == 1) return ops::item(as_tensor(s.object));
  if (is_integer(s.object)) return Scalar(to_int64(s.object, PyExc_OverflowError));
  if (PyNumber_Check(s.object)) return Scalar(float_from(s));
  s.refuse();
}

std::vector<Tensor> tensors_from(const Source& s) {
  if (!PyTuple_Check(s.object) && !PyList_Check(s.object)) s.refuse();
  std::vector<Tensor> tensors;
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(s.object);
  tensors.reserve(size_t(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(s.object, i);
    if (is_tensor(item))
      tensors.push_back(as_tensor(item));
    else if (item == Py_None && s.parameter().takes_none)
      tensors.emplace_back();
    else
      type_error(s.signature.name + "(): expected Tensor as element " + std::to_string(i) + " in argument '" +
                 s.parameter().name + "', but got " + Py_TYPE(item)->tp_name);
  }
  return tensors;
}

PyObject* to_python(const Dims& dims) {
  PyObject* result = PyTuple_New(dims.n);
  if (!result) return nullptr;
  for (int i = 0; i < dims.n; ++i) PyTuple_SET_ITEM(result, i, PyLong_FromLongLong(dims[i]));
  return result;
}

PyObject* to_python(const std::vector<Tensor>& tensors) {
  PyObject* result = PyTuple_New(Py_ssize_t(tensors.size()));
  if (!result) return nullptr;
  for (size_t i = 0; i < tensors.size(); ++i) PyTuple_SET_ITEM(result, Py_ssize_t(i), wrap(tensors[i]));
  return result;
}

std::vector<Row>& rows() {
  static std::vector<Row> all;
  return all;
}

void add_rows(std::initializer_list<Row> table) { rows().insert(rows().end(), table); }

}  // namespace hotloop::bindings
