// Cross entropy of logits, and of log probabilities (nll_loss). Where the gradient of cross_entropy must itself be
// differentiated, its unfused twin made of plain ops runs; that of nll_loss is linear, and its gradient is nll_loss.
#include "core/error.h"
#include "dispatch/softmax.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/rows.h"
#include "ops/shape.h"
#include "ops/softmax.h"

namespace hotloop::ops {

namespace {

// Inputs of the record: logits, target, weight. Outputs: loss, and for the backward pass the rows'
// logsumexp and the divisor of the mean.
struct Layout {
  int class_dim;
  int64_t outer, classes, inner;
};

Layout layout_of(const Tensor& logits) {
  if (logits.ndim() == 1) return {0, 1, logits.size(0), 1};
  int64_t inner = 1;
  for (int i = 2; i < logits.ndim(); ++i) inner *= logits.size(i);
  return {1, logits.size(0), logits.size(1), inner};
}

Dims row_sizes(const Tensor& logits) {
  Dims sizes = logits.sizes();
  sizes.erase(layout_of(logits).class_dim);
  return sizes;
}

void cross_entropy_shape(Call& c) {
  const CrossEntropyOptions& options = c.attrs<CrossEntropyOptions>();
  const Tensor& logits = c.in(0);
  const DType exact = logits.dtype() == DType::f64 ? DType::f64 : DType::f32;
  const Layout l = layout_of(logits);
  c.output(0, options.reduction == LossReduction::none ? row_sizes(logits) : Dims{}, logits.dtype());
  c.output(1, {l.outer, l.inner}, exact);
  c.output(2, {}, exact);
}

void describe(CrossEntropyArgs& args, const Tensor& logits, const Tensor& target, const Tensor& weight,
              const CrossEntropyOptions& options) {
  const Layout l = layout_of(logits);
  args = {};
  args.dtype = logits.dtype();
  args.reduction = options.reduction;
  args.outer = l.outer;
  args.classes = l.classes;
  args.inner = l.inner;
  args.logits = logits.data();
  args.logits_strides = rows_of(logits, l.class_dim).strides;
  if (is_floating(target.dtype())) {
    args.probabilities = target.data();
    args.probabilities_strides = rows_of(target, l.class_dim).strides;
  } else {
    args.target = target.data<int64_t>();  // contiguous
    args.target_outer_stride = l.inner;
    args.target_inner_stride = 1;
  }
  args.weight = weight.defined() ? weight.data() : nullptr;
  args.ignore_index = options.ignore_index;
  args.label_smoothing = options.label_smoothing;
}

void launch_cross_entropy(Call& c) {
  const CrossEntropyOptions& options = c.attrs<CrossEntropyOptions>();
  CrossEntropyArgs args;
  describe(args, c.in(0), c.in(1), c.has(2) ? c.in(2) : Tensor(), options);
  int64_t bad_row = -1;
  args.loss = c.outputs[0].data();
  args.logsumexp = c.outputs[1].data();
  args.divisor = c.outputs[2].data();
  args.bad_row = &bad_row;
  args.gpu_fault = fault_slot(c.device);
  dispatch::cross_entropy(c.device, args);
  if (bad_row >= 0)
    fail<IndexError>(
        "cross_entropy: Target %lld is out of bounds. (row %lld; classes are 0 to %lld, ignore_index is "
        "%lld)",
        static_cast<long long>(args.target[bad_row]), static_cast<long long>(bad_row),
        static_cast<long long>(args.classes - 1), static_cast<long long>(options.ignore_index));
}

// Inputs: grad, logits, target, weight, logsumexp, divisor.
void cross_entropy_backward_shape(Call& c) { c.output(0, c.in(1).sizes(), c.in(1).dtype()); }

void launch_cross_entropy_backward(Call& c) {
  const CrossEntropyOptions& options = c.attrs<CrossEntropyOptions>();
  const Tensor &grad = c.in(0), &logits = c.in(1), &grad_logits = c.outputs[0];
  if (grad_logits.numel() == 0) return;
  CrossEntropyArgs args;
  describe(args, logits, c.in(2), c.in(3), options);
  args.logsumexp = c.in(4).data();
  args.divisor = c.in(5).data();
  args.grad_out = grad.data();  // contiguous
  args.grad_out_outer_stride = args.inner;
  args.grad_out_inner_stride = 1;
  args.grad_logits = grad_logits.data();
  args.grad_logits_strides = rows_of(grad_logits, layout_of(logits).class_dim).strides;
  dispatch::cross_entropy_backward(c.device, args);
}

Cost cross_entropy_cost(const Call& c) {
  const double n = double(c.in(0).numel());
  return {5 * n, n * double(itemsize(c.in(0).dtype()))};
}

const OpRecord cross_entropy_backward_op{.name = "cross_entropy_backward",
                                         .shape = cross_entropy_backward_shape,
                                         .kernel = every_device(launch_cross_entropy_backward),
                                         .attributes_bytes = sizeof(CrossEntropyOptions)};

// The weight that every class has in each row's loss: loss = sum_c coefficient_c (logsumexp - logits_c).
Tensor coefficients(const Tensor& logits, const Tensor& target, const Tensor& weight, const CrossEntropyOptions& o) {
  const int dim = layout_of(logits).class_dim;
  const int64_t classes = logits.size(dim);
  Dims along = Dims::filled(logits.ndim(), 1);
  along[dim] = classes;
  const double even = o.label_smoothing / double(classes), own = 1 - o.label_smoothing;
  Tensor q;
  if (is_floating(target.dtype())) {
    q = target * own + even;
  } else {
    const Tensor number = view(arange(int64_t(0), classes, int64_t(1), DType::i64, logits.device()), along);
    const Tensor row = unsqueeze(target, dim);
    const Tensor chosen = to_dtype(eq(row, number), logits.dtype());
    const Tensor w_target = weight.defined() ? sum(chosen * view(weight, along), Dims{dim}, true) : Tensor();
    q = chosen * own + even;
    const Tensor kept = to_dtype(ne(row, double(o.ignore_index)), logits.dtype());
    if (weight.defined())
      return where(to_dtype(chosen, DType::bool_), w_target * own, 0.0) * kept + view(weight, along) * even * kept;
    return q * kept;
  }
  return weight.defined() ? q * view(weight, along) : q;
}

void cross_entropy_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const CrossEntropyOptions& o = g.attrs<CrossEntropyOptions>();
  const Tensor logits = g.in(0), target = g.in(1), weight = g.has(2) ? g.in(2) : Tensor();
  const bool soft = is_floating(target.dtype());
  if (!g.records() && g.needs(0))
    g.set(0, call(cross_entropy_backward_op, {contiguous(g.grad(0)), logits, target, weight, g.out(1), g.out(2)}, o));
  if (!g.records() && !(soft && g.needs(1))) return;
  // The unfused twin.
  const int dim = layout_of(logits).class_dim;
  Tensor grad = g.grad(0);
  if (o.reduction == LossReduction::mean) {
    // Of nothing but ignored rows there is nothing to divide by, and no slope.
    const Tensor divisor = to_dtype(g.out(2), grad.dtype());
    grad = grad / where(eq(divisor, 0.0), 1.0, divisor);
  }
  if (o.reduction == LossReduction::none) grad = unsqueeze(grad, dim);
  if (g.records() && g.needs(0)) {
    const Tensor q = coefficients(logits, target, weight, o);
    g.set(0, grad * (softmax(logits, dim) * sum(q, Dims{dim}, true) - q));
  }
  if (soft && g.needs(1)) {
    Tensor grad_target = grad * -log_softmax(logits, dim) * (1 - o.label_smoothing);
    if (weight.defined()) {
      Dims along = Dims::filled(logits.ndim(), 1);
      along[dim] = weight.size(0);
      grad_target = grad_target * view(weight, along);
    }
    g.set(1, grad_target);
  }
}

const OpRecord cross_entropy_op{.name = "cross_entropy",
                                .shape = cross_entropy_shape,
                                .kernel = every_device(launch_cross_entropy),
                                .gradient = cross_entropy_gradient,
                                .saves = Saves::of(0b111, 0b110),
                                .cost = cross_entropy_cost,
                                .attributes_bytes = sizeof(CrossEntropyOptions)};

// --- nll_loss -----------------------------------------------------------------------------------------
struct NllLoss {
  CrossEntropyOptions options;
  int class_dim;
  int64_t classes;
};

Dims input_sizes(const NllLoss& nll, const Tensor& target) {
  Dims sizes = target.sizes();
  sizes.insert(nll.class_dim, nll.classes);
  return sizes;
}

// Of x, which is the input or its gradient.
CrossEntropyArgs nll_arguments(const Call& c, const Tensor& x, const Tensor& target, const Tensor& weight,
                               const Tensor& divisor) {
  CrossEntropyArgs args;
  describe(args, x, target, weight, c.attrs<NllLoss>().options);
  args.divisor = divisor.data();
  args.gpu_fault = fault_slot(c.device);
  return args;
}

[[noreturn]] void fail_bad_target(const CrossEntropyArgs& args, int64_t row) {
  fail<IndexError>("nll_loss: Target %lld is out of bounds. (row %lld; classes are 0 to %lld, ignore_index is %lld)",
                   static_cast<long long>(args.target[row]), static_cast<long long>(row),
                   static_cast<long long>(args.classes - 1), static_cast<long long>(args.ignore_index));
}

void refuse_weight_gradient(const Gradient& g, int weight) {
  if (g.has(weight) && g.needs(weight)) fail<RuntimeError>("nll_loss: the derivative for 'weight' is not implemented");
}

extern const OpRecord nll_loss_op;

// Inputs: grad, target, weight, divisor. Output: the gradient of the input. It is linear in grad.
const OpRecord nll_loss_backward_op{
    .name = "nll_loss_backward",
    .shape = [](Call& c) { c.output(0, input_sizes(c.attrs<NllLoss>(), c.in(1)), c.in(0).dtype()); },
    .kernel = every_device([](Call& c) {
      const Tensor& grad_input = c.outputs[0];
      set_zero(grad_input);
      if (grad_input.numel() == 0) return;
      CrossEntropyArgs args = nll_arguments(c, grad_input, c.in(1), c.in(2), c.in(3));
      args.grad_out = c.in(0).data();  // contiguous
      args.grad_out_outer_stride = args.inner;
      args.grad_out_inner_stride = 1;
      args.grad_logits = grad_input.data();
      args.grad_logits_strides = args.logits_strides;
      dispatch::nll_loss_backward(c.device, args);
    }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          refuse_weight_gradient(g, 2);
          NllLoss nll = g.attrs<NllLoss>();
          const bool mean = nll.options.reduction == LossReduction::mean;
          if (mean) nll.options.reduction = LossReduction::sum;
          const Tensor weight = g.has(2) ? g.in(2) : Tensor();
          const Tensor loss = call(nll_loss_op, {with_rows(g.grad(0), nll.class_dim), g.in(1), weight}, nll);
          if (!mean) return g.set(0, loss);
          // Of nothing but ignored rows there is nothing to divide by, and no slope.
          const Tensor divisor = to_dtype(g.in(3), loss.dtype());
          g.set(0, loss / where(eq(divisor, 0.0), 1.0, divisor));
        },
    .saves = Saves::of(0b1110),
    .attributes_bytes = sizeof(NllLoss)};

// Inputs: input, target, weight. Outputs: the loss, and the divisor of the mean.
const OpRecord nll_loss_op{
    .name = "nll_loss",
    .shape =
        [](Call& c) {
          const bool each = c.attrs<NllLoss>().options.reduction == LossReduction::none;
          c.output(0, each ? c.in(1).sizes() : Dims{}, c.in(0).dtype());
          c.output(1, {}, c.in(0).dtype() == DType::f64 ? DType::f64 : DType::f32);
        },
    .kernel = every_device([](Call& c) {
      CrossEntropyArgs args = nll_arguments(c, c.in(0), c.in(1), c.has(2) ? c.in(2) : Tensor(), c.outputs[1]);
      int64_t bad_row = -1;
      args.bad_row = &bad_row;
      args.loss = c.outputs[0].data();
      dispatch::nll_loss(c.device, args);
      if (bad_row >= 0) fail_bad_target(args, bad_row);
    }),
    .gradient =
        [](Gradient& g) {
          if (!g.grad(0).defined()) return;
          refuse_weight_gradient(g, 2);
          const Tensor weight = g.has(2) ? g.in(2) : Tensor();
          g.set(0, call(nll_loss_backward_op, {contiguous(g.grad(0)), g.in(1), weight, g.out(1)}, g.attrs<NllLoss>()));
        },
    .saves = Saves::of(0b110, 0b10),
    .cost =
        [](const Call& c) {
          const double rows = double(c.in(1).numel());
          return Cost{2 * rows, rows * double(sizeof(int64_t) + itemsize(c.in(0).dtype()))};
        },
    .attributes_bytes = sizeof(NllLoss)};

// What both losses ask of class weights; as the kernels take them.
Tensor checked_weight(const char* op, const Tensor& weight, const Tensor& input, int64_t classes) {
  if (!weight.defined()) return weight;
  if (weight.ndim() != 1 || weight.size(0) != classes)
    fail<RuntimeError>(
        "%s: weight tensor should be defined either for all %lld classes or no classes but got weight "
        "tensor of shape: %s",
        op, static_cast<long long>(classes), to_string(weight.sizes()).c_str());
  if (weight.dtype() != input.dtype())
    fail<RuntimeError>("%s: expected weight of dtype %s like input, got %s", op, name(input.dtype()),
                       name(weight.dtype()));
  return contiguous(weight);
}

// Class indices as the kernels take them.
Tensor checked_target(const char* op, const Tensor& target) {
  if (target.dtype() != DType::i64 && target.dtype() != DType::u8)
    fail<RuntimeError>("%s: expected target of class indices to be int64, got %s", op, name(target.dtype()));
  return contiguous(target.dtype() == DType::i64 ? target : to_dtype(target, DType::i64));
}

}  // namespace

Tensor nll_loss(const Tensor& input, const Tensor& target, const Tensor& weight, const CrossEntropyOptions& options) {
  constexpr const char* op = "nll_loss";
  if (input.ndim() == 0) fail<RuntimeError>("%s: input must have at least 1 dim, got a 0-d tensor", op);
  if (!is_floating(input.dtype()))
    fail<RuntimeError>("%s: input must be floating point, got %s", op, name(input.dtype()));
  if (!(target.sizes() == row_sizes(input)))
    fail<ValueError>("%s: expected target of shape %s for input of shape %s, got %s", op,
                     to_string(row_sizes(input)).c_str(), to_string(input.sizes()).c_str(),
                     to_string(target.sizes()).c_str());
  const int dim = layout_of(input).class_dim;
  const int64_t classes = input.size(dim);
  return call(nll_loss_op,
              {with_rows(input, dim), checked_target(op, target), checked_weight(op, weight, input, classes)},
              NllLoss{options, dim, classes});
}

Tensor cross_entropy(const Tensor& logits, const Tensor& target, const Tensor& weight,
                     const CrossEntropyOptions& options) {
  constexpr const char* op = "cross_entropy";
  if (logits.ndim() == 0) fail<RuntimeError>("%s: input must have at least 1 dim, got a 0-d tensor", op);
  if (!is_floating(logits.dtype()))
    fail<RuntimeError>("%s: input must be floating point, got %s", op, name(logits.dtype()));
  if (options.label_smoothing < 0 || options.label_smoothing > 1)
    fail<RuntimeError>("%s: label_smoothing must be between 0.0 and 1.0. Got: %g", op, options.label_smoothing);
  const int64_t classes = logits.size(layout_of(logits).class_dim);
  Tensor t = target;
  if (is_floating(target.dtype())) {
    if (!(target.sizes() == logits.sizes()))
      fail<RuntimeError>("%s: probabilities must have the shape of input %s, got %s", op,
                         to_string(logits.sizes()).c_str(), to_string(target.sizes()).c_str());
    t = with_rows(t.dtype() == logits.dtype() ? t : to_dtype(t, logits.dtype()), layout_of(logits).class_dim);
  } else {
    t = checked_target(op, target);
    if (!(target.sizes() == row_sizes(logits))) {
      if (target.ndim() + 1 == logits.ndim() && target.ndim() > 0 && target.size(0) != logits.size(0))
        fail<ValueError>("%s: Expected input batch_size (%lld) to match target batch_size (%lld).", op,
                         static_cast<long long>(logits.size(0)), static_cast<long long>(target.size(0)));
      fail<RuntimeError>("%s: expected target of shape %s for input of shape %s, got %s", op,
                         to_string(row_sizes(logits)).c_str(), to_string(logits.sizes()).c_str(),
                         to_string(target.sizes()).c_str());
    }
  }
  return call(cross_entropy_op,
              {with_rows(logits, layout_of(logits).class_dim), t, checked_weight(op, weight, logits, classes)},
              options);
}

Records cross_entropy_records() {
  return {&cross_entropy_backward_op, &cross_entropy_op, &nll_loss_backward_op, &nll_loss_op};
}

}  // namespace hotloop::ops
