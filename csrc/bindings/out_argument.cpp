#include "bindings/out_argument.h"

#include <unordered_set>

#include "autograd/tape.h"
#include "core/error.h"
#include "ops/arithmetic.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

// clang-format off
const std::unordered_set<std::string>& names() {
  static const std::unordered_set<std::string> all = {
    "abs", "absolute", "acos", "acosh", "add", "addbmm", "addcdiv", "addcmul", "addmm", "addmv", "addr", "all",
    "amax", "amin", "aminmax", "any", "arange", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "argmax", "argmin", "asin", "asinh", "atan", "atan2", "atanh", "baddbmm", "bernoulli", "bitwise_and",
    "bitwise_left_shift", "bitwise_not", "bitwise_or", "bitwise_right_shift", "bitwise_xor", "bmm", "bucketize",
    "cat", "ceil", "clamp", "clamp_max", "clamp_min", "clip", "column_stack", "concat", "concatenate", "copysign",
    "cos", "cosh", "cross", "cummax", "cummin", "cumprod", "cumsum", "deg2rad", "diag", "diff", "digamma", "div",
    "divide", "dot", "dstack", "empty", "empty_like", "empty_strided", "eq", "erf", "erfc", "erfinv", "exp",
    "exp2", "expm1", "eye", "fix", "float_power", "floor", "floor_divide", "fmax", "fmin", "fmod", "frac", "frexp",
    "full", "gather", "gcd", "ge", "ger", "greater", "greater_equal", "gt", "heaviside", "histc", "hstack", "hypot",
    "i0", "index_add", "index_copy", "index_reduce", "index_select", "inner", "isin", "isneginf", "isposinf", "kron",
    "kthvalue", "lcm", "ldexp", "le", "lerp", "less", "less_equal", "lgamma", "linalg_cross", "linalg_matrix_norm",
    "linalg_multi_dot", "linalg_vector_norm", "linspace", "log", "log10", "log1p", "log2", "log_softmax", "logaddexp",
    "logaddexp2", "logcumsumexp", "logical_and", "logical_not", "logical_or", "logical_xor", "logit", "logspace",
    "logsumexp", "lt", "masked_select", "matmul", "matrix_power", "max", "maximum", "mean", "min", "minimum", "mm",
    "mode", "msort", "mul", "multinomial", "multiply", "mv", "nan_to_num", "nanmean", "nanquantile", "nansum",
    "narrow_copy", "ne", "neg", "negative", "nextafter", "nonzero", "norm", "normal", "not_equal", "ones",
    "ones_like", "outer", "polygamma", "pow", "quantile", "rad2deg", "rand", "rand_like", "randint", "randn",
    "randn_like", "randperm", "reciprocal", "remainder", "renorm", "round", "row_stack", "rsqrt", "scatter",
    "scatter_add", "scatter_reduce", "searchsorted", "sgn", "sigmoid", "sign", "signbit", "sin", "sinc", "sinh",
    "slice_scatter", "softmax", "sort", "sqrt", "square", "stack", "std", "std_mean", "sub", "subtract", "sum",
    "take", "take_along_dim", "tan", "tanh", "tensordot", "topk", "tril", "triu", "true_divide", "trunc", "var",
    "var_mean", "vdot", "vstack", "where", "xlogy", "zeros", "zeros_like",
  };
  return all;
}
// clang-format on

// The result in the caller's tensor, which takes its shape and keeps its own dtype.
void write_into(const char* op, const Tensor& out, const Tensor& result) {
  if (grad_enabled() && (needs_grad(out) || needs_grad(result)))
    fail<RuntimeError>(
        "%s(): functions with out=... arguments don't support automatic differentiation, but one of the arguments "
        "requires grad.",
        op);
  if (!(out.sizes() == result.sizes())) {
    if (out.numel() != 0 &&
        PyErr_WarnFormat(PyExc_UserWarning, 1,
                         "%s(): out, of shape %s, was resized to the result's shape %s. Give an out of that shape, or "
                         "of no elements.",
                         op, to_string(out.sizes()).c_str(), to_string(result.sizes()).c_str()) < 0)
      throw PythonError();
    ops::resize_(out, result.sizes());
  }
  ops::assign(op, out, result);
}

}  // namespace

bool takes_out(const std::string& name) { return names().count(name) != 0; }

std::string with_out(const char* text, bool several) {
  std::string result = text;
  const size_t arrow = result.find(") ->");
  const std::string before = result.substr(0, arrow);
  const bool keywords = before.find("*, ") != std::string::npos || before.find(": ") > before.find('*');
  const char* type = several ? "Sequence[Tensor] | None" : "Tensor | None";
  result.insert(arrow, std::string(keywords ? ", " : ", *, ") + "out: " + type + " = None");
  return result;
}

PyObject* run_with_out(const Operation& operation, PyObject* const* args, Py_ssize_t count, PyObject* keywords) {
  const Signature& signature = *operation.signature;
  const char* op = signature.name.c_str();
  // The call without `out`.
  std::vector<PyObject*> given(args, args + count);
  PyObject* out = nullptr;
  const py::object names = owned(PyList_New(0));
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(keywords); ++k) {
    PyObject* key = PyTuple_GET_ITEM(keywords, k);
    if (PyUnicode_CompareWithASCIIString(key, "out") == 0) {
      out = args[count + k];
    } else {
      given.push_back(args[count + k]);
      if (PyList_Append(names.ptr(), key) < 0) throw PythonError();
    }
  }
  const py::object left = owned(PyList_AsTuple(names.ptr()));
  PyObject* values[Signature::kMaxParameters];
  const py::object keep = signature.sort(nullptr, given.data(), count, left.ptr(), values);
  py::object result = owned(operation.invoke(operation.function, values, signature));
  if (!out || out == Py_None) return result.release().ptr();

  if (is_tensor(result.ptr())) {
    if (!is_tensor(out)) fail<TypeError>("%s(): argument 'out' must be Tensor, not %s", op, Py_TYPE(out)->tp_name);
    write_into(op, as_tensor(out), as_tensor(result.ptr()));
    Py_INCREF(out);
    return out;
  }
  const Py_ssize_t n = PyTuple_Check(result.ptr()) ? PyTuple_GET_SIZE(result.ptr()) : 0;
  if (!(PyTuple_Check(out) || PyList_Check(out)) || PySequence_Fast_GET_SIZE(out) != n)
    fail<TypeError>("%s(): argument 'out' must be a tuple of %zd Tensors, not %s", op, n, Py_TYPE(out)->tp_name);
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* target = PySequence_Fast_GET_ITEM(out, i);
    if (!is_tensor(target))
      fail<TypeError>("%s(): argument 'out' must be a tuple of Tensors, not of %s", op, Py_TYPE(target)->tp_name);
    write_into(op, as_tensor(target), as_tensor(PyTuple_GET_ITEM(result.ptr(), i)));
  }
  const py::object outs = owned(PySequence_Tuple(out));
  if (PyTuple_CheckExact(result.ptr())) return py::object(outs).release().ptr();
  return PyObject_CallMethod(reinterpret_cast<PyObject*>(Py_TYPE(result.ptr())), "_make", "(O)", outs.ptr());
}

}  // namespace hotloop::bindings
