// Tensors from data: numbers, nested sequences of them, arrays. dtype and shape are found as torch.tensor finds them.
#include <cmath>
#include <cstring>

#include "autograd/tape.h"
#include "bindings/arguments.h"
#include "bindings/interop.h"
#include "core/error.h"
#include "core/half.h"
#include "ops/broadcast.h"
#include "ops/pointwise.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

bool is_sequence(PyObject* o) {
  if (PyList_Check(o) || PyTuple_Check(o)) return true;
  return PySequence_Check(o) && !PyUnicode_Check(o) && !PyBytes_Check(o) && !PyDict_Check(o) &&
         !PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(numpy.generic)) && !is_tensor(o);
}

bool is_array(PyObject* o) { return PyObject_IsInstance(o, numpy.ndarray) == 1; }

py::object fast(PyObject* sequence) { return owned(PySequence_Fast(sequence, "not a sequence")); }

// A number among the data: Python's, NumPy's, or a one-element tensor. Its dtype takes part in promotion.
bool leaf(PyObject* o, Scalar& value, DType& dtype) {
  if (is_tensor(o)) {
    const Tensor& t = as_tensor(o);
    if (t.numel() != 1)
      fail<ValueError>(
          "tensor(): only one element tensors can be converted to Python scalars, got shape %s "
          "(hotloop.stack joins tensors)",
          to_string(t.sizes()).c_str());
    value = ops::item(t);
    dtype = t.dtype();
    return true;
  }
  if (!number_from(o, value)) {
    if (!PyIndex_Check(o) || is_sequence(o)) return false;
    const py::object integer = py::reinterpret_steal<py::object>(PyNumber_Index(o));
    if (!integer) throw PythonError();
    return number_from(integer.ptr(), value);
  }
  dtype = value.kind == Scalar::boolean   ? DType::bool_
          : value.kind == Scalar::integer ? DType::i64
                                          : ops::default_dtype();
  if (PyObject_TypeCheck(o, reinterpret_cast<PyTypeObject*>(numpy.generic)))
    dtype = array_tensor("tensor()", o, true).dtype();
  return true;
}

[[noreturn]] void refuse_data(PyObject* o) {
  if (PyUnicode_Check(o) || PyBytes_Check(o)) fail<TypeError>("tensor(): invalid data type '%s'", Py_TYPE(o)->tp_name);
  fail<DTypeError>("tensor(): could not infer dtype of %s", Py_TYPE(o)->tp_name);
}

// Nested sequences: the shape is that of the first elements all the way down, and all others must have it.
class Nested {
 public:
  Nested(PyObject* data, std::optional<DType> dtype) : dtype_(dtype.value_or(DType::bool_)), given_(dtype.has_value()) {
    find_sizes(data);
    at_ = Dims::filled(sizes_.n, 0);
    check(data, 0);
    if (!given_ && !any_) dtype_ = ops::default_dtype();
  }

  Tensor tensor(PyObject* data) {
    const Tensor result = empty(sizes_, dtype_);
    fill(data, 0, result.data<char>());
    return result;
  }

 private:
  void find_sizes(PyObject* o) {
    py::object keep;
    while (true) {
      if (is_array(o)) {
        for (int64_t n : array_tensor("tensor()", o, true).sizes()) sizes_.push(n);
        return;
      }
      if (!is_sequence(o)) return;
      const py::object items = fast(o);
      const Py_ssize_t n = PySequence_Fast_GET_SIZE(items.ptr());
      sizes_.push(n);
      if (n == 0) return;
      o = PySequence_Fast_GET_ITEM(items.ptr(), 0);
      keep = py::reinterpret_borrow<py::object>(o);
    }
  }

  std::string place(int depth) const {
    std::string text = "data";
    for (int d = 0; d < depth; ++d) text += "[" + std::to_string(at_[d]) + "]";
    return text;
  }

  void promote_to(DType dtype) {
    if (!given_) dtype_ = any_ ? promote(dtype_, dtype) : dtype;
    any_ = true;
  }

  [[noreturn, gnu::cold]] void ragged(int depth, const std::string& got) const {
    if (depth == sizes_.n)
      fail<ValueError>("tensor(): expected a number at %s, as in the data before it (got %s)", place(depth).c_str(),
                       got.c_str());
    fail<ValueError>("tensor(): expected sequence of length %lld at dim %d (got %s): %s",
                     static_cast<long long>(sizes_[depth]), depth, got.c_str(), place(depth).c_str());
  }

  void check(PyObject* o, int depth) {
    if (is_array(o)) {
      const Tensor array = array_tensor("tensor()", o, true);
      bool fits = array.ndim() == sizes_.n - depth;
      for (int d = 0; fits && d < array.ndim(); ++d) fits = array.size(d) == sizes_[depth + d];
      if (!fits) ragged(depth, "an array of shape " + to_string(array.sizes()));
      return promote_to(array.dtype());
    }
    if (depth == sizes_.n) {
      Scalar value;
      DType dtype;
      if (!leaf(o, value, dtype)) {
        if (is_sequence(o)) ragged(depth, std::string("a ") + Py_TYPE(o)->tp_name);
        refuse_data(o);
      }
      return promote_to(dtype);
    }
    if (!is_sequence(o)) {
      Scalar value;
      DType dtype;
      if (!leaf(o, value, dtype)) refuse_data(o);
      ragged(depth, "a number");
    }
    const py::object items = fast(o);
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(items.ptr());
    if (n != sizes_[depth]) ragged(depth, std::to_string(n));
    for (at_[depth] = 0; at_[depth] < n; ++at_[depth])
      check(PySequence_Fast_GET_ITEM(items.ptr(), at_[depth]), depth + 1);
  }

  char* fill(PyObject* o, int depth, char* to) {
    const int64_t size = int64_t(itemsize(dtype_));
    if (is_array(o)) {
      Tensor array = array_tensor("tensor()", o, true);
      Guest part{to, dtype_, array.sizes(), contiguous_strides(array.sizes()), false, nullptr, [](void*) {}};
      ops::copy_(borrow(part), array);
      return to + array.numel() * size;
    }
    if (depth == sizes_.n) {
      Scalar value;
      DType dtype;
      if (!leaf(o, value, dtype)) refuse_data(o);
      store(value, to);
      return to + size;
    }
    const py::object items = fast(o);
    // Python code that ran meanwhile (an __index__) may have changed the list.
    if (PySequence_Fast_GET_SIZE(items.ptr()) != sizes_[depth])
      fail<ValueError>("tensor(): the data changed while read");
    for (Py_ssize_t i = 0; i < sizes_[depth]; ++i) to = fill(PySequence_Fast_GET_ITEM(items.ptr(), i), depth + 1, to);
    return to;
  }

  template <class T>
  void store_integer(const Scalar& value, char* to) const {
    if (!fits(value, dtype_))
      fail<RuntimeError>("tensor(): value cannot be converted to type %s without overflow", name(dtype_));
    const T stored = T(value.kind == Scalar::floating ? int64_t(value.f) : value.i);
    std::memcpy(to, &stored, sizeof stored);
  }

  void store(const Scalar& value, char* to) const {
    switch (dtype_) {
      case DType::bool_: *to = value.as_double() != 0; return;
      case DType::u8: return store_integer<uint8_t>(value, to);
      case DType::i8: return store_integer<int8_t>(value, to);
      case DType::i32: return store_integer<int32_t>(value, to);
      case DType::i64: return store_integer<int64_t>(value, to);
      case DType::f16: {
        const half_t h = to_half(value.as_double());
        std::memcpy(to, &h, sizeof h);
        return;
      }
      case DType::bf16: {
        const bfloat16_t h = to_bfloat16(value.as_double());
        std::memcpy(to, &h, sizeof h);
        return;
      }
      case DType::f32: {
        const float f = float(value.as_double());
        std::memcpy(to, &f, sizeof f);
        return;
      }
      case DType::f64: {
        const double f = value.as_double();
        std::memcpy(to, &f, sizeof f);
        return;
      }
    }
  }

  Dims sizes_, at_;
  DType dtype_;
  bool given_;
  bool any_ = false;
};

}  // namespace

Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype) {
  if (const Tensor array = array_tensor("tensor()", data, true); array.defined()) {
    const Tensor result = empty(array.sizes(), dtype.value_or(array.dtype()));
    ops::copy_(result, detach(array));
    return result;
  }
  return Nested(data, dtype).tensor(data);
}

Tensor index_tensor(PyObject* object) {
  if (is_array(object)) {
    const std::string kind = py::str(py::handle(object).attr("dtype").attr("kind"));
    if (kind == "i" || kind == "u")
      return array_tensor("index", owned(PyObject_CallMethod(object, "astype", "s", "int64")).ptr(), true);
  }
  if (const Tensor array = array_tensor("index", object, true); array.defined()) return array;
  if (!is_sequence(object))
    fail<IndexError>(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        "(got %s)",
        Py_TYPE(object)->tp_name);
  const Tensor list = tensor_from_data(object, std::nullopt);
  return list.numel() == 0 ? ops::to_dtype(list, DType::i64) : list;
}

}  // namespace hotloop::bindings
