#include "ops/loss.h"

#include <cmath>

#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

Tensor reduced(const Tensor& loss, LossReduction reduction) {
  if (reduction == LossReduction::none) return loss;
  return reduction == LossReduction::sum ? sum(loss) : mean(loss);
}

namespace {

// A GPU's values are not asked: a training step does not wait for it.
bool on_host(const Tensor& x) { return x.device().type == DeviceType::cpu; }

Tensor weighted(const char* op, const Tensor& loss, const Tensor& weight, const Tensor& input) {
  if (!weight.defined()) return loss;
  if (!(weight.sizes() == input.sizes()))
    fail<ValueError>("%s: Weights and input must have the same size, got %s and %s", op,
                     to_string(weight.sizes()).c_str(), to_string(input.sizes()).c_str());
  return loss * weight;
}

void require_same_size(const char* op, const Tensor& input, const Tensor& target) {
  if (!(input.sizes() == target.sizes()))
    fail<ValueError>("%s: Target size (%s) must be the same as input size (%s)", op, to_string(target.sizes()).c_str(),
                     to_string(input.sizes()).c_str());
}

}  // namespace

Tensor mse_loss(const Tensor& input, const Tensor& target, const Tensor& weight, LossReduction reduction) {
  const Tensor loss = weighted("mse_loss", squared_error(input, target), weight, input);
  if (weight.defined() && reduction == LossReduction::mean) return sum(loss) / sum(weight);
  return reduced(loss, reduction);
}

Tensor l1_loss(const Tensor& input, const Tensor& target, const Tensor& weight, LossReduction reduction) {
  const Tensor loss = weighted("l1_loss", absolute_error(input, target), weight, input);
  if (weight.defined() && reduction == LossReduction::mean) return sum(loss) / sum(weight);
  return reduced(loss, reduction);
}

Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, LossReduction reduction, double beta) {
  if (!(beta >= 0)) fail<RuntimeError>("smooth_l1_loss does not support negative values for beta. (got %g)", beta);
  if (beta == 0) return l1_loss(input, target, Tensor(), reduction);
  return reduced(smooth_l1_error(input, target, beta), reduction);
}

Tensor huber_loss(const Tensor& input, const Tensor& target, const Tensor& weight, LossReduction reduction,
                  double delta) {
  if (!(delta > 0)) fail<RuntimeError>("huber_loss does not support non-positive values for delta. (got %g)", delta);
  return reduced(weighted("huber_loss", huber_error(input, target, delta), weight, input), reduction);
}

Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const Tensor& weight, LossReduction reduction) {
  constexpr const char* op = "binary_cross_entropy";
  require_same_size(op, input, target);
  if (on_host(input) && input.numel() > 0 &&
      !(item(amin(input)).as_double() >= 0 && item(amax(input)).as_double() <= 1))
    fail<RuntimeError>("%s: all elements of input should be between 0 and 1, got %g to %g", op,
                       item(amin(input)).as_double(), item(amax(input)).as_double());
  const Tensor loss = cross_entropy_error(input, target);
  return reduced(weight.defined() ? loss * weight : loss, reduction);
}

Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target, const Tensor& weight,
                                        const Tensor& pos_weight, LossReduction reduction) {
  require_same_size("binary_cross_entropy_with_logits", input, target);
  // -(w t log p + (1 - t) log(1 - p)), where log(1 - p) = log p - x.
  Tensor loss = pos_weight.defined() ? (1.0 - target) * input - ((pos_weight - 1.0) * target + 1.0) * log_sigmoid(input)
                                     : logits_cross_entropy_error(input, target);
  if (weight.defined()) loss = loss * weight;
  return reduced(loss, reduction);
}

Tensor kl_div(const Tensor& input, const Tensor& target, LossReduction reduction, bool log_target) {
  if (log_target) return reduced(exp(target) * (target - input), reduction);
  return reduced(where(eq(target, 0.0), 0.0, target * log(target)) - target * input, reduction);
}

Tensor poisson_nll_loss(const Tensor& input, const Tensor& target, bool log_input, bool full, double eps,
                        LossReduction reduction) {
  Tensor loss = log_input ? exp(input) - target * input : input - target * log(input + eps);
  if (full) {  // Stirling's approximation of log(target!)
    const Tensor stirling = target * log(target) - target + log(target * (2 * M_PI)) * 0.5;
    loss = loss + where(le(target, 1.0), 0.0, stirling);
  }
  return reduced(loss, reduction);
}

Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& var, bool full, double eps,
                         LossReduction reduction) {
  constexpr const char* op = "gaussian_nll_loss";
  if (on_host(var) && var.numel() > 0 && item(amin(var)).as_double() < 0)
    fail<ValueError>("%s: var has negative entry/entries", op);
  Tensor v = var;
  if (v.ndim() > 0 && !(v.sizes() == input.sizes())) {
    Dims shorter = input.sizes();
    if (shorter.n > 0) shorter.erase(shorter.n - 1);
    int differing = 0;
    int64_t wrong = 0;  // as PyTorch: of the sizes of input that differ, one must be left
    if (v.ndim() == input.ndim())
      for (int i = 0; i < v.ndim(); ++i)
        if (v.size(i) != input.size(i)) ++differing, wrong += v.size(i);
    if (v.sizes() == shorter && input.ndim() > 0)
      v = unsqueeze(v, -1);
    else if (!(differing > 0 && wrong == 1))
      fail<ValueError>("%s: var is of incorrect size: %s for input of shape %s", op, to_string(var.sizes()).c_str(),
                       to_string(input.sizes()).c_str());
  }
  v = clamp_min_through(v, eps);
  Tensor loss = (log(v) + squared_error(input, target) / v) * 0.5;
  if (full) loss = loss + 0.5 * std::log(2 * M_PI);
  return reduced(loss, reduction);
}

}  // namespace hotloop::ops
