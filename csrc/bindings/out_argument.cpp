#include "bindings/out_argument.h"

#include <sstream>
#include <unordered_map>

#include "autograd/tape.h"
#include "core/error.h"
#include "ops/arithmetic.h"
#include "ops/call.h"
#include "ops/shape.h"

namespace hotloop::bindings {

namespace {

using ops::Sharing;

// What a function asks of its `out`, as PyTorch's does.
enum class Dtype { cast, own, asked };  // any that the result casts to; the result's; it is what the call asks for

struct Rule {
  Dtype dtype;
  Sharing memory;  // of an input; PyTorch doesn't look at `any`, whose result is whole here before it is written
};

struct Group {
  Rule rule;
  const char* names;
};

constexpr Group kGroups[] = {
    {{Dtype::cast, Sharing::elementwise},
     "acos acosh add addcdiv addcmul addr arccos arccosh arcsin arcsinh arctan arctan2 arctanh asin asinh atan atan2 "
     "atanh bernoulli bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor clamp clamp_max "
     "clamp_min clip copysign cos cosh deg2rad digamma div divide eq erf erfc "
     "erfinv exp exp2 expm1 floor_divide fmax fmin fmod gcd ge ger greater greater_equal gt hypot i0 kron lcm "
     "ldexp le less less_equal lgamma log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or "
     "logical_xor logit lt maximum minimum mul multiply mvlgamma ne nextafter not_equal outer polygamma pow rad2deg "
     "reciprocal "
     "remainder rsqrt sigmoid sin sinc sinh sqrt square sub subtract tan tanh true_divide "
     "xlog1py xlogy "
     "igamma igammac special_airy_ai special_bessel_j0 special_bessel_j1 special_bessel_y0 special_bessel_y1 "
     "special_chebyshev_polynomial_t special_chebyshev_polynomial_u special_chebyshev_polynomial_v "
     "special_chebyshev_polynomial_w special_erfcx special_hermite_polynomial_h special_hermite_polynomial_he "
     "special_i0e special_i1 special_i1e special_laguerre_polynomial_l special_legendre_polynomial_p special_log_ndtr "
     "special_modified_bessel_k0 special_modified_bessel_k1 special_scaled_modified_bessel_k0 "
     "special_scaled_modified_bessel_k1 special_shifted_chebyshev_polynomial_t special_shifted_chebyshev_polynomial_u "
     "special_shifted_chebyshev_polynomial_v special_shifted_chebyshev_polynomial_w special_spherical_bessel_j0 "
     "special_zeta"},
    {{Dtype::cast, Sharing::none}, "cat column_stack concat concatenate dstack hstack row_stack stack vstack"},
    {{Dtype::cast, Sharing::any}, "dot inner logsumexp normalize std var vdot"},
    {{Dtype::asked, Sharing::elementwise},
     "arange cumprod cumsum empty eye full linspace logspace normal ones rand randint randn randperm zeros"},
    {{Dtype::asked, Sharing::any}, "mean nansum prod sum"},
    {{Dtype::own, Sharing::elementwise},
     "abs absolute aminmax baddbmm bitwise_not bucketize ceil fix float_power floor frac frexp heaviside index_add "
     "index_copy index_reduce isin isneginf isposinf kthvalue lerp logcumsumexp max min mode msort multinomial "
     "nan_to_num neg negative nonzero renorm round scatter scatter_add scatter_reduce searchsorted sgn sign signbit "
     "sort topk trunc where"},
    {{Dtype::own, Sharing::any},
     "addbmm addmm addmv all amax amin any argmax argmin bmm cummax cummin diag diff histc linalg_matrix_norm "
     "linalg_multi_dot linalg_vector_norm log_softmax matmul matrix_power median mm mv nanmean nanmedian nanquantile "
     "narrow_copy norm "
     "quantile slice_scatter softmax tensordot tril triu"},
    {{Dtype::own, Sharing::none}, "cross gather index_select linalg_cross masked_select take take_along_dim"},
};

const Rule* rule_of(const std::string& name) {
  static const auto rules = [] {
    std::unordered_map<std::string, Rule> all;
    for (const Group& group : kGroups) {
      std::istringstream names(group.names);
      for (std::string one; names >> one;) all[one] = group.rule;
    }
    return all;
  }();
  const auto found = rules.find(name);
  return found == rules.end() ? nullptr : &found->second;
}

// f(tensor) for each among the arguments.
template <class F>
void for_tensors(PyObject* const* values, const Signature& signature, const F& f) {
  for (size_t i = 0; i < signature.parameters.size(); ++i) {
    if (is_tensor(values[i])) f(as_tensor(values[i]));
    if (PyTuple_Check(values[i]) || PyList_Check(values[i]))
      for (Py_ssize_t k = 0; k < PySequence_Fast_GET_SIZE(values[i]); ++k)
        if (PyObject* value = PySequence_Fast_GET_ITEM(values[i], k); is_tensor(value)) f(as_tensor(value));
  }
}

// The call, whose result may be made in the memory of `out` at once.
py::object invoke_into(const Operation& operation, PyObject** values, const Tensor& out) {
  const Signature& signature = *operation.signature;
  bool shared = false, graph = needs_grad(out);
  for_tensors(values, signature, [&](const Tensor& in) {
    shared |= in.defined() && in->storage == out->storage;
    graph |= in.defined() && needs_grad(in);
  });
  const bool plain = out->contiguous && !out->storage->read_only() && !out->inference;
  if (!plain || (graph && grad_enabled())) return owned(operation.invoke(operation.function, values, signature));
  struct Scope {
    Destination destination;
    explicit Scope(const Destination& d) : destination(d) { thread_state.destination = &destination; }
    ~Scope() { thread_state.destination = nullptr; }
  } scope({out, signature.name.c_str(), shared});
  return owned(operation.invoke(operation.function, values, signature));
}

// The dtype of `out` where the call leaves its own open; a new reference to be kept, or null.
py::object asked_dtype(const Tensor& out, PyObject** values, const Signature& signature) {
  for (size_t i = 0; i < signature.parameters.size(); ++i) {
    if (signature.parameters[i].name != "dtype" || values[i] != signature.parameters[i].default_value) continue;
    py::object dtype = owned(to_python(out.dtype()));
    values[i] = dtype.ptr();
    return dtype;
  }
  return py::object();
}

// The result in the caller's tensor, which takes its shape and keeps its own dtype.
void write_into(const char* op, const Tensor& out, const Tensor& result, Dtype dtype) {
  if (dtype != Dtype::cast && out.dtype() != result.dtype())
    fail<RuntimeError>("%s(): Expected out tensor to have dtype %s, but got %s instead", op, name(result.dtype()),
                       name(out.dtype()));
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
  if (result->storage != out->storage) return ops::assign(op, out, result);
  const bool there = result->data == out->data && result.dtype() == out.dtype() && result.strides() == out.strides();
  if (!there) return ops::assign(op, out, ops::clone(result));  // it shows parts of what was made there
  if (!out->untracked) out->storage->bump_version();
}

}  // namespace

Tensor write_out(const std::string& op, const Tensor& result, const Tensor& out) {
  if (!out.defined()) return result;
  ops::check_own_elements(op.c_str(), out);
  write_into(op.c_str(), out, result, Dtype::own);
  return out;
}

bool takes_out(const std::string& name) { return rule_of(name) != nullptr; }

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
  if (!out || out == Py_None) return operation.invoke(operation.function, values, signature);

  const Rule& rule = *rule_of(signature.name);
  const bool several = !is_tensor(out) && (PyTuple_Check(out) || PyList_Check(out));
  const Py_ssize_t n_outs = several ? PySequence_Fast_GET_SIZE(out) : 1;
  std::vector<Tensor> targets;
  for (Py_ssize_t i = 0; i < n_outs; ++i) {
    PyObject* target = several ? PySequence_Fast_GET_ITEM(out, i) : out;
    if (!is_tensor(target))
      fail<TypeError>("%s(): argument 'out' must be %s, not %s", op, several ? "a tuple of Tensors" : "Tensor",
                      Py_TYPE(target)->tp_name);
    targets.push_back(as_tensor(target));
    ops::check_own_elements(op, targets.back());
    for_tensors(values, signature, [&](const Tensor& in) { ops::check_sharing(op, targets.back(), in, rule.memory); });
  }
  const py::object dtype =
      rule.dtype == Dtype::asked && !several ? asked_dtype(targets[0], values, signature) : py::object();
  const py::object result = several ? owned(operation.invoke(operation.function, values, signature))
                                    : invoke_into(operation, values, targets[0]);

  if (is_tensor(result.ptr())) {
    if (several) fail<TypeError>("%s(): argument 'out' must be Tensor, not %s", op, Py_TYPE(out)->tp_name);
    write_into(op, targets[0], as_tensor(result.ptr()), rule.dtype);
    Py_INCREF(out);
    return out;
  }
  const Py_ssize_t n = PyTuple_Check(result.ptr()) ? PyTuple_GET_SIZE(result.ptr()) : 0;
  if (!several || n_outs != n)
    fail<TypeError>("%s(): argument 'out' must be a tuple of %zd Tensors, not %s", op, n, Py_TYPE(out)->tp_name);
  for (Py_ssize_t i = 0; i < n; ++i)
    write_into(op, targets[size_t(i)], as_tensor(PyTuple_GET_ITEM(result.ptr(), i)), rule.dtype);
  const py::object outs = owned(PySequence_Tuple(out));
  if (PyTuple_CheckExact(result.ptr())) return py::object(outs).release().ptr();
  return PyObject_CallMethod(reinterpret_cast<PyObject*>(Py_TYPE(result.ptr())), "_make", "(O)", outs.ptr());
}

}  // namespace hotloop::bindings
