// Reductions: one record an op over any set of dims, one shape rule and one launcher for all.
// Their gradients spread the result's gradient back over the reduced dims.
#include "ops/reduce.h"

#include <algorithm>

#include "core/error.h"
#include "dispatch/reduce.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/scan.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

struct Reduction {
  uint32_t dims;  // bit d: dim d is reduced
  bool keepdim;
  bool indices;  // max, min: also the indices
  DType dtype;   // of the result
  double correction;
};

int64_t reduced_count(const Dims& sizes, uint32_t dims) {
  int64_t n = 1;
  for (int i = 0; i < sizes.n; ++i)
    if (dims >> i & 1) n *= sizes[i];
  return n;
}

Dims reduced_sizes(const Dims& sizes, uint32_t dims, bool keepdim) {
  Dims out;
  for (int i = 0; i < sizes.n; ++i) {
    if (!(dims >> i & 1))
      out.push(sizes[i]);
    else if (keepdim)
      out.push(1);
  }
  return out;
}

void reduce_shape(Call& c) {
  const Reduction& r = c.attrs<Reduction>();
  const Dims sizes = reduced_sizes(c.in(0).sizes(), r.dims, r.keepdim);
  c.output(0, sizes, r.dtype);
  if (r.indices) c.output(1, sizes, DType::i64);
}

void launch_reduce(Call& c) {
  const Reduction& r = c.attrs<Reduction>();
  const Tensor &x = c.in(0), &out = c.outputs[0];
  if (out.numel() == 0) return;
  ReduceArgs args;
  args.op = ReduceOp(c.op.code);
  args.dtype = x.dtype();
  args.out_dtype = r.dtype;
  args.in = x.data();
  args.out = out.data();
  args.out2 = r.indices ? c.outputs[1].data() : nullptr;
  args.correction = r.correction;
  Dims out_strides = Dims::filled(x.ndim(), 0);
  for (int i = 0, o = 0; i < x.ndim(); ++i) {
    const bool reduced = r.dims >> i & 1;
    if (!reduced) out_strides[i] = out.stride(o);
    if (!reduced || r.keepdim) ++o;
  }
  dispatch::set_reduce_dims(args, x.ndim(), x.sizes().data, x.strides().data, out_strides.data, r.dims);
  dispatch::reduce(c.device, args);
}

Cost reduce_cost(const Call& c) {
  const Tensor& x = c.in(0);
  return {double(x.numel()), double(x.numel()) * double(itemsize(x.dtype())) +
                                 double(c.outputs[0].numel()) * double(itemsize(c.outputs[0].dtype()))};
}

// A result's tensor with the reduced dims back as size 1, so that it broadcasts over the input.
Tensor with_dims(const Gradient& g, const Tensor& t) {
  const Reduction& r = g.attrs<Reduction>();
  if (r.keepdim || !r.dims) return t;
  return view(contiguous(t), reduced_sizes(g.in_sizes(0), r.dims, true));
}

void sum_gradient(Gradient& g) {
  if (g.grad(0).defined()) g.set(0, expand(with_dims(g, g.grad(0)), g.in_sizes(0)));
}

void nansum_gradient(Gradient& g) {
  if (g.grad(0).defined()) g.set(0, where(isnan(g.in(0)), 0.0, with_dims(g, g.grad(0))));
}

void mean_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const double n = double(reduced_count(g.in_sizes(0), g.attrs<Reduction>().dims));
  g.set(0, expand(with_dims(g, g.grad(0) / (n ? n : 1.0)), g.in_sizes(0)));
}

// Ties share the gradient alike; with indices, the chosen element has it all.
void extreme_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Reduction& r = g.attrs<Reduction>();
  const Tensor grad = with_dims(g, g.grad(0));
  if (r.indices) {
    const Tensor zero = zeros(g.in_sizes(0), grad.dtype(), grad.device());
    if (g.in_sizes(0).n == 0) return g.set(0, grad);
    g.set(0, scatter(zero, __builtin_ctz(r.dims), with_dims(g, g.out(1)), grad));
    return;
  }
  const Tensor chosen = to_dtype(eq(g.in(0), with_dims(g, g.out(0))), grad.dtype());
  Dims dims;
  for (int i = 0; i < g.in_sizes(0).n; ++i)
    if (r.dims >> i & 1) dims.push(i);
  g.set(0, chosen * (grad / sum(chosen, dims, true)));
}

// The product of all others along the reduced dims, from running products either way: x may hold zeros, and the
// gradient of this one is right there too.
Tensor product_of_others(const Tensor& x, const Dims& dims) {
  Dims order;
  for (int i = 0; i < x.ndim(); ++i)
    if (std::find(dims.begin(), dims.end(), i) == dims.end()) order.push(i);
  for (int64_t d : dims) order.push(d);
  Dims back;
  back.n = x.ndim();
  for (int i = 0; i < x.ndim(); ++i) back[int(order[i])] = i;
  const Tensor moved = permute(x, order);
  Dims lines;
  for (int i = 0; i < x.ndim() - dims.n; ++i) lines.push(moved.size(i));
  int64_t n = 1;
  for (int64_t d : dims) n *= x.size(int(d));
  lines.push(n);
  const Tensor line = reshape(moved, lines);
  if (line.numel() == 0) return zeros_like(x);
  const auto before = [&](const Tensor& t) {
    return cat(
        {full(narrow(t, -1, 0, 1).sizes(), 1.0, t.dtype(), t.device()), cumprod(narrow(t, -1, 0, n - 1), -1, {})}, -1);
  };
  const Tensor others = before(line) * flip(before(flip(line, {-1})), {-1});
  return permute(reshape(others, moved.sizes()), back);
}

// Every element's factor is the product of the others: out / x without zeros; with one zero, only that
// element has a slope, the product of the rest.
void prod_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Tensor x = g.in(0), is_zero = eq(x, 0.0);
  Dims dims;
  for (int i = 0; i < x.ndim(); ++i)
    if (g.attrs<Reduction>().dims >> i & 1) dims.push(i);
  if (g.records()) return g.set(0, with_dims(g, g.grad(0)) * product_of_others(x, dims));
  const Tensor ones = where(is_zero, 1.0, x), zero_count = sum(is_zero, dims, true), rest = prod(ones, dims, true);
  const Tensor at_zero = where(eq(zero_count, 1.0), rest, 0.0),
               elsewhere = where(eq(zero_count, 0.0), rest, 0.0) / ones;
  g.set(0, with_dims(g, g.grad(0)) * where(is_zero, at_zero, elsewhere));
}

void var_gradient(Gradient& g) {
  const Reduction& r = g.attrs<Reduction>();
  const Tensor x = g.in(0);
  const double n = double(reduced_count(x.sizes(), r.dims));
  Dims dims;
  for (int i = 0; i < x.ndim(); ++i)
    if (r.dims >> i & 1) dims.push(i);
  if (!g.grad(0).defined()) return;
  const double divisor = n - r.correction > 0 ? n - r.correction : 0;
  g.set(0, with_dims(g, g.grad(0)) * (x - mean(x, dims, true)) * (2.0 / divisor));
}

void logsumexp_gradient(Gradient& g) {
  if (g.grad(0).defined()) g.set(0, with_dims(g, g.grad(0)) * exp(g.in(0) - with_dims(g, g.out(0))));
}

void norm2_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Tensor out = with_dims(g, g.out(0)), grad = with_dims(g, g.grad(0));
  const Tensor at_zero = eq(out, 0.0);
  g.set(0, g.in(0) * where(at_zero, 0.0, grad / where(at_zero, 1.0, out)));
}

constexpr OpRecord reduction(const char* name, ReduceOp op, void (*gradient)(Gradient&), Saves saves = {}) {
  return {.name = name,
          .shape = reduce_shape,
          .kernel = every_device(launch_reduce),
          .gradient = gradient,
          .saves = saves,
          .cost = reduce_cost,
          .attributes_bytes = sizeof(Reduction),
          .code = uint16_t(op)};
}

const OpRecord sum_op = reduction("sum", ReduceOp::sum, sum_gradient);
const OpRecord nansum_op = reduction("nansum", ReduceOp::nansum, nansum_gradient, Saves::of(1));
const OpRecord mean_op = reduction("mean", ReduceOp::mean, mean_gradient);
const OpRecord prod_op = reduction("prod", ReduceOp::prod, prod_gradient, Saves::of(1));
const OpRecord amax_op = reduction("amax", ReduceOp::max, extreme_gradient, Saves::of(1, 1));
const OpRecord amin_op = reduction("amin", ReduceOp::min, extreme_gradient, Saves::of(1, 1));
const OpRecord max_op = reduction("max", ReduceOp::max, extreme_gradient, Saves::of(0, 2));
const OpRecord min_op = reduction("min", ReduceOp::min, extreme_gradient, Saves::of(0, 2));
const OpRecord argmax_op = reduction("argmax", ReduceOp::argmax, nullptr);
const OpRecord argmin_op = reduction("argmin", ReduceOp::argmin, nullptr);
const OpRecord any_op = reduction("any", ReduceOp::any, nullptr);
const OpRecord all_op = reduction("all", ReduceOp::all, nullptr);
const OpRecord var_op = reduction("var", ReduceOp::var, var_gradient, Saves::of(1));
const OpRecord logsumexp_op = reduction("logsumexp", ReduceOp::logsumexp, logsumexp_gradient, Saves::of(1, 1));
const OpRecord norm2_op = reduction("norm", ReduceOp::norm2, norm2_gradient, Saves::of(1, 1));

uint32_t dims_mask(const char* op, const Tensor& x, const OptionalDims& dims) {
  const uint32_t all = (1u << x.ndim()) - 1;
  if (!dims || dims->empty()) return all;
  uint32_t mask = 0;
  for (int64_t d : *dims) {
    const int i = wrap_dim(op, d, x.ndim());
    if (mask >> i & 1) fail<RuntimeError>("%s: dim %d appears multiple times in the list of dims", op, i);
    mask |= 1u << i;
  }
  return mask & all;
}

Tensor reduce(const OpRecord& op, const Tensor& x, const OptionalDims& dims, bool keepdim, DType dtype,
              double correction = 0) {
  return call(op, {x}, Reduction{dims_mask(op.name, x, dims), keepdim, false, dtype, correction});
}

// Extremes of nothing have no value.
void require_elements(const char* op, const Tensor& x, uint32_t dims) {
  if (reduced_count(x.sizes(), dims) == 0 && numel_of(reduced_sizes(x.sizes(), dims, true)) > 0)
    fail<IndexError>("%s(): Expected reduction dim to have non-zero size, got shape %s. Specify a dim with elements.",
                     op, to_string(x.sizes()).c_str());
}

Tensor extreme(const OpRecord& op, const Tensor& x, const OptionalDims& dims, bool keepdim) {
  if ((!dims || dims->empty()) && x.numel() == 0)
    fail<RuntimeError>(
        "%s(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' "
        "argument.",
        op.name);
  require_elements(op.name, x, dims_mask(op.name, x, dims));
  return reduce(op, x, dims, keepdim, x.dtype());
}

std::tuple<Tensor, Tensor> extreme_with_indices(const OpRecord& op, const Tensor& x, int64_t dim, bool keepdim) {
  const uint32_t mask = x.ndim() ? 1u << wrap_dim(op.name, dim, x.ndim()) : (wrap_dim(op.name, dim, 0), 0u);
  require_elements(op.name, x, mask);
  const Reduction r{mask, keepdim, true, x.dtype(), 0};
  Call c{op, &x, 1, &r};
  run(c);
  return {c.outputs[0], c.outputs[1]};
}

Tensor arg_extreme(const OpRecord& op, const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  if (x.dtype() == DType::bool_) fail<RuntimeError>("%s: bool input is not supported", op.name);
  const OptionalDims dims = dim ? OptionalDims(Dims{*dim}) : std::nullopt;
  require_elements(op.name, x, dims_mask(op.name, x, dims));
  return reduce(op, x, dims, keepdim, DType::i64);
}

Tensor require_floating(const char* op, const Tensor& x) {
  if (!is_floating(x.dtype()))
    fail<RuntimeError>("%s(): input dtype should be floating point. Got %s instead.", op, name(x.dtype()));
  return x;
}

// With a dtype asked for, the input is converted first.
Tensor converted(const Tensor& x, std::optional<DType> dtype) {
  return dtype && *dtype != x.dtype() ? to_dtype(x, *dtype) : x;
}

}  // namespace

Tensor sum(const Tensor& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype) {
  const Tensor in = dtype && (is_floating(*dtype) || is_floating(x.dtype())) ? converted(x, dtype) : x;
  return reduce(sum_op, in, dims, keepdim, dtype ? *dtype : is_floating(x.dtype()) ? x.dtype() : DType::i64);
}

Tensor nansum(const Tensor& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype) {
  if (!is_floating(x.dtype())) return sum(x, dims, keepdim, dtype);
  if (dtype && !is_floating(*dtype)) return sum(where(isnan(x), 0.0, x), dims, keepdim, dtype);
  const Tensor in = converted(x, dtype);
  return reduce(nansum_op, in, dims, keepdim, in.dtype());
}

Tensor mean(const Tensor& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype) {
  const Tensor in = converted(x, dtype);
  if (!is_floating(in.dtype()))
    fail<RuntimeError>(
        "mean(): could not infer output dtype. Input dtype must be either a floating point or complex "
        "dtype. Got: %s",
        name(in.dtype()));
  return reduce(mean_op, in, dims, keepdim, in.dtype());
}

Tensor prod(const Tensor& x, const OptionalDims& dims, bool keepdim, std::optional<DType> dtype) {
  const Tensor in = dtype && (is_floating(*dtype) || is_floating(x.dtype())) ? converted(x, dtype) : x;
  return reduce(prod_op, in, dims, keepdim, dtype ? *dtype : is_floating(x.dtype()) ? x.dtype() : DType::i64);
}

Tensor amax(const Tensor& x, const OptionalDims& dims, bool keepdim) { return extreme(amax_op, x, dims, keepdim); }
Tensor amin(const Tensor& x, const OptionalDims& dims, bool keepdim) { return extreme(amin_op, x, dims, keepdim); }

std::tuple<Tensor, Tensor> max(const Tensor& x, int64_t dim, bool keepdim) {
  return extreme_with_indices(max_op, x, dim, keepdim);
}
std::tuple<Tensor, Tensor> min(const Tensor& x, int64_t dim, bool keepdim) {
  return extreme_with_indices(min_op, x, dim, keepdim);
}
Tensor argmax(const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  return arg_extreme(argmax_op, x, dim, keepdim);
}
Tensor argmin(const Tensor& x, std::optional<int64_t> dim, bool keepdim) {
  return arg_extreme(argmin_op, x, dim, keepdim);
}

namespace {

// Over no dims at all: whether each element is nonzero.
Tensor truths(const Tensor& x) {
  const Tensor nonzero = ne(x, 0.0);
  return x.dtype() == DType::u8 ? to_dtype(nonzero, DType::u8) : nonzero;
}

}  // namespace

Tensor any(const Tensor& x, const OptionalDims& dims, bool keepdim) {
  if (dims && dims->empty()) return truths(x);
  return reduce(any_op, x, dims, keepdim, x.dtype() == DType::u8 ? DType::u8 : DType::bool_);
}
Tensor all(const Tensor& x, const OptionalDims& dims, bool keepdim) {
  if (dims && dims->empty()) return truths(x);
  const Tensor result = reduce(all_op, x, dims, keepdim, DType::bool_);  // of nothing it is 1, in uint8 too
  return x.dtype() == DType::u8 ? to_dtype(result, DType::u8) : result;
}

Tensor var(const Tensor& x, const OptionalDims& dims, double correction, bool keepdim) {
  return reduce(var_op, require_floating("var", x), dims, keepdim, x.dtype(), correction);
}

Tensor std(const Tensor& x, const OptionalDims& dims, double correction, bool keepdim) {
  const Tensor variance = reduce(var_op, require_floating("std", x), dims, keepdim, x.dtype(), correction);
  if (!variance->requires_grad) return sqrt(variance);
  // Where all elements are equal the slope of the root is infinite; the gradient there is zero.
  const Tensor flat = eq(variance, 0.0);
  return where(flat, 0.0, sqrt(where(flat, 1.0, variance)));
}

std::tuple<Tensor, Tensor> var_mean(const Tensor& x, const OptionalDims& dims, double correction, bool keepdim) {
  return {var(x, dims, correction, keepdim), mean(x, dims, keepdim)};
}

Tensor logsumexp(const Tensor& x, const OptionalDims& dims, bool keepdim) {
  const Tensor in = is_floating(x.dtype()) ? x : to_dtype(x, default_dtype());
  return reduce(logsumexp_op, in, dims, keepdim, in.dtype());
}

Tensor norm(const Tensor& x, double p, const OptionalDims& dims, bool keepdim) {
  require_floating("norm", x);
  if (p == 2) return reduce(norm2_op, x, dims, keepdim, x.dtype());
  if (p == 1) return sum(abs(x), dims, keepdim);
  if (p == __builtin_inf()) return amax(abs(x), dims, keepdim);
  if (p == -__builtin_inf()) return amin(abs(x), dims, keepdim);
  if (p == 0) return sum(where(isnan(x), 1.0, abs(sign(x))), dims, keepdim);  // in the graph, without slope
  if (itemsize(x.dtype()) == 2)  // which powers leave before the root is taken
    return to_dtype(norm(to_dtype(x, DType::f32), p, dims, keepdim), x.dtype());
  if (!x->requires_grad) return pow_scalar(sum(pow_scalar(abs(x), p), dims, keepdim), 1.0 / p);
  // Where powers have no finite slope, at zero, the gradient is zero.
  const auto power = [](const Tensor& t, double q) {
    const Tensor at_zero = eq(t, 0.0);
    return where(at_zero, q < 0 ? __builtin_inf() : 0.0, pow_scalar(where(at_zero, 1.0, t), q));
  };
  return power(sum(power(abs(x), p), dims, keepdim), 1.0 / p);
}

Tensor count_nonzero(const Tensor& x, const OptionalDims& dims) { return sum(ne(x, 0.0), dims, false, DType::i64); }

bool equal(const Tensor& a, const Tensor& b) { return a.sizes() == b.sizes() && item(all(eq(a, b))).as_int() != 0; }

bool allclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  if (rtol < 0 || atol < 0)
    fail<RuntimeError>("allclose: rtol and atol must not be negative, got %g and %g", rtol, atol);
  if (a.dtype() != b.dtype())
    fail<RuntimeError>("allclose: expected two tensors of one dtype, got %s and %s", name(a.dtype()), name(b.dtype()));
  const DType dtype = is_floating(a.dtype()) ? a.dtype() : DType::f64;
  const Tensor x = converted(a, dtype), y = converted(b, dtype);
  // An infinity is close to itself alone, which the difference can't tell.
  const Tensor near = logical_and(le(abs(x - y), abs(y) * rtol + atol), isfinite(y));
  Tensor close = logical_or(eq(x, y), near);
  if (equal_nan) close = logical_or(close, logical_and(isnan(x), isnan(y)));
  return item(all(close)).as_int() != 0;
}

Records reduce_records() {
  return {&sum_op,    &nansum_op, &mean_op, &prod_op, &amax_op, &amin_op,      &max_op,  &min_op,
          &argmax_op, &argmin_op, &any_op,  &all_op,  &var_op,  &logsumexp_op, &norm2_op};
}

}  // namespace hotloop::ops
