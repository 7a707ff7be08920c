#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "ops/optimizer.h"

namespace hotloop::bindings {

namespace {

using Tensors = std::vector<Tensor>;

void sgd(const Tensors& params, const Tensors& grads, const Tensors& buffers, double lr, double momentum,
         double dampening, double weight_decay, bool nesterov, bool maximize, bool first_step) {
  ops::sgd_step(params, grads, buffers, {lr, momentum, dampening, weight_decay, nesterov, maximize, first_step});
}

void adam(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
          const Tensors& max_exp_avg_sqs, int64_t step, double lr, double beta1, double beta2, double eps,
          double weight_decay, bool decoupled, bool amsgrad, bool maximize) {
  ops::adam_step(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs,
                 {step, lr, beta1, beta2, eps, weight_decay, decoupled, amsgrad, maximize});
}

}  // namespace

void add_optimizer_rows() {
  add_rows({
      HOTLOOP_FUNCTION(
          "sgd_step(params: Sequence[Tensor], grads: Sequence[Tensor], momentum_buffers: Sequence[Tensor], "
          "lr: float, momentum: float, dampening: float, weight_decay: float, nesterov: bool, "
          "maximize: bool, first_step: bool) -> None",
          sgd, "One SGD step over all parameters, in place; optim.SGD's kernel."),
      HOTLOOP_FUNCTION("adam_step(params: Sequence[Tensor], grads: Sequence[Tensor], exp_avgs: Sequence[Tensor], "
                       "exp_avg_sqs: Sequence[Tensor], max_exp_avg_sqs: Sequence[Tensor], step: int, lr: float, "
                       "beta1: float, beta2: float, eps: float, weight_decay: float, decoupled: bool, amsgrad: bool, "
                       "maximize: bool) -> None",
                       adam, "One Adam step over all parameters, in place; the kernel of optim.Adam and optim.AdamW."),
      HOTLOOP_FUNCTION("total_norm(tensors: Sequence[Tensor]) -> Tensor", ops::total_norm,
                       "The 2-norm over the elements of all tensors."),
  });
}

}  // namespace hotloop::bindings
