// Naive softmax and losses of classes: one row at a time, in double.
#include "kernels/args/softmax.h"

#include "kernels/reference/scalar.h"

namespace hotloop::reference {

static int64_t at(const RowStrides& strides, int64_t o, int64_t i, int64_t j) {
  return o * strides.outer + i * strides.n + j * strides.inner;
}

// The largest of x(0) ... x(n - 1), and the sum of exp(x - largest).
template <class X>
static double sum_exp(int64_t n, X x, double& largest) {
  largest = -INFINITY;
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, x(i));
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += std::exp(x(i) - largest);
  return sum;
}

void softmax(const SoftmaxArgs& args) {
  for (int64_t o = 0; o < args.outer; ++o)
    for (int64_t j = 0; j < args.inner; ++j) {
      const auto x = [&](int64_t i) { return get(args.x, args.dtype, at(args.x_strides, o, i, j)); };
      double largest;
      const double sum = sum_exp(args.n, x, largest);
      for (int64_t i = 0; i < args.n; ++i) {
        const double d = x(i) - largest;
        put(args.out, args.dtype, at(args.out_strides, o, i, j), args.log ? d - std::log(sum) : std::exp(d) / sum);
      }
    }
}

void softmax_backward(const SoftmaxBackwardArgs& args) {
  for (int64_t o = 0; o < args.outer; ++o)
    for (int64_t j = 0; j < args.inner; ++j) {
      const auto y = [&](int64_t i) { return get(args.out, args.dtype, at(args.out_strides, o, i, j)); };
      const auto g = [&](int64_t i) { return get(args.grad_out, args.dtype, at(args.grad_out_strides, o, i, j)); };
      double sum = 0;
      for (int64_t i = 0; i < args.n; ++i) sum += args.log ? g(i) : g(i) * y(i);
      for (int64_t i = 0; i < args.n; ++i)
        put(args.grad_x, args.dtype, at(args.grad_x_strides, o, i, j),
            args.log ? g(i) - std::exp(y(i)) * sum : y(i) * (g(i) - sum));
    }
}

// One row of the loss: the share of every class in the target, its logits and their logsumexp.
struct LossRow {
  const CrossEntropyArgs& args;
  int64_t o, j;

  int64_t target() const { return args.target[o * args.target_outer_stride + j * args.target_inner_stride]; }
  bool ignored() const { return args.target && target() == args.ignore_index; }
  double weight(int64_t c) const { return args.weight ? get(args.weight, args.dtype, c) : 1; }
  double x(int64_t c) const { return get(args.logits, args.dtype, at(args.logits_strides, o, c, j)); }
  double share(int64_t c) const {
    const double p =
        args.target ? c == target() : get(args.probabilities, args.dtype, at(args.probabilities_strides, o, c, j));
    return weight(c) * ((1 - args.label_smoothing) * p + args.label_smoothing / double(args.classes));
  }
  double scale() const {  // what the gradient of its loss is multiplied by
    const bool each = args.reduction == LossReduction::none;
    const int64_t g = each ? o * args.grad_out_outer_stride + j * args.grad_out_inner_stride : 0;
    const DType saved = args.dtype == DType::f64 ? DType::f64 : DType::f32;
    return get(args.grad_out, args.dtype, g) / (each ? 1 : get(args.divisor, saved, 0));
  }
};

static int64_t bad_row(const CrossEntropyArgs& args) {
  for (int64_t row = 0; row < args.outer * args.inner; ++row) {
    const LossRow r{args, row / args.inner, row % args.inner};
    if (args.target && !r.ignored() && (r.target() < 0 || r.target() >= args.classes)) return row;
  }
  return -1;
}

// Writes what the reduction makes of loss_of(row, its number), and the divisor.
template <class F>
static void reduce_losses(const CrossEntropyArgs& args, const F& loss_of) {
  double total = 0, divisor = 0;
  for (int64_t row = 0; row < args.outer * args.inner; ++row) {
    const LossRow r{args, row / args.inner, row % args.inner};
    const double loss = loss_of(r, row);
    if (!r.ignored()) divisor += args.target ? r.weight(r.target()) : 1;
    if (args.reduction == LossReduction::none) put(args.loss, args.dtype, row, loss);
    total += loss;
  }
  if (args.reduction != LossReduction::mean) divisor = 1;
  put(args.divisor, args.dtype == DType::f64 ? DType::f64 : DType::f32, 0, divisor);
  if (args.reduction != LossReduction::none) put(args.loss, args.dtype, 0, total / divisor);
}

void cross_entropy(const CrossEntropyArgs& args) {
  const DType saved = args.dtype == DType::f64 ? DType::f64 : DType::f32;
  if ((*args.bad_row = bad_row(args)) >= 0) return;
  reduce_losses(args, [&](const LossRow& r, int64_t row) {
    double loss = 0, lse = 0;
    if (!r.ignored()) {
      double largest;
      lse = std::log(sum_exp(args.classes, [&](int64_t c) { return r.x(c); }, largest));
      lse += largest;
      for (int64_t c = 0; c < args.classes; ++c)
        if (r.share(c) != 0) loss += r.share(c) * (lse - r.x(c));
    }
    put(args.logsumexp, saved, row, lse);
    return loss;
  });
}

void cross_entropy_backward(const CrossEntropyArgs& args) {
  const DType saved = args.dtype == DType::f64 ? DType::f64 : DType::f32;
  for (int64_t row = 0; row < args.outer * args.inner; ++row) {
    const LossRow r{args, row / args.inner, row % args.inner};
    const double scale = r.scale();
    const double lse = get(args.logsumexp, saved, row);
    double mass = 0;
    if (!r.ignored())
      for (int64_t c = 0; c < args.classes; ++c) mass += r.share(c);
    for (int64_t c = 0; c < args.classes; ++c)
      put(args.grad_logits, args.dtype, at(args.grad_logits_strides, r.o, c, r.j),
          r.ignored() ? 0 : scale * (std::exp(r.x(c) - lse) * mass - r.share(c)));
  }
}

void nll_loss(const CrossEntropyArgs& args) {
  if ((*args.bad_row = bad_row(args)) >= 0) return;
  reduce_losses(args,
                [](const LossRow& r, int64_t) { return r.ignored() ? 0 : -r.weight(r.target()) * r.x(r.target()); });
}

void nll_loss_backward(const CrossEntropyArgs& args) {
  for (int64_t row = 0; row < args.outer * args.inner; ++row) {
    const LossRow r{args, row / args.inner, row % args.inner};
    if (!r.ignored())
      put(args.grad_logits, args.dtype, at(args.grad_logits_strides, r.o, r.target(), r.j),
          -r.weight(r.target()) * r.scale());
  }
}

}  // namespace hotloop::reference
