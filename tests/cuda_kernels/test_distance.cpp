// Distances between rows and their gradients against the reference: tails of tiles, stretches of k, batches.
#include "kernels.h"
#include "kernels/args/distance.h"

HOTLOOP_TESTED_KERNEL(cdist, DistanceArgs)
HOTLOOP_TESTED_KERNEL(cdist_backward, DistanceBackwardArgs)

using namespace hotloop;
using namespace kernels;

namespace {

struct Shape {
  int64_t batch, n, m, k;
};
const Shape kShapes[] = {{1, 1, 1, 1}, {2, 17, 16, 33}, {3, 5, 40, 3}, {1, 9, 35, 70}, {1, 3, 4, 0}};
const double kPowers[] = {0, 0.5, 1, 2, 3, INFINITY};

Elements points(DType dtype, int64_t n, uint64_t seed) {
  const Elements x(dtype, n);
  Numbers numbers(seed);
  for (int64_t i = 0; i < n; ++i) x.set(i, std::floor(numbers.uniform(-4, 4)) / 2);  // so that some are equal
  return x;
}

void check_near(const char* what, const Shape& s, double p, const Elements& got, const Elements& want, double scale) {
  check_near(text("%s (%lld, %lld, %lld, %lld), p = %g", what, (long long)s.batch, (long long)s.n, (long long)s.m,
                  (long long)s.k, p),
             got, want, scale * epsilon(got.dtype()) * double(16 + s.k + s.n + s.m));
}

void check_distance(DType dtype, const Shape& s, double p) {
  const int64_t pairs = s.batch * s.n * s.m;
  const Elements x1 = points(dtype, s.batch * s.n * s.k, 1), x2 = points(dtype, s.batch * s.m * s.k, 2);
  const Elements out(dtype, pairs), want(dtype, pairs), grad = points(dtype, pairs, 3);
  DistanceArgs args{dtype, p, false, s.batch, s.n, s.m, s.k, x1.data(), x2.data(), out.data()};
  sm80::cdist(args, nullptr);
  args.out = want.data();
  reference::cdist(args);
  check_near("distances", s, p, out, want, p == 0.5 ? double(s.k * s.k) : 8);
  if (p == 0 || s.k == 0) return;
  for (const bool second : {false, true}) {
    const Elements &x = second ? x2 : x1, &other = second ? x1 : x2;
    const int64_t n = second ? s.m : s.n, m = second ? s.n : s.m;
    const Elements slope(dtype, x.size()), want_slope(dtype, x.size());
    DistanceBackwardArgs back{dtype,       p,           s.batch,        n,
                              m,           s.k,         x.data(),       other.data(),
                              want.data(), grad.data(), second ? 1 : m, second ? n : 1,
                              slope.data()};
    sm80::cdist_backward(back, nullptr);
    back.grad_x = want_slope.data();
    reference::cdist_backward(back);
    check_near("slopes", s, p, slope, want_slope, p == 0.5 ? double(s.k) * 16 : 8);
  }
}

void check_pairs(DType dtype, int64_t n, int64_t k, double p) {
  const Shape s{1, n, n, k};
  const Elements x = points(dtype, n * k, 1);
  const Elements out(dtype, n * (n - 1) / 2), want(dtype, out.size()), grad = points(dtype, out.size(), 3);
  DistanceArgs args{dtype, p, false, 1, n, n, k, x.data(), x.data(), out.data(), true};
  sm80::cdist(args, nullptr);
  args.out = want.data();
  reference::cdist(args);
  check_near("distances of pairs", s, p, out, want, p == 0.5 ? double(k * k) : 8);
  if (p == 0) return;
  const Elements slope(dtype, x.size()), want_slope(dtype, x.size());
  DistanceBackwardArgs back{dtype,        p,   1, n, n, k, x.data(), x.data(), want.data(), grad.data(), 0, 0,
                            slope.data(), true};
  sm80::cdist_backward(back, nullptr);
  back.grad_x = want_slope.data();
  reference::cdist_backward(back);
  check_near("slopes of pairs", s, p, slope, want_slope, p == 0.5 ? double(k) * 16 : 8);
}

}  // namespace

TEST(distance, of_pairs) {
  for (DType dtype : {DType::f32, DType::f64})
    for (double p : kPowers) {
      check_pairs(dtype, 2, 1, p);
      check_pairs(dtype, 35, 40, p);
    }
}

TEST(distance, all_norms) {
  for (DType dtype : {DType::f32, DType::f64})
    for (const Shape& s : kShapes)
      for (double p : kPowers) check_distance(dtype, s, p);
}

TEST(distance, under_each_schedule) {
  emulated::under_each_schedule([] { check_distance(DType::f32, kShapes[1], 1); });
}
