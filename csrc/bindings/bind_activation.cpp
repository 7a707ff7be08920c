// Activations, most of them of hotloop.nn.functional.
#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/activation.h"
#include "ops/pointwise.h"
#include "ops/softmax.h"

namespace hotloop::bindings {

namespace {

Tensor gelu_named(const Tensor& x, const std::string& approximate) {
  if (approximate == "none") return ops::gelu(x);
  if (approximate == "tanh") return ops::gelu_tanh(x);
  fail<RuntimeError>("gelu: approximate argument must be either none or tanh, got '%s'", approximate.c_str());
}

// A row of the table with its scalars, written over x where asked for.
template <Tensor (*function)(const Tensor&, double, double), void (*in_place_form)(const Tensor&, double, double)>
Tensor activation(const Tensor& x, bool in_place, double p0 = 0, double p1 = 0) {
  if (!in_place) return function(x, p0, p1);
  in_place_form(x, p0, p1);
  return x;
}
#define HOTLOOP_ACTIVATION(name) (activation<ops::name, ops::name##_>)

Tensor hardtanh(const Tensor& x, double min, double max, bool in_place) {
  if (min > max) fail<ValueError>("hardtanh: min_val cannot be greater than max_val, got %g and %g", min, max);
  return HOTLOOP_ACTIVATION(hardtanh)(x, in_place, min, max);
}

double slope_divisor(double alpha) {
  if (alpha == 0) fail<RuntimeError>("celu: alpha must not be 0");
  return alpha;
}

double shrink_bound(double lambd) {
  if (!(lambd >= 0)) fail<RuntimeError>("softshrink: lambda must be greater or equal to 0, but found to be %g", lambd);
  return lambd;
}

}  // namespace

void add_activation_rows() {
  add_rows({
      HOTLOOP_OP(
          "relu(input: Tensor, inplace: bool = False) -> Tensor",
          [](const Tensor& x, bool in_place) { return HOTLOOP_ACTIVATION(relu)(x, in_place); },
          "Negative elements made zero."),
      HOTLOOP_FUNCTION(
          "relu6(input: Tensor, inplace: bool = False) -> Tensor",
          [](const Tensor& x, bool in_place) { return HOTLOOP_ACTIVATION(hardtanh)(x, in_place, 0, 6); },
          "Elements brought between 0 and 6."),
      HOTLOOP_FUNCTION(
          "hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor",
          hardtanh, "Elements brought between min_val and max_val."),
      HOTLOOP_FUNCTION(
          "hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor",
          [](const Tensor& x, double min, double max) { return hardtanh(x, min, max, true); },
          "In-place form of hardtanh()."),
      HOTLOOP_FUNCTION(
          "threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor",
          [](const Tensor& x, double bound, double value, bool in_place) {
            return HOTLOOP_ACTIVATION(threshold)(x, in_place, bound, value);
          },
          "x where x > threshold, value elsewhere."),
      HOTLOOP_FUNCTION(
          "threshold_(input: Tensor, threshold: float, value: float) -> Tensor",
          [](const Tensor& x, double bound, double value) { ops::threshold_(x, bound, value); },
          "In-place form of threshold()."),
      HOTLOOP_FUNCTION(
          "leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor",
          [](const Tensor& x, double slope, bool in_place) {
            return HOTLOOP_ACTIVATION(leaky_relu)(x, in_place, slope);
          },
          "x where x > 0, negative_slope x elsewhere."),
      HOTLOOP_FUNCTION(
          "leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor",
          [](const Tensor& x, double slope) { ops::leaky_relu_(x, slope); }, "In-place form of leaky_relu()."),
      HOTLOOP_OP("prelu(input: Tensor, weight: Tensor) -> Tensor", ops::prelu_by_channel,
                 "x where x > 0, weight x elsewhere; weight of one element or one for each channel (dim 1)."),
      HOTLOOP_FUNCTION(
          "_rrelu(input: Tensor, lower: float, upper: float, training: bool, "
          "generator: Generator | None = None) -> Tensor",
          [](const Tensor& x, double lower, double upper, bool training, Generator* generator) {
            return ops::rrelu(x, lower, upper, training, *generator);
          },
          "Slopes on the left drawn from [lower, upper] in training, else their mean."),
      HOTLOOP_FUNCTION(
          "elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor",
          [](const Tensor& x, double alpha, bool in_place) { return HOTLOOP_ACTIVATION(elu)(x, in_place, alpha, 1); },
          "x where x > 0, alpha (exp(x) - 1) elsewhere (Clevert, Unterthiner and Hochreiter 2015)."),
      HOTLOOP_FUNCTION(
          "elu_(input: Tensor, alpha: float = 1.0) -> Tensor",
          [](const Tensor& x, double alpha) { ops::elu_(x, alpha, 1); }, "In-place form of elu()."),
      HOTLOOP_FUNCTION(
          "selu(input: Tensor, inplace: bool = False) -> Tensor",
          [](const Tensor& x, bool in_place) {
            if (!in_place) return ops::selu(x);
            ops::selu_(x);
            return x;
          },
          "Scaled elu() that keeps mean 0 and variance 1 (Klambauer et al. 2017)."),
      HOTLOOP_FUNCTION("selu_(input: Tensor) -> Tensor", ops::selu_, "In-place form of selu()."),
      HOTLOOP_FUNCTION(
          "celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor",
          [](const Tensor& x, double alpha, bool in_place) {
            return HOTLOOP_ACTIVATION(celu)(x, in_place, slope_divisor(alpha));
          },
          "x where x > 0, alpha (exp(x / alpha) - 1) elsewhere (Barron 2017)."),
      HOTLOOP_FUNCTION(
          "celu_(input: Tensor, alpha: float = 1.0) -> Tensor",
          [](const Tensor& x, double alpha) { ops::celu_(x, slope_divisor(alpha)); }, "In-place form of celu()."),
      HOTLOOP_OP(
          "silu(input: Tensor, inplace: bool = False) -> Tensor",
          [](const Tensor& x, bool in_place) { return HOTLOOP_ACTIVATION(silu)(x, in_place); },
          "x sigmoid(x) (Elfwing, Uchibe and Doya 2018)."),
      HOTLOOP_FUNCTION(
          "mish(input: Tensor, inplace: bool = False) -> Tensor",
          [](const Tensor& x, bool in_place) { return HOTLOOP_ACTIVATION(mish)(x, in_place); },
          "x tanh(softplus(x)) (Misra 2019)."),
      HOTLOOP_FUNCTION(
          "hardswish(input: Tensor, inplace: bool = False) -> Tensor",
          [](const Tensor& x, bool in_place) { return HOTLOOP_ACTIVATION(hardswish)(x, in_place); },
          "x relu6(x + 3) / 6 (Howard et al. 2019)."),
      HOTLOOP_FUNCTION(
          "hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor",
          [](const Tensor& x, bool in_place) { return HOTLOOP_ACTIVATION(hardsigmoid)(x, in_place); },
          "relu6(x + 3) / 6."),
      HOTLOOP_OP(
          "hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor",
          [](const Tensor& x, double bound) { return ops::hardshrink(x, bound); },
          "Zero within [-lambd, lambd], x elsewhere."),
      HOTLOOP_FUNCTION(
          "softshrink(input: Tensor, lambd: float = 0.5) -> Tensor",
          [](const Tensor& x, double bound) { return ops::softshrink(x, shrink_bound(bound)); },
          "x brought lambd nearer to zero, zero within [-lambd, lambd]."),
      HOTLOOP_FUNCTION("tanhshrink(input: Tensor) -> Tensor", ops::tanhshrink, "x - tanh(x)."),
      HOTLOOP_FUNCTION("softsign(input: Tensor) -> Tensor", ops::softsign, "x / (1 + |x|)."),
      HOTLOOP_FUNCTION(
          "logsigmoid(input: Tensor) -> Tensor", [](const Tensor& x) { return ops::log_sigmoid(x); },
          "log(sigmoid(x)) without overflow."),
      HOTLOOP_FUNCTION(
          "softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor",
          [](const Tensor& a, double beta, double threshold) { return ops::softplus(a, beta, threshold); },
          "log(1 + exp(beta x)) / beta, and x itself where beta x > threshold."),
      HOTLOOP_FUNCTION(
          "gelu(input: Tensor, approximate: str = 'none') -> Tensor", gelu_named,
          "x times the normal distribution function at x (Hendrycks and Gimpel 2016); 'tanh' approximates it."),
      HOTLOOP_FUNCTION("glu(input: Tensor, dim: int = -1) -> Tensor", ops::glu,
                       "a sigmoid(b) for the halves a and b of input along dim (Dauphin et al. 2016)."),
      HOTLOOP_FUNCTION(
          "_gumbel_softmax(logits: Tensor, tau: float, hard: bool, dim: int, "
          "generator: Generator | None = None) -> Tensor",
          [](const Tensor& x, double tau, bool hard, int64_t dim, Generator* generator) {
            return ops::gumbel_softmax(x, tau, hard, dim, *generator);
          },
          "softmax((logits + Gumbel noise) / tau) along dim; hard: one-hot, with the soft one's gradient."),
  });
}

}  // namespace hotloop::bindings
