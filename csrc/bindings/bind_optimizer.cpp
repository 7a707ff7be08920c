#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/optimizer.h"

namespace hotloop::bindings {

template <>
struct From<ops::Varying> {  // a number, or a tensor of one
  static ops::Varying get(const Source& s) {
    if (is_tensor(s.object)) return {0, as_tensor(s.object)};
    return {float_from(s), Tensor()};
  }
};

namespace {

using Tensors = ops::TensorList;
using ops::Varying;

void sgd(const Tensors& params, const Tensors& grads, const Tensors& momentum_buffers, const Varying& lr,
         double momentum, double dampening, double weight_decay, bool nesterov, bool maximize, bool first_step,
         double l1_decay) {
  ops::sgd_step(params, grads, momentum_buffers,
                SgdArgs{{}, {weight_decay, l1_decay, false, maximize}, 0, momentum, dampening, nesterov}, {lr},
                first_step);
}

void adam(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
          const Tensors& max_exp_avg_sqs, const Varying& step, const Varying& lr, double beta1, double beta2,
          double eps, double weight_decay, bool decoupled, bool maximize, double l1_decay) {
  ops::adam_step(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs,
                 AdamArgs{{}, {weight_decay, l1_decay, decoupled, maximize}, 0, beta1, beta2, eps, 0, 0}, {lr, step});
}

void rmsprop(const Tensors& params, const Tensors& grads, const Tensors& square_avgs, const Tensors& momentum_buffers,
             const Tensors& grad_avgs, const Varying& lr, double alpha, double eps, double weight_decay,
             double momentum, bool maximize, double l1_decay) {
  ops::rmsprop_step(params, grads, square_avgs, momentum_buffers, grad_avgs,
                    RmspropArgs{{}, {weight_decay, l1_decay, false, maximize}, 0, alpha, eps, momentum}, {lr});
}

void adagrad(const Tensors& params, const Tensors& grads, const Tensors& sums, const Varying& lr, double eps,
             double weight_decay, bool maximize, double l1_decay) {
  ops::adagrad_step(params, grads, sums, AdagradArgs{{}, {weight_decay, l1_decay, false, maximize}, 0, eps}, {lr});
}

void adadelta(const Tensors& params, const Tensors& grads, const Tensors& square_avgs, const Tensors& acc_deltas,
              const Varying& lr, double rho, double eps, double weight_decay, bool maximize, double l1_decay) {
  ops::adadelta_step(params, grads, square_avgs, acc_deltas,
                     AdadeltaArgs{{}, {weight_decay, l1_decay, false, maximize}, 0, rho, eps}, {lr});
}

void adamax(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_infs,
            const Varying& step, const Varying& lr, double beta1, double beta2, double eps, double weight_decay,
            bool maximize, double l1_decay) {
  ops::adamax_step(params, grads, exp_avgs, exp_infs,
                   AdamaxArgs{{}, {weight_decay, l1_decay, false, maximize}, 0, beta1, beta2, eps, 0}, {lr, step});
}

double nadam(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
             const Varying& step, const Varying& mu_product, const Varying& lr, double beta1, double beta2, double eps,
             double weight_decay, double momentum_decay, bool decoupled, bool maximize, double l1_decay) {
  return ops::nadam_step(
      params, grads, exp_avgs, exp_avg_sqs,
      NadamArgs{{}, {weight_decay, l1_decay, decoupled, maximize}, 0, beta1, beta2, eps, 0, 0, 0, momentum_decay},
      {lr, step, mu_product});
}

void radam(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
           const Varying& step, const Varying& lr, double beta1, double beta2, double eps, double weight_decay,
           bool decoupled, bool maximize, double l1_decay) {
  ops::radam_step(params, grads, exp_avgs, exp_avg_sqs,
                  RadamArgs{{}, {weight_decay, l1_decay, decoupled, maximize}, 0, beta1, beta2, eps, 0, false},
                  {lr, step});
}

void lion(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Varying& lr, double beta1,
          double beta2, double weight_decay, bool maximize, double l1_decay) {
  ops::lion_step(params, grads, exp_avgs, LionArgs{{}, {weight_decay, l1_decay, true, maximize}, 0, beta1, beta2},
                 {lr});
}

void muon(const Tensors& params, const Tensors& grads, const Tensors& momentum_buffers, const Varying& lr,
          double weight_decay, double momentum, bool nesterov, double a, double b, double c, double eps,
          int64_t ns_steps, const std::string& adjust_lr, double l1_decay) {
  if (adjust_lr != "original" && adjust_lr != "match_rms_adamw")
    fail<ValueError>("muon_step: adjust_lr must be original or match_rms_adamw, got '%s'", adjust_lr.c_str());
  ops::muon_step(params, grads, momentum_buffers,
                 MuonMomentumArgs{{}, {weight_decay, l1_decay, true, false}, 0, momentum, nesterov}, {lr},
                 {a, b, c, eps, ns_steps},
                 adjust_lr == "original" ? ops::MuonRate::original : ops::MuonRate::match_rms_adamw);
}

Tensor total_norm(const Tensors& tensors, double order) {
  if (order != 1 && order != 2 && order != __builtin_inf())
    fail<ValueError>("total_norm: order must be 1, 2 or infinity, got %g", order);
  return ops::total_norm(tensors, order == 1 ? NormOrder::one : order == 2 ? NormOrder::two : NormOrder::infinity);
}

}  // namespace

void add_optimizer_rows() {
  add_rows({
      HOTLOOP_FUNCTION(
          "sgd_step(params: Sequence[Tensor], grads: Sequence[Tensor], momentum_buffers: "
          "Sequence[Tensor], lr: Tensor | float, momentum: float, dampening: float, weight_decay: float, nesterov: "
          "bool, maximize: bool, first_step: bool, l1_decay: float = 0.0) -> None",
          sgd, "One step over all parameters, in place; optim.SGD's kernel."),
      HOTLOOP_FUNCTION(
          "adam_step(params: Sequence[Tensor], grads: Sequence[Tensor], exp_avgs: Sequence[Tensor], exp_avg_sqs: "
          "Sequence[Tensor], max_exp_avg_sqs: Sequence[Tensor], step: Tensor | int, lr: Tensor | float, beta1: float, "
          "beta2: float, eps: "
          "float, weight_decay: float, decoupled: bool, maximize: bool, l1_decay: float = 0.0) -> None",
          adam, "One step over all parameters, in place; the kernel of optim.Adam and optim.AdamW."),
      HOTLOOP_FUNCTION(
          "rmsprop_step(params: Sequence[Tensor], grads: Sequence[Tensor], square_avgs: Sequence[Tensor], "
          "momentum_buffers: Sequence[Tensor], grad_avgs: Sequence[Tensor], lr: Tensor | float, alpha: float, eps: "
          "float, weight_decay: float, momentum: float, maximize: bool, l1_decay: float = 0.0) -> None",
          rmsprop, "One step over all parameters, in place; optim.RMSprop's kernel."),
      HOTLOOP_FUNCTION("adagrad_step(params: Sequence[Tensor], grads: Sequence[Tensor], sums: Sequence[Tensor], lr: "
                       "float, eps: float, weight_decay: float, maximize: bool, l1_decay: float = 0.0) -> None",
                       adagrad, "One step over all parameters, in place; optim.Adagrad's kernel."),
      HOTLOOP_FUNCTION("adadelta_step(params: Sequence[Tensor], grads: Sequence[Tensor], square_avgs: "
                       "Sequence[Tensor], acc_deltas: Sequence[Tensor], lr: Tensor | float, rho: float, eps: float, "
                       "weight_decay: float, maximize: bool, l1_decay: float = 0.0) -> None",
                       adadelta, "One step over all parameters, in place; optim.Adadelta's kernel."),
      HOTLOOP_FUNCTION(
          "adamax_step(params: Sequence[Tensor], grads: Sequence[Tensor], exp_avgs: Sequence[Tensor], "
          "exp_infs: Sequence[Tensor], step: Tensor | int, lr: Tensor | float, beta1: float, beta2: float, eps: float, "
          "weight_decay: float, maximize: bool, l1_decay: float = 0.0) -> None",
          adamax, "One step over all parameters, in place; optim.Adamax's kernel."),
      HOTLOOP_FUNCTION(
          "nadam_step(params: Sequence[Tensor], grads: Sequence[Tensor], exp_avgs: Sequence[Tensor], exp_avg_sqs: "
          "Sequence[Tensor], step: Tensor | int, mu_product: Tensor | float, lr: Tensor | float, beta1: float, beta2: "
          "float, eps: float, "
          "weight_decay: float, momentum_decay: float, decoupled: bool, maximize: bool, l1_decay: float = 0.0) -> "
          "float",
          nadam,
          "One step over all parameters, in place; optim.NAdam's kernel. Returns the product of all momenta so far."),
      HOTLOOP_FUNCTION("radam_step(params: Sequence[Tensor], grads: Sequence[Tensor], exp_avgs: Sequence[Tensor], "
                       "exp_avg_sqs: Sequence[Tensor], step: Tensor | int, lr: Tensor | float, beta1: float, beta2: "
                       "float, eps: float, "
                       "weight_decay: float, decoupled: bool, maximize: bool, l1_decay: float = 0.0) -> None",
                       radam, "One step over all parameters, in place; optim.RAdam's kernel."),
      HOTLOOP_FUNCTION("lion_step(params: Sequence[Tensor], grads: Sequence[Tensor], exp_avgs: Sequence[Tensor], lr: "
                       "Tensor | float, beta1: "
                       "float, beta2: float, weight_decay: float, maximize: bool, l1_decay: float = 0.0) -> None",
                       lion, "One step over all parameters, in place; optim.Lion's kernel."),
      HOTLOOP_FUNCTION(
          "muon_step(params: Sequence[Tensor], grads: Sequence[Tensor], momentum_buffers: "
          "Sequence[Tensor], lr: Tensor | float, weight_decay: float, momentum: float, nesterov: bool, a: float, "
          "b: float, c: float, eps: float, ns_steps: int, adjust_lr: str, l1_decay: float = 0.0) -> None",
          muon, "One step over all matrices, in place; optim.Muon's kernels."),
      HOTLOOP_FUNCTION("lerp_tensors(tensors: Sequence[Tensor], ends: Sequence[Tensor], weight: float) -> None",
                       ops::lerp_tensors, "tensors + weight * (ends - tensors), in place; averages of weights."),
      HOTLOOP_FUNCTION("total_norm(tensors: Sequence[Tensor], order: float = 2.0) -> Tensor", total_norm,
                       "The norm of order 1, 2 or infinity over the elements of all tensors."),
      HOTLOOP_FUNCTION(
          "clip_tensors(tensors: Sequence[Tensor], max_norm: float, total_norm: Tensor) -> None", ops::clip_tensors,
          "Multiplies all tensors by max_norm / (total_norm + 1e-6), in place, where that is below 1 or NaN."),
  });
}

}  // namespace hotloop::bindings
