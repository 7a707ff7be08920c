// Layer norm and RMS norm against the reference: lengths around the sizes of packs and teams, rows around those of
// chunks, optional arguments, parameters of groups and of runs.
#include "kernels.h"
#include "kernels/args/norm.h"

HOTLOOP_TESTED_KERNEL(norm, NormArgs)
HOTLOOP_TESTED_KERNEL(norm_backward, NormBackwardArgs)

using namespace hotloop;
using namespace kernels;

namespace {

struct Shape {
  int64_t rows, n;
  int64_t gap = 0;  // between rows
  const char* reason = "";
  int64_t groups = 1, inner = 1;
  int64_t stride() const { return n + gap; }
  int64_t numel() const { return rows * stride(); }
  int64_t parameters() const { return groups * n / inner; }
};
const Shape kShapes[] = {
    {3, 1, 0, "one element"},        {70, 10, 0, "a thread a row"},    {6, 64, 0, "a warp, packs"},
    {6, 64, 3, "rows not aligned"},  {5, 67, 0, "a warp, no packs"},   {3, 776, 0, "several warps"},
    {1, 9100, 0, "beyond the held"}, {2, 17003, 0, "beyond the held"}, {64, 24, 0, "one chunk"},
    {65, 24, 0, "two chunks"},       {300, 130, 6, "chunks, columns"}, {0, 8, 0, "no rows"},
};
const Shape kGroups[] = {
    {12, 35, 0, "groups", 4, 1},          {12, 40, 0, "groups, packs", 3, 8},
    {140, 24, 0, "groups, chunks", 2, 3}, {6, 600, 0, "parameters of long runs", 2, 200},
    {10, 9, 0, "instances", 5, 9},        {3, 1800, 0, "one group of channels", 1, 300},
};
const Shape kFewShapes[] = {kShapes[1], kShapes[4], kShapes[5], kShapes[10]};

struct Norm {
  NormKind kind;
  DType dtype;
  Shape s;
  bool weight, bias;
};

Elements values(DType dtype, int64_t n, uint64_t seed, double middle) {
  const Elements x(dtype, n);
  Numbers numbers(seed);
  for (int64_t i = 0; i < n; ++i) x.set(i, middle + numbers.uniform(-2, 2));
  return x;
}

// Results whose terms are up to `scale`, sums of `terms` of them, rounded to their dtype.
void check_near(const char* what, const Norm& c, const Elements& got, const Elements& want, double terms,
                double scale) {
  check_near(text("%s (%lld, %lld) %s", what, (long long)c.s.rows, (long long)c.s.n, c.s.reason), got, want,
             arithmetic(c.dtype) * (16 + std::sqrt(terms)) * scale);
}

void check_norm(const Norm& c) {
  const Shape& s = c.s;
  const bool layer = c.kind == NormKind::layer;
  const DType exact = c.dtype == DType::f64 ? DType::f64 : DType::f32;
  const Elements x = values(c.dtype, s.numel(), 1, 1), weight = values(c.dtype, s.parameters(), 2, 1);
  const Elements bias = values(c.dtype, s.parameters(), 3, 0), grad_out = values(c.dtype, s.numel(), 4, 0.25);
  struct Results {
    Elements out, mean, rstd, grad_x, grad_weight, grad_bias;
    Results(const Norm& c, DType exact)
        : out(c.dtype, c.s.numel()),
          mean(exact, c.s.rows),
          rstd(exact, c.s.rows),
          grad_x(c.dtype, c.s.numel()),
          grad_weight(c.dtype, c.s.parameters()),
          grad_bias(c.dtype, c.s.parameters()) {}
  };
  const Results got(c, exact), want(c, exact);
  const auto forward = [&](const Results& r) {
    return NormArgs{c.kind,
                    c.dtype,
                    s.rows,
                    s.n,
                    s.groups,
                    s.inner,
                    1e-5,
                    x.data(),
                    s.stride(),
                    c.weight ? weight.data() : nullptr,
                    c.bias ? bias.data() : nullptr,
                    r.out.data(),
                    s.stride(),
                    layer ? r.mean.data() : nullptr,
                    r.rstd.data()};
  };
  const auto backward = [&](const Results& r) {
    return NormBackwardArgs{c.kind,
                            c.dtype,
                            s.rows,
                            s.n,
                            s.groups,
                            s.inner,
                            x.data(),
                            s.stride(),
                            c.weight ? weight.data() : nullptr,
                            layer ? want.mean.data() : nullptr,
                            want.rstd.data(),
                            grad_out.data(),
                            s.stride(),
                            r.grad_x.data(),
                            s.stride(),
                            c.weight ? r.grad_weight.data() : nullptr,
                            c.bias ? r.grad_bias.data() : nullptr};
  };
  reference::norm(forward(want));
  reference::norm_backward(backward(want));
  sm80::norm(forward(got), nullptr);
  sm80::norm_backward(backward(got), nullptr);

  // One element has no variance: rstd is 1 / sqrt(eps), and x - mean is 0 times that.
  double rstd = 1;
  for (int64_t r = 0; r < s.rows; ++r) rstd = std::max(rstd, want.rstd[r]);
  const double n = double(s.n), rows = double(s.rows / s.groups * s.inner);
  check_near("mean", c, got.mean, want.mean, n, 3);
  check_near("rstd", c, got.rstd, want.rstd, n, rstd);
  check_near("out", c, got.out, want.out, n, 10 * rstd);
  check_near("grad_x", c, got.grad_x, want.grad_x, n, 40 * rstd * rstd);
  check_near("grad_weight", c, got.grad_weight, want.grad_weight, rows, 10 * rstd * rows);
  check_near("grad_bias", c, got.grad_bias, want.grad_bias, rows, 3 * rows);

  const Elements out = got.out;
  NormArgs in_place = forward(got);
  in_place.out = x.data();
  sm80::norm(in_place, nullptr);
  for (int64_t r = 0; r < s.rows; ++r) {
    for (int64_t i = 0; i < s.n; ++i) CHECK_EQUAL(x[r * s.stride() + i], out[r * s.stride() + i]);
  }
}

}  // namespace

TEST(norm, layer_norm) {
  for (DType dtype : kFloatDTypes) {
    for (const Shape& s : kShapes) check_norm({NormKind::layer, dtype, s, true, true});
    for (const Shape& s : kFewShapes) {
      check_norm({NormKind::layer, dtype, s, true, false});
      check_norm({NormKind::layer, dtype, s, false, false});
    }
  }
}

TEST(norm, group_norm) {
  for (DType dtype : kFloatDTypes) {
    for (const Shape& s : kGroups) check_norm({NormKind::layer, dtype, s, true, true});
    check_norm({NormKind::layer, dtype, kGroups[2], false, false});
    check_norm({NormKind::rms, dtype, kGroups[1], true, false});
  }
}

TEST(norm, rms_norm) {
  for (DType dtype : kFloatDTypes) {
    for (const Shape& s : kShapes) check_norm({NormKind::rms, dtype, s, true, false});
    for (const Shape& s : kFewShapes) check_norm({NormKind::rms, dtype, s, false, false});
  }
}

TEST(norm, under_each_schedule) {
  emulated::under_each_schedule([] {
    for (const Shape& s : kFewShapes) {
      check_norm({NormKind::layer, DType::f32, s, true, true});
      check_norm({NormKind::rms, DType::bf16, s, true, false});
    }
    check_norm({NormKind::layer, DType::f32, kGroups[2], true, true});
  });
}

TEST(norm, only_what_is_wanted) {
  const Elements x = values(DType::f32, 400, 1, 0), rstd(DType::f32, 10), grad_weight(DType::f32, 40);
  for (int64_t i = 0; i < 10; ++i) rstd.set(i, 1);
  NormBackwardArgs args{NormKind::rms, DType::f32,  10,       40, 1,       1, x.data(),           40,     nullptr,
                        nullptr,       rstd.data(), x.data(), 40, nullptr, 0, grad_weight.data(), nullptr};
  sm80::norm_backward(args, nullptr);
  const Elements want(DType::f32, 40);
  args.grad_weight = want.data();
  reference::norm_backward(args);
  for (int64_t i = 0; i < 40; ++i) CHECK(std::fabs(grad_weight[i] - want[i]) < 1e-4);
  sm80::norm(
      {NormKind::rms, DType::f32, 10, 40, 1, 1, 0, x.data(), 40, nullptr, nullptr, x.data(), 40, nullptr, nullptr},
      nullptr);
}
