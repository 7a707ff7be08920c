// Medians, quantiles and modes: places in sorted lines. Written with ops, so that they differentiate as those do.
#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/scan.h"
#include "ops/shape.h"
#include "ops/sort.h"

namespace hotloop::ops {

namespace {

// The elements of sorted lines at `position`, whose dim d has size 1.
ValuesIndices pick(const ValuesIndices& sorted, int d, const Tensor& position, bool keepdim) {
  const Tensor values = gather(std::get<0>(sorted), d, position), indices = gather(std::get<1>(sorted), d, position);
  if (keepdim) return {values, indices};
  return {squeeze(values, {d}), squeeze(indices, {d})};
}

// Statistics of a number are those of a vector of one.
template <class F>
ValuesIndices of_vector(const Tensor& x, F statistic) {
  const auto [values, indices] = statistic(unsqueeze(x, 0));
  return {squeeze(values, {0}), squeeze(indices, {0})};
}

void require_elements(const char* op, const Tensor& x, int d) {
  if (x.size(d) == 0) fail<IndexError>("%s(): Expected reduction dim %d to have non-zero size.", op, d);
}

}  // namespace

ValuesIndices median(const Tensor& x, int64_t dim, bool keepdim, bool nan) {
  const char* op = nan ? "nanmedian" : "median";
  const int d = wrap_dim(op, dim, x.ndim());
  if (x.ndim() == 0) return of_vector(x, [&](const Tensor& t) { return median(t, 0, true, nan); });
  require_elements(op, x, d);
  const int64_t n = x.size(d);
  // On a GPU asking would wait for it.
  const bool host = x.device().type == DeviceType::cpu;
  if (!is_floating(x.dtype()) || (host && item(any(isnan(x))).as_int() == 0))
    return kthvalue(x, (n + 1) / 2, d, keepdim);
  const ValuesIndices sorted = sort(x, d, false);
  // NaN comes last: the first one stands at the number of the others.
  const Tensor numbers = sum(logical_not(isnan(x)), Dims{d}, true);
  const Tensor middle = floor_divide(numbers + number(int64_t(-1)), number(int64_t(2)));
  const Tensor position = nan ? maximum(middle, number(int64_t(0)))
                              : minimum(where(eq(numbers, double(n)), middle, numbers), number(n - 1));
  return pick(sorted, d, position, keepdim);
}

Tensor median(const Tensor& x, bool nan) {
  if (x.numel() == 0) return is_floating(x.dtype()) ? sum(x) + __builtin_nan("") : zeros({}, x.dtype(), x.device());
  return std::get<0>(median(reshape(x, {-1}), 0, false, nan));
}

ValuesIndices mode(const Tensor& x, int64_t dim, bool keepdim) {
  const int d = wrap_dim("mode", dim, x.ndim());
  if (x.ndim() == 0) return of_vector(x, [](const Tensor& t) { return mode(t, 0, true); });
  require_elements("mode", x, d);
  const ValuesIndices sorted = sort(x, d, false);
  const Tensor& values = std::get<0>(sorted);
  const int64_t n = x.size(d);
  Dims along = Dims::filled(x.ndim(), 1);
  along[d] = n;
  const Tensor places = view(arange(int64_t(0), n, int64_t(1), DType::i64, x.device()), along);
  const Tensor changes = cat({full(narrow(values, d, 0, 1).sizes(), int64_t(1), DType::bool_, x.device()),
                              ne(narrow(values, d, 1, n - 1), narrow(values, d, 0, n - 1))},
                             d);
  // Where the run of equal values begins that each place belongs to; the longest run shows at its last place.
  const Tensor start = std::get<0>(cummax(where(changes, places, number(int64_t(0))), d));
  return pick(sorted, d, argmax(places - start, d, true), keepdim);
}

Tensor quantile(const Tensor& x, const Tensor& q, std::optional<int64_t> dim, bool keepdim,
                const std::string& interpolation, bool nan) {
  const char* op = nan ? "nanquantile" : "quantile";
  if (x.dtype() != DType::f32 && x.dtype() != DType::f64)
    fail<RuntimeError>("%s() input tensor must be either float or double dtype, got %s", op, name(x.dtype()));
  if (x.numel() == 0) fail<RuntimeError>("%s() input tensor must be non-empty", op);
  if (q.ndim() > 1)
    fail<RuntimeError>("%s() q must be a scalar or 1D tensor, got shape %s", op, to_string(q.sizes()).c_str());
  if (!q->wrapped_number && q.dtype() != x.dtype())
    fail<RuntimeError>("%s() q tensor must be same dtype as the input tensor, got %s and %s", op, name(q.dtype()),
                       name(x.dtype()));
  const bool linear = interpolation == "linear", midpoint = interpolation == "midpoint";
  if (!linear && !midpoint && interpolation != "lower" && interpolation != "higher" && interpolation != "nearest")
    fail<RuntimeError>("%s() interpolation must be one of linear, lower, higher, midpoint or nearest, but got %s", op,
                       interpolation.c_str());
  const Tensor levels = to_device(q.dtype() == x.dtype() ? q : to_dtype(q, x.dtype()), x.device());
  if (item(all(logical_and(ge(levels, 0.0), le(levels, 1.0)))).as_int() == 0)
    fail<RuntimeError>("%s() q values must be in the range [0, 1]", op);
  // Lines last, and the levels after them.
  const int d = dim ? wrap_dim(op, *dim, x.ndim()) : 0;
  const Tensor lines = !dim ? reshape(x, {-1}) : x.ndim() ? movedim(x, {d}, {-1}) : unsqueeze(x, 0);
  const Tensor sorted = std::get<0>(sort(lines, -1, false));
  const Tensor is_nan = isnan(lines);
  const double last = double(lines.size(lines.ndim() - 1) - 1);
  const Tensor level = levels.ndim() ? levels : unsqueeze(levels, 0);
  Tensor rank;
  if (nan) {
    rank = level * maximum(to_dtype(sum(logical_not(is_nan), Dims{-1}, true), x.dtype()) - 1.0, number(0.0));
  } else {
    rank = where(any(is_nan, Dims{-1}, true), last, level * last);
  }
  if (interpolation == "lower") rank = floor(rank);
  if (interpolation == "higher") rank = ceil(rank);
  if (interpolation == "nearest") rank = round(rank);
  Tensor result = gather(sorted, -1, to_dtype(rank, DType::i64));
  if (linear || midpoint) {
    const Tensor above = gather(sorted, -1, to_dtype(ceil(rank), DType::i64));
    const Tensor weight = midpoint ? zeros_like(rank) + 0.5 : rank - floor(rank);
    result = lerp(result, above, weight);
  }
  // (..., levels) -> (levels, ...), with the reduced dims kept where wanted.
  result = movedim(result, {-1}, {0});
  if (keepdim) {
    Dims sizes = dim ? x.sizes() : Dims::filled(x.ndim(), 1);
    if (dim && x.ndim()) sizes[d] = 1;
    sizes.insert(0, result.size(0));
    result = reshape(result, sizes);
  }
  return levels.ndim() ? result : squeeze(result, {0});
}

}  // namespace hotloop::ops
