// Batch norm. Two records share shapes and kernels: by the batch's mean and variance, and by given ones. A gradient
// that must itself be differentiated is made of plain ops.
#include "ops/batch_norm.h"

#include "core/error.h"
#include "dispatch/batch_norm.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

// Inputs: x (samples, channels, ...), weight, bias (channels), and, where they are given, mean and variance.
// Outputs: out, rstd, and, where they are the batch's, mean and variance.
struct BatchNorm {
  double eps;
};
enum Code : uint16_t { kGiven, kBatch };

DType exact(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

int64_t inner_of(const Tensor& x) {
  int64_t inner = 1;
  for (int d = 2; d < x.ndim(); ++d) inner *= x.size(d);
  return inner;
}

void batch_norm_shape(Call& c) {
  const Tensor& x = c.in(0);
  c.output(0, x.sizes(), x.dtype());
  c.output(1, {x.size(1)}, exact(x.dtype()));
  if (c.op.code != kBatch) return;
  c.output(2, {x.size(1)}, exact(x.dtype()));
  c.output(3, {x.size(1)}, exact(x.dtype()));
}

void* data_of(const Call& c, int input) { return c.has(input) ? c.in(input).data() : nullptr; }

void launch_batch_norm(Call& c) {
  const Tensor& x = c.in(0);
  if (x.numel() == 0) return;
  const bool by_batch = c.op.code == kBatch;
  dispatch::batch_norm(c.device,
                       {x.dtype(), by_batch, x.size(0), x.size(1), inner_of(x), c.attrs<BatchNorm>().eps, x.data(),
                        data_of(c, 1), data_of(c, 2), c.outputs[0].data(), (by_batch ? c.outputs[2] : c.in(3)).data(),
                        (by_batch ? c.outputs[3] : c.in(4)).data(), c.outputs[1].data()});
}

Cost batch_norm_cost(const Call& c) {
  const double n = double(c.in(0).numel());
  return {c.op.code == kBatch ? 7 * n : 3 * n, 2 * n * double(itemsize(c.in(0).dtype()))};
}

// Inputs: grad, x, weight, mean, rstd. Outputs: grad_x, and, with a weight or bias, grad_weight and grad_bias.
struct BatchNormSlope {
  bool by_batch, affine;
};

const OpRecord batch_norm_backward_op{
    .name = "batch_norm_backward",
    .shape =
        [](Call& c) {
          const Tensor& x = c.in(1);
          c.output(0, x.sizes(), x.dtype());
          if (!c.attrs<BatchNormSlope>().affine) return;
          c.output(1, {x.size(1)}, exact(x.dtype()));
          c.output(2, {x.size(1)}, exact(x.dtype()));
        },
    .kernel = every_device([](Call& c) {
      const Tensor &grad = c.in(0), &x = c.in(1);
      const auto& [by_batch, affine] = c.attrs<BatchNormSlope>();
      if (x.numel() == 0) {
        for (int i = 1; affine && i < 3; ++i) set_zero(c.outputs[i]);
        return;
      }
      dispatch::batch_norm_backward(
          c.device, {x.dtype(), by_batch, x.size(0), x.size(1), inner_of(x), x.data(), data_of(c, 2), c.in(3).data(),
                     c.in(4).data(), grad.data(), c.outputs[0].data(), affine ? c.outputs[1].data() : nullptr,
                     affine ? c.outputs[2].data() : nullptr});
    }),
    .cost =
        [](const Call& c) {
          const double n = double(c.in(1).numel());
          return Cost{9 * n, 3 * n * double(itemsize(c.in(1).dtype()))};
        },
    .attributes_bytes = sizeof(BatchNormSlope)};

// The gradients made of plain ops.
void batch_norm_gradient_of_ops(Gradient& g, bool by_batch) {
  const DType dtype = exact(g.in_dtype(0));
  const Tensor x = to_dtype(g.in(0), dtype), grad = to_dtype(g.grad(0), dtype);
  Dims dims, channel;  // all but the channel's; (channels, 1, ...)
  for (int d = 0; d < x.ndim(); ++d) {
    if (d != 1) dims.push(d);
    if (d > 0) channel.push(d == 1 ? x.size(1) : 1);
  }
  const auto along = [&](const Tensor& t) { return reshape(t, channel); };
  const Tensor centred = x - (by_batch ? mean(x, dims, true) : along(g.in(3)));
  const Tensor rstd = by_batch ? rsqrt(mean(square(centred), dims, true) + g.attrs<BatchNorm>().eps) : along(g.out(1));
  const Tensor x_hat = centred * rstd, grad_hat = g.has(1) ? grad * along(g.in(1)) : grad;
  if (by_batch)
    g.set(0, rstd * (grad_hat - mean(grad_hat, dims, true) - x_hat * mean(grad_hat * x_hat, dims, true)));
  else
    g.set(0, grad_hat * rstd);
  if (g.has(1)) g.set(1, sum(grad * x_hat, dims));
  if (g.has(2)) g.set(2, sum(grad, dims));
}

template <bool kByBatch>
void batch_norm_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  if (g.records()) return batch_norm_gradient_of_ops(g, kByBatch);
  const Tensor grad = contiguous(g.grad(0)), weight = g.has(1) ? g.in(1) : Tensor();
  const Tensor inputs[] = {grad, g.in(0), weight, kByBatch ? g.out(2) : g.in(3), g.out(1)};
  const BatchNormSlope slope{kByBatch, g.has(1) || g.has(2)};
  Call backward{batch_norm_backward_op, inputs, 5, &slope};
  run(backward);
  g.set(0, backward.outputs[0]);
  if (g.has(1)) g.set(1, backward.outputs[1]);
  if (g.has(2)) g.set(2, backward.outputs[2]);
}

const OpRecord batch_norm_op{.name = "batch_norm",
                             .shape = batch_norm_shape,
                             .kernel = every_device(launch_batch_norm),
                             .gradient = batch_norm_gradient<true>,
                             .saves = Saves::of(0b011, 0b110),
                             .cost = batch_norm_cost,
                             .attributes_bytes = sizeof(BatchNorm),
                             .code = kBatch};
const OpRecord batch_norm_given_op{.name = "batch_norm_given",
                                   .shape = batch_norm_shape,
                                   .kernel = every_device(launch_batch_norm),
                                   .gradient = batch_norm_gradient<false>,
                                   .saves = Saves::of(0b1011, 0b010),
                                   .cost = batch_norm_cost,
                                   .attributes_bytes = sizeof(BatchNorm),
                                   .code = kGiven};

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                  const Tensor& bias, bool training, double momentum, double eps) {
  if (!is_floating(x.dtype())) fail<DTypeError>("batch_norm: expected a floating point input, got %s", name(x.dtype()));
  if (x.ndim() < 2)
    fail<RuntimeError>("batch_norm: Expected at least 2 dimensions, got shape %s", to_string(x.sizes()).c_str());
  const int64_t channels = x.size(1);
  const DType dtype = exact(x.dtype());
  const auto per_channel = [&](const char* which, const Tensor& t) {
    if (!t.defined()) return t;
    if (t.numel() != channels)
      fail<RuntimeError>("batch_norm: %s should contain %lld elements not %lld", which, (long long)channels,
                         (long long)t.numel());
    const Tensor same = to_dtype(t, dtype);
    return contiguous(same.ndim() == 1 ? same : reshape(same, {channels}));
  };
  const Tensor w = per_channel("weight", weight), b = per_channel("bias", bias);
  const Tensor given_mean = per_channel("running_mean", running_mean);
  const Tensor given_var = per_channel("running_var", running_var);
  const Tensor dense = contiguous(x);
  if (!training) {
    if (!running_mean.defined() || !running_var.defined())
      fail<RuntimeError>("batch_norm: %s must be defined in evaluation mode",
                         running_mean.defined() ? "running_var" : "running_mean");
    return call(batch_norm_given_op, {dense, w, b, given_mean, given_var}, BatchNorm{eps});
  }
  const int64_t count = channels ? x.numel() / channels : 0;
  if (count == 1)
    fail<ValueError>("batch_norm: Expected more than 1 value per channel when training, got input size %s",
                     to_string(x.sizes()).c_str());
  const Tensor inputs[] = {dense, w, b};
  const BatchNorm attributes{eps};
  Call c{batch_norm_op, inputs, 3, &attributes};
  run(c);
  const auto move = [&](const Tensor& running, const Tensor& value, double correction) {
    if (!running.defined() || count == 0) return;
    mul_(running, number(1 - momentum));
    add_scaled_(running, value, momentum * correction);
  };
  move(running_mean, c.outputs[2], 1);
  move(running_var, c.outputs[3], double(count) / double(count - 1));
  return c.outputs[0];
}

Records batch_norm_records() { return {&batch_norm_backward_op, &batch_norm_op, &batch_norm_given_op}; }

}  // namespace hotloop::ops
