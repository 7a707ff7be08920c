#include "bindings/in_place.h"
#include "bindings/results.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/pointwise.h"
#include "ops/scan.h"
#include "ops/shape.h"
#include "ops/sort.h"
#include "ops/statistics.h"

namespace hotloop::bindings {

namespace {

using MaybeInt = std::optional<int64_t>;

// Of all elements, or along a dim (values and indices).
template <bool nan>
py::object median(const Tensor& x, const MaybeInt& dim, bool keepdim) {
  if (!dim) return owned(wrap(ops::median(x, nan)));
  return values_and_indices(ops::median(x, *dim, keepdim, nan));
}

template <bool nan>
Tensor quantile(const Tensor& x, const Tensor& q, const MaybeInt& dim, bool keepdim, const std::string& interpolation) {
  return ops::quantile(x, q, dim, keepdim, interpolation, nan);
}

py::object histogram(const Tensor& x, const py::object& bins, const py::object& range, const py::object& weight,
                     bool density) {
  const py::object function = imported("hotloop._functions", "histogram"), self = owned(wrap(x));
  const py::object args = owned(PyTuple_Pack(2, self.ptr(), bins.ptr()));
  const py::object keywords = owned(Py_BuildValue("{s:O,s:O,s:O}", "range", range.ptr(), "weight", weight.ptr(),
                                                  "density", density ? Py_True : Py_False));
  return owned(PyObject_Call(function.ptr(), args.ptr(), keywords.ptr()));
}

Tensor as_indices(const Tensor& positions, bool out_int32) {
  return out_int32 ? ops::to_dtype(positions, DType::i32) : positions;
}

Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool out_int32, bool right,
                    const std::optional<std::string>& side, const Tensor& sorter) {
  if (side && *side != "left" && *side != "right")
    fail<RuntimeError>("searchsorted: side can only be 'left' or 'right' but got %s", side->c_str());
  if (side && right && *side == "left")
    fail<RuntimeError>("searchsorted: side and right can't be set to opposites, got side of left while right was True");
  return as_indices(ops::searchsorted("searchsorted", sorted, values, right || (side && *side == "right"), sorter),
                    out_int32);
}

Tensor bucketize(const Tensor& values, const Tensor& boundaries, bool out_int32, bool right) {
  if (boundaries.ndim() != 1)
    fail<RuntimeError>("bucketize: boundaries tensor must be 1 dimension, but got dim(%d)", boundaries.ndim());
  return as_indices(ops::searchsorted("bucketize", boundaries, values, right, Tensor()), out_int32);
}

// The values alone, or a tuple with what else was asked for.
py::object unique_results(const ops::Unique& u, bool inverse, bool counts) {
  std::vector<Tensor> results{u.values};
  if (inverse) results.push_back(u.inverse);
  if (counts) results.push_back(u.counts);
  return owned(results.size() == 1 ? wrap(u.values) : to_python(results));
}

py::object unique(const Tensor& x, bool, bool inverse, bool counts, const MaybeInt& dim) {
  return unique_results(ops::unique(x, dim, {inverse, counts}), inverse, counts);
}

py::object unique_consecutive(const Tensor& x, bool inverse, bool counts, const MaybeInt& dim) {
  return unique_results(ops::unique_consecutive(x, dim, {inverse, counts}), inverse, counts);
}

Tensor trapezoid(const Tensor& y, const Tensor& x, std::optional<double> dx, int64_t dim) {
  return ops::trapezoid(y, x, dx.value_or(1), dim);
}

Tensor cumulative_trapezoid(const Tensor& y, const Tensor& x, std::optional<double> dx, int64_t dim) {
  return ops::cumulative_trapezoid(y, x, dx.value_or(1), dim);
}

}  // namespace

void add_order_rows() {
  add_rows({
      HOTLOOP_OP("cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor", ops::cumsum,
                 "Running sums along dim."),
      HOTLOOP_METHOD("cumsum_(self: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor", in_place<ops::cumsum>,
                     "In-place form of cumsum()."),
      HOTLOOP_OP("cumprod(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor", ops::cumprod,
                 "Running products along dim."),
      HOTLOOP_METHOD("cumprod_(self: Tensor, dim: int, *, dtype: dtype | None = None) -> Tensor",
                     in_place<ops::cumprod>, "In-place form of cumprod()."),
      HOTLOOP_OP("logcumsumexp(input: Tensor, dim: int) -> Tensor", ops::logcumsumexp,
                 "log(cumsum(exp(input))) along dim, without overflow."),
      HOTLOOP_OP(
          "cummax(input: Tensor, dim: int) -> ValuesAndIndices",
          [](const Tensor& x, int64_t dim) { return values_and_indices(ops::cummax(x, dim)); },
          "Running maxima along dim, and the index of each, the last of equal ones."),
      HOTLOOP_OP(
          "cummin(input: Tensor, dim: int) -> ValuesAndIndices",
          [](const Tensor& x, int64_t dim) { return values_and_indices(ops::cummin(x, dim)); },
          "Running minima along dim, and the index of each, the last of equal ones."),
      HOTLOOP_OP("diff(input: Tensor, n: int = 1, dim: int = -1, prepend: Tensor | None = None, "
                 "append: Tensor | None = None) -> Tensor",
                 ops::diff, "Differences of order n between neighbours along dim."),
      HOTLOOP_FUNCTION(
          "trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor",
          trapezoid, "The trapezoidal rule along dim, over points x or points dx (1) apart."),
      HOTLOOP_FUNCTION("trapz(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor",
                       trapezoid, "trapezoid() by another name."),
      HOTLOOP_FUNCTION("cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, "
                       "dim: int = -1) -> Tensor",
                       cumulative_trapezoid, "trapezoid() up to each point but the first."),
      HOTLOOP_OP(
          "sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = False) "
          "-> ValuesAndIndices",
          [](const Tensor& x, int64_t dim, bool descending, std::optional<bool>) {
            return values_and_indices(ops::sort(x, dim, descending));
          },
          "Values in order along dim, and where each was; always stable, NaN above every number."),
      HOTLOOP_OP(
          "argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Tensor",
          [](const Tensor& x, int64_t dim, bool descending, bool) {
            return std::get<1>(ops::sort(x, dim, descending));
          },
          "The indices that sort() gives."),
      HOTLOOP_OP(
          "msort(input: Tensor) -> Tensor", [](const Tensor& x) { return std::get<0>(ops::sort(x, 0, false)); },
          "The values that sort() gives along the first dim."),
      HOTLOOP_OP(
          "topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices",
          [](const Tensor& x, int64_t k, int64_t dim, bool largest, bool) {
            return values_and_indices(ops::topk(x, k, dim, largest));
          },
          "The k largest (or smallest) values along dim, in order, and where each was."),
      HOTLOOP_OP(
          "kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices",
          [](const Tensor& x, int64_t k, int64_t dim, bool keepdim) {
            return values_and_indices(ops::kthvalue(x, k, dim, keepdim));
          },
          "The k-th smallest value along dim, counted from 1, and its index."),
      HOTLOOP_OP("median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any", median<false>,
                 "The lower median of all elements; along a dim, (values, indices). NaN where there is one."),
      HOTLOOP_OP("nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any", median<true>,
                 "median() of the elements that are not NaN."),
      HOTLOOP_OP(
          "mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> ValuesAndIndices",
          [](const Tensor& x, int64_t dim, bool keepdim) { return values_and_indices(ops::mode(x, dim, keepdim)); },
          "The most frequent value along dim, the least of several, and where it is last."),
      HOTLOOP_OP(
          "quantile(input: Tensor, q: Tensor | Number, dim: int | None = None, keepdim: bool = False, *, "
          "interpolation: str = 'linear') -> Tensor",
          quantile<false>,
          "Quantiles along dim, or of all elements; interpolation is linear, lower, higher, midpoint or nearest."),
      HOTLOOP_OP("nanquantile(input: Tensor, q: Tensor | Number, dim: int | None = None, keepdim: bool = False, *, "
                 "interpolation: str = 'linear') -> Tensor",
                 quantile<true>, "quantile() of the elements that are not NaN."),
      HOTLOOP_FUNCTION("searchsorted(sorted_sequence: Tensor, input: Tensor | Number, *, out_int32: bool = False, "
                       "right: bool = False, side: str | None = None, sorter: Tensor | None = None) -> Tensor",
                       searchsorted,
                       "Where each value would go in an ascending line: before its equals, or after them."),
      HOTLOOP_FUNCTION("bucketize(input: Tensor | Number, boundaries: Tensor, *, out_int32: bool = False, "
                       "right: bool = False) -> Tensor",
                       bucketize, "searchsorted() in one line of boundaries."),
      HOTLOOP_OP("unique(input: Tensor, sorted: bool = True, return_inverse: bool = False, "
                 "return_counts: bool = False, dim: int | None = None) -> Any",
                 unique, "The distinct values, ascending (of slices along dim, where given)."),
      HOTLOOP_OP("unique_consecutive(input: Tensor, return_inverse: bool = False, return_counts: bool = False, "
                 "dim: int | None = None) -> Any",
                 unique_consecutive, "One value of each run of equal ones."),
      HOTLOOP_FUNCTION(
          "isin(elements: Tensor | Number, test_elements: Tensor | Number, *, assume_unique: bool = False, "
          "invert: bool = False) -> Tensor",
          [](const Tensor& elements, const Tensor& tests, bool, bool invert) {
            return ops::isin(elements, tests, invert);
          },
          "Whether each element is among test_elements."),
      HOTLOOP_OP("bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor", ops::bincount,
                 "How often each of 0, 1, ... occurs in a vector, or the sums of its weights."),
      HOTLOOP_METHOD(
          "matrix_exp(self: Tensor) -> Tensor",
          [](const Tensor& x) {
            const py::object self = owned(wrap(x));
            return owned(PyObject_CallOneArg(imported("hotloop._functions", "matrix_exp").ptr(), self.ptr()));
          },
          "The matrix exponential of matrices (..., n, n)."),
      HOTLOOP_METHOD("histogram(self: Tensor, bins: int | Tensor = 100, *, range: Sequence[float] | None = None, "
                     "weight: Tensor | None = None, density: bool = False) -> tuple[Tensor, Tensor]",
                     histogram,
                     "How many elements, or which sum of their weights, lie in each bin; and the bins' edges."),
      HOTLOOP_OP("histc(input: Tensor, bins: int = 100, min: float = 0.0, max: float = 0.0) -> Tensor", ops::histc,
                 "How many elements lie in each of `bins` equal parts of [min, max], by default their own range."),
  });
}

}  // namespace hotloop::bindings
