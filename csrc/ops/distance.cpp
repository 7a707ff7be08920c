// Distances: cdist and pdist have a kernel each way (kernels/args/distance.h), whose twin, for gradients that are
// themselves differentiated, is made of plain ops as the other distances are.
#include "ops/distance.h"

#include "core/error.h"
#include "dispatch/distance.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/rearrange.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using ll = long long;
constexpr double kInfinity = __builtin_inf();

// Beyond so many rows, as in PyTorch, and elements of each, euclidean distances are taken from products.
constexpr int64_t kProductRows = 25, kProductElements = 32;

// x^p of numbers that are not negative, without a slope at zero.
Tensor power_above_zero(const Tensor& x, double p) {
  const Tensor flat = eq(x, 0.0);
  return where(flat, 0.0, pow_scalar(where(flat, 1.0, x), p));
}

}  // namespace

Tensor pairwise_distance(const Tensor& x1, const Tensor& x2, double p, double eps, bool keepdim) {
  return norm(x1 - x2 + eps, p, Dims{-1}, keepdim);
}

Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, int64_t dim, double eps) {
  const DType dtype = result_type({&x1, &x2});
  if (!is_floating(dtype))
    fail<RuntimeError>("cosine_similarity: expected common dtype to be floating point, yet common dtype is %s",
                       name(dtype));
  const auto unit = [&](const Tensor& given, const Dims& sizes) {
    const Tensor x = to_dtype(given, dtype);
    const Tensor wide = x.sizes() == sizes ? x : expand(x, sizes);
    return wide / clamp_min_through(norm(wide, 2, Dims{dim}, true), eps);
  };
  const Dims sizes = broadcast_shape("cosine_similarity", x1.sizes(), x2.sizes());
  return sum(unit(x1, sizes) * unit(x2, sizes), Dims{dim});
}

Tensor normalize(const Tensor& x, double p, const std::optional<Dims>& dims, double eps) {
  return x / clamp_scalar(norm(x, p, dims, true), eps, __builtin_inf());
}

namespace {

struct Distance {
  double p;
  bool expanded;
};
struct DistanceSlope {
  double p;
  bool second;  // of x2
};

Cost distance_cost(const Tensor& x1, const Tensor& x2) {
  const double pairs = double(x1.size(0) * x1.size(1) * x2.size(1)), k = double(x1.size(2));
  return {3 * pairs * k, (pairs + double(x1.numel() + x2.numel())) * double(itemsize(x1.dtype()))};
}

// Inputs: grad and distances (batch, n, m), x1 (batch, n, k), x2 (batch, m, k).
const OpRecord cdist_backward_op{
    .name = "cdist_backward",
    .shape =
        [](Call& c) {
          const Tensor& x = c.in(c.attrs<DistanceSlope>().second ? 3 : 2);
          c.output(0, x.sizes(), x.dtype());
        },
    .kernel = every_device([](Call& c) {
      const auto& [p, second] = c.attrs<DistanceSlope>();
      const Tensor &x = c.in(second ? 3 : 2), &other = c.in(second ? 2 : 3);
      if (x.numel() == 0) return;
      const int64_t n = x.size(1), m = other.size(1);
      dispatch::cdist_backward(
          c.device, {x.dtype(), p, x.size(0), n, m, x.size(2), x.data(), other.data(), c.in(1).data(), c.in(0).data(),
                     second ? 1 : m, second ? n : 1, c.outputs[0].data()});
    }),
    .cost = [](const Call& c) { return distance_cost(c.in(2), c.in(3)); },
    .attributes_bytes = sizeof(DistanceSlope)};

// Of differences `apart` (..., k), how the distances `out` (...) change with each element, times grad; made of plain ops.
Tensor slopes_of_ops(double p, bool records, const Tensor& grad, const Tensor& out, const Tensor& apart) {
  const Tensor flat = eq(out, 0.0);
  const Tensor divisor = records ? where(flat, 1.0, out) : out;  // no infinite slope beside what is not taken
  const auto along = [](const Tensor& distances) { return unsqueeze(distances, -1); };
  if (p == 2) return along(where(flat, 0.0, grad / divisor)) * apart;
  const Tensor side = sign(apart);
  if (p == 1) return along(grad) * side;
  if (p == kInfinity) return where(eq(abs(apart), along(out)), along(grad) * side, 0.0);
  return along(where(flat, 0.0, grad / pow_scalar(divisor, p - 1))) * side * power_above_zero(abs(apart), p - 1);
}

// The gradients of cdist's x1 and x2, where they are asked for.
void cdist_gradient_of_ops(Gradient& g) {
  const double p = g.attrs<Distance>().p;
  const Tensor x1 = g.in(0), x2 = g.in(1), out = g.out(0), grad = g.grad(0);
  if (p == 2) {  // by products, without the differences
    const Tensor flat = eq(out, 0.0);
    const Tensor ratio = where(flat, 0.0, grad / (g.records() ? where(flat, 1.0, out) : out));
    if (g.needs(0)) g.set(0, baddbmm(x1 * sum(ratio, Dims{2}, true), ratio, x2, 1, -1));
    const Tensor turned = transpose(ratio, 1, 2);
    if (g.needs(1)) g.set(1, baddbmm(x2 * sum(turned, Dims{2}, true), turned, x1, 1, -1));
    return;
  }
  const Tensor slopes = slopes_of_ops(p, g.records(), grad, out, unsqueeze(x1, 2) - unsqueeze(x2, 1));
  if (g.needs(0)) g.set(0, sum(slopes, Dims{2}));
  if (g.needs(1)) g.set(1, -sum(slopes, Dims{1}));
}

// x1 (batch, n, k), x2 (batch, m, k) -> (batch, n, m)
const OpRecord cdist_op{
    .name = "cdist",
    .shape = [](Call& c) { c.output(0, {c.in(0).size(0), c.in(0).size(1), c.in(1).size(1)}, c.in(0).dtype()); },
    .kernel = every_device([](Call& c) {
      const Distance& d = c.attrs<Distance>();
      const Tensor &x1 = c.in(0), &x2 = c.in(1), &out = c.outputs[0];
      if (out.numel() == 0) return;
      dispatch::cdist(c.device, {x1.dtype(), d.p, d.expanded, x1.size(0), x1.size(1), x2.size(1), x1.size(2), x1.data(),
                                 x2.data(), out.data()});
    }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          const Distance& d = g.attrs<Distance>();
          for (int i : {0, 1})
            if (d.p == 0 && g.needs(i)) g.set(i, zeros(g.in_sizes(i), g.in_dtype(i), g.grad(0).device()));
          if (d.p == 0) return;
          if (g.records() || d.expanded) return cdist_gradient_of_ops(g);
          const Tensor grad = contiguous(g.grad(0));
          for (bool second : {false, true})
            if (g.needs(second))
              g.set(second, call(cdist_backward_op, {grad, g.out(0), g.in(0), g.in(1)}, DistanceSlope{d.p, second}));
        },
    .saves = Saves::of(0b11, 1),
    .cost = [](const Call& c) { return distance_cost(c.in(0), c.in(1)); },
    .attributes_bytes = sizeof(Distance)};

int64_t pair_count(int64_t n) { return n * (n - 1) / 2; }

Cost pairs_cost(const Tensor& x) {
  const double pairs = double(pair_count(x.size(0)));
  return {3 * pairs * double(x.size(1)), (pairs + double(x.numel())) * double(itemsize(x.dtype()))};
}

// Inputs: grad and distances (n (n - 1) / 2), x (n, k).
const OpRecord pdist_backward_op{.name = "pdist_backward",
                                 .shape = [](Call& c) { c.output(0, c.in(2).sizes(), c.in(2).dtype()); },
                                 .kernel = every_device([](Call& c) {
                                   const Tensor& x = c.in(2);
                                   if (x.numel() == 0) return;
                                   const int64_t n = x.size(0), k = x.size(1);
                                   dispatch::cdist_backward(
                                       c.device, {x.dtype(), c.attrs<Distance>().p, 1, n, n, k, x.data(), x.data(),
                                                  c.in(1).data(), c.in(0).data(), 0, 0, c.outputs[0].data(), true});
                                 }),
                                 .cost = [](const Call& c) { return pairs_cost(c.in(2)); },
                                 .attributes_bytes = sizeof(Distance)};

// x (n, k) -> of each pair of rows i < j the distance, (n (n - 1) / 2)
const OpRecord pdist_op{
    .name = "pdist",
    .shape = [](Call& c) { c.output(0, {pair_count(c.in(0).size(0))}, c.in(0).dtype()); },
    .kernel = every_device([](Call& c) {
      const Tensor &x = c.in(0), &out = c.outputs[0];
      if (out.numel() == 0) return;
      const int64_t n = x.size(0);
      dispatch::cdist(c.device, {x.dtype(), c.attrs<Distance>().p, false, 1, n, n, x.size(1), x.data(), x.data(),
                                 out.data(), true});
    }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          const Distance& d = g.attrs<Distance>();
          const Tensor& grad = g.grad(0);
          const Tensor nothing = zeros(g.in_sizes(0), g.in_dtype(0), grad.device());
          if (d.p == 0) return g.set(0, nothing);
          const Tensor x = g.in(0);
          if (!g.records()) return g.set(0, call(pdist_backward_op, {contiguous(grad), g.out(0), x}, d));
          const Tensor rows = triangle_indices("pdist", x.size(0), x.size(0), 1, DType::i64, false, x.device());
          const Tensor i = select(rows, 0, 0), j = select(rows, 0, 1);
          const Tensor slopes = slopes_of_ops(d.p, true, grad, g.out(0), index_select(x, 0, i) - index_select(x, 0, j));
          g.set(0, index_add(index_add(nothing, 0, i, slopes), 0, j, -slopes));
        },
    .saves = Saves::of(0b1, 1),
    .cost = [](const Call& c) { return pairs_cost(c.in(0)); },
    .attributes_bytes = sizeof(Distance)};

// (..., rows, k) as (batch, rows, k), broadcast to the batch.
Tensor as_batch(const Tensor& x, const Dims& batch) {
  Dims sizes = batch;
  sizes.push(x.size(x.ndim() - 2));
  sizes.push(x.size(x.ndim() - 1));
  int64_t count = 1;
  for (int64_t size : batch) count *= size;
  const Tensor wide = contiguous(x.sizes() == sizes ? x : expand(x, sizes));
  return x.ndim() == 3 && sizes.n == 3 ? wide : reshape(wide, {count, sizes[batch.n], sizes[batch.n + 1]});
}

}  // namespace

Tensor cdist(const Tensor& a, const Tensor& b, double p) {
  if (a.ndim() < 2 || b.ndim() < 2)
    fail<RuntimeError>("cdist only supports at least 2D tensors, got %dD and %dD", a.ndim(), b.ndim());
  const int64_t k = a.size(a.ndim() - 1), n = a.size(a.ndim() - 2), m = b.size(b.ndim() - 2);
  if (k != b.size(b.ndim() - 1))
    fail<RuntimeError>("cdist: X1 and X2 must have the same number of columns. X1: %lld X2: %lld", ll(k),
                       ll(b.size(b.ndim() - 1)));
  if (!is_floating(a.dtype()) || a.dtype() != b.dtype())
    fail<RuntimeError>("cdist only supports floating-point dtypes, the same of both, got %s and %s", name(a.dtype()),
                       name(b.dtype()));
  if (!(p >= 0)) fail<RuntimeError>("cdist only supports non-negative p values, got %g", p);
  if (itemsize(a.dtype()) == 2) return to_dtype(cdist(to_dtype(a, DType::f32), to_dtype(b, DType::f32), p), a.dtype());
  Dims left = a.sizes(), right = b.sizes();
  left.n -= 2, right.n -= 2;
  Dims sizes = broadcast_shape("cdist", left, right);
  const bool expanded = p == 2 && (n > kProductRows || m > kProductRows) && k >= kProductElements;
  const Tensor out = call(cdist_op, {as_batch(a, sizes), as_batch(b, sizes)}, Distance{p, expanded});
  if (sizes.n == 1) return out;
  sizes.push(n);
  sizes.push(m);
  return reshape(out, sizes);
}

Tensor pdist(const Tensor& x, double p) {
  if (x.ndim() != 2) fail<RuntimeError>("pdist only supports 2D tensors, got: %dD", x.ndim());
  if (!is_floating(x.dtype())) fail<RuntimeError>("pdist only supports floating-point dtypes, got %s", name(x.dtype()));
  if (!(p >= 0)) fail<RuntimeError>("pdist only supports non-negative p values, got %g", p);
  if (itemsize(x.dtype()) == 2) return to_dtype(pdist(to_dtype(x, DType::f32), p), x.dtype());
  return call(pdist_op, {contiguous(x)}, Distance{p, false});
}

Records distance_records() { return {&cdist_backward_op, &cdist_op, &pdist_backward_op, &pdist_op}; }

}  // namespace hotloop::ops
