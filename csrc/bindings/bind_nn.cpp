#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "ops/batch_norm.h"
#include "ops/distance.h"
#include "ops/norm.h"

namespace hotloop::bindings {

void add_nn_rows() {
  add_rows({
      HOTLOOP_FUNCTION(
          "pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False) -> "
          "Tensor",
          [](const Tensor& x1, const Tensor& x2, double p, double eps, bool keepdim) {
            return ops::pairwise_distance(x1, x2, p, eps, keepdim);
          },
          "The p-norm of x1 - x2 + eps along the last dim."),
      HOTLOOP_FUNCTION(
          "cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-08) -> Tensor",
          [](const Tensor& x1, const Tensor& x2, int64_t dim, double eps) {
            return ops::cosine_similarity(x1, x2, dim, eps);
          },
          "x1 . x2 / (max(|x1|, eps) max(|x2|, eps)) along dim."),
      HOTLOOP_FUNCTION(
          "normalize(input: Tensor, p: float = 2.0, dim: int | Sequence[int] | None = 1, eps: float = 1e-12) -> Tensor",
          [](const Tensor& x, double p, const std::optional<Dims>& dims, double eps) {
            return ops::normalize(x, p, dims, eps);
          },
          "input / max(|input|_p, eps) along dim."),
      HOTLOOP_FUNCTION("layer_norm(input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, "
                       "bias: Tensor | None = None, eps: float = 1e-05) -> Tensor",
                       ops::layer_norm,
                       "Zero mean and unit variance over the trailing dims, then weight and bias (Ba, Kiros and Hinton "
                       "2016)."),
      HOTLOOP_FUNCTION(
          "batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = "
          "None, bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-05) -> "
          "Tensor",
          ops::batch_norm,
          "(x - mean) / sqrt(var + eps) * weight + bias for each channel of (N, C, ...) (Ioffe and Szegedy "
          "2015).\n\nIn training mean and variance are the batch's, and the running ones go towards them by "
          "``momentum``; else they are "
          "the running ones."),
      HOTLOOP_FUNCTION("group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = "
                       "None, eps: float = 1e-05) -> Tensor",
                       ops::group_norm,
                       "Zero mean and unit variance over each of ``num_groups`` groups of channels of each sample of "
                       "(N, C, ...), then weight and bias of the channels (Wu and He 2018)."),
      HOTLOOP_FUNCTION("rms_norm(input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, "
                       "eps: float | None = None) -> Tensor",
                       ops::rms_norm,
                       "x / sqrt(mean(x^2) + eps) * weight over the trailing dims (Zhang and Sennrich 2019).\n\nWhere "
                       "eps is left out, it is the dtype's own."),
  });
}

}  // namespace hotloop::bindings
