// From Python arguments to those of a C++ function, and its result back. An op is bound by one row,
//     HOTLOOP_FUNCTION("relu(input: Tensor) -> Tensor", ops::relu, "documentation")
// whose signature text is at once what is parsed here, the docstring's first line and the typed stub's.
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bindings/tensor_object.h"
#include "core/scalar.h"
#include "ops/overlap.h"

namespace hotloop {
class Generator;
namespace ops {
class PackedWeight;
}
}  // namespace hotloop

namespace hotloop::bindings {

struct PythonError {};  // a Python exception is set

// The owner of a new reference. Throws PythonError where there is none.
py::object owned(PyObject* result);
// module.name, imported.
py::object imported(const char* module, const char* name);

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
  static constexpr int kMaxParameters = 16;
  explicit Signature(const char* text);  // its first line
  std::string name;                      // "relu"
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

void bind_exceptions(py::handle module);  // those that Python has no type of its own for
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

Generator* generator_from(const Source& s);  // the default one for None
const ops::PackedWeight* packed_weight_from(const Source& s);

// as_strided() as Python has it: storage_offset counts from the memory's beginning, as a tensor's own offset does.
Tensor as_strided(const Tensor& x, const Dims& sizes, const Dims& strides, std::optional<int64_t> offset);

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
HOTLOOP_FROM(Generator*, generator_from);
HOTLOOP_FROM(const ops::PackedWeight*, packed_weight_from);
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
// A row costs the compiler two trampolines and what is new in its function's type: parsing, errors and the
// call itself are compiled once.
using AnyFunction = void (*)();

// What an in-place op asks of memory, as PyTorch's does: no two elements of its first argument share any.
struct InPlaceRule {
  ops::Sharing sharing;   // with that argument, by its operands
  uint32_t operands = 0;  // bit i: parameter i is one
};
// None where the signature is no in-place op's, or one that needn't look.
std::optional<InPlaceRule> in_place_rule(const Signature& signature);

struct Operation {
  const Signature* signature;
  AnyFunction function;  // only invoke knows its type
  PyObject* (*invoke)(AnyFunction function, PyObject* const* values, const Signature& signature);
  bool takes_out = false;  // as a function, the keyword `out` (out_argument.h)
  std::optional<InPlaceRule> in_place = {};
};

// Throws where a call breaks its operation's rule `in_place`.
void check_written_memory(const Operation& operation, PyObject* const* values);

// A call with Python's arguments, self first; null with the exception set where it threw.
PyObject* run(const Operation& operation, PyObject* self, PyObject* const* args, Py_ssize_t count,
              PyObject* keywords) noexcept;

template <class Function>
struct Invoker;
template <class R, class... A>
struct Invoker<R (*)(A...)> {
  static constexpr int arity = sizeof...(A);

  static PyObject* invoke(AnyFunction function, PyObject* const* values, const Signature& signature) {
    return invoke(reinterpret_cast<R (*)(A...)>(function), values, signature, std::make_index_sequence<arity>{});
  }

  // In-place ops return nothing; their Python form returns its first argument.
  template <size_t... I>
  static PyObject* invoke(R (*function)(A...), PyObject* const* values, const Signature& signature,
                          std::index_sequence<I...>) {
    if constexpr (std::is_void_v<R>) {
      function(From<std::remove_cvref_t<A>>::get({values[I], signature, int(I)})...);
      PyObject* result = arity > 0 && is_tensor(values[0]) ? values[0] : Py_None;
      Py_INCREF(result);
      return result;
    } else {
      return to_python(function(From<std::remove_cvref_t<A>>::get({values[I], signature, int(I)})...));
    }
  }
};

// A row of an op table: a module function, a method of Tensor, or both.
struct Row {
  PyMethodDef function;  // ml_name null: not one
  PyMethodDef method;
};

enum RowKind { kFunction = 1, kMethod = 2 };

using Trampoline = PyObject* (*)(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords);

// Python gives a C function nothing of its own to keep: what a row calls is a variable of the row's type.
template <class RowType>
struct Trampolines {
  static inline Operation operation;

  static PyObject* function(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return run(operation, nullptr, args, count, keywords);
  }
  static PyObject* method(PyObject* self, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
    return run(operation, self, args, count, keywords);
  }
};

// Reads the signature, the first line of `text`, into the operation.
Row define_row(int kind, const char* text, int arity, Operation& operation, Trampoline function, Trampoline method);

template <class RowType, class F>
Row make_row(int kind, const char* text, F f) {
  using Function = decltype(+f);
  using T = Trampolines<RowType>;
  T::operation = {nullptr, reinterpret_cast<AnyFunction>(+f), &Invoker<Function>::invoke};
  return define_row(kind, text, Invoker<Function>::arity, T::operation, &T::function, &T::method);
}

// `f` is a function or a lambda without captures. The empty lambda's type is the row's.
#define HOTLOOP_ROW(kind, signature, f, doc) make_row<decltype([] {})>(kind, signature "\n\n" doc, f)
#define HOTLOOP_OP(signature, f, doc) HOTLOOP_ROW(kFunction | kMethod, signature, f, doc)
#define HOTLOOP_FUNCTION(signature, f, doc) HOTLOOP_ROW(kFunction, signature, f, doc)
#define HOTLOOP_METHOD(signature, f, doc) HOTLOOP_ROW(kMethod, signature, f, doc)

// Every table, one a bind_<area>.cpp; module.cpp and tensor_type.cpp put them in place.
std::vector<Row>& rows();
void add_rows(std::initializer_list<Row> table);

}  // namespace hotloop::bindings
