// Layer norm, RMS norm and group norm: three records over one kernel. The record saves mean and 1 / standard deviation of
// every row for its fused backward; a gradient that must itself be differentiated runs the unfused twin, made of plain
// ops.
#include "ops/norm.h"

#include "core/error.h"
#include "dispatch/norm.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

using ll = long long;

// Inputs: x as (rows, n), weight and bias (groups n / inner). Outputs: out, rstd (rows), and but for rms mean (rows).
struct Norm {
  double eps;
  int64_t groups, inner;  // kernels/args/norm.h
};

DType exact(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

void norm_shape(Call& c) {
  const Tensor& x = c.in(0);
  c.output(0, x.sizes(), x.dtype());
  c.output(1, {x.size(0)}, exact(x.dtype()));
  if (NormKind(c.op.code) == NormKind::layer) c.output(2, {x.size(0)}, exact(x.dtype()));
}

void launch_norm(Call& c) {
  const Tensor& x = c.in(0);
  if (x.numel() == 0) return;
  const Norm& norm = c.attrs<Norm>();
  NormArgs args{};
  args.kind = NormKind(c.op.code);
  args.dtype = x.dtype();
  args.rows = x.size(0);
  args.n = x.size(1);
  args.groups = norm.groups;
  args.inner = norm.inner;
  args.eps = norm.eps;
  args.x = x.data();
  args.x_row_stride = x.stride(0);
  args.weight = c.has(1) ? c.in(1).data() : nullptr;
  args.bias = c.has(2) ? c.in(2).data() : nullptr;
  args.out = c.outputs[0].data();
  args.out_row_stride = x.size(1);
  args.rstd = c.outputs[1].data();
  args.mean = args.kind == NormKind::layer ? c.outputs[2].data() : nullptr;
  dispatch::norm(c.device, args);
}

Cost norm_cost(const Call& c) {
  const double n = double(c.in(0).numel());
  return {7 * n, 2 * n * double(itemsize(c.in(0).dtype()))};
}

// Inputs: grad (rows, n), x, weight, rstd, mean. Outputs: grad_x, and where there are parameters, grad_weight and
// grad_bias.
struct NormSlope {
  NormKind kind;
  bool affine;
  int64_t groups, inner;
};
void norm_backward_shape(Call& c) {
  const Tensor& x = c.in(1);
  const NormSlope& slope = c.attrs<NormSlope>();
  c.output(0, x.sizes(), x.dtype());
  for (int i = 1; slope.affine && i < 3; ++i) c.output(i, {slope.groups * (x.size(1) / slope.inner)}, x.dtype());
}

void launch_norm_backward(Call& c) {
  const Tensor &grad = c.in(0), &x = c.in(1);
  const NormSlope& slope = c.attrs<NormSlope>();
  if (x.numel() == 0) {
    for (int i = 1; slope.affine && i < 3; ++i) set_zero(c.outputs[i]);
    return;
  }
  NormBackwardArgs args{};
  args.kind = slope.kind;
  args.dtype = x.dtype();
  args.rows = x.size(0);
  args.n = x.size(1);
  args.groups = slope.groups;
  args.inner = slope.inner;
  args.x = x.data();
  args.x_row_stride = x.stride(0);
  args.weight = c.has(2) ? c.in(2).data() : nullptr;
  args.rstd = c.in(3).data();
  args.mean = c.has(4) ? c.in(4).data() : nullptr;
  args.grad_out = grad.data();
  args.grad_out_row_stride = grad.stride(0);
  args.grad_x = c.outputs[0].data();
  args.grad_x_row_stride = x.size(1);
  if (slope.affine) {
    args.grad_weight = c.outputs[1].data();
    args.grad_bias = c.outputs[2].data();
  }
  dispatch::norm_backward(c.device, args);
}

const OpRecord norm_backward_op{.name = "layer_norm_backward",
                                .shape = norm_backward_shape,
                                .kernel = every_device(launch_norm_backward),
                                .attributes_bytes = sizeof(NormSlope)};

// A matrix whose rows are contiguous; several groups want them to lie next to each other.
Tensor dense_rows(const Tensor& x) { return x.size(1) <= 1 || x.stride(1) == 1 ? x : contiguous(x); }

template <NormKind kKind>
void norm_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  constexpr bool kLayer = kKind == NormKind::layer;
  const Tensor x = g.in(0), weight = g.has(1) ? g.in(1) : Tensor(), grad = g.grad(0);
  const auto& [eps, groups, inner] = g.attrs<Norm>();
  if (!g.records()) {
    const Tensor inputs[] = {groups > 1 ? contiguous(grad) : dense_rows(grad), x, weight, g.out(1),
                             kLayer ? g.out(2) : Tensor()};
    const NormSlope slope{kKind, g.has(1) || g.has(2), groups, inner};
    Call backward{norm_backward_op, inputs, 5, &slope};
    run(backward);
    g.set(0, backward.outputs[0]);
    if (g.has(1)) g.set(1, backward.outputs[1]);
    if (g.has(2)) g.set(2, backward.outputs[2]);
    return;
  }
  const int64_t rows = x.size(0), n = x.size(1), shared = inner, sets = groups;
  const Tensor centred = kLayer ? x - mean(x, Dims{1}, true) : x;
  const Tensor rstd = rsqrt(mean(square(centred), Dims{1}, true) + eps), x_hat = centred * rstd;
  const auto by_parameter = [&](const Tensor& t) { return reshape(t, {rows / sets, sets, n / shared, shared}); };
  const Tensor grad_hat =
      weight.defined() ? reshape(by_parameter(grad) * reshape(weight, {sets, n / shared, 1}), {rows, n}) : grad;
  const Tensor own = x_hat * mean(grad_hat * x_hat, Dims{1}, true);
  g.set(0, rstd * (kLayer ? grad_hat - mean(grad_hat, Dims{1}, true) - own : grad_hat - own));
  const Dims parameters{sets * (n / shared)};
  if (g.has(1)) g.set(1, reshape(sum(by_parameter(grad * x_hat), Dims{0, 3}), parameters));
  if (g.has(2)) g.set(2, reshape(sum(by_parameter(grad), Dims{0, 3}), parameters));
}

template <NormKind kKind>
constexpr OpRecord norm_record(const char* name) {
  return {.name = name,
          .shape = norm_shape,
          .kernel = every_device(launch_norm),
          .gradient = norm_gradient<kKind>,
          .saves = Saves::of(0b011, kKind == NormKind::layer ? 0b110 : 0b010),
          .cost = norm_cost,
          .attributes_bytes = sizeof(Norm),
          .code = uint16_t(kKind)};
}
const OpRecord layer_norm_op = norm_record<NormKind::layer>("layer_norm");
const OpRecord group_norm_op = norm_record<NormKind::layer>("group_norm");
const OpRecord rms_norm_op = norm_record<NormKind::rms>("rms_norm");

void check_floating(const char* op, const Tensor& x) {
  if (!is_floating(x.dtype())) fail<DTypeError>("%s: expected a floating point input, got %s", op, name(x.dtype()));
}

void check_parameter(const char* op, const char* which, const Tensor& p, const Dims& normalized, const Tensor& x) {
  if (!p.defined()) return;
  if (!(p.sizes() == normalized))
    fail<RuntimeError>(
        "%s: Expected %s to be of same shape as normalized_shape, but got %s of shape %s and "
        "normalized_shape = %s",
        op, which, which, to_string(p.sizes()).c_str(), to_string(normalized).c_str());
  if (p.dtype() != x.dtype())
    fail<RuntimeError>("%s: expected %s of dtype %s like input, got %s", op, which, name(x.dtype()), name(p.dtype()));
}

// Over the trailing dims `normalized`, whose parameters have that shape.
Tensor trailing_norm(const OpRecord& op, const Tensor& x, const Dims& normalized, const Tensor& weight,
                     const Tensor& bias, double eps) {
  if (normalized.empty())
    fail<RuntimeError>(
        "%s: Expected normalized_shape to be at least 1-dimensional, i.e., containing at least "
        "one element, but got normalized_shape = []",
        op.name);
  const int lead = x.ndim() - normalized.n;
  bool fits = lead >= 0;
  for (int i = 0; fits && i < normalized.n; ++i) fits = x.size(lead + i) == normalized[i];
  if (!fits)
    fail<RuntimeError>("%s: Given normalized_shape=%s, expected input with shape [*, %s, but got input of size%s",
                       op.name, to_string(normalized).c_str(), to_string(normalized).c_str() + 1,
                       to_string(x.sizes()).c_str());
  check_parameter(op.name, "weight", weight, normalized, x);
  check_parameter(op.name, "bias", bias, normalized, x);
  const int64_t n = numel_of(normalized);
  int64_t count = 1;
  for (int i = 0; i < lead; ++i) count *= x.size(i);
  const bool matrix = x.ndim() == 2 && normalized.n == 1;
  const Tensor rows = dense_rows(matrix ? x : reshape(x, {count, n}));
  const auto flat = [&](const Tensor& p) { return !p.defined() ? p : contiguous(p.ndim() == 1 ? p : reshape(p, {n})); };
  const Tensor out = call(op, {rows, flat(weight), flat(bias)}, Norm{eps, 1, 1});
  return matrix ? out : view(out, x.sizes());
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Dims& normalized, const Tensor& weight, const Tensor& bias, double eps) {
  check_floating("layer_norm", x);
  return trailing_norm(layer_norm_op, x, normalized, weight, bias, eps);
}

Tensor rms_norm(const Tensor& x, const Dims& normalized, const Tensor& weight, std::optional<double> eps) {
  check_floating("rms_norm", x);
  const double least = eps ? *eps : x.dtype() == DType::f64 ? 0x1p-52 : 0x1p-23;
  if (weight.defined() && weight.dtype() != x.dtype()) {
    const DType dtype = exact(x.dtype());
    const Tensor wide = rms_norm(to_dtype(x, dtype), normalized, to_dtype(weight, dtype), least);
    return to_dtype(wide, x.dtype());
  }
  return trailing_norm(rms_norm_op, x, normalized, weight, Tensor(), least);
}

Tensor group_norm(const Tensor& x, int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  check_floating("group_norm", x);
  if (x.ndim() < 2)
    fail<RuntimeError>("group_norm: Expected at least 2 dimensions for input tensor but received %d", x.ndim());
  const int64_t samples = x.size(0), channels = x.size(1);
  if (groups <= 0 || channels % groups != 0)
    fail<RuntimeError>(
        "group_norm: Expected number of channels in input to be divisible by num_groups, but got input of shape %s and "
        "num_groups=%lld",
        to_string(x.sizes()).c_str(), ll(groups));
  for (const Tensor* p : {&weight, &bias})
    if (p->defined() && p->numel() != channels)
      fail<RuntimeError>("group_norm: %s should contain %lld elements not %lld", p == &weight ? "weight" : "bias",
                         ll(channels), ll(p->numel()));
  for (const Tensor* p : {&weight, &bias}) {
    if (!p->defined() || p->dtype() == x.dtype()) continue;
    const auto wide = [dtype = exact(x.dtype())](const Tensor& t) { return t.defined() ? to_dtype(t, dtype) : t; };
    if (x.dtype() == exact(x.dtype())) return group_norm(x, groups, wide(weight), wide(bias), eps);
    return to_dtype(group_norm(wide(x), groups, wide(weight), wide(bias), eps), x.dtype());
  }
  if (samples == 1 && x.numel() == groups)
    fail<ValueError>("group_norm: Expected more than 1 value per channel when training, got input size %s",
                     to_string(x.sizes()).c_str());
  int64_t inner = 1;
  for (int d = 2; d < x.ndim(); ++d) inner *= x.size(d);
  const auto flat = [&](const Tensor& p) {
    return !p.defined() ? p : contiguous(p.ndim() == 1 ? p : reshape(p, {channels}));
  };
  const Tensor rows = reshape(contiguous(x), {samples * groups, channels / groups * inner});
  const Tensor out = call(group_norm_op, {rows, flat(weight), flat(bias)}, Norm{eps, groups, inner ? inner : 1});
  return view(out, x.sizes());
}

Records norm_records() { return {&norm_backward_op, &layer_norm_op, &group_norm_op, &rms_norm_op}; }

}  // namespace hotloop::ops
