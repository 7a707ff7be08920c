#include "ops/activation.h"

#include "core/error.h"
#include "ops/arithmetic.h"
#include "ops/broadcast.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/random.h"
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

}  // namespace

Tensor selu(const Tensor& x) { return elu(x, kSeluScale * kSeluAlpha, kSeluScale); }
void selu_(const Tensor& x) { elu_(x, kSeluScale * kSeluAlpha, kSeluScale); }

Tensor prelu(const Tensor& x, const Tensor& weight) {
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
  return where(gt(x, 0.0), x, slope * x);
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
  return narrow(x, d, 0, size / 2) * sigmoid(narrow(x, d, size / 2, size / 2));
}

Tensor softsign(const Tensor& x) { return x / (abs(x) + 1.0); }
Tensor tanhshrink(const Tensor& x) { return x - tanh(x); }

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
