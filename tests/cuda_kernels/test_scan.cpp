// Running results against the reference: lines of a thread, a warp and a block, tiles, chunks, special values.
#include "kernels.h"
#include "kernels/args/scan.h"

HOTLOOP_TESTED_KERNEL(scan, ScanArgs)

using namespace hotloop;
using namespace kernels;

namespace {

struct Shape {
  int64_t outer, n, inner;
  const char* reason;
  int64_t numel() const { return outer * n * inner; }
};
const Shape kShapes[] = {
    {3, 1, 1, "one element"},      {50, 10, 1, "a thread a line"}, {9, 40, 1, "a warp a line"},
    {3, 130, 1, "two warps"},      {2, 1500, 1, "tiles"},          {2, 7, 40, "threads side by side"},
    {1, 1050, 11, "their chunks"}, {0, 5, 1, "no lines"},          {4, 0, 3, "no elements"},
};
const Shape kTwoChunks = {2, 16387, 1, "two chunks"}, kChunks = {1, 50000, 1, "chunks"};
const Shape kFewShapes[] = {kShapes[1], kShapes[2], kShapes[4], kShapes[6]};
const ScanOp kOps[] = {ScanOp::sum, ScanOp::prod, ScanOp::max, ScanOp::min, ScanOp::logsumexp};
const char* const kNames[] = {"sum", "prod", "max", "min", "logsumexp"};

bool is_extreme(ScanOp op) { return op == ScanOp::max || op == ScanOp::min; }

Elements values(ScanOp op, DType dtype, const Shape& s) {
  const Elements x(dtype, s.numel());
  Numbers numbers(uint64_t(int(op) + 1));
  for (int64_t i = 0; i < x.size(); ++i) {
    double value = numbers.uniform(-3, 3);
    if (op == ScanOp::prod && is_float(dtype)) value = 1 + value / 100;
    if (dtype == DType::bool_ || dtype == DType::u8) value = std::fabs(value);
    x.set(i, is_float(dtype) ? value : std::floor(value));
  }
  return x;
}

void check_scan(ScanOp op, const Shape& s, const Elements& x) {
  const DType dtype = x.dtype(), out_dtype = is_float(dtype) || is_extreme(op) ? dtype : DType::i64;
  const Elements out(out_dtype, s.numel()), want(out_dtype, s.numel());
  const Elements indices(DType::i64, s.numel()), want_indices(DType::i64, s.numel());
  ScanArgs args{op,       dtype,      out_dtype,
                s.outer,  s.n,        s.inner,
                x.data(), out.data(), is_extreme(op) ? indices.data<int64_t>() : nullptr};
  sm80::scan(args, nullptr);
  args.out = want.data();
  if (is_extreme(op)) args.indices = want_indices.data<int64_t>();
  reference::scan(args);

  // In f64 both: they differ by the order of up to n terms of up to 3, and where that tips a rounding.
  const bool exact = !is_float(dtype) || is_extreme(op);
  const double n = double(s.n), scale = op == ScanOp::sum ? 3 * n : 3 + std::log(n + 1);
  for (int64_t i = 0; i < s.numel(); ++i) {
    const double a = out[i], b = want[i], relative = op == ScanOp::prod ? n : 0;
    const bool same = a == b || (std::isnan(a) && std::isnan(b));
    const double bound = 0x1p-52 * (n * scale + relative * std::fabs(b)) + epsilon(dtype) * std::fabs(b);
    if (indices[i] == want_indices[i] && (same || (!exact && std::fabs(a - b) <= bound))) continue;
    return check::report(__FILE__, __LINE__,
                         text("%s of %s (%lld, %lld, %lld), %s: at %lld got %.9g, want %.9g, indices %g, %g",
                              kNames[int(op)], name(dtype), (long long)s.outer, (long long)s.n, (long long)s.inner,
                              s.reason, (long long)i, a, b, indices[i], want_indices[i]));
  }
}

void check_all(DType dtype) {
  for (ScanOp op : kOps) {
    if (op == ScanOp::logsumexp && !is_float(dtype)) continue;
    for (const Shape& s : kShapes) check_scan(op, s, values(op, dtype, s));
  }
}

}  // namespace

TEST(scan, floats) {
  for (DType dtype : kFloatDTypes) check_all(dtype);
}
TEST(scan, integers) {
  for (DType dtype : {DType::bool_, DType::u8, DType::i8, DType::i32, DType::i64}) check_all(dtype);
}

TEST(scan, long_lines) {
  check_scan(ScanOp::sum, kTwoChunks, values(ScanOp::sum, DType::bf16, kTwoChunks));
  check_scan(ScanOp::prod, kTwoChunks, values(ScanOp::prod, DType::f64, kTwoChunks));
  check_scan(ScanOp::logsumexp, kTwoChunks, values(ScanOp::logsumexp, DType::f32, kTwoChunks));
  check_scan(ScanOp::max, kChunks, values(ScanOp::max, DType::i32, kChunks));
  const Elements x = values(ScanOp::min, DType::f32, kChunks);
  x.set(20000, NAN);
  check_scan(ScanOp::min, kChunks, x);
}

TEST(scan, under_each_schedule) {
  emulated::under_each_schedule([] {
    for (const Shape& s : kFewShapes) {
      check_scan(ScanOp::sum, s, values(ScanOp::sum, DType::f32, s));
      check_scan(ScanOp::max, s, values(ScanOp::max, DType::i32, s));
    }
    check_scan(ScanOp::sum, kTwoChunks, values(ScanOp::sum, DType::f32, kTwoChunks));
    check_scan(ScanOp::logsumexp, kShapes[4], values(ScanOp::logsumexp, DType::bf16, kShapes[4]));
  });
}

TEST(scan, special_values) {
  for (const Shape& s : kFewShapes) {
    for (ScanOp op : kOps) {
      for (const double value : {double(INFINITY), -double(INFINITY), double(NAN)}) {
        const Elements x = values(op, DType::f32, s);
        for (int64_t i : {s.numel() / 3, s.numel() / 2, s.numel() - 2}) x.set(i, value);
        check_scan(op, s, x);
        for (int64_t i = 0; i < x.size() / 2; ++i) x.set(i, value);
        check_scan(op, s, x);
      }
    }
  }
}

TEST(scan, the_later_of_equals) {
  for (const Shape& s : kFewShapes) {
    const Elements x(DType::i32, s.numel());
    for (int64_t i = 0; i < x.size(); ++i) x.set(i, double(i * 7 % 5));
    check_scan(ScanOp::max, s, x);
    check_scan(ScanOp::min, s, x);
  }
}

TEST(scan, integers_wrap) {
  const Elements x(DType::i64, 400);
  for (int64_t i = 0; i < 400; ++i) x.data<int64_t>()[i] = INT64_MAX - i;
  const Shape s{1, 400, 1, "wrap"};
  for (ScanOp op : {ScanOp::sum, ScanOp::prod}) {
    const Elements out(DType::i64, 400), want(DType::i64, 400);
    ScanArgs args{op, DType::i64, DType::i64, s.outer, s.n, s.inner, x.data(), out.data(), nullptr};
    sm80::scan(args, nullptr);
    args.out = want.data();
    reference::scan(args);
    CHECK(out.same_bits(want));
  }
}
