// Naive layer norm and RMS norm, in double.
#include "kernels/args/norm.h"

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

static DType saved_dtype(DType dtype) { return dtype == DType::f64 ? DType::f64 : DType::f32; }

// The parameter of element i of row r.
template <class Args>
static int64_t parameter(const Args& args, int64_t r, int64_t i) {
  return (r % args.groups * args.n + i) / args.inner;
}

void norm(const NormArgs& args) {
  for (int64_t r = 0; r < args.rows; ++r) {
    const auto x = [&](int64_t i) { return get(args.x, args.dtype, r * args.x_row_stride + i); };
    double mean = 0, variance = 0;
    if (args.kind == NormKind::layer) {
      for (int64_t i = 0; i < args.n; ++i) mean += x(i);
      mean /= double(args.n);
    }
    for (int64_t i = 0; i < args.n; ++i) variance += (x(i) - mean) * (x(i) - mean);
    const double rstd = 1 / std::sqrt(variance / double(args.n) + args.eps);
    for (int64_t i = 0; i < args.n; ++i) {
      double y = (x(i) - mean) * rstd;
      if (args.weight) y *= get(args.weight, args.dtype, parameter(args, r, i));
      if (args.bias) y += get(args.bias, args.dtype, parameter(args, r, i));
      put(args.out, args.dtype, r * args.out_row_stride + i, y);
    }
    if (args.mean) put(args.mean, saved_dtype(args.dtype), r, mean);
    if (args.rstd) put(args.rstd, saved_dtype(args.dtype), r, rstd);
  }
}

void norm_backward(const NormBackwardArgs& args) {
  const DType saved = saved_dtype(args.dtype);
  const bool layer = args.kind == NormKind::layer;
  const auto rstd = [&](int64_t r) { return get(args.rstd, saved, r); };
  const auto normal = [&](int64_t r, int64_t i) {
    return (get(args.x, args.dtype, r * args.x_row_stride + i) - (layer ? get(args.mean, saved, r) : 0)) * rstd(r);
  };
  const auto grad_out = [&](int64_t r, int64_t i) {
    return get(args.grad_out, args.dtype, r * args.grad_out_row_stride + i);
  };
  const auto g = [&](int64_t r, int64_t i) {
    return grad_out(r, i) * (args.weight ? get(args.weight, args.dtype, parameter(args, r, i)) : 1);
  };
  for (int64_t p = 0; p < args.groups * args.n / args.inner; ++p) {
    double weight = 0, bias = 0;
    const int64_t group = p * args.inner / args.n, first = p * args.inner % args.n;
    for (int64_t r = group; r < args.rows; r += args.groups)
      for (int64_t i = first; i < first + args.inner; ++i) {
        weight += grad_out(r, i) * normal(r, i);
        bias += grad_out(r, i);
      }
    if (args.grad_weight) put(args.grad_weight, args.dtype, p, weight);
    if (args.grad_bias) put(args.grad_bias, args.dtype, p, bias);
  }
  for (int64_t r = 0; r < args.rows && args.grad_x; ++r) {
    double mean_g = 0, mean_gx = 0;
    for (int64_t i = 0; i < args.n; ++i) {
      mean_g += layer ? g(r, i) / double(args.n) : 0;
      mean_gx += g(r, i) * normal(r, i) / double(args.n);
    }
    for (int64_t i = 0; i < args.n; ++i)
      put(args.grad_x, args.dtype, r * args.grad_x_row_stride + i,
          rstd(r) * (g(r, i) - mean_g - normal(r, i) * mean_gx));
  }
}

}  // namespace hotloop::reference
