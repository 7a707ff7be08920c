// Batch norm against the reference: (samples, channels, inner) around the sizes of packs, chunks and tiles, by the batch
// and by given statistics, optional arguments.
#include "kernels.h"
#include "kernels/args/batch_norm.h"

HOTLOOP_TESTED_KERNEL(batch_norm, BatchNormArgs)
HOTLOOP_TESTED_KERNEL(batch_norm_backward, BatchNormBackwardArgs)

using namespace hotloop;
using namespace kernels;

namespace {

struct Shape {
  int64_t samples, channels, inner;
  const char* reason;
  int64_t numel() const { return samples * channels * inner; }
};
const Shape kShapes[] = {
    {5, 3, 1, "no packs"},         {40, 64, 1, "packs of channels"}, {130, 24, 1, "chunks of samples"},
    {3, 5, 7, "runs of odd size"}, {4, 6, 16, "packs of a channel"}, {2, 3, 300, "long runs"},
    {9, 1, 5, "one channel"},      {1, 4, 33, "one sample"},         {70, 2, 12, "chunks, runs"},
};

struct Case {
  DType dtype;
  Shape s;
  bool by_batch, affine, grad_x = true;
};

Elements values(DType dtype, int64_t n, uint64_t seed, double low, double high) {
  const Elements x(dtype, n);
  Numbers numbers(seed);
  for (int64_t i = 0; i < n; ++i) x.set(i, numbers.uniform(low, high));
  return x;
}

void check_near(const char* what, const Case& c, const Elements& got, const Elements& want, double scale) {
  const double lost = arithmetic(c.dtype) * (16 + std::sqrt(double(c.s.samples * c.s.inner))) * scale;
  check_near(text("%s (%lld, %lld, %lld) %s", what, (long long)c.s.samples, (long long)c.s.channels,
                  (long long)c.s.inner, c.s.reason),
             got, want, lost);
}

void check_batch_norm(const Case& c) {
  const Shape& s = c.s;
  const DType exact = c.dtype == DType::f64 ? DType::f64 : DType::f32;
  const Elements x = values(c.dtype, s.numel(), 1, -1, 3), grad = values(c.dtype, s.numel(), 2, -2, 2);
  const Elements weight = values(exact, s.channels, 3, -1, 2), bias = values(exact, s.channels, 4, -2, 2);
  struct Results {
    Elements out, grad_x, mean, variance, rstd, grad_weight, grad_bias;
    Results(const Case& c, DType exact)
        : out(c.dtype, c.s.numel()),
          grad_x(c.dtype, c.s.numel()),
          mean(values(exact, c.s.channels, 5, -1, 1)),
          variance(values(exact, c.s.channels, 6, 1, 2)),
          rstd(exact, c.s.channels),
          grad_weight(exact, c.s.channels),
          grad_bias(exact, c.s.channels) {}
  };
  const Results got(c, exact), want(c, exact);
  const auto forward = [&](const Results& r) {
    return BatchNormArgs{c.dtype,
                         c.by_batch,
                         s.samples,
                         s.channels,
                         s.inner,
                         1e-5,
                         x.data(),
                         c.affine ? weight.data() : nullptr,
                         c.affine ? bias.data() : nullptr,
                         r.out.data(),
                         r.mean.data(),
                         r.variance.data(),
                         r.rstd.data()};
  };
  const auto backward = [&](const Results& r) {
    return BatchNormBackwardArgs{c.dtype,
                                 c.by_batch,
                                 s.samples,
                                 s.channels,
                                 s.inner,
                                 x.data(),
                                 c.affine ? weight.data() : nullptr,
                                 want.mean.data(),
                                 want.rstd.data(),
                                 grad.data(),
                                 c.grad_x ? r.grad_x.data() : nullptr,
                                 c.affine ? r.grad_weight.data() : nullptr,
                                 c.affine ? r.grad_bias.data() : nullptr};
  };
  reference::batch_norm(forward(want));
  reference::batch_norm_backward(backward(want));
  sm80::batch_norm(forward(got), nullptr);
  sm80::batch_norm_backward(backward(got), nullptr);
  const double n = double(s.samples * s.inner);
  check_near("mean", c, got.mean, want.mean, 3);
  check_near("variance", c, got.variance, want.variance, 9);
  check_near("rstd", c, got.rstd, want.rstd, 4);
  check_near("out", c, got.out, want.out, 20);
  check_near("grad_x", c, got.grad_x, want.grad_x, 80);
  check_near("grad_weight", c, got.grad_weight, want.grad_weight, 10 * n);
  check_near("grad_bias", c, got.grad_bias, want.grad_bias, 3 * n);
}

}  // namespace

TEST(batch_norm, by_the_batch) {
  for (DType dtype : kFloatDTypes) {
    for (const Shape& s : kShapes) check_batch_norm({dtype, s, true, true});
    check_batch_norm({dtype, kShapes[3], true, false});
    check_batch_norm({dtype, kShapes[1], true, true, false});
  }
}

TEST(batch_norm, by_given_statistics) {
  for (DType dtype : kFloatDTypes) {
    for (const Shape& s : kShapes) check_batch_norm({dtype, s, false, true});
    check_batch_norm({dtype, kShapes[3], false, false});
  }
}

TEST(batch_norm, under_each_schedule) {
  emulated::under_each_schedule([] {
    for (int i : {2, 3, 8}) check_batch_norm({DType::f32, kShapes[i], true, true});
  });
}
