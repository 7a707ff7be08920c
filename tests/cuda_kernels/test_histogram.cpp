// Histograms against the reference: shared bins and many, borders, what lies outside.
#include "kernels.h"
#include "kernels/args/histogram.h"

HOTLOOP_TESTED_KERNEL(histogram, HistogramArgs)

using namespace hotloop;
using namespace kernels;

namespace {

void check_histogram(DType dtype, int64_t n, int64_t bins) {
  const Elements x(dtype, n), out(DType::i64, bins), want(DType::i64, bins);
  Numbers numbers(uint64_t(n + bins));
  for (int64_t i = 0; i < n; ++i) x.set(i, is_float(dtype) ? numbers.uniform(-5, 5) : double(numbers.below(bins)));
  if (is_float(dtype) && n > 3) x.set(0, -4), x.set(1, 4), x.set(2, NAN);
  HistogramArgs args{dtype, n, bins, -4, 4, x.data(), out.data<int64_t>()};
  sm80::histogram(args, nullptr);
  args.counts = want.data<int64_t>();
  reference::histogram(args);
  CHECK_EQUAL(out.differences(want), 0);
}

void check_all() {
  for (DType dtype : {DType::f32, DType::f64, DType::i64})
    for (int64_t n : {0, 1, 700})
      for (int64_t bins : {1, 10, 3000}) check_histogram(dtype, n, bins);
}

}  // namespace

TEST(histogram, counts) { check_all(); }
TEST(histogram, under_each_schedule) {
  emulated::under_each_schedule([] { check_histogram(DType::f32, 700, 10); });
}
