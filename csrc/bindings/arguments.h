// From Python arguments to those of a C++ function, and its result back. An op is bound by one row,
//     HOTLOOP_FUNCTION("relu(input: Tensor) -> Tensor", ops::relu, "documentation")
// whose signature text is at once what is parsed here, the docstring's first line and the typed stub's.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "bindings/tensor_object.h"
#include "core/host_lock.h"
#include "core/scalar.h"

namespace hotloop::bindings {

struct PythonError {};  // a Python exception is set

// One parameter of a signature.
struct Parameter {
  std::string name;
  std::string type;                   // as written: "Tensor", "Tensor | Number", "int | None", ...
  PyObject* default_value = nullptr;  // null: required
  PyObject* interned = nullptr;       // the name as Python's own string
  bool keyword_only = false;
  bool takes_number = false;  // a Python number stands for a tensor
  bool takes_none = false;
};

struct Signature {
  explicit Signature(const char* text);
  std::string name;  // "relu"
  std::string text;  // the whole
  std::vector<Parameter> parameters;
  int positional = 0;
  int variadic = -1;  // the parameter that takes the rest

  // Sorts a call's arguments into `values` (borrowed; defaults filled in). Returns what the call must
  // keep alive: the tuple of a variadic call, or null. Throws PythonError.
  py::object sort(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords, PyObject** values) const;
  [[noreturn, gnu::cold]] void refuse(int index, PyObject* got) const;  // TypeError: argument i must be ...
};

// Lets go of an object on a thread that may not hold the GIL. An interpreter that is going away keeps it.
void drop_python(py::object& object) noexcept;

// Sets the Python exception for the C++ exception in flight; returns null.
[[gnu::cold]] PyObject* translate_exception() noexcept;

// --- Python to C++ ----------------------------------------------------------------------------------
struct Source {
  PyObject* object;
  const Signature& signature;
  int index;
  const Parameter& parameter() const { return signature.parameters[size_t(index)]; }
  [[noreturn]] void refuse() const { signature.refuse(index, object); }
};

template <class T>
struct From;

Tensor tensor_from(const Source& s);
int64_t int_from(const Source& s);
double float_from(const Source& s);
bool bool_from(const Source& s);
std::string string_from(const Source& s);
DType dtype_from(const Source& s);
Device device_from(const Source& s);
Dims dims_from(const Source& s);
Scalar scalar_from(const Source& s);
std::vector<Tensor> tensors_from(const Source& s);
std::vector<int64_t> ints_from(const Source& s);

// The same for a parameter that takes several types and reached the function as it is.
int64_t integer_of(const char* op, const char* argument, const py::object& object);
std::vector<int64_t> integers_of(const char* op, const char* argument, const py::object& object);

#define HOTLOOP_FROM(Type, function)                         \
  template <>                                                \
  struct From<Type> {                                        \
    static Type get(const Source& s) { return function(s); } \
  }
HOTLOOP_FROM(Tensor, tensor_from);
HOTLOOP_FROM(int64_t, int_from);
HOTLOOP_FROM(double, float_from);
HOTLOOP_FROM(bool, bool_from);
HOTLOOP_FROM(std::string, string_from);
HOTLOOP_FROM(DType, dtype_from);
HOTLOOP_FROM(Device, device_from);
HOTLOOP_FROM(Dims, dims_from);
HOTLOOP_FROM(Scalar, scalar_from);
HOTLOOP_FROM(std::vector<Tensor>, tensors_from);
HOTLOOP_FROM(std::vector<int64_t>, ints_from);
#undef HOTLOOP_FROM
template <>
struct From<py::object> {  // as it is; the function checks it
  static py::object get(const Source& s) { return py::reinterpret_borrow<py::object>(s.object); }
};
template <class T>
struct From<std::optional<T>> {
  static std::optional<T> get(const Source& s) {
    if (s.object == Py_None) return std::nullopt;
    return From<T>::get(s);
  }
};

// --- C++ to Python ----------------------------------------------------------------------------------
inline PyObject* to_python(const Tensor& t) { return wrap(t); }
inline PyObject* to_python(py::object o) { return o.release().ptr(); }
inline PyObject* to_python(bool b) { return PyBool_FromLong(b); }
inline PyObject* to_python(int64_t i) { return PyLong_FromLongLong(i); }
inline PyObject* to_python(double d) { return PyFloat_FromDouble(d); }
inline PyObject* to_python(const std::string& s) { return PyUnicode_FromStringAndSize(s.data(), Py_ssize_t(s.size())); }
PyObject* to_python(const Dims& dims);
PyObject* to_python(const std::vector<Tensor>& tensors);  // a tuple
PyObject* to_python(DType dtype);
PyObject* to_python(Device device);
template <class... T>
PyObject* to_python(const std::tuple<T...>& values) {
  PyObject* result = PyTuple_New(sizeof...(T));
  if (!result) return nullptr;
  Py_ssize_t i = 0;
  std::apply([&](const auto&... v) { (PyTuple_SET_ITEM(result, i++, to_python(v)), ...); }, values);
  return result;
}

// --- a bound function -------------------------------------------------------------------------------
template <size_t N>
struct Literal {
  char text[N];
  constexpr Literal(const char (&s)[N]) {
    for (size_t i = 0; i < N; ++i) text[i] = s[i];
  }
};

template <class F>
struct FunctionTraits;
template <class R, class... A>
struct FunctionTraits<R (*)(A...)> {
  using Result = R;
  using Arguments = std::tuple<std::remove_cvref_t<A>...>;
};

template <Literal Text, auto Function>
struct Bound {
  using Traits = FunctionTraits<decltype(+Function)>;
  using Arguments = typename Traits::Arguments;
  static constexpr size_t n = std::tuple_size_v<Arguments>;

  static const Signature& signature() {
    static const Signature s(Text.text);
    return s;
  }

  // In-place ops return nothing; their Python form returns its first argument.
  template <size_t... I>
  static PyObject* invoke(PyObject** values, std::index_sequence<I...>) {
    const Signature& s = signature();
    HoldsHostLock held;
    if constexpr (std::is_void_v<typename Traits::Result>) {
      Function(From<std::tuple_element_t<I, Arguments>>::get({values[I], s, int(I)})...);
      PyObject* result = n > 0 && is_tensor(values[0]) ? values[0] : Py_None;
      Py_INCREF(result);
      return result;
    } else {
      return to_python(Function(From<std::tuple_element_t<I, Arguments>>::get({values[I], s, int(I)})...));
    }
  }

  static PyObject* run(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) noexcept {
    try {
      PyObject* values[n ? n : 1];
      const py::object keep = signature().sort(self, args, count, keywords, values);
      return invoke(values, std::make_index_sequence<n>{});
    } catch (...) {
      return translate_exception();
    }
  }
  static PyObject* function(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return run(nullptr, args, count, keywords);
  }
  static PyObject* method(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return run(self, args, count, keywords);
  }
};

// A row of an op table: a module function, a method of Tensor, or both.
struct Row {
  PyMethodDef function;  // ml_name null: not one
  PyMethodDef method;
};

enum RowKind { kFunction = 1, kMethod = 2 };

template <Literal Text, auto Function>
Row make_row(int kind, const char* doc) {
  using B = Bound<Text, Function>;
  const auto define = [&](auto* f, bool wanted) {
    return PyMethodDef{wanted ? B::signature().name.c_str() : nullptr,
                       reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)), METH_FASTCALL | METH_KEYWORDS,
                       doc};
  };
  return {define(&B::function, kind & kFunction), define(&B::method, kind & kMethod)};
}

// `f` is a function or a lambda without captures.
#define HOTLOOP_OP(signature, f, doc) make_row<signature, f>(kFunction | kMethod, signature "\n\n" doc)
#define HOTLOOP_FUNCTION(signature, f, doc) make_row<signature, f>(kFunction, signature "\n\n" doc)
#define HOTLOOP_METHOD(signature, f, doc) make_row<signature, f>(kMethod, signature "\n\n" doc)

// Every table, one a bind_<area>.cpp; module.cpp and tensor_type.cpp put them in place.
std::vector<Row>& rows();
void add_rows(std::initializer_list<Row> table);

}  // namespace hotloop::bindings
