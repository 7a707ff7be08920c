#include "ops/loss.h"

#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/index.h"
#include "ops/pointwise.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace hotloop::ops {

namespace {

Tensor reduced(const Tensor& loss, LossReduction reduction) {
  if (reduction == LossReduction::none) return loss;
  return reduction == LossReduction::sum ? sum(loss) : mean(loss);
}

}  // namespace

Tensor mse_loss(const Tensor& input, const Tensor& target, LossReduction reduction) {
  return reduced(square(input - target), reduction);
}

Tensor l1_loss(const Tensor& input, const Tensor& target, LossReduction reduction) {
  return reduced(abs(input - target), reduction);
}

Tensor nll_loss(const Tensor& input, const Tensor& target, const Tensor& weight, LossReduction reduction,
                int64_t ignore_index) {
  if (input.ndim() == 0) fail<RuntimeError>("nll_loss: input must have at least 1 dim, got a 0-d tensor");
  const int dim = input.ndim() == 1 ? 0 : 1;
  Dims rows = input.sizes();
  rows.erase(dim);
  if (!(target.sizes() == rows))
    fail<ValueError>("nll_loss: expected target of shape %s for input of shape %s, got %s", to_string(rows).c_str(),
                     to_string(input.sizes()).c_str(), to_string(target.sizes()).c_str());
  if (target.dtype() != DType::i64)
    fail<RuntimeError>("nll_loss: expected target of class indices to be int64, got %s", name(target.dtype()));
  // Ignored rows read class 0 and weigh nothing.
  const Tensor kept = ne(target, double(ignore_index));
  const Tensor index = where(kept, target, scalar_tensor(Scalar(int64_t(0)), DType::i64));
  if (index.numel() > 0) {
    const int64_t classes = input.size(dim), least = item(amin(index)).as_int(), largest = item(amax(index)).as_int();
    if (least < 0 || largest >= classes)
      fail<IndexError>("nll_loss: Target %lld is out of bounds. (classes are 0 to %lld, ignore_index is %lld)",
                       static_cast<long long>(least < 0 ? least : largest), static_cast<long long>(classes - 1),
                       static_cast<long long>(ignore_index));
  }
  const Tensor picked = squeeze(gather(input, dim, unsqueeze(index, dim)), {dim});
  Tensor w = to_dtype(kept, input.dtype());
  if (weight.defined()) {
    if (weight.ndim() != 1 || weight.size(0) != input.size(dim))
      fail<RuntimeError>(
          "nll_loss: weight tensor should be defined either for all %lld classes or no classes but got "
          "weight tensor of shape: %s",
          static_cast<long long>(input.size(dim)), to_string(weight.sizes()).c_str());
    w = w * reshape(index_select(weight, 0, reshape(index, {-1})), index.sizes());
  }
  const Tensor loss = where(kept, -(picked * w), 0.0);
  if (reduction == LossReduction::none) return loss;
  return reduction == LossReduction::sum ? sum(loss) : sum(loss) / sum(w);
}

Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target, const Tensor& weight,
                                        const Tensor& pos_weight, LossReduction reduction) {
  if (!(input.sizes() == target.sizes()))
    fail<ValueError>("binary_cross_entropy_with_logits: Target size (%s) must be the same as input size (%s)",
                     to_string(target.sizes()).c_str(), to_string(input.sizes()).c_str());
  const Tensor log_p = log_sigmoid(input);
  // -(w t log p + (1 - t) log(1 - p)), where log(1 - p) = log p - x.
  const Tensor positive = pos_weight.defined() ? (pos_weight - 1.0) * target + 1.0 : Tensor();
  Tensor loss = (1.0 - target) * input - (positive.defined() ? positive * log_p : log_p);
  if (weight.defined()) loss = loss * weight;
  return reduced(loss, reduction);
}

}  // namespace hotloop::ops
