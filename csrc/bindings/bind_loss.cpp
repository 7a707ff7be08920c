#include "bindings/arguments.h"
#include "bindings/tables.h"
#include "core/error.h"
#include "ops/broadcast.h"
#include "ops/loss.h"
#include "ops/pointwise.h"
#include "ops/shape.h"
#include "ops/softmax.h"

namespace hotloop::bindings {

namespace {

using Legacy = std::optional<bool>;

LossReduction reduction_named(const char* op, const std::string& name) {
  if (name == "mean") return LossReduction::mean;
  if (name == "sum") return LossReduction::sum;
  if (name == "none") return LossReduction::none;
  fail<ValueError>("%s: %s is not a valid value for reduction: mean, sum or none", op, name.c_str());
}

// PyTorch's older pair of flags, where one of them is given, goes before the name.
LossReduction reduction_of(const char* op, Legacy size_average, Legacy reduce, const std::string& name) {
  if (!size_average && !reduce) return reduction_named(op, name);
  if (!reduce.value_or(true)) return LossReduction::none;
  return size_average.value_or(true) ? LossReduction::mean : LossReduction::sum;
}

void warn_of_sizes(const Tensor& input, const Tensor& target) {
  if (input.sizes() == target.sizes()) return;
  const std::string text = "Using a target size (" + to_string(target.sizes()) +
                           ") that is different to the input size (" + to_string(input.sizes()) +
                           "). This will likely lead to incorrect results due to broadcasting. Please ensure they have "
                           "the same size.";
  if (PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1)) throw PythonError();
}

// Lengths of sequences: a tensor of whole numbers, or numbers.
std::vector<int64_t> lengths_of(const char* argument, const py::object& object) {
  if (!is_tensor(object.ptr())) return integers_of("ctc_loss", argument, object);
  const Tensor& t = as_tensor(object.ptr());
  if (!is_integral(t.dtype()))
    fail<RuntimeError>("ctc_loss: %s must be integral, got dtype %s", argument, name(t.dtype()));
  const Tensor whole = ops::contiguous(ops::to_device(ops::to_dtype(t, DType::i64), Device{}));
  return {whole.data<int64_t>(), whole.data<int64_t>() + whole.numel()};
}

}  // namespace

void add_loss_rows() {
  add_rows({
      HOTLOOP_FUNCTION(
          "cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = "
          "None, ignore_index: int = -100, reduce: bool | None = None, reduction: str = 'mean', label_smoothing: float "
          "= 0.0) -> Tensor",
          [](const Tensor& x, const Tensor& target, const Tensor& weight, Legacy size_average, int64_t ignore_index,
             Legacy reduce, const std::string& reduction, double label_smoothing) {
            return ops::cross_entropy(
                x, target, weight,
                {reduction_of("cross_entropy", size_average, reduce, reduction), ignore_index, label_smoothing});
          },
          "Softmax and negative log-likelihood in one; input (N, C, ...) of logits, target of class indices (N, ...) "
          "or of probabilities (N, C, ...)."),
      HOTLOOP_FUNCTION(
          "nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None, "
          "ignore_index: int = -100, reduce: bool | None = None, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x, const Tensor& target, const Tensor& weight, Legacy size_average, int64_t ignore_index,
             Legacy reduce, const std::string& reduction) {
            return ops::nll_loss(x, target, weight,
                                 {reduction_of("nll_loss", size_average, reduce, reduction), ignore_index});
          },
          "Negative of the log-probabilities (N, C, ...) at the target classes (N, ...)."),
      HOTLOOP_FUNCTION(
          "mse_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, "
          "reduction: str = 'mean', weight: Tensor | None = None) -> Tensor",
          [](const Tensor& x, const Tensor& target, Legacy size_average, Legacy reduce, const std::string& reduction,
             const Tensor& weight) {
            const Tensor loss =
                ops::mse_loss(x, target, weight, reduction_of("mse_loss", size_average, reduce, reduction));
            warn_of_sizes(x, target);
            return loss;
          },
          "(input - target)^2, times weight; 'mean' divides by the sum of the weights."),
      HOTLOOP_FUNCTION(
          "l1_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, "
          "reduction: str = 'mean', weight: Tensor | None = None) -> Tensor",
          [](const Tensor& x, const Tensor& target, Legacy size_average, Legacy reduce, const std::string& reduction,
             const Tensor& weight) {
            const Tensor loss =
                ops::l1_loss(x, target, weight, reduction_of("l1_loss", size_average, reduce, reduction));
            warn_of_sizes(x, target);
            return loss;
          },
          "|input - target|, times weight; 'mean' divides by the sum of the weights."),
      HOTLOOP_FUNCTION(
          "smooth_l1_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, "
          "reduction: str = 'mean', beta: float = 1.0) -> Tensor",
          [](const Tensor& x, const Tensor& target, Legacy size_average, Legacy reduce, const std::string& reduction,
             double beta) {
            const Tensor loss =
                ops::smooth_l1_loss(x, target, reduction_of("smooth_l1_loss", size_average, reduce, reduction), beta);
            warn_of_sizes(x, target);
            return loss;
          },
          "With d = |input - target|: d^2 / (2 beta) below beta, d - beta / 2 above (Girshick 2015)."),
      HOTLOOP_FUNCTION(
          "huber_loss(input: Tensor, target: Tensor, reduction: str = 'mean', delta: float = 1.0, weight: Tensor | "
          "None = None) -> Tensor",
          [](const Tensor& x, const Tensor& target, const std::string& reduction, double delta, const Tensor& weight) {
            const Tensor loss = ops::huber_loss(x, target, weight, reduction_named("huber_loss", reduction), delta);
            warn_of_sizes(x, target);
            return loss;
          },
          "With d = |input - target|: d^2 / 2 up to delta, delta (d - delta / 2) above, times weight (Huber 1964)."),
      HOTLOOP_FUNCTION(
          "binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None "
          "= None, reduce: bool | None = None, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x, const Tensor& target, const Tensor& weight, Legacy size_average, Legacy reduce,
             const std::string& reduction) {
            return ops::binary_cross_entropy(x, target, weight,
                                             reduction_of("binary_cross_entropy", size_average, reduce, reduction));
          },
          "-(target log(input) + (1 - target) log(1 - input)) of probabilities; logarithms are no smaller than -100."),
      HOTLOOP_FUNCTION(
          "binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: "
          "bool | None = None, reduce: bool | None = None, reduction: str = 'mean', pos_weight: Tensor | None = None) "
          "-> Tensor",
          [](const Tensor& x, const Tensor& target, const Tensor& weight, Legacy size_average, Legacy reduce,
             const std::string& reduction, const Tensor& pos_weight) {
            return ops::binary_cross_entropy_with_logits(
                x, target, weight, pos_weight,
                reduction_of("binary_cross_entropy_with_logits", size_average, reduce, reduction));
          },
          "Sigmoid and binary cross entropy in one; target of probabilities shaped like input."),
      HOTLOOP_FUNCTION(
          "kl_div(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = None, "
          "reduction: str = 'mean', log_target: bool = False) -> Tensor",
          [](const Tensor& x, const Tensor& target, Legacy size_average, Legacy reduce, const std::string& reduction,
             bool log_target) {
            if (reduction != "batchmean" || size_average || reduce)
              return ops::kl_div(x, target, reduction_of("kl_div", size_average, reduce, reduction), log_target);
            const Tensor total = ops::kl_div(x, target, LossReduction::sum, log_target);
            return x.ndim() == 0 ? total : total / double(x.size(0));
          },
          "target (log(target) - input) for log-probabilities input (Kullback and Leibler 1951); 'batchmean' divides "
          "the sum by the first size."),
      HOTLOOP_FUNCTION(
          "poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, size_average: "
          "bool | None = None, eps: float = 1e-08, reduce: bool | None = None, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x, const Tensor& target, bool log_input, bool full, Legacy size_average, double eps,
             Legacy reduce, const std::string& reduction) {
            return ops::poisson_nll_loss(x, target, log_input, full, eps,
                                         reduction_of("poisson_nll_loss", size_average, reduce, reduction));
          },
          "exp(input) - target input, or input - target log(input + eps); full adds Stirling's log(target!) where "
          "target > 1."),
      HOTLOOP_FUNCTION(
          "gaussian_nll_loss(input: Tensor, target: Tensor, var: Tensor | Number, full: bool = False, eps: float = "
          "1e-06, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x, const Tensor& target, const Tensor& var, bool full, double eps,
             const std::string& reduction) {
            return ops::gaussian_nll_loss(x, target, var, full, eps, reduction_named("gaussian_nll_loss", reduction));
          },
          "(log(var) + (input - target)^2 / var) / 2, var no smaller than eps; full adds log(2 pi) / 2 (Nix and "
          "Weigend 1994)."),
      HOTLOOP_FUNCTION(
          "hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, size_average: bool | None = None, "
          "reduce: bool | None = None, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x, const Tensor& target, double margin, Legacy size_average, Legacy reduce,
             const std::string& reduction) {
            return ops::hinge_embedding_loss(x, target, margin,
                                             reduction_of("hinge_embedding_loss", size_average, reduce, reduction));
          },
          "input where target is 1, max(0, margin - input) where it is -1."),
      HOTLOOP_FUNCTION(
          "soft_margin_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None = "
          "None, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x, const Tensor& target, Legacy size_average, Legacy reduce, const std::string& reduction) {
            return ops::soft_margin_loss(x, target, reduction_of("soft_margin_loss", size_average, reduce, reduction));
          },
          "log(1 + exp(-target input)), target 1 or -1."),
      HOTLOOP_FUNCTION(
          "margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, size_average: bool "
          "| None = None, reduce: bool | None = None, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x1, const Tensor& x2, const Tensor& target, double margin, Legacy size_average,
             Legacy reduce, const std::string& reduction) {
            return ops::margin_ranking_loss(x1, x2, target, margin,
                                            reduction_of("margin_ranking_loss", size_average, reduce, reduction));
          },
          "max(0, -target (input1 - input2) + margin), target 1 or -1."),
      HOTLOOP_FUNCTION(
          "cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, size_average: "
          "bool | None = None, reduce: bool | None = None, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x1, const Tensor& x2, const Tensor& target, double margin, Legacy size_average,
             Legacy reduce, const std::string& reduction) {
            return ops::cosine_embedding_loss(x1, x2, target, margin,
                                              reduction_of("cosine_embedding_loss", size_average, reduce, reduction));
          },
          "Of vectors (N, D) or (D): 1 - cos where target (N) or () is 1, max(0, cos - margin) where it is -1."),
      HOTLOOP_FUNCTION(
          "triplet_margin_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = "
          "2.0, eps: float = 1e-06, swap: bool = False, size_average: bool | None = None, reduce: bool | None = None, "
          "reduction: str = 'mean') -> Tensor",
          [](const Tensor& anchor, const Tensor& positive, const Tensor& negative, double margin, double p, double eps,
             bool swap, Legacy size_average, Legacy reduce, const std::string& reduction) {
            return ops::triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap,
                                            reduction_of("triplet_margin_loss", size_average, reduce, reduction));
          },
          "max(0, |anchor - positive| - |anchor - negative| + margin) of p-norms along the last dim; swap takes "
          "|positive - negative| where smaller (Balntas et al. 2016)."),
      HOTLOOP_FUNCTION(
          "multi_margin_loss(input: Tensor, target: Tensor, p: int = 1, margin: float = 1.0, weight: Tensor | None = "
          "None, size_average: bool | None = None, reduce: bool | None = None, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x, const Tensor& target, int64_t p, double margin, const Tensor& weight, Legacy size_average,
             Legacy reduce, const std::string& reduction) {
            return ops::multi_margin_loss(x, target, p, margin, weight,
                                          reduction_of("multi_margin_loss", size_average, reduce, reduction));
          },
          "Of (N, C) and classes y (N): the sum over c != y of weight[y] max(0, margin - input[y] + input[c])^p, over "
          "C."),
      HOTLOOP_FUNCTION(
          "multilabel_margin_loss(input: Tensor, target: Tensor, size_average: bool | None = None, reduce: bool | None "
          "= None, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x, const Tensor& target, Legacy size_average, Legacy reduce, const std::string& reduction) {
            return ops::multilabel_margin_loss(x, target,
                                               reduction_of("multilabel_margin_loss", size_average, reduce, reduction));
          },
          "Of (N, C) and the classes Y before the first -1 of target (N, C): the sum over y in Y and c outside of "
          "max(0, 1 - input[y] + input[c]), over C."),
      HOTLOOP_FUNCTION(
          "multilabel_soft_margin_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool "
          "| None = None, reduce: bool | None = None, reduction: str = 'mean') -> Tensor",
          [](const Tensor& x, const Tensor& target, const Tensor& weight, Legacy size_average, Legacy reduce,
             const std::string& reduction) {
            return ops::multilabel_soft_margin_loss(
                x, target, weight, reduction_of("multilabel_soft_margin_loss", size_average, reduce, reduction));
          },
          "Binary cross entropy of logits (..., C), averaged over C."),
      HOTLOOP_FUNCTION(
          "ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Tensor | Sequence[int], target_lengths: Tensor "
          "| Sequence[int], blank: int = 0, reduction: str = 'mean', zero_infinity: bool = False) -> Tensor",
          [](const Tensor& log_probs, const Tensor& targets, const py::object& input_lengths,
             const py::object& target_lengths, int64_t blank, const std::string& reduction, bool zero_infinity) {
            return ops::ctc_loss(log_probs, targets, lengths_of("input_lengths", input_lengths),
                                 lengths_of("target_lengths", target_lengths), blank,
                                 reduction_named("ctc_loss", reduction), zero_infinity);
          },
          "Minus the log-likelihood of labels (N, S), or one behind the other, under all their alignments with "
          "log_probs (T, N, C) (Graves et al. 2006); mean: over the number of labels, then over samples."),
  });
}

}  // namespace hotloop::bindings
