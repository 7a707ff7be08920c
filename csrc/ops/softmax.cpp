// Softmax and cross entropy. The forward records have fused backward records, which are used unless the
// gradient must itself be differentiated: then their unfused twins made of plain ops run.
#include "ops/softmax.h"

#include "core/error.h"
#include "dispatch/softmax.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

// x as (outer, n, inner) around `dim`; strides exist when the dims on each side merge.
struct Rows {
  int64_t outer = 1, n = 1, inner = 1;
  RowStrides strides{0, 0, 0};
  bool merged = true;
};

Rows rows_of(const Tensor& x, int dim) {
  Rows r;
  if (x.ndim() == 0) return r;
  r.n = x.size(dim);
  r.strides.n = x.stride(dim);
  const auto merge = [&](int first, int last, int64_t& count, int64_t& stride) {
    for (int i = last; i >= first; --i) {
      if (x.size(i) == 1) continue;
      if (count == 1)
        stride = x.stride(i);
      else if (x.stride(i) != stride * count)
        r.merged = false;
      count *= x.size(i);
    }
  };
  merge(0, dim - 1, r.outer, r.strides.outer);
  merge(dim + 1, x.ndim() - 1, r.inner, r.strides.inner);
  return r;
}

// A tensor whose rows have strides: itself, or a copy.
Tensor with_rows(const Tensor& x, int dim) { return rows_of(x, dim).merged ? x : contiguous(x); }

// --- softmax ----------------------------------------------------------------------------------------
struct SoftmaxDim {
  int dim;
  bool log;
};

void same_shape(Call& c) { c.output(0, c.in(0).sizes(), c.in(0).dtype()); }

// What both directions say of their rows. All inputs and the output have one shape.
template <class Args>
Args row_args(const Call& c) {
  const SoftmaxDim& s = c.attrs<SoftmaxDim>();
  const Rows rows = rows_of(c.in(0), s.dim);
  Args args;
  args.dtype = c.in(0).dtype();
  args.log = s.log;
  args.outer = rows.outer;
  args.n = rows.n;
  args.inner = rows.inner;
  return args;
}

RowStrides strides_along(const Call& c, const Tensor& t) { return rows_of(t, c.attrs<SoftmaxDim>().dim).strides; }

void launch_softmax(Call& c) {
  const Tensor &x = c.in(0), &out = c.outputs[0];
  if (out.numel() == 0) return;
  auto args = row_args<SoftmaxArgs>(c);
  args.x = x.data();
  args.x_strides = strides_along(c, x);
  args.out = out.data();
  args.out_strides = strides_along(c, out);
  dispatch::softmax(c.device, args);
}

void launch_softmax_backward(Call& c) {
  const Tensor &grad = c.in(0), &out = c.in(1), &grad_x = c.outputs[0];
  if (grad_x.numel() == 0) return;
  auto args = row_args<SoftmaxBackwardArgs>(c);
  args.out = out.data();
  args.out_strides = strides_along(c, out);
  args.grad_out = grad.data();
  args.grad_out_strides = strides_along(c, grad);
  args.grad_x = grad_x.data();
  args.grad_x_strides = strides_along(c, grad_x);
  dispatch::softmax_backward(c.device, args);
}

Cost row_cost(const Call& c) {
  // exp counts as one operation, like the adds, multiplies and compares beside it.
  const double n = double(c.in(0).numel());
  return {5 * n, double(c.n_inputs + 1) * n * double(itemsize(c.in(0).dtype()))};
}

const OpRecord softmax_backward_op{.name = "softmax_backward",
                                   .shape = same_shape,
                                   .kernel = every_device(launch_softmax_backward),
                                   .cost = row_cost,
                                   .attributes_bytes = sizeof(SoftmaxDim)};

void softmax_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const SoftmaxDim& s = g.attrs<SoftmaxDim>();
  const Tensor out = g.out(0), grad = g.grad(0);
  if (!g.records()) return g.set(0, call(softmax_backward_op, {with_rows(grad, s.dim), with_rows(out, s.dim)}, s));
  const Dims dim = out.ndim() ? Dims{s.dim} : Dims{};
  if (s.log)
    g.set(0, grad - exp(out) * sum(grad, dim, true));
  else
    g.set(0, out * (grad - sum(grad * out, dim, true)));
}

constexpr OpRecord softmax_record(const char* name) {
  return {.name = name,
          .shape = same_shape,
          .kernel = every_device(launch_softmax),
          .gradient = softmax_gradient,
          .saves = Saves::of(0, 1),
          .cost = row_cost,
          .attributes_bytes = sizeof(SoftmaxDim)};
}
const OpRecord softmax_op = softmax_record("softmax");
const OpRecord log_softmax_op = softmax_record("log_softmax");

Tensor run_softmax(const OpRecord& op, bool log, const Tensor& x, int64_t dim, std::optional<DType> dtype) {
  const Tensor in = dtype && *dtype != x.dtype() ? to_dtype(x, *dtype) : x;
  if (!is_floating(in.dtype()))
    fail<RuntimeError>("%s: expected a floating point input, got %s", op.name, name(in.dtype()));
  const SoftmaxDim s{wrap_dim(op.name, dim, in.ndim()), log};
  return call(op, {with_rows(in, s.dim)}, s);
}

// --- cross entropy ----------------------------------------------------------------------------------
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

}  // namespace

Tensor softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype) {
  return run_softmax(softmax_op, false, x, dim, dtype);
}
Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype) {
  return run_softmax(log_softmax_op, true, x, dim, dtype);
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
    if (target.dtype() != DType::i64 && target.dtype() != DType::u8)
      fail<RuntimeError>("%s: expected target of class indices to be int64, got %s", op, name(target.dtype()));
    if (!(target.sizes() == row_sizes(logits))) {
      if (target.ndim() + 1 == logits.ndim() && target.ndim() > 0 && target.size(0) != logits.size(0))
        fail<ValueError>("%s: Expected input batch_size (%lld) to match target batch_size (%lld).", op,
                         static_cast<long long>(logits.size(0)), static_cast<long long>(target.size(0)));
      fail<RuntimeError>("%s: expected target of shape %s for input of shape %s, got %s", op,
                         to_string(row_sizes(logits)).c_str(), to_string(logits.sizes()).c_str(),
                         to_string(target.sizes()).c_str());
    }
    t = contiguous(t.dtype() == DType::i64 ? t : to_dtype(t, DType::i64));
  }
  Tensor w = weight;
  if (weight.defined()) {
    if (weight.ndim() != 1 || weight.size(0) != classes)
      fail<RuntimeError>(
          "%s: weight tensor should be defined either for all %lld classes or no classes but got weight "
          "tensor of shape: %s",
          op, static_cast<long long>(classes), to_string(weight.sizes()).c_str());
    if (weight.dtype() != logits.dtype())
      fail<RuntimeError>("%s: expected weight of dtype %s like input, got %s", op, name(logits.dtype()),
                         name(weight.dtype()));
    w = contiguous(weight);
  }
  return call(cross_entropy_op, {with_rows(logits, layout_of(logits).class_dim), t, w}, options);
}

Records softmax_records() {
  return {&softmax_backward_op, &softmax_op, &log_softmax_op, &cross_entropy_backward_op, &cross_entropy_op};
}

}  // namespace hotloop::ops
