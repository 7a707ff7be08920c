// Softmax and cross entropy against the reference: layouts, lengths around the sizes of packs and teams, special
// values, faults.
#include "kernels.h"
#include "kernels/args/softmax.h"

HOTLOOP_TESTED_KERNEL(softmax, SoftmaxArgs)
HOTLOOP_TESTED_KERNEL(softmax_backward, SoftmaxBackwardArgs)
HOTLOOP_TESTED_KERNEL(cross_entropy, CrossEntropyArgs)
HOTLOOP_TESTED_KERNEL(cross_entropy_backward, CrossEntropyArgs)
HOTLOOP_TESTED_KERNEL(nll_loss, CrossEntropyArgs)
HOTLOOP_TESTED_KERNEL(nll_loss_backward, CrossEntropyArgs)

using namespace hotloop;
using namespace kernels;

namespace {

struct Shape {
  int64_t outer, n, inner;
  bool transposed = false;  // strides as of (n, outer, inner) in memory
  int64_t skew = 0;         // elements past an aligned address
  const char* reason = "";

  int64_t numel() const { return outer * n * inner; }
  RowStrides strides() const {
    return transposed ? RowStrides{inner, outer * inner, 1} : RowStrides{n * inner, inner, 1};
  }
  int64_t at(int64_t i) const {  // of the i-th element in the order of the dims
    const RowStrides s = strides();
    return i / (n * inner) * s.outer + i / inner % n * s.n + i % inner * s.inner;
  }
};
const Shape kShapes[] = {
    {3, 1, 1, false, 0, "one element"},
    {70, 10, 1, false, 0, "a thread a row"},
    {5, 16, 3, false, 0, "a thread a row, inner"},
    {6, 40, 1, false, 0, "a warp, packs"},
    {6, 40, 1, false, 1, "a warp, packs that are not aligned"},
    {5, 37, 1, false, 0, "a warp, no packs"},
    {2, 600, 1, false, 0, "two warps"},
    {2, 1003, 1, false, 0, "several warps, no packs"},
    {1, 9000, 1, false, 0, "beyond what is held in f32 and f64"},
    {1, 17001, 1, false, 0, "beyond what is held in 16 bits"},
    {2, 24, 35, false, 0, "columns"},
    {1, 300, 9, false, 0, "columns, several threads each"},
    {1, 1500, 5, false, 0, "long columns"},
    {4, 50, 1, true, 0, "rows of any stride"},
    {3, 50, 6, true, 0, "transposed"},
};
const Shape kFewShapes[] = {kShapes[1], kShapes[3], kShapes[7], kShapes[11]};

Elements values(DType dtype, const Shape& s, uint64_t seed, double scale = 4) {
  const Elements x(dtype, s.numel(), s.skew);
  Numbers numbers(seed);
  for (int64_t i = 0; i < x.size(); ++i) x.set(i, numbers.uniform(-scale, scale));
  return x;
}

// The terms of an element's result are up to `scale`; the result is rounded to its dtype.
void check_near(const char* what, const Shape& s, const Elements& got, const Elements& want, double scale) {
  check_near(text("%s (%lld, %lld, %lld) %s", what, (long long)s.outer, (long long)s.n, (long long)s.inner, s.reason),
             got, want, arithmetic(got.dtype()) * (16 + std::sqrt(double(s.n))) * scale);
}

void check_softmax(DType dtype, const Shape& s, bool log, const Elements& x) {
  const Elements out(dtype, s.numel(), s.skew), want(dtype, s.numel());
  SoftmaxArgs args{dtype, log, s.outer, s.n, s.inner, x.data(), s.strides(), out.data(), s.strides()};
  sm80::softmax(args, nullptr);
  args.out = want.data();
  reference::softmax(args);
  check_near(log ? "log_softmax" : "softmax", s, out, want, log ? 16 : 0.5);
  args.out = const_cast<void*>(args.x);  // in place
  sm80::softmax(args, nullptr);
  CHECK_EQUAL(x.differences(out), 0);
}

void check_softmax_backward(DType dtype, const Shape& s, bool log) {
  const Elements x = values(dtype, s, 1), grad_out = values(dtype, s, 2);
  const Elements out(dtype, s.numel(), s.skew), grad_x(dtype, s.numel(), s.skew), want(dtype, s.numel());
  reference::softmax({dtype, log, s.outer, s.n, s.inner, x.data(), s.strides(), out.data(), s.strides()});
  SoftmaxBackwardArgs args{dtype,           log,         s.outer,       s.n,        s.inner, out.data(), s.strides(),
                           grad_out.data(), s.strides(), grad_x.data(), s.strides()};
  sm80::softmax_backward(args, nullptr);
  args.grad_x = want.data();
  reference::softmax_backward(args);
  check_near("softmax_backward", s, grad_x, want, log ? 4 * std::sqrt(double(s.n)) : 8);
}

enum class Target { classes, probabilities };

struct Loss {
  DType dtype;
  Shape s;
  Target target;
  LossReduction reduction;
  double smoothing;
  bool weighted;
};

void check_cross_entropy(const Loss& l) {
  const Shape& s = l.s;
  const DType exact = l.dtype == DType::f64 ? DType::f64 : DType::f32;
  const int64_t rows = s.outer * s.inner, losses = l.reduction == LossReduction::none ? rows : 1;
  const Elements logits = values(l.dtype, s, 3), probabilities(l.dtype, s.numel(), s.skew), weight(l.dtype, s.n);
  const Array<int64_t> target(size_t(rows), [&](size_t i) { return i % 5 == 3 ? -100 : int64_t(i * 7 % size_t(s.n)); });
  for (int64_t i = 0; i < s.numel(); ++i) probabilities.set(i, double(i * 13 % 17) / 8 / double(s.n));
  for (int64_t c = 0; c < s.n; ++c) weight.set(c, double(c % 7) / 4);
  Elements logsumexp(exact, rows), divisor(exact, 1), loss(l.dtype, losses), grad(l.dtype, s.numel(), s.skew);
  Elements want_logsumexp(exact, rows), want_divisor(exact, 1), want_loss(l.dtype, losses), want(l.dtype, s.numel());
  Elements grad_out(l.dtype, losses);
  for (int64_t i = 0; i < losses; ++i) grad_out.set(i, 0.5 + double(i % 3));
  int64_t bad_row = 0;

  CrossEntropyArgs args{};
  args.dtype = l.dtype;
  args.reduction = l.reduction;
  args.outer = s.outer;
  args.classes = s.n;
  args.inner = s.inner;
  args.logits = logits.data();
  args.logits_strides = args.probabilities_strides = args.grad_logits_strides = s.strides();
  if (l.target == Target::classes) {
    args.target = target.data();
    args.target_outer_stride = s.inner;
    args.target_inner_stride = 1;
  } else {
    args.probabilities = probabilities.data();
  }
  args.weight = l.weighted ? weight.data() : nullptr;
  args.ignore_index = -100;
  args.label_smoothing = l.smoothing;
  args.bad_row = &bad_row;
  args.gpu_fault = gpu::fault_slot(0);
  args.grad_out = grad_out.data();
  args.grad_out_outer_stride = s.inner;
  args.grad_out_inner_stride = 1;
  args.logsumexp = logsumexp.data();
  args.divisor = divisor.data();
  args.loss = loss.data();
  args.grad_logits = grad.data();
  sm80::cross_entropy(args, nullptr);
  CHECK_EQUAL(bad_row, -1);
  sm80::cross_entropy_backward(args, nullptr);
  args.logsumexp = want_logsumexp.data();
  args.divisor = want_divisor.data();
  args.loss = want_loss.data();
  args.grad_logits = want.data();
  reference::cross_entropy(args);
  reference::cross_entropy_backward(args);

  const double size = 10 * (l.target == Target::classes ? 2 : 3);  // of a row's loss
  check_near("logsumexp", s, logsumexp, want_logsumexp, 10);
  check_near("divisor", s, divisor, want_divisor, double(rows));
  check_near("loss", s, loss, want_loss, l.reduction == LossReduction::sum ? size * double(rows) : size);
  check_near("grad_logits", s, grad, want, 16);
  if (l.target == Target::probabilities || l.smoothing > 0) return;

  const auto zero = [&](const Elements& x) { std::memset(x.data(), 0, size_t(x.size()) * itemsize(l.dtype)); };
  zero(want), zero(grad);
  reference::nll_loss(args);
  reference::nll_loss_backward(args);
  args.divisor = divisor.data();
  args.loss = loss.data();
  args.grad_logits = grad.data();
  sm80::nll_loss(args, nullptr);
  sm80::nll_loss_backward(args, nullptr);
  check_near("nll divisor", s, divisor, want_divisor, double(rows));
  check_near("nll_loss", s, loss, want_loss, l.reduction == LossReduction::sum ? size * double(rows) : size);
  check_near("nll grad_logits", s, grad, want, 16);
}

}  // namespace

TEST(softmax, forward) {
  for (DType dtype : kFloatDTypes) {
    for (const Shape& s : kShapes) {
      for (bool log : {false, true}) check_softmax(dtype, s, log, values(dtype, s, 1));
    }
  }
}

TEST(softmax, backward) {
  for (DType dtype : kFloatDTypes) {
    for (const Shape& s : kShapes) {
      for (bool log : {false, true}) check_softmax_backward(dtype, s, log);
    }
  }
}

TEST(softmax, under_each_schedule) {
  emulated::under_each_schedule([] {
    for (const Shape& s : kFewShapes) {
      check_softmax(DType::f32, s, false, values(DType::f32, s, 1));
      check_softmax_backward(DType::bf16, s, true);
      check_cross_entropy({DType::f32, s, Target::classes, LossReduction::mean, 0.1, true});
    }
  });
}

TEST(softmax, special_values) {
  for (DType dtype : kFloatDTypes) {
    for (const Shape& s : {kShapes[1], kShapes[3], kShapes[8], kShapes[9], kShapes[11]}) {
      for (bool log : {false, true}) {
        for (const double value : {double(INFINITY), -double(INFINITY), double(NAN), 60000.0}) {
          const Elements x = values(dtype, s, 1);
          x.set(s.numel() / 2, value);
          check_softmax(dtype, s, log, x);
        }
        const Elements nothing(dtype, s.numel());
        for (int64_t i = 0; i < s.numel(); ++i) nothing.set(i, -double(INFINITY));
        check_softmax(dtype, s, log, nothing);
      }
    }
  }
}

TEST(softmax, far_below_zero) {
  for (const Shape& s : {kShapes[1], kShapes[5], kShapes[11]}) {
    const Elements x = values(DType::f32, s, 1);
    for (int64_t i = 0; i < s.numel(); ++i) x.set(i, x[i] - 1000);
    check_softmax(DType::f32, s, false, x);
  }
}

TEST(softmax, a_row_has_its_bits_whatever_lies_around_it) {
  const Shape one{1, 1003, 1}, many{9, 1003, 1};
  const Elements x = values(DType::f32, many, 5), all(DType::f32, many.numel()), alone(DType::f32, one.numel(), 3);
  sm80::softmax({DType::f32, false, 9, 1003, 1, x.data(), many.strides(), all.data(), many.strides()}, nullptr);
  sm80::softmax({DType::f32, false, 1, 1003, 1, x.data<float>() + 4 * 1003, one.strides(), alone.data(), one.strides()},
                nullptr);
  CHECK_EQUAL(std::memcmp(alone.data(), all.data<float>() + 4 * 1003, 1003 * sizeof(float)), 0);
}

TEST(softmax, cross_entropy) {
  for (DType dtype : kFloatDTypes) {
    for (const Shape& s : kShapes) {
      check_cross_entropy({dtype, s, Target::classes, LossReduction::mean, 0, false});
      check_cross_entropy({dtype, s, Target::classes, LossReduction::none, 0.1, true});
      check_cross_entropy({dtype, s, Target::probabilities, LossReduction::sum, 0, true});
    }
    for (const Shape& s : kFewShapes) {
      for (Target target : {Target::classes, Target::probabilities}) {
        for (LossReduction reduction : {LossReduction::none, LossReduction::mean, LossReduction::sum}) {
          for (double smoothing : {0.0, 0.2}) {
            for (bool weighted : {false, true}) {
              check_cross_entropy({dtype, s, target, reduction, smoothing, weighted});
            }
          }
        }
      }
    }
  }
}

TEST(softmax, cross_entropy_of_many_rows) {
  check_cross_entropy({DType::f32, {9001, 3, 1}, Target::classes, LossReduction::mean, 0, true});
}

TEST(softmax, no_rows) {
  check_cross_entropy({DType::f32, {0, 3, 1}, Target::classes, LossReduction::none, 0, false});
  check_cross_entropy({DType::f32, {0, 3, 1}, Target::classes, LossReduction::mean, 0, false});
}

TEST(softmax, a_class_out_of_range_is_a_fault) {
  for (int64_t wrong : {int64_t(-1), int64_t(40), INT64_MAX}) {
    const Shape s{6, 40, 1};
    const Elements logits = values(DType::f32, s, 1), lse(DType::f32, 6), divisor(DType::f32, 1), loss(DType::f32, 6);
    const Array<int64_t> target(6, [&](size_t i) { return i == 4 ? wrong : int64_t(i); });
    int64_t bad_row = 0;
    CrossEntropyArgs args{};
    args.dtype = DType::f32;
    args.reduction = LossReduction::none;
    args.outer = 6;
    args.classes = 40;
    args.inner = 1;
    args.logits = logits.data();
    args.logits_strides = s.strides();
    args.target = target.data();
    args.target_outer_stride = 1;
    args.ignore_index = -100;
    args.bad_row = &bad_row;
    args.gpu_fault = gpu::fault_slot(0);
    args.logsumexp = lse.data();
    args.divisor = divisor.data();
    args.loss = loss.data();
    sm80::cross_entropy(args, nullptr);
    CHECK_EQUAL(loss[4], 0);
    std::string text = check::message_of<IndexError>([] { gpu::synchronize(0); });
    CHECK(text.find("cross_entropy: Target " + std::to_string(wrong)) != std::string::npos);
    sm80::nll_loss(args, nullptr);
    CHECK_EQUAL(loss[4], 0);
    text = check::message_of<IndexError>([] { gpu::synchronize(0); });
    CHECK(text.find("nll_loss: Target " + std::to_string(wrong)) != std::string::npos);
    gpu::synchronize(0);  // told once
  }
}
