// Reductions against the reference: every op and dtype over layouts that take each kind of team, chunks, special
// values.
#include "kernels.h"
#include "kernels/args/reduce.h"

HOTLOOP_TESTED_KERNEL(reduce, ReduceArgs)

using namespace hotloop;
using namespace kernels;

namespace {

using Dims = std::vector<ReduceDim>;

struct Layout {
  Dims kept, reduced;
  int64_t first;  // element that the strides start from
  const char* reason;

  static int64_t count(const Dims& dims) {
    int64_t n = 1;
    for (const ReduceDim& d : dims) n *= d.size;
    return n;
  }
  int64_t outputs() const { return count(kept); }
  int64_t n() const { return count(reduced); }
  int64_t numel() const {  // of memory from element 0 to the last that is read
    int64_t last = first;
    for (const Dims* dims : {&kept, &reduced}) {
      for (const ReduceDim& d : *dims) last += d.in_stride > 0 ? (d.size - 1) * d.in_stride : 0;
    }
    return last + 1;
  }
};
const Layout kLayouts[] = {
    {{}, {}, 0, "one element"},
    {{}, {{10, 1, 0}}, 0, "a thread"},
    {{{40, 10, 1}}, {{10, 1, 0}}, 0, "a thread an output"},
    {{{5, 96, 1}}, {{96, 1, 0}}, 0, "a warp an output, packs"},
    {{{5, 96, 1}}, {{96, 1, 0}}, 1, "packs that are not aligned"},
    {{{5, 97, 1}}, {{97, 1, 0}}, 0, "a warp an output, no packs"},
    {{{3, 1200, 1}}, {{1200, 1, 0}}, 0, "several warps an output"},
    {{}, {{33000, 1, 0}}, 0, "two chunks"},
    {{{2, 66001, 1}}, {{66001, 1, 0}}, 0, "three chunks, no packs"},
    {{{48, 1, 1}}, {{20, 48, 0}}, 0, "columns"},
    {{{70, 1, 1}}, {{1200, 70, 0}}, 0, "columns, chunks"},
    {{{3, 1, 1}}, {{5000, 3, 0}}, 0, "few columns"},
    {{{4, 160, 6}, {6, 1, 1}}, {{20, 8, 0}}, 0, "columns of an outer dim"},
    {{{7, 64, 1}}, {{5, 448, 0}, {64, 1, 0}}, 0, "outer and inner dims reduced, packs"},
    {{{7, 49, 1}}, {{5, 343, 0}, {49, 1, 0}}, 0, "outer and inner dims reduced"},
    {{{5, 30, 6}, {6, 1, 1}}, {{4, 150, 0}, {5, 6, 0}}, 0, "outer and middle dims reduced"},
    {{{5, -40, 1}}, {{20, -2, 0}}, 199, "negative strides"},
    {{{6, 0, 1}}, {{35, 1, 0}}, 0, "one input for all outputs"},
    {{{4, 1, 3}}, {{9, 0, 0}, {5, 4, 0}}, 0, "an element many times, outputs apart"},
};

const ReduceOp kOps[] = {ReduceOp::sum,       ReduceOp::mean,   ReduceOp::prod,  ReduceOp::max, ReduceOp::min,
                         ReduceOp::argmax,    ReduceOp::argmin, ReduceOp::any,   ReduceOp::all, ReduceOp::var,
                         ReduceOp::logsumexp, ReduceOp::norm2,  ReduceOp::nansum};
const char* const kNames[] = {"sum",    "nansum", "mean", "prod", "max",       "min",  "argmax",
                              "argmin", "any",    "all",  "var",  "logsumexp", "norm2"};

bool takes(ReduceOp op, DType dtype) {
  const bool only_floats = op == ReduceOp::mean || op == ReduceOp::var || op == ReduceOp::logsumexp ||
                           op == ReduceOp::norm2 || op == ReduceOp::nansum;
  return is_float(dtype) || !only_floats;
}
bool is_index(ReduceOp op) { return op == ReduceOp::argmax || op == ReduceOp::argmin; }
bool is_extreme(ReduceOp op) { return op == ReduceOp::max || op == ReduceOp::min; }
bool is_exact(ReduceOp op, DType dtype) {
  return !is_float(dtype) || is_index(op) || is_extreme(op) || op == ReduceOp::any || op == ReduceOp::all;
}
DType natural(ReduceOp op, DType dtype) {
  if (op == ReduceOp::any || op == ReduceOp::all) return DType::bool_;
  if (is_index(op)) return DType::i64;
  if (op == ReduceOp::sum || op == ReduceOp::prod) return is_float(dtype) ? dtype : DType::i64;
  return dtype;
}

Elements values(DType dtype, const Layout& l, ReduceOp op) {
  const Elements x(dtype, l.numel());
  Numbers numbers(uint64_t(int(op) + 1));
  for (int64_t i = 0; i < x.size(); ++i) {
    double value = numbers.uniform(-3, 3);
    if (op == ReduceOp::prod) value = is_float(dtype) ? 1 + value / 40 / std::sqrt(double(l.n())) : value;
    if (op == ReduceOp::any) value = numbers.below(30) == 0;
    if (op == ReduceOp::all) value = numbers.below(30) != 0;
    if (op == ReduceOp::nansum && numbers.below(5) == 0) value = NAN;
    if (dtype == DType::bool_ || dtype == DType::u8) value = std::fabs(value);
    x.set(i, is_float(dtype) ? value : std::floor(value));
  }
  return x;
}

struct Results {
  Elements out, out2;
};

void check_reduce(ReduceOp op, DType dtype, DType out_dtype, const Layout& l, const Elements& x) {
  ReduceArgs args{};
  args.op = op;
  args.dtype = dtype;
  args.out_dtype = out_dtype;
  args.in = x.data<char>() + l.first * int64_t(itemsize(dtype));
  args.correction = 1;
  args.kept_dims = int(l.kept.size());
  args.reduced_dims = int(l.reduced.size());
  std::copy(l.kept.begin(), l.kept.end(), args.kept);
  std::copy(l.reduced.begin(), l.reduced.end(), args.reduced);
  int64_t outputs = 1;
  for (const ReduceDim& d : l.kept) outputs += (d.size - 1) * d.out_stride;
  const DType second = is_extreme(op) ? DType::i64 : out_dtype;
  const bool has_second = is_extreme(op) || op == ReduceOp::var;
  const Results got{{out_dtype, outputs}, {second, outputs}}, want{{out_dtype, outputs}, {second, outputs}};
  const auto run = [&](const Results& r, auto f) {
    args.out = r.out.data();
    args.out2 = has_second ? r.out2.data() : nullptr;
    f(args);
  };
  run(got, [](const ReduceArgs& a) { sm80::reduce(a, nullptr); });
  run(want, [](const ReduceArgs& a) { reference::reduce(a); });

  // Floats: terms of up to 3 (their squares of 9), summed in f32 or f64.
  const double n = double(l.n()), e = arithmetic(dtype);
  double terms = 10;
  if (op == ReduceOp::sum || op == ReduceOp::nansum) terms = 3 * n;
  if (op == ReduceOp::prod) terms = 3 * n;  // as factors add to its relative error
  if (op == ReduceOp::norm2) terms = 3 * std::sqrt(n);
  const double bound = e * (8 + std::sqrt(n)) * terms + (out_dtype == DType::f16 ? 0x1p-24 : 0);
  for (const auto& [a, b] : {std::pair(&got.out, &want.out), std::pair(&got.out2, &want.out2)}) {
    for (int64_t i = 0; i < outputs; ++i) {
      const double x = (*a)[i], y = (*b)[i];
      if (x == y || (std::isnan(x) && std::isnan(y))) continue;
      if (!is_exact(op, dtype) && std::fabs(x - y) <= bound + epsilon(out_dtype) * std::fabs(y)) continue;
      return check::report(__FILE__, __LINE__,
                           text("%s of %s to %s, %s: output %lld is %.9g, not %.9g, bound %.3g", kNames[int(op)],
                                name(dtype), name(out_dtype), l.reason, (long long)i, x, y, bound));
    }
  }
}

void check_all(DType dtype) {
  for (ReduceOp op : kOps) {
    if (!takes(op, dtype)) continue;
    for (const Layout& l : kLayouts) check_reduce(op, dtype, natural(op, dtype), l, values(dtype, l, op));
  }
}

}  // namespace

TEST(reduce, f32) { check_all(DType::f32); }
TEST(reduce, f64) { check_all(DType::f64); }
TEST(reduce, f16) { check_all(DType::f16); }
TEST(reduce, bf16) { check_all(DType::bf16); }
TEST(reduce, integers) {
  for (DType dtype : {DType::bool_, DType::u8, DType::i8, DType::i32, DType::i64}) check_all(dtype);
}

TEST(reduce, out_dtypes) {
  for (DType dtype : {DType::bool_, DType::i32, DType::f16, DType::f64}) {
    for (DType out : kEveryDType) {
      if (is_float(dtype) && !is_float(out)) continue;
      const Elements x = values(dtype, kLayouts[3], ReduceOp::any);
      check_reduce(ReduceOp::sum, dtype, out, kLayouts[3], x);
    }
  }
}

TEST(reduce, under_each_schedule) {
  emulated::under_each_schedule([] {
    for (ReduceOp op : {ReduceOp::sum, ReduceOp::argmax, ReduceOp::var}) {
      for (int l : {2, 3, 6, 10, 11, 14})
        check_reduce(op, DType::f32, natural(op, DType::f32), kLayouts[l], values(DType::f32, kLayouts[l], op));
    }
    check_reduce(ReduceOp::logsumexp, DType::bf16, DType::bf16, kLayouts[7],
                 values(DType::bf16, kLayouts[7], ReduceOp::logsumexp));
  });
}

TEST(reduce, special_values) {
  for (int l : {1, 3, 5, 6, 9, 11}) {
    const Layout& layout = kLayouts[l];
    for (ReduceOp op : kOps) {
      for (const double value : {double(INFINITY), -double(INFINITY), double(NAN)}) {
        const Elements x = values(DType::f32, layout, op);
        for (int64_t i : {x.size() / 3, x.size() / 2}) x.set(i, value);
        check_reduce(op, DType::f32, natural(op, DType::f32), layout, x);
        for (int64_t i = 0; i < x.size(); ++i) x.set(i, value);
        check_reduce(op, DType::f32, natural(op, DType::f32), layout, x);
      }
    }
  }
}

TEST(reduce, chunks_of_many_columns) {
  const Layout l{{{300, 1, 1}}, {{1100, 300, 0}}, 0, "more columns than a block combines"};
  check_reduce(ReduceOp::sum, DType::f32, DType::f32, l, values(DType::f32, l, ReduceOp::sum));
}

TEST(reduce, the_first_of_equals) {
  for (int l : {1, 3, 5, 6, 8, 9, 10, 11, 13, 14}) {
    const Layout& layout = kLayouts[l];
    const Elements x(DType::i32, layout.numel());
    for (ReduceOp op : {ReduceOp::argmax, ReduceOp::argmin, ReduceOp::max}) {
      for (int64_t i = 0; i < x.size(); ++i) x.set(i, double(i * 7 % 5));
      check_reduce(op, DType::i32, natural(op, DType::i32), layout, x);
      for (int64_t i = 0; i < x.size(); ++i) x.set(i, 1);
      check_reduce(op, DType::i32, natural(op, DType::i32), layout, x);
    }
  }
}

TEST(reduce, integers_wrap) {
  const Layout& l = kLayouts[3];
  const Elements x(DType::i64, l.numel());
  for (int64_t i = 0; i < x.size(); ++i) x.data<int64_t>()[i] = INT64_MAX - i;
  for (ReduceOp op : {ReduceOp::sum, ReduceOp::prod, ReduceOp::max, ReduceOp::argmin}) {
    check_reduce(op, DType::i64, DType::i64, l, x);
  }
}

TEST(reduce, nothing) {
  const Layout l{{{3, 0, 1}}, {{0, 1, 0}}, 0, "no elements"};
  for (ReduceOp op : kOps) {
    if (is_extreme(op) || is_index(op)) continue;
    check_reduce(op, DType::f32, natural(op, DType::f32), l, Elements(DType::f32, 1));
  }
}

TEST(reduce, an_output_has_its_bits_whatever_lies_around_it) {
  const Layout& l = kLayouts[6];
  const Elements x = values(DType::f32, l, ReduceOp::sum), all(DType::f32, 3), alone(DType::f32, 1);
  ReduceArgs args{ReduceOp::sum,  DType::f32,    DType::f32, x.data(), all.data(), nullptr, 0, 1, 1,
                  {{3, 1200, 1}}, {{1200, 1, 0}}};
  sm80::reduce(args, nullptr);
  args.in = x.data<float>() + 1200;
  args.out = alone.data();
  args.kept_dims = 0;
  sm80::reduce(args, nullptr);
  CHECK_EQUAL(alone[0], all[1]);
}
