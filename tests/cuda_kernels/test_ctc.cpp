// The CTC loss and its gradient against the reference: labels that repeat, samples shorter than the batch, of no labels,
// no steps, without any alignment; states in shared and in scratch memory.
#include "kernels.h"
#include "kernels/args/ctc.h"

HOTLOOP_TESTED_KERNEL(ctc_loss, CtcArgs)
HOTLOOP_TESTED_KERNEL(ctc_loss_backward, CtcBackwardArgs)

using namespace hotloop;
using namespace kernels;

namespace {

struct Length {
  int64_t steps, labels;
};
struct Case {
  int64_t steps, classes, blank;
  std::vector<Length> lengths;
  bool zero_infinity;
  const char* reason;
};
const Case kCases[] = {
    {1, 2, 0, {{1, 1}}, false, "one step"},
    {12, 5, 0, {{12, 4}, {12, 5}, {7, 0}}, false, "labels that repeat, and none"},
    {9, 40, 39, {{9, 3}, {4, 4}, {0, 0}, {0, 2}}, false, "no steps, and more labels than steps"},
    {9, 70, 3, {{9, 3}, {2, 4}, {0, 2}}, true, "what can't be aligned counts nothing"},
    {30, 3, 1, {{30, 20}, {25, 11}}, false, "few classes, each many times"},
    {90, 100, 0, {{90, 70}, {60, 2}}, false, "more states than a block's first warps"},
};
const Case kLong = {2, 7, 0, {{2, 600}, {2, 1}}, false, "states in scratch memory"};

std::vector<int64_t> labels_of(const Case& c, Numbers& numbers) {
  std::vector<int64_t> labels;
  for (const Length& l : c.lengths)
    for (int64_t i = 0; i < l.labels; ++i) labels.push_back((c.blank + 1 + numbers.below(c.classes - 1)) % c.classes);
  return labels;
}

// A step's probabilities are of f32 or f64; everything between is in f64 on both sides.
void check_near(const char* what, const Case& c, const Elements& got, const Elements& want) {
  check_near(text("%s of %s", what, c.reason), got, want, 1e-12 * double(c.steps));
}

void check_ctc(DType dtype, const Case& c) {
  Numbers numbers(uint64_t(c.steps * 100 + c.classes));
  const std::vector<int64_t> labels = labels_of(c, numbers);
  const Array<int64_t> targets(int64_t(labels.size()), [&](int64_t i) { return labels[size_t(i)]; });
  const int64_t batch = int64_t(c.lengths.size());
  int64_t start = 0, most = 0;
  const Array<CtcSpan> spans(batch, [&](int64_t n) {
    const Length l = c.lengths[size_t(n)];
    const CtcSpan span{l.steps, l.labels, start};
    start += l.labels;
    most = std::max(most, l.labels);
    return span;
  });
  const Elements log_probs(dtype, c.steps * batch * c.classes), grad_loss(dtype, batch);
  for (int64_t i = 0; i < log_probs.size(); ++i) log_probs.set(i, numbers.uniform(-4, -0.5));
  for (int64_t n = 0; n < batch; ++n) grad_loss.set(n, double(n) - 0.75);
  const int64_t states = 2 * most + 1;
  const Elements alpha(DType::f64, batch * c.steps * states), want_alpha(alpha);
  const Elements loss(dtype, batch), want_loss(dtype, batch), grad(dtype, log_probs.size()), want(grad);

  CtcArgs args{};
  args.dtype = dtype;
  args.steps = c.steps, args.batch = batch, args.classes = c.classes, args.states = states, args.blank = c.blank;
  args.log_probs = log_probs.data();
  args.targets = targets.data();
  args.spans = spans.data();
  args.alpha = alpha.data<double>();
  args.loss = loss.data();
  args.zero_infinity = c.zero_infinity;
  args.gpu_fault = gpu::fault_slot(0);
  sm80::ctc_loss(args, nullptr);
  sm80::ctc_loss_backward({args, grad_loss.data(), grad.data()}, nullptr);
  gpu::synchronize(0);
  args.alpha = want_alpha.data<double>();
  args.loss = want_loss.data();
  reference::ctc_loss(args);
  reference::ctc_loss_backward({args, grad_loss.data(), want.data()});
  check_near("loss", c, loss, want_loss);
  check_near("alpha", c, alpha, want_alpha);
  check_near("grad", c, grad, want);
}

}  // namespace

TEST(ctc, forward_and_backward) {
  for (DType dtype : {DType::f32, DType::f64}) {
    for (const Case& c : kCases) check_ctc(dtype, c);
    check_ctc(dtype, kLong);
  }
}

TEST(ctc, long_targets) {
  check_ctc(DType::f32, {540, 7, 2, {{540, 520}, {530, 3}}, false, "aligned in scratch memory"});
}

TEST(ctc, under_each_schedule) {
  emulated::under_each_schedule([] {
    for (int i = 1; i < 5; ++i) check_ctc(DType::f32, kCases[i]);
  });
}

TEST(ctc, a_label_that_is_no_class_is_a_fault) {
  for (int64_t wrong : {int64_t(-1), int64_t(5)}) {
    const Array<int64_t> targets(3, [&](int64_t i) { return i == 1 ? wrong : 2; });
    const Array<CtcSpan> spans(1, [](int64_t) { return CtcSpan{8, 3, 0}; });
    const Elements log_probs(DType::f32, 8 * 5), alpha(DType::f64, 8 * 7), loss(DType::f32, 1), grad(DType::f32, 8 * 5);
    CtcArgs args{};
    args.dtype = DType::f32;
    args.steps = 8, args.batch = 1, args.classes = 5, args.states = 7;
    args.log_probs = log_probs.data();
    args.targets = targets.data();
    args.spans = spans.data();
    args.alpha = alpha.data<double>();
    args.loss = loss.data();
    args.gpu_fault = gpu::fault_slot(0);
    sm80::ctc_loss(args, nullptr);
    sm80::ctc_loss_backward({args, loss.data(), grad.data()}, nullptr);
    const std::string text = check::message_of<IndexError>([] { gpu::synchronize(0); });
    CHECK(text.find("ctc_loss: Target " + std::to_string(wrong)) != std::string::npos);
    gpu::synchronize(0);  // told once
  }
}
