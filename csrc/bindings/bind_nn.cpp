#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/loss.h"
#include "ops/norm.h"
#include "ops/softmax.h"

namespace hotloop::bindings {

namespace {

LossReduction reduction_named(const char* op, const std::string& name) {
  if (name == "mean") return LossReduction::mean;
  if (name == "sum") return LossReduction::sum;
  if (name == "none") return LossReduction::none;
  fail<ValueError>("%s: %s is not a valid value for reduction: mean, sum or none", op, name.c_str());
}

}  // namespace

void add_nn_rows() {
  add_rows({
      HOTLOOP_FUNCTION(
          "cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, "
          "ignore_index: int = -100, reduction: str = 'mean', label_smoothing: float = 0.0) -> Tensor",
          [](const Tensor& x, const Tensor& target, const Tensor& weight, int64_t ignore_index,
             const std::string& reduction, double label_smoothing) {
            return ops::cross_entropy(x, target, weight,
                                      {reduction_named("cross_entropy", reduction), ignore_index, label_smoothing});
          },
          "Softmax and negative log-likelihood in one; input (N, C, ...) of logits, target of class "
          "indices (N, ...) or of probabilities (N, C, ...)."),
      HOTLOOP_FUNCTION(
          "nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, "
          "ignore_index: int = -100, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x, const Tensor& target, const Tensor& weight, int64_t ignore_index,
             const std::string& reduction) {
            return ops::nll_loss(x, target, weight, reduction_named("nll_loss", reduction), ignore_index);
          },
          "Negative of the log-probabilities (N, C, ...) at the target classes (N, ...)."),
      HOTLOOP_FUNCTION(
          "mse_loss(input: Tensor, target: Tensor, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x, const Tensor& target, const std::string& reduction) {
            return ops::mse_loss(x, target, reduction_named("mse_loss", reduction));
          },
          "(input - target)^2."),
      HOTLOOP_FUNCTION(
          "l1_loss(input: Tensor, target: Tensor, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x, const Tensor& target, const std::string& reduction) {
            return ops::l1_loss(x, target, reduction_named("l1_loss", reduction));
          },
          "|input - target|."),
      HOTLOOP_FUNCTION(
          "binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None, "
          "reduction: str = 'mean', pos_weight: Tensor | None = None) -> Tensor",
          [](const Tensor& x, const Tensor& target, const Tensor& weight, const std::string& reduction,
             const Tensor& pos_weight) {
            return ops::binary_cross_entropy_with_logits(
                x, target, weight, pos_weight, reduction_named("binary_cross_entropy_with_logits", reduction));
          },
          "Sigmoid and binary cross entropy in one; target of probabilities shaped like input."),
      HOTLOOP_FUNCTION("layer_norm(input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, "
                       "bias: Tensor | None = None, eps: float = 1e-05) -> Tensor",
                       ops::layer_norm,
                       "Zero mean and unit variance over the trailing dims, then weight and bias (Ba, Kiros and Hinton "
                       "2016)."),
  });
}

}  // namespace hotloop::bindings
