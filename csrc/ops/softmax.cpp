// Softmax and its logarithm. The forward records have fused backward records, which are used unless the gradient must
// itself be differentiated: then their unfused twins made of plain ops run.
#include "ops/softmax.h"

#include "core/error.h"
#include "dispatch/softmax.h"
#include "ops/call.h"
#include "ops/pointwise.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/rows.h"

namespace hotloop::ops {

namespace {

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
    fail<DTypeError>("%s: expected a floating point input, got %s", op.name, name(in.dtype()));
  const SoftmaxDim s{wrap_dim(op.name, dim, in.ndim()), log};
  return call(op, {with_rows(in, s.dim)}, s);
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype) {
  return run_softmax(softmax_op, false, x, dim, dtype);
}
Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype) {
  return run_softmax(log_softmax_op, true, x, dim, dtype);
}

Records softmax_records() { return {&softmax_backward_op, &softmax_op, &log_softmax_op}; }

}  // namespace hotloop::ops
