#include "bindings/results.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/arithmetic.h"
#include "ops/distance.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/shape.h"
#include "ops/softmax.h"
#include "ops/statistics.h"

namespace hotloop::bindings {

namespace {

using ops::OptionalDims;
using MaybeDType = std::optional<DType>;
using MaybeInt = std::optional<int64_t>;

// torch.max: of all elements, along a dim (values and indices), or of two tensors.
template <Tensor (*of_all)(const Tensor&, const OptionalDims&, bool),
          std::tuple<Tensor, Tensor> (*along)(const Tensor&, int64_t, bool),
          Tensor (*pair)(const Tensor&, const Tensor&, double, double)>
py::object extreme(const Tensor& x, const py::object& dim, bool keepdim) {
  if (dim.is_none()) return owned(wrap(of_all(x, {}, false)));
  if (is_tensor(dim.ptr())) return owned(wrap(pair(x, as_tensor(dim.ptr()), 0, 0)));
  return values_and_indices(along(x, integer_of("max", "dim", dim), keepdim));
}

// PyTorch's two forms: var(dim, *, correction, keepdim), and the older var(dim, unbiased, keepdim), which
// may also be var(unbiased).
template <auto function>
auto moment(const Tensor& x, const py::object& dim, std::optional<bool> unbiased, bool keepdim,
            std::optional<double> correction) {
  if (PyBool_Check(dim.ptr())) return function(x, {}, dim.ptr() == Py_True ? 1 : 0, keepdim);
  OptionalDims dims;
  if (PyIndex_Check(dim.ptr())) {
    dims = Dims{integer_of("var", "dim", dim)};
  } else if (!dim.is_none()) {
    dims = Dims{};
    for (const int64_t d : integers_of("var", "dim", dim)) dims->push(d);
  }
  return function(x, dims, correction.value_or(unbiased.value_or(true) ? 1 : 0), keepdim);
}

// Norms of the singular values of matrices, which Python asks NumPy for.
Tensor singular_norm(const Tensor& x, const py::object& order, const Dims& dims, bool keepdim,
                     const MaybeDType& dtype) {
  const py::object function = imported("hotloop.linalg", "_singular_norm"), self = owned(wrap(x));
  const py::object pair = owned(to_python(dims)), type = dtype ? owned(to_python(*dtype)) : py::none();
  const py::object result = owned(PyObject_CallFunctionObjArgs(function.ptr(), self.ptr(), order.ptr(), pair.ptr(),
                                                               keepdim ? Py_True : Py_False, type.ptr(), nullptr));
  return as_tensor(result.ptr());
}

Tensor norm(const Tensor& input, const py::object& p, const OptionalDims& dims, bool keepdim, const MaybeDType& dtype) {
  const Tensor x = dtype ? ops::to_dtype(input, *dtype) : input;
  if (p.is_none()) return ops::norm(x, 2, dims, keepdim);
  if (PyUnicode_Check(p.ptr())) {
    const std::string order = py::str(p);
    if (order == "nuc") return singular_norm(x, p, dims.value_or(Dims{-2, -1}), keepdim, {});
    if (order != "fro") fail<RuntimeError>("norm: p must be a number, 'fro', 'nuc' or None, got '%s'", order.c_str());
    return ops::norm(x, 2, dims, keepdim);
  }
  if (is_tensor(p.ptr()) && as_tensor(p.ptr()).numel() != 1)
    fail<TypeError>("norm(): argument 'p' must be float | str | None, not a Tensor of shape %s",
                    to_string(as_tensor(p.ptr()).sizes()).c_str());
  const double order = PyFloat_AsDouble(p.ptr());
  if (order == -1 && PyErr_Occurred()) throw PythonError();
  return ops::norm(x, order, dims, keepdim);
}

Tensor matrix_norm(const Tensor& x, const py::object& order, const Dims& dims, bool keepdim, const MaybeDType& dtype) {
  if (!PyUnicode_Check(order.ptr())) {
    const double value = PyFloat_AsDouble(order.ptr());
    if (value == -1 && PyErr_Occurred()) throw PythonError();
    if (value == 2 || value == -2) return singular_norm(x, order, dims, keepdim, dtype);
    return ops::matrix_norm(x, value, dims, keepdim, dtype);
  }
  const std::string text = py::str(order);
  if (text == "nuc") return singular_norm(x, order, dims, keepdim, dtype);
  if (text != "fro")
    fail<RuntimeError>("linalg.matrix_norm: order must be one of 'fro', 'nuc', 1, -1, 2, -2, inf and -inf, got '%s'",
                       text.c_str());
  return ops::frobenius_norm(x, dims, keepdim, dtype);
}

}  // namespace

void add_reduce_rows() {
  add_rows({
      HOTLOOP_OP(
          "sum(input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, "
          "dtype: dtype | None = None) -> Tensor",
          [](const Tensor& x, const OptionalDims& dims, bool keepdim, MaybeDType dtype) {
            return ops::sum(x, dims, keepdim, dtype);
          },
          "Sum over the given dims, or all."),
      HOTLOOP_OP(
          "mean(input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, "
          "dtype: dtype | None = None) -> Tensor",
          [](const Tensor& x, const OptionalDims& dims, bool keepdim, MaybeDType dtype) {
            return ops::mean(x, dims, keepdim, dtype);
          },
          "Mean over the given dims, or all."),
      HOTLOOP_OP(
          "prod(input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, "
          "dtype: dtype | None = None) -> Tensor",
          [](const Tensor& x, const OptionalDims& dims, bool keepdim, MaybeDType dtype) {
            return ops::prod(x, dims, keepdim, dtype);
          },
          "Product over the given dims, or all."),
      HOTLOOP_OP(
          "amax(input: Tensor, dim: int | Sequence[int] | None = (), keepdim: bool = False) -> Tensor",
          [](const Tensor& x, const OptionalDims& dims, bool keepdim) {
            return ops::amax(x, dims.value_or(Dims()), keepdim);
          },
          "Maximum over the given dims; ties share the gradient."),
      HOTLOOP_OP(
          "amin(input: Tensor, dim: int | Sequence[int] | None = (), keepdim: bool = False) -> Tensor",
          [](const Tensor& x, const OptionalDims& dims, bool keepdim) {
            return ops::amin(x, dims.value_or(Dims()), keepdim);
          },
          "Minimum over the given dims; ties share the gradient."),
      HOTLOOP_OP("max(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Any",
                 (extreme<ops::amax, ops::max, ops::maximum>),
                 "The maximum of all elements; along a dim, (values, indices); with a tensor, maximum()."),
      HOTLOOP_OP("min(input: Tensor, dim: int | Tensor | None = None, keepdim: bool = False) -> Any",
                 (extreme<ops::amin, ops::min, ops::minimum>),
                 "The minimum of all elements; along a dim, (values, indices); with a tensor, minimum()."),
      HOTLOOP_OP("argmax(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor", ops::argmax,
                 "Index of the first maximum along a dim, or of the flattened tensor."),
      HOTLOOP_OP("argmin(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor", ops::argmin,
                 "Index of the first minimum along a dim, or of the flattened tensor."),
      HOTLOOP_OP("any(input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor",
                 ops::any, "Whether any element is nonzero."),
      HOTLOOP_OP("all(input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False) -> Tensor",
                 ops::all, "Whether all elements are nonzero."),
      HOTLOOP_OP("var(input: Tensor, dim: int | Sequence[int] | None = None, unbiased: bool | None = None, "
                 "keepdim: bool = False, *, correction: float | None = None) -> Tensor",
                 moment<ops::var>, "Variance with divisor max(0, n - correction); correction is 1 unless given."),
      HOTLOOP_OP("std(input: Tensor, dim: int | Sequence[int] | None = None, unbiased: bool | None = None, "
                 "keepdim: bool = False, *, correction: float | None = None) -> Tensor",
                 moment<ops::std>, "Standard deviation, the root of var()."),
      HOTLOOP_FUNCTION("var_mean(input: Tensor, dim: int | Sequence[int] | None = None, unbiased: bool | None = None, "
                       "keepdim: bool = False, *, correction: float | None = None) -> tuple[Tensor, Tensor]",
                       moment<ops::var_mean>, "Variance and mean."),
      HOTLOOP_OP(
          "logsumexp(input: Tensor, dim: int | Sequence[int], keepdim: bool = False) -> Tensor",
          [](const Tensor& x, const Dims& dims, bool keepdim) { return ops::logsumexp(x, dims, keepdim); },
          "log(sum(exp(input))) without overflow."),
      HOTLOOP_OP("norm(input: Tensor, p: float | str | None = 'fro', dim: int | Sequence[int] | None = None, "
                 "keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor",
                 norm,
                 "The p-norm of the elements as a vector; 'fro' and None are the 2-norm, 'nuc' the sum of a matrix's "
                 "singular values."),
      HOTLOOP_OP("count_nonzero(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor", ops::count_nonzero,
                 "How many elements are not zero, over the given dims or all."),
      HOTLOOP_OP("nansum(input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, "
                 "dtype: dtype | None = None) -> Tensor",
                 ops::nansum, "sum() of the elements that are not NaN."),
      HOTLOOP_OP("nanmean(input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, "
                 "dtype: dtype | None = None) -> Tensor",
                 ops::nanmean, "mean() of the elements that are not NaN."),
      HOTLOOP_OP(
          "aminmax(input: Tensor, *, dim: int | None = None, keepdim: bool = False) -> MinAndMax",
          [](const Tensor& x, MaybeInt dim, bool keepdim) { return min_and_max(ops::aminmax(x, dim, keepdim)); },
          "amin() and amax()."),
      HOTLOOP_FUNCTION("std_mean(input: Tensor, dim: int | Sequence[int] | None = None, unbiased: bool | None = None, "
                       "keepdim: bool = False, *, correction: float | None = None) -> tuple[Tensor, Tensor]",
                       moment<ops::std_mean>, "Standard deviation and mean."),
      HOTLOOP_FUNCTION("linalg_vector_norm(x: Tensor, ord: float = 2.0, dim: int | Sequence[int] | None = None, "
                       "keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor",
                       ops::vector_norm, "The norm of order `ord` over the given dims, or all."),
      HOTLOOP_FUNCTION("linalg_matrix_norm(A: Tensor, ord: float | str = 'fro', dim: Sequence[int] = (-2, -1), "
                       "keepdim: bool = False, *, dtype: dtype | None = None) -> Tensor",
                       matrix_norm, "A norm of matrices in two dims: fro, nuc, 1, -1, 2, -2, inf, -inf."),
      HOTLOOP_OP("cov(input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, "
                 "aweights: Tensor | None = None) -> Tensor",
                 ops::cov, "Covariances of the rows of (variables, observations)."),
      HOTLOOP_OP("corrcoef(input: Tensor) -> Tensor", ops::corrcoef,
                 "Correlation coefficients of the rows of (variables, observations)."),
      HOTLOOP_OP("renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor", ops::renorm,
                 "input with slices of dim whose p-norm is above maxnorm scaled down to it."),
      HOTLOOP_METHOD(
          "renorm_(self: Tensor, p: float, dim: int, maxnorm: float) -> Tensor",
          [](const Tensor& x, double p, int64_t dim, double most) {
            ops::copy_(x, ops::renorm(ops::before_writing(x), p, dim, most));
          },
          "In-place form of renorm()."),
      HOTLOOP_OP(
          "dist(input: Tensor, other: Tensor, p: float = 2.0) -> Tensor",
          [](const Tensor& a, const Tensor& b, double p) { return ops::norm(a - b, p, {}, false); },
          "The p-norm of input - other."),
      HOTLOOP_FUNCTION(
          "cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Tensor",
          [](const Tensor& a, const Tensor& b, double p, const std::optional<std::string>&) {
            return ops::cdist(a, b, p);
          },
          "p-norm distances of the rows (..., n, k) from the rows (..., m, k), as (..., n, m)."),
      HOTLOOP_FUNCTION("pdist(input: Tensor, p: float = 2.0) -> Tensor", ops::pdist,
                       "p-norm distances of all pairs of rows, (0, 1), (0, 2), ..., (1, 2), ... in a vector."),
      HOTLOOP_OP("equal(input: Tensor, other: Tensor) -> bool", ops::equal,
                 "Whether shapes and all elements are equal."),
      HOTLOOP_OP("allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, "
                 "equal_nan: bool = False) -> bool",
                 ops::allclose, "Whether |input - other| <= atol + rtol |other| everywhere."),
      HOTLOOP_OP("softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor", ops::softmax,
                 "exp(x) / sum(exp(x)) along dim."),
      HOTLOOP_OP("log_softmax(input: Tensor, dim: int, dtype: dtype | None = None) -> Tensor", ops::log_softmax,
                 "log(softmax(x)) along dim."),
  });
}

}  // namespace hotloop::bindings
