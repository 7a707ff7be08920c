// Losses that ask for a margin, and count nothing beyond it.
#include <algorithm>
#include <utility>

#include "core/error.h"
#include "dispatch/margin_loss.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/distance.h"
#include "ops/index.h"
#include "ops/loss.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/scan.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

Tensor at_least_zero(const Tensor& x) { return clamp_scalar(x, 0, __builtin_inf()); }

// (N, C), (C) or () as (N, C), for losses over the classes of the last dim.
Tensor batched(const char* op, const Tensor& input) {
  if (input.ndim() > 2 || (input.ndim() > 0 && input.size(input.ndim() - 1) == 0))
    fail<RuntimeError>("%s: Expected non-empty vector or matrix with optional 0-dim batch size, but got: %s", op,
                       to_string(input.sizes()).c_str());
  return input.ndim() < 2 ? view(contiguous(input), {1, input.numel()}) : input;
}

// The least and the largest of int64 numbers, 0 and -1 of none; also of a GPU's, whose kernel looks itself.
std::pair<int64_t, int64_t> range_of(const Tensor& numbers) {
  const int64_t n = numbers.numel();
  if (n == 0 || numbers.device().type != DeviceType::cpu) return {0, -1};
  const auto [least, most] = std::minmax_element(numbers.data<int64_t>(), numbers.data<int64_t>() + n);
  return {*least, *most};
}

Tensor reduced_rows(const Tensor& rows, const Tensor& input, LossReduction reduction) {
  if (reduction == LossReduction::none) return input.ndim() < 2 ? squeeze(rows, {0}) : rows;
  return reduced(rows, reduction);
}

struct Margin {
  double margin;
  bool squared;
  const char* op;  // the function's name
  int64_t least;   // that a target may be
};

MarginLossArgs margin_args(const Call& c, const Tensor& x, const Tensor& target) {
  const Margin& m = c.attrs<Margin>();
  MarginLossArgs args{};
  args.dtype = x.dtype();
  args.rows = x.size(0);
  args.classes = x.size(1);
  args.named = target.size(1);
  args.squared = m.squared;
  args.margin = m.margin;
  args.x = x.data();
  args.target = target.data<int64_t>();
  args.gpu_fault = fault_slot(c.device);
  args.op = m.op;
  args.least = m.least;
  return args;
}

// Inputs: grad (rows), x, target.
const OpRecord margin_loss_backward_op{.name = "margin_loss_backward",
                                       .shape = [](Call& c) { c.output(0, c.in(1).sizes(), c.in(1).dtype()); },
                                       .kernel = every_device([](Call& c) {
                                         if (c.outputs[0].numel() == 0) return;
                                         MarginLossArgs args = margin_args(c, c.in(1), c.in(2));
                                         args.grad_loss = c.in(0).data();
                                         args.grad_x = c.outputs[0].data();
                                         dispatch::margin_loss_backward(c.device, args);
                                       }),
                                       .attributes_bytes = sizeof(Margin)};

// The gradient made of plain ops, over (rows, named, classes).
Tensor margin_gradient_of_ops(const Tensor& x, const Tensor& target, const Tensor& grad, const Margin& m) {
  const Tensor listed = eq(cumsum(to_dtype(lt(target, 0.0), DType::i64), 1), 0.0);
  const Tensor index = to_dtype(where(listed, target, 0.0), DType::i64), valid = to_dtype(listed, x.dtype());
  const Tensor outside = eq(scatter_add(zeros_like(x), 1, index, valid), 0.0);
  const Tensor excess = unsqueeze(x, 1) - unsqueeze(gather(x, 1, index), 2) + m.margin;
  const Tensor counts = logical_and(gt(excess, 0.0), logical_and(unsqueeze(listed, 2), unsqueeze(outside, 1)));
  const Tensor factor = reshape(grad, {x.size(0), 1, 1}) / double(x.size(1));
  const Tensor slope = where(counts, m.squared ? excess * 2.0 : number(1.0), 0.0) * factor;
  return sum(slope, Dims{1}) - scatter_add(zeros_like(x), 1, index, sum(slope, Dims{2}));
}

// x (rows, classes), target (rows, named) -> (rows)
const OpRecord margin_loss_op{
    .name = "margin_loss",
    .shape = [](Call& c) { c.output(0, {c.in(0).size(0)}, c.in(0).dtype()); },
    .kernel = every_device([](Call& c) {
      if (c.outputs[0].numel() == 0) return;
      MarginLossArgs args = margin_args(c, c.in(0), c.in(1));
      args.loss = c.outputs[0].data();
      dispatch::margin_loss(c.device, args);
    }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          const Margin margin = g.attrs<Margin>();
          if (g.records()) return g.set(0, margin_gradient_of_ops(g.in(0), g.in(1), g.grad(0), margin));
          g.set(0, call(margin_loss_backward_op, {contiguous(g.grad(0)), g.in(0), g.in(1)}, margin));
        },
    .saves = Saves::of(0b11),
    .attributes_bytes = sizeof(Margin)};

}  // namespace

Tensor hinge_embedding_loss(const Tensor& input, const Tensor& target, double margin, LossReduction reduction) {
  const Tensor apart = where(ne(target, 1.0), at_least_zero(margin - input), 0.0);
  const Tensor alike = where(ne(target, -1.0), input, 0.0);
  return reduced(apart + alike, reduction);
}

Tensor soft_margin_loss(const Tensor& input, const Tensor& target, LossReduction reduction) {
  return reduced(-log_sigmoid(input * target), reduction);
}

Tensor margin_ranking_loss(const Tensor& input1, const Tensor& input2, const Tensor& target, double margin,
                           LossReduction reduction) {
  if (input1.ndim() != input2.ndim() || input1.ndim() != target.ndim())
    fail<RuntimeError>(
        "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: %s, input2: %s, "
        "target: %s",
        to_string(input1.sizes()).c_str(), to_string(input2.sizes()).c_str(), to_string(target.sizes()).c_str());
  return reduced(at_least_zero(-target * (input1 - input2) + margin), reduction);
}

Tensor cosine_embedding_loss(const Tensor& input1, const Tensor& input2, const Tensor& target, double margin,
                             LossReduction reduction) {
  constexpr const char* op = "cosine_embedding_loss";
  constexpr double kEps = 1e-12f;  // of this value in PyTorch, too
  if (target.ndim() > 1)
    fail<RuntimeError>("%s: 0D or 1D target tensor expected, multi-target not supported, got shape %s", op,
                       to_string(target.sizes()).c_str());
  if (input1.ndim() != target.ndim() + 1 || input2.ndim() != target.ndim() + 1)
    fail<RuntimeError>("%s: %dD target tensor expects %dD input tensors, but found inputs with sizes %s and %s.", op,
                       target.ndim(), target.ndim() + 1, to_string(input1.sizes()).c_str(),
                       to_string(input2.sizes()).c_str());
  const Dims along = {target.ndim()};
  const auto number = [](const Tensor& x) { return x.dtype() == DType::bool_ ? to_dtype(x, DType::i64) : x; };
  const Tensor a = number(input1), b = number(input2);
  const Tensor square1 = sum(square(a), along) + kEps, square2 = sum(square(b), along) + kEps;
  const Tensor cosine = sum(a * b, along) / sqrt(square1 * square2);
  const Tensor alike = where(eq(target, 1.0), 1.0 - cosine, 0.0);
  const Tensor apart = where(eq(target, -1.0), at_least_zero(cosine - margin), 0.0);
  return reduced(alike + apart, reduction);
}

Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative, double margin,
                           double p, double eps, bool swap, LossReduction reduction) {
  constexpr const char* op = "triplet_margin_loss";
  if (!(margin > 0)) fail<ValueError>("%s: margin must be greater than 0, got %g", op, margin);
  if (anchor.ndim() != positive.ndim() || anchor.ndim() != negative.ndim())
    fail<RuntimeError>(
        "%s: The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
        "anchor %dD, positive %dD, and negative %dD inputs",
        op, anchor.ndim(), positive.ndim(), negative.ndim());
  const Tensor near = pairwise_distance(anchor, positive, p, eps, false);
  Tensor far = pairwise_distance(anchor, negative, p, eps, false);
  if (swap) far = minimum(far, pairwise_distance(positive, negative, p, eps, false));
  return reduced(at_least_zero(margin + near - far), reduction);
}

// Row i: sum over c != y of weight[y] max(0, margin - x[y] + x[c])^p / C, y = target[i].
Tensor multi_margin_loss(const Tensor& input, const Tensor& target, int64_t p, double margin, const Tensor& weight,
                         LossReduction reduction) {
  constexpr const char* op = "multi_margin_loss";
  if (p != 1 && p != 2)
    fail<ValueError>("%s: only p == 1 and p == 2 supported, got %lld", op, static_cast<long long>(p));
  const Tensor x = batched(op, input);
  const int64_t rows = x.size(0), classes = x.size(1);
  if (target.ndim() > 1 || target.numel() != rows)
    fail<RuntimeError>("%s: inconsistent target size, expected %lld but got %s", op, static_cast<long long>(rows),
                       to_string(target.sizes()).c_str());
  if (weight.defined() && weight.ndim() != 1)
    fail<ValueError>("%s: weight must be one-dimensional with %lld classes, got shape %s", op,
                     static_cast<long long>(classes), to_string(weight.sizes()).c_str());
  if (weight.defined() && weight.size(0) != classes)
    fail<RuntimeError>("%s: inconsistent weight size, expected %lld but got %s", op, static_cast<long long>(classes),
                       to_string(weight.sizes()).c_str());
  if (target.dtype() != DType::i64)
    fail<RuntimeError>("%s: expected a target of int64, but found %s", op, name(target.dtype()));
  const Tensor y = contiguous(reshape(target, {rows, 1}));
  const auto [least, most] = range_of(y);
  if (least < 0 || most >= classes)
    fail<OutOfRangeError>("%s: target must be classes 0 to %lld, got %lld to %lld", op,
                          static_cast<long long>(classes - 1), static_cast<long long>(least),
                          static_cast<long long>(most));
  Tensor loss = call(margin_loss_op, {contiguous(x), y}, Margin{margin, p == 2, op, 0});
  if (weight.defined()) loss = loss * index_select(weight, 0, reshape(y, {rows}));
  return reduced_rows(loss, input, reduction);
}

// Row i: with Y the classes before the first -1 of target[i], sum over y in Y and c outside of
// max(0, 1 - x[y] + x[c]) / C.
Tensor multilabel_margin_loss(const Tensor& input, const Tensor& target, LossReduction reduction) {
  constexpr const char* op = "multilabel_margin_loss";
  const Tensor x = batched(op, input);
  if (!(target.sizes() == input.sizes()))
    fail<RuntimeError>("%s: inconsistent target size: %s for input of size: %s", op, to_string(target.sizes()).c_str(),
                       to_string(input.sizes()).c_str());
  const int64_t classes = x.size(1);
  const Tensor named = contiguous(to_dtype(batched(op, target), DType::i64));
  const auto [least, most] = range_of(named);
  if (least < -1 || most >= classes)
    fail<RuntimeError>("%s: target must be -1 or classes 0 to %lld, got %lld to %lld", op,
                       static_cast<long long>(classes - 1), static_cast<long long>(least),
                       static_cast<long long>(most));
  return reduced_rows(call(margin_loss_op, {contiguous(x), named}, Margin{1, false, op, -1}), input, reduction);
}

Tensor multilabel_soft_margin_loss(const Tensor& input, const Tensor& target, const Tensor& weight,
                                   LossReduction reduction) {
  const Tensor others = number(int64_t(1)) - target;  // of target's dtype, which may be whole numbers
  Tensor loss = -(target * log_sigmoid(input) + others * log_sigmoid(-input));
  if (weight.defined()) loss = loss * weight;
  return reduced(sum(loss, Dims{-1}) / double(input.size(input.ndim() - 1)), reduction);
}

Records margin_loss_records() { return {&margin_loss_backward_op, &margin_loss_op}; }

}  // namespace hotloop::ops
