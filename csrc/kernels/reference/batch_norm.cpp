// Naive batch norm, in double.
#include "kernels/args/batch_norm.h"

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

static DType exact_dtype(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

// f(i) for the elements i of a channel.
template <class Args, class F>
static void for_channel(const Args& args, int64_t channel, F f) {
  for (int64_t s = 0; s < args.samples; ++s)
    for (int64_t i = 0; i < args.inner; ++i) f((s * args.channels + channel) * args.inner + i);
}

void batch_norm(const BatchNormArgs& args) {
  const DType exact = exact_dtype(args.dtype);
  const double n = double(args.samples * args.inner);
  for (int64_t c = 0; c < args.channels; ++c) {
    const auto x = [&](int64_t i) { return get(args.x, args.dtype, i); };
    if (args.by_batch) {
      double mean = 0, variance = 0;
      for_channel(args, c, [&](int64_t i) { mean += x(i) / n; });
      for_channel(args, c, [&](int64_t i) { variance += (x(i) - mean) * (x(i) - mean) / n; });
      put(args.mean, exact, c, mean);
      put(args.variance, exact, c, variance);
    }
    const double mean = get(args.mean, exact, c), rstd = 1 / std::sqrt(get(args.variance, exact, c) + args.eps);
    const double weight = args.weight ? get(args.weight, exact, c) : 1, bias = args.bias ? get(args.bias, exact, c) : 0;
    put(args.rstd, exact, c, rstd);
    for_channel(args, c, [&](int64_t i) { put(args.out, args.dtype, i, (x(i) - mean) * rstd * weight + bias); });
  }
}

void batch_norm_backward(const BatchNormBackwardArgs& args) {
  const DType exact = exact_dtype(args.dtype);
  const double n = double(args.samples * args.inner);
  for (int64_t c = 0; c < args.channels; ++c) {
    const double mean = get(args.mean, exact, c), rstd = get(args.rstd, exact, c);
    const double weight = args.weight ? get(args.weight, exact, c) : 1;
    const auto normal = [&](int64_t i) { return (get(args.x, args.dtype, i) - mean) * rstd; };
    const auto grad = [&](int64_t i) { return get(args.grad_out, args.dtype, i); };
    double sum = 0, sum_normal = 0;
    for_channel(args, c, [&](int64_t i) { sum += grad(i), sum_normal += grad(i) * normal(i); });
    if (args.grad_weight) put(args.grad_weight, exact, c, sum_normal);
    if (args.grad_bias) put(args.grad_bias, exact, c, sum);
    if (!args.grad_x) continue;
    const double mean_g = args.by_batch ? sum / n : 0, mean_gx = args.by_batch ? sum_normal / n : 0;
    for_channel(args, c, [&](int64_t i) {
      put(args.grad_x, args.dtype, i, weight * rstd * (grad(i) - mean_g - normal(i) * mean_gx));
    });
  }
}

}  // namespace hotloop::reference
