// Statistics as compositions of reductions and pointwise ops.
#include "ops/statistics.h"

#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/index.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/rearrange.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using ll = long long;
constexpr double kInfinity = __builtin_inf();

Tensor in_dtype(const char* op, const Tensor& x, std::optional<DType> dtype) {
  const Tensor t = dtype && *dtype != x.dtype() ? to_dtype(x, *dtype) : x;
  if (!is_floating(t.dtype()))
    fail<RuntimeError>("%s: Expected a floating point tensor as input. Got %s", op, name(t.dtype()));
  return t;
}

}  // namespace

Tensor nanmean(const Tensor& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype) {
  if (!is_floating(x.dtype()))
    fail<RuntimeError>("nanmean(): expected input to have floating point dtype but got %s", name(x.dtype()));
  const Tensor total = nansum(x, dims, keepdim, dtype);
  return total / to_dtype(sum(logical_not(isnan(x)), dims, keepdim), total.dtype());
}

std::tuple<Tensor, Tensor> aminmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  if (!dim && x.numel() == 0)
    fail<RuntimeError>("aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.");
  Dims dims;
  if (dim) {
    dims.push(wrap_dim("aminmax", *dim, x.ndim()));
    if (x.ndim() == 0) dims.n = 0;
  }
  return {amin(x, dims, keepdim), amax(x, dims, keepdim)};
}

std::tuple<Tensor, Tensor> std_mean(const Tensor& x, const OptionalDims& dims, double correction, bool keepdim) {
  return {std(x, dims, correction, keepdim), mean(x, dims, keepdim)};
}

Tensor vector_norm(const Tensor& x, double order, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype) {
  const Tensor in = in_dtype("linalg.vector_norm", x, dtype);
  // An empty list of dims asks for each element's own size.
  if (dims && dims->empty() && x.ndim() > 0) {
    const Tensor size = abs(in);
    return order == 0 ? where(isnan(in), 1.0, abs(sign(in))) : size;
  }
  return norm(in, order, dims, keepdim);
}

namespace {

Dims two_dims(const char* op, const Tensor& x, const Dims& dims) {
  if (dims.n != 2 || x.ndim() < 2)
    fail<RuntimeError>("%s: dim must be a 2-tuple of dims of the input, got %s for shape %s", op,
                       to_string(dims).c_str(), to_string(x.sizes()).c_str());
  const Dims wrapped{wrap_dim(op, dims[0], x.ndim()), wrap_dim(op, dims[1], x.ndim())};
  if (wrapped[0] == wrapped[1]) fail<RuntimeError>("%s: dims must be different. Got %s", op, to_string(dims).c_str());
  return wrapped;
}

}  // namespace

Tensor frobenius_norm(const Tensor& x, const Dims& dims, bool keepdim, std::optional<DType> dtype) {
  return norm(in_dtype("linalg.matrix_norm", x, dtype), 2, two_dims("linalg.matrix_norm", x, dims), keepdim);
}

Tensor matrix_norm(const Tensor& x, double order, const Dims& dims, bool keepdim, std::optional<DType> dtype) {
  const char* op = "linalg.matrix_norm";
  const Tensor in = in_dtype(op, x, dtype);
  const Dims pair = two_dims(op, x, dims);
  const double size = order < 0 ? -order : order;
  if (size != 1 && size != kInfinity)
    fail<RuntimeError>("%s: order must be one of 'fro', 'nuc', 1, -1, 2, -2, inf and -inf, got %g", op, order);
  const int64_t added = size == 1 ? pair[0] : pair[1], compared = size == 1 ? pair[1] : pair[0];
  const Tensor sums = sum(abs(in), Dims{added}, true);
  if (order > 0 && sums.numel() == 0 && x.size(int(compared)) == 0) {  // the norm of no rows or columns is 0
    Dims sizes = sums.sizes();
    sizes[int(compared)] = 1;
    const Tensor none = zeros(sizes, in.dtype(), in.device());
    return keepdim ? none : squeeze(none, pair);
  }
  const Tensor result = order > 0 ? amax(sums, Dims{compared}, true) : amin(sums, Dims{compared}, true);
  return keepdim ? result : squeeze(result, pair);
}

Tensor cov(const Tensor& x, int64_t correction, const Tensor& fweights, const Tensor& aweights) {
  if (x.ndim() > 2)
    fail<RuntimeError>("cov(): expected input to have two or fewer dimensions but got an input with %d", x.ndim());
  if (x.dtype() == DType::bool_) fail<RuntimeError>("cov(): bool dtype is not supported for input");
  const Tensor as_floats = is_floating(x.dtype()) ? x : to_dtype(x, default_dtype());
  const Tensor rows = x.ndim() < 2 ? view(contiguous(as_floats), {1, x.numel()}) : as_floats;
  const int64_t n = rows.size(1);
  Tensor weights;
  for (const Tensor* w : {&fweights, &aweights}) {
    if (!w->defined()) continue;
    const char* argument = w == &fweights ? "fweights" : "aweights";
    if (w->ndim() > 1 || w->numel() != n)
      fail<RuntimeError>(
          "cov(): expected %s to have the same numel as there are observations in the input but got "
          "%lld != %lld",
          argument, ll(w->numel()), ll(n));
    if (w == &fweights && !is_integral(w->dtype()))
      fail<RuntimeError>("cov(): expected fweights to have integral dtype but got fweights with %s", name(w->dtype()));
    if (w == &aweights && !is_floating(w->dtype()))
      fail<RuntimeError>("cov(): expected aweights to have floating point dtype but got aweights with %s",
                         name(w->dtype()));
    if (n > 0 && item(amin(*w)).as_double() < 0) fail<RuntimeError>("cov(): %s cannot be negative", argument);
    weights = weights.defined() ? weights * *w : *w;
  }
  Tensor total, deviations, scaled, divisor;
  if (!weights.defined()) {
    deviations = scaled = rows - mean(rows, Dims{1}, true);
    divisor = number(double(n > correction ? n - correction : 0));
  } else {
    total = sum(weights);
    deviations = rows - sum(rows * weights, Dims{1}, true) / total;
    scaled = deviations * weights;
    const Tensor lost = aweights.defined() && correction != 0 ? sum(weights * aweights) / total * double(correction)
                                                              : number(double(correction));
    divisor = clamp_min_through(total - lost, 0);
  }
  const Tensor result = div(matmul(scaled, transpose(deviations, 0, 1)), divisor);
  return squeeze(result);
}

Tensor corrcoef(const Tensor& x) {
  if (x.ndim() > 2)
    fail<RuntimeError>("corrcoef(): expected input to have two or fewer dimensions but got an input with %d", x.ndim());
  const Tensor c = cov(x, 1, Tensor(), Tensor());
  if (c.ndim() == 0) return c / c;
  const Tensor deviation = sqrt(diagonal(c, 0, 0, 1));
  return clamp_scalar(c / unsqueeze(deviation, 1) / unsqueeze(deviation, 0), -1, 1);
}

Tensor renorm(const Tensor& x, double p, int64_t dim, double maxnorm) {
  if (x.ndim() < 2) fail<RuntimeError>("renorm: input needs at least 2 dimensions, got %d dimensions", x.ndim());
  if (p <= 0) fail<RuntimeError>("renorm: non-positive norm not supported, got %g", p);
  if (maxnorm < 0) fail<RuntimeError>("renorm: expected maxnorm to be >= 0 but got %g", maxnorm);
  const int d = wrap_dim("renorm", dim, x.ndim());
  Dims others;
  for (int i = 0; i < x.ndim(); ++i)
    if (i != d) others.push(i);
  const auto shrunk = [&](const Tensor& t, const Tensor& size) { return t * (number(maxnorm) / (size + 1e-7)); };
  const Tensor sizes = norm(x, p, others, true);
  const Tensor too_large = gt(sizes, maxnorm);
  if (!x->requires_grad) return where(too_large, shrunk(x, sizes), x);
  // A slice that stays has no part in the norms, whose slopes may be NaN there.
  const Tensor large = where(too_large, x, 0.0);
  return where(too_large, shrunk(large, norm(large, p, others, true)), x);
}

}  // namespace hotloop::ops
