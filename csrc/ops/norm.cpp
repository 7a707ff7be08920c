// Layer norm. The record saves mean and 1 / standard deviation of every row for its fused backward; a
// gradient that must itself be differentiated runs the unfused twin, made of plain ops.
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

// Inputs: x as (rows, n), weight (n), bias (n). Outputs: out, mean (rows), rstd (rows).
struct Norm {
  double eps;
};

DType exact(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

void norm_shape(Call& c) {
  const Tensor& x = c.in(0);
  c.output(0, x.sizes(), x.dtype());
  c.output(1, {x.size(0)}, exact(x.dtype()));
  c.output(2, {x.size(0)}, exact(x.dtype()));
}

void launch_norm(Call& c) {
  const Tensor& x = c.in(0);
  if (x.numel() == 0) return;
  NormArgs args{};
  args.kind = NormKind::layer;
  args.dtype = x.dtype();
  args.rows = x.size(0);
  args.n = x.size(1);
  args.eps = c.attrs<Norm>().eps;
  args.x = x.data();
  args.x_row_stride = x.stride(0);
  args.weight = c.has(1) ? c.in(1).data() : nullptr;
  args.bias = c.has(2) ? c.in(2).data() : nullptr;
  args.out = c.outputs[0].data();
  args.out_row_stride = x.size(1);
  args.mean = c.outputs[1].data();
  args.rstd = c.outputs[2].data();
  dispatch::norm(c.device, args);
}

Cost norm_cost(const Call& c) {
  const double n = double(c.in(0).numel());
  return {7 * n, 2 * n * double(itemsize(c.in(0).dtype()))};
}

// Inputs: grad (rows, n), x, weight, mean, rstd. Outputs: grad_x, grad_weight, grad_bias.
void norm_backward_shape(Call& c) {
  const Tensor& x = c.in(1);
  c.output(0, x.sizes(), x.dtype());
  c.output(1, {x.size(1)}, x.dtype());
  c.output(2, {x.size(1)}, x.dtype());
}

void launch_norm_backward(Call& c) {
  const Tensor &grad = c.in(0), &x = c.in(1);
  NormBackwardArgs args{};
  args.kind = NormKind::layer;
  args.dtype = x.dtype();
  args.rows = x.size(0);
  args.n = x.size(1);
  args.x = x.data();
  args.x_row_stride = x.stride(0);
  args.weight = c.has(2) ? c.in(2).data() : nullptr;
  args.mean = c.in(3).data();
  args.rstd = c.in(4).data();
  args.grad_out = grad.data();
  args.grad_out_row_stride = grad.stride(0);
  args.grad_x = c.outputs[0].data();
  args.grad_x_row_stride = x.size(1);
  args.grad_weight = c.outputs[1].data();
  args.grad_bias = c.outputs[2].data();
  dispatch::norm_backward(c.device, args);
}

const OpRecord norm_backward_op{
    .name = "layer_norm_backward", .shape = norm_backward_shape, .kernel = every_device(launch_norm_backward)};

// A matrix whose rows are contiguous.
Tensor dense_rows(const Tensor& x) { return x.size(1) <= 1 || x.stride(1) == 1 ? x : contiguous(x); }

void norm_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Tensor x = g.in(0), weight = g.has(1) ? g.in(1) : Tensor(), grad = g.grad(0);
  if (!g.records()) {
    const Tensor inputs[] = {dense_rows(grad), x, weight, g.out(1), g.out(2)};
    Call backward{norm_backward_op, inputs, 5, nullptr};
    run(backward);
    g.set(0, backward.outputs[0]);
    if (g.has(1)) g.set(1, backward.outputs[1]);
    if (g.has(2)) g.set(2, backward.outputs[2]);
    return;
  }
  const Tensor mean_x = mean(x, Dims{1}, true);
  const Tensor rstd = rsqrt(mean(square(x - mean_x), Dims{1}, true) + g.attrs<Norm>().eps);
  const Tensor x_hat = (x - mean_x) * rstd;
  const Tensor grad_hat = weight.defined() ? grad * weight : grad;
  g.set(0, rstd * (grad_hat - mean(grad_hat, Dims{1}, true) - x_hat * mean(grad_hat * x_hat, Dims{1}, true)));
  if (g.has(1)) g.set(1, sum(grad * x_hat, Dims{0}));
  if (g.has(2)) g.set(2, sum(grad, Dims{0}));
}

const OpRecord norm_op{.name = "layer_norm",
                       .shape = norm_shape,
                       .kernel = every_device(launch_norm),
                       .gradient = norm_gradient,
                       .saves = Saves::of(0b011, 0b110),
                       .cost = norm_cost,
                       .attributes_bytes = sizeof(Norm)};

void check_parameter(const char* which, const Tensor& p, const Dims& normalized, const Tensor& x) {
  if (!p.defined()) return;
  if (!(p.sizes() == normalized))
    fail<RuntimeError>(
        "layer_norm: Expected %s to be of same shape as normalized_shape, but got %s of shape %s and "
        "normalized_shape = %s",
        which, which, to_string(p.sizes()).c_str(), to_string(normalized).c_str());
  if (p.dtype() != x.dtype())
    fail<RuntimeError>("layer_norm: expected %s of dtype %s like input, got %s", which, name(x.dtype()),
                       name(p.dtype()));
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Dims& normalized, const Tensor& weight, const Tensor& bias, double eps) {
  if (!is_floating(x.dtype()))
    fail<RuntimeError>("layer_norm: expected a floating point input, got %s", name(x.dtype()));
  if (normalized.empty())
    fail<RuntimeError>(
        "layer_norm: Expected normalized_shape to be at least 1-dimensional, i.e., containing at least "
        "one element, but got normalized_shape = []");
  const int lead = x.ndim() - normalized.n;
  bool fits = lead >= 0;
  for (int i = 0; fits && i < normalized.n; ++i) fits = x.size(lead + i) == normalized[i];
  if (!fits)
    fail<RuntimeError>(
        "layer_norm: Given normalized_shape=%s, expected input with shape [*, %s, but got input of size%s",
        to_string(normalized).c_str(), to_string(normalized).c_str() + 1, to_string(x.sizes()).c_str());
  check_parameter("weight", weight, normalized, x);
  check_parameter("bias", bias, normalized, x);
  const int64_t n = numel_of(normalized);
  int64_t count = 1;
  for (int i = 0; i < lead; ++i) count *= x.size(i);
  const bool matrix = x.ndim() == 2 && normalized.n == 1;
  const Tensor rows = dense_rows(matrix ? x : reshape(x, {count, n}));
  const auto flat = [&](const Tensor& p) { return !p.defined() ? p : contiguous(p.ndim() == 1 ? p : reshape(p, {n})); };
  const Tensor out = call(norm_op, {rows, flat(weight), flat(bias)}, Norm{eps});
  return matrix ? out : view(out, x.sizes());
}

Records norm_records() { return {&norm_backward_op, &norm_op}; }

}  // namespace hotloop::ops
