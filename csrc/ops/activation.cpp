#include "ops/activation.h"

#include "core/error.h"
#include "ops/arithmetic.h"
#include "ops/broadcast.h"
#include "ops/call.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/random.h"
#include "ops/records.h"
#include "ops/reduce.h"
#include "ops/shape.h"
#include "ops/softmax.h"

namespace hotloop::ops {

namespace {

// The scale and slope at which activations keep mean 0 and variance 1 (Klambauer et al. 2017).
constexpr double kSeluScale = 1.0507009873554804934193349852946, kSeluAlpha = 1.6732632423543772848170429916717;

Tensor uniform_like(const Tensor& x, double low, double high, Generator& generator) {
  const Tensor noise = empty(x.sizes(), x.dtype(), x.device());
  uniform_(noise, low, high, generator);
  return noise;
}

// Input: x. The halves along `dim`: a and b of a sigmoid(b).
struct Glu {
  int64_t dim;
};
struct Halves {
  Tensor a, b;
  Halves(const Tensor& x, int dim) {
    Dims sizes = x.sizes();
    sizes[dim] /= 2;
    a = make_view(x, sizes, x.strides());
    b = make_view(x, sizes, x.strides(), sizes[dim] * x.stride(dim));
  }
};

// Inputs: grad, x.
const OpRecord glu_backward_op{.name = "glu_backward",
                               .shape = [](Call& c) { c.output(0, c.in(1).sizes(), c.in(1).dtype()); },
                               .kernel = every_device([](Call& c) {
                                 const int dim = int(c.attrs<Glu>().dim);
                                 const Halves x(c.in(1), dim), out(c.outputs[0], dim);
                                 launch_row(PointwiseOp::sigmoid_gate, {c.in(0), x.b}, out.a);
                                 launch_row(PointwiseOp::sigmoid_gate_backward, {c.in(0), x.a, x.b}, out.b);
                               }),
                               .attributes_bytes = sizeof(Glu)};

void glu_gradient(Gradient& g) {
  if (!g.grad(0).defined()) return;
  const Tensor grad = g.grad(0), x = g.in(0);
  const Glu attributes = g.attrs<Glu>();
  if (!g.records()) return g.set(0, call(glu_backward_op, {grad, x}, attributes));
  const int64_t half = x.size(int(attributes.dim)) / 2;
  const Tensor a = narrow(x, attributes.dim, 0, half), b = narrow(x, attributes.dim, half, half);
  g.set(0, cat({sigmoid_gate(grad, b), sigmoid_gate_backward(grad, a, b)}, attributes.dim));
}

const OpRecord glu_op{.name = "glu",
                      .shape =
                          [](Call& c) {
                            Dims sizes = c.in(0).sizes();
                            sizes[int(c.attrs<Glu>().dim)] /= 2;
                            c.output(0, sizes, c.in(0).dtype());
                          },
                      .kernel = every_device([](Call& c) {
                        const Halves x(c.in(0), int(c.attrs<Glu>().dim));
                        launch_row(PointwiseOp::sigmoid_gate, {x.a, x.b}, c.outputs[0]);
                      }),
                      .gradient = glu_gradient,
                      .saves = Saves::of(1),
                      .attributes_bytes = sizeof(Glu)};

}  // namespace

Tensor selu(const Tensor& x) { return elu(x, kSeluScale * kSeluAlpha, kSeluScale); }
void selu_(const Tensor& x) { elu_(x, kSeluScale * kSeluAlpha, kSeluScale); }

Tensor prelu_by_channel(const Tensor& x, const Tensor& weight) {
  if (x.dtype() != weight.dtype())
    fail<RuntimeError>("prelu: input and weight must have one dtype, got %s and %s", name(x.dtype()),
                       name(weight.dtype()));
  if (weight.ndim() > 1)
    fail<RuntimeError>("prelu: weight must have 0 or 1 dims, got shape %s", to_string(weight.sizes()).c_str());
  Tensor slope = weight;
  if (weight.numel() != 1) {
    const int64_t channels = x.ndim() > 1 ? x.size(1) : 1;
    if (weight.numel() != channels)
      fail<RuntimeError>("prelu: weight must have 1 element or one for each of the %lld channels, got %lld",
                         static_cast<long long>(channels), static_cast<long long>(weight.numel()));
    Dims shape;
    for (int d = 0; d < x.ndim(); ++d) shape.push(d == 1 ? channels : 1);
    slope = reshape(weight, shape);
  } else {
    slope = reshape(weight, {});
  }
  return prelu(x, slope);
}

Tensor rrelu(const Tensor& x, double lower, double upper, bool training, Generator& generator) {
  if (!(lower <= upper)) fail<RuntimeError>("rrelu: lower must not be greater than upper, got %g and %g", lower, upper);
  if (!training) return leaky_relu(x, (lower + upper) / 2);
  return where(gt(x, 0.0), x, x * uniform_like(x, lower, upper, generator));
}

Tensor glu(const Tensor& x, int64_t dim) {
  if (x.ndim() == 0) fail<RuntimeError>("glu: does not support 0-dimensional tensors");
  const int d = wrap_dim("glu", dim, x.ndim());
  const int64_t size = x.size(d);
  if (size % 2 != 0)
    fail<RuntimeError>("glu: Halving dimension must be even, but dimension %d is size %lld", d,
                       static_cast<long long>(size));
  if (!is_floating(x.dtype())) return sigmoid_gate(narrow(x, d, 0, size / 2), narrow(x, d, size / 2, size / 2));
  return call(glu_op, {x}, Glu{d});
}

Tensor softsign(const Tensor& x) { return x / (abs(x) + 1.0); }
Tensor tanhshrink(const Tensor& x) { return x - tanh(x); }

Records activation_records() { return {&glu_backward_op, &glu_op}; }

Tensor gumbel_softmax(const Tensor& logits, double tau, bool hard, int64_t dim, Generator& generator) {
  const int d = wrap_dim("gumbel_softmax", dim, logits.ndim());
  // -log(-log(u)) for u in (0, 1); zero is moved up.
  const Tensor u = maximum(uniform_like(logits, 0, 1, generator), number(1e-7));
  const Tensor soft = softmax((logits - log(-log(u))) / tau, d);
  if (!hard) return soft;
  const Tensor index = argmax(soft, d, true);
  const Tensor one_hot = scatter(zeros_like(soft), d, index, full(index.sizes(), 1.0, soft.dtype(), soft.device()));
  return one_hot + (soft - without_history(soft));
}

}  // namespace hotloop::ops
