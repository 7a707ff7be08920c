// Running sums, products, extremes and logsumexps along a dim; their gradients are running results from the other end.
#include "ops/scan.h"

#include "core/error.h"
#include "dispatch/scan.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

struct Along {
  int dim;
  DType out;
};

bool is_extreme(const OpRecord& op) { return ScanOp(op.code) == ScanOp::max || ScanOp(op.code) == ScanOp::min; }

void scan_shape(Call& c) {
  const Tensor& x = c.in(0);
  c.output(0, x.sizes(), c.attrs<Along>().out);
  if (is_extreme(c.op)) c.output(1, x.sizes(), DType::i64);
}

void launch_scan(Call& c) {
  const Tensor& x = c.in(0);  // contiguous
  if (x.numel() == 0) return;
  const int dim = c.attrs<Along>().dim;
  ScanArgs args{};
  args.op = ScanOp(c.op.code);
  args.dtype = x.dtype();
  args.out_dtype = c.outputs[0].dtype();
  args.outer = args.n = args.inner = 1;
  for (int d = 0; d < x.ndim(); ++d) (d < dim ? args.outer : d == dim ? args.n : args.inner) *= x.size(d);
  args.x = x.data();
  args.out = c.outputs[0].data();
  args.indices = is_extreme(c.op) ? c.outputs[1].data<int64_t>() : nullptr;
  dispatch::scan(c.device, args);
}

Tensor reversed_cumsum(const Tensor& x, int64_t dim) { return flip(cumsum(flip(x, {dim}), dim), {dim}); }

void cumsum_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Tensor sums = g.in_sizes(0).n == 0 ? g.grad(0) : reversed_cumsum(g.grad(0), g.attrs<Along>().dim);
  g.set(0, to_dtype(sums, g.in_dtype(0)));
}

// Every product from i on without its factor i, as a square of factors whose diagonal is 1: slow, and the one way that
// differentiates again where factors are zero.
Tensor cumprod_slopes_with_zeros(const Tensor& x, const Tensor& grad, int dim) {
  const Tensor factors = movedim(x, {dim}, {-1}), grads = movedim(grad, {dim}, {-1});
  const int64_t n = x.size(dim);
  const Tensor own = eye(n, n, DType::bool_, x.device());
  const Tensor others = where(own, 1.0, unsqueeze(factors, -2));  // (..., i, j)
  const Tensor terms = triu(cumprod(others, -1), 0) * unsqueeze(grads, -2);
  return movedim(sum(terms, Dims{-1}), {-1}, {dim});
}

// Before the first zero the slopes are sums of products divided by the factor; at the first zero, those of the products
// as if it were 1; behind it nothing moves.
void cumprod_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Tensor x = g.in(0), grad = g.grad(0);
  const int dim = g.attrs<Along>().dim;
  if (x.ndim() == 0 || x.numel() == 0) return g.set(0, grad);
  const Tensor is_zero = eq(x, 0.0);
  // A GPU is asked only where it matters to what is recorded: the way with zeros is right without them too.
  const bool asks = x.device().type == DeviceType::cpu || g.records();
  if (asks && item(any(is_zero)).as_int() == 0) return g.set(0, reversed_cumsum(grad * g.out(0), dim) / x);
  if (g.records()) return g.set(0, cumprod_slopes_with_zeros(x, grad, dim));
  const Tensor zeros_so_far = cumsum(is_zero, dim), before = eq(zeros_so_far, 0.0);
  const Tensor first = logical_and(is_zero, eq(zeros_so_far, 1.0));
  const Tensor ahead = reversed_cumsum(grad * g.out(0), dim) / where(is_zero, 1.0, x);
  const Tensor at_zero = reversed_cumsum(where(before, 0.0, grad * cumprod(where(first, 1.0, x), dim)), dim);
  g.set(0, where(before, ahead, where(first, at_zero, 0.0)));
}

// The slope of out[j] to x[i] is exp(x[i] - out[j]); the sums of both signs of grad are taken as logarithms. What has the
// other sign counts as the lowest finite number, since the gradient's own gradient takes differences of these.
void logcumsumexp_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Tensor x = g.in(0), out = g.out(0), grad = g.grad(0);
  const int dim = g.attrs<Along>().dim;
  if (x.ndim() == 0 || x.numel() == 0) return g.set(0, grad);
  const double lowest = grad.dtype() == DType::f64 ? -1.7e308 : grad.dtype() == DType::f16 ? -65504.0 : -3e38;
  const auto part = [&](const Tensor& share) {
    const Tensor given = gt(share, 0.0);
    const Tensor logs = where(given, log(where(given, share, 1.0)), lowest);
    return exp(flip(logcumsumexp(flip(logs - out, {dim}), dim), {dim}) + x);
  };
  g.set(0, part(grad) - part(-grad));
}

void extreme_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  if (g.in_sizes(0).n == 0) return g.set(0, g.grad(0));
  const Tensor none = zeros(g.in_sizes(0), g.grad(0).dtype(), g.grad(0).device());
  g.set(0, scatter_add(none, g.attrs<Along>().dim, g.out(1), g.grad(0)));
}

constexpr OpRecord scan_record(const char* name, ScanOp op, void (*gradient)(Gradient&), Saves saves = {}) {
  return {.name = name,
          .shape = scan_shape,
          .kernel = every_device(launch_scan),
          .gradient = gradient,
          .saves = saves,
          .attributes_bytes = sizeof(Along),
          .code = uint16_t(op)};
}
const OpRecord cumsum_op = scan_record("cumsum", ScanOp::sum, cumsum_gradient);
const OpRecord cumprod_op = scan_record("cumprod", ScanOp::prod, cumprod_gradient, Saves::of(1, 1));
const OpRecord logcumsumexp_op = scan_record("logcumsumexp", ScanOp::logsumexp, logcumsumexp_gradient, Saves::of(1, 1));
const OpRecord cummax_op = scan_record("cummax", ScanOp::max, extreme_gradient, Saves::of(0, 2));
const OpRecord cummin_op = scan_record("cummin", ScanOp::min, extreme_gradient, Saves::of(0, 2));

Tensor scan(const OpRecord& op, const Tensor& x, int64_t dim) {
  const bool same = is_floating(x.dtype()) || is_extreme(op);
  return call(op, {contiguous(x)}, Along{wrap_dim(op.name, dim, x.ndim()), same ? x.dtype() : DType::i64});
}

// A dtype asked for is that of the sums and of the result.
Tensor scan_in(const OpRecord& op, const Tensor& x, int64_t dim, std::optional<DType> dtype) {
  const int d = wrap_dim(op.name, dim, x.ndim());
  if (!dtype) return scan(op, x, d);
  // The sums are in f64 as it is.
  if (&op == &cumsum_op && x.dtype() == DType::f32 && *dtype == DType::f64)
    return call(op, {contiguous(x)}, Along{d, *dtype});
  return to_dtype(scan(op, to_dtype(x, *dtype), d), *dtype);
}

std::tuple<Tensor, Tensor> scan_extreme(const OpRecord& op, const Tensor& x, int64_t dim) {
  const Along along{wrap_dim(op.name, dim, x.ndim()), x.dtype()};
  const Tensor in = contiguous(x);
  Call c{op, &in, 1, &along};
  run(c);
  return {c.outputs[0], c.outputs[1]};
}

}  // namespace

Tensor cumsum(const Tensor& x, int64_t dim, std::optional<DType> dtype) { return scan_in(cumsum_op, x, dim, dtype); }
Tensor cumprod(const Tensor& x, int64_t dim, std::optional<DType> dtype) { return scan_in(cumprod_op, x, dim, dtype); }

Tensor logcumsumexp(const Tensor& x, int64_t dim) {
  if (!is_floating(x.dtype()))
    fail<DTypeError>("logcumsumexp: expected a floating point input, got %s", name(x.dtype()));
  return scan(logcumsumexp_op, x, dim);
}

std::tuple<Tensor, Tensor> cummax(const Tensor& x, int64_t dim) { return scan_extreme(cummax_op, x, dim); }
std::tuple<Tensor, Tensor> cummin(const Tensor& x, int64_t dim) { return scan_extreme(cummin_op, x, dim); }

Tensor diff(const Tensor& x, int64_t n, int64_t dim, const Tensor& prepend, const Tensor& append) {
  if (x.ndim() == 0) fail<RuntimeError>("diff expects input to be at least one-dimensional");
  if (n < 0) fail<RuntimeError>("diff: order must be non-negative but got %lld", static_cast<long long>(n));
  const int d = wrap_dim("diff", dim, x.ndim());
  std::vector<Tensor> parts;
  for (const Tensor* part : {&prepend, &x, &append}) {
    if (!part->defined()) continue;
    if (part->ndim() != x.ndim())
      fail<RuntimeError>("diff expects prepend or append to be the same dimension as input, got %d and %d dims",
                         part->ndim(), x.ndim());
    parts.push_back(*part);
  }
  if (n == 0) return clone(x);
  Tensor result = parts.size() == 1 ? x : cat(parts, d);
  for (; n > 0; --n) {
    const int64_t length = result.size(d);
    const Tensor later = slice(result, d, 1, length, 1), earlier = slice(result, d, 0, length ? length - 1 : 0, 1);
    result = result.dtype() == DType::bool_ ? logical_xor(later, earlier) : later - earlier;
  }
  return result;
}

namespace {

void check_heights(const char* op, const Tensor& y) {
  if (y.dtype() == DType::bool_) fail<RuntimeError>("%s: received a bool input for `y`, but bool is not supported", op);
  if (y.ndim() == 0) fail<OutOfRangeError>("%s: `y` has no dimensions to integrate along", op);
}

// The area of each piece between neighbours.
Tensor trapezoid_pieces(const char* op, const Tensor& y, const Tensor& x, double dx, int d) {
  const int64_t n = y.size(d);
  const Tensor heights = slice(y, d, 1, n, 1) + slice(y, d, 0, n ? n - 1 : 0, 1);
  if (!x.defined()) return heights * (dx / 2);
  Tensor points = x;
  if (x.ndim() == 1) {
    if (x.size(0) != n)
      fail<RuntimeError>("%s: There must be one `x` value for each sample point, got %lld and %lld", op,
                         static_cast<long long>(x.size(0)), static_cast<long long>(n));
    Dims sizes = Dims::filled(y.ndim(), 1);
    sizes[d] = n;
    points = view(contiguous(x), sizes);
  }
  while (points.ndim() < y.ndim()) points = unsqueeze(points, 0);
  const int64_t m = points.size(d);
  return heights * (slice(points, d, 1, m, 1) - slice(points, d, 0, m ? m - 1 : 0, 1)) / 2.0;
}

}  // namespace

Tensor trapezoid(const Tensor& y, const Tensor& x, double dx, int64_t dim) {
  check_heights("trapezoid", y);
  const int d = wrap_dim("trapezoid", dim, y.ndim());
  if (y.size(d) == 0) {
    Dims sizes = y.sizes();
    sizes.erase(d);
    return zeros(sizes, is_floating(y.dtype()) ? y.dtype() : default_dtype(), y.device());
  }
  return sum(trapezoid_pieces("trapezoid", y, x, dx, d), Dims{d});
}

Tensor cumulative_trapezoid(const Tensor& y, const Tensor& x, double dx, int64_t dim) {
  check_heights("cumulative_trapezoid", y);
  const int d = wrap_dim("cumulative_trapezoid", dim, y.ndim());
  return cumsum(trapezoid_pieces("cumulative_trapezoid", y, x, dx, d), d);
}

Records scan_records() { return {&cumsum_op, &cumprod_op, &logcumsumexp_op, &cummax_op, &cummin_op}; }

}  // namespace hotloop::ops
