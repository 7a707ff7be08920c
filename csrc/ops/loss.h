// Losses made of pointwise ops and a reduction. Formulas and names are those of torch.nn.functional.
#pragma once

#include <vector>

#include "kernels/args/softmax.h"
#include "ops/op.h"

namespace hotloop::ops {

// Of input and target, broadcast. weight may be undefined; where given it has the shape of input, and "mean" divides
// by its sum (huber_loss: by the number of elements).
Tensor mse_loss(const Tensor& input, const Tensor& target, const Tensor& weight, LossReduction reduction);
Tensor l1_loss(const Tensor& input, const Tensor& target, const Tensor& weight, LossReduction reduction);
Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, LossReduction reduction, double beta);
Tensor huber_loss(const Tensor& input, const Tensor& target, const Tensor& weight, LossReduction reduction,
                  double delta);

// Of probabilities, or their logits. weight and pos_weight may be undefined.
Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const Tensor& weight, LossReduction reduction);
Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target, const Tensor& weight,
                                        const Tensor& pos_weight, LossReduction reduction);
Tensor kl_div(const Tensor& input, const Tensor& target, LossReduction reduction, bool log_target);
Tensor poisson_nll_loss(const Tensor& input, const Tensor& target, bool log_input, bool full, double eps,
                        LossReduction reduction);
Tensor gaussian_nll_loss(const Tensor& input, const Tensor& target, const Tensor& var, bool full, double eps,
                         LossReduction reduction);

// Connectionist temporal classification of log-probabilities (T, N, C) or (T, C) by labels, (N, S) or one behind the
// other (csrc/ops/ctc.cpp). "mean" divides each sample's loss by its number of labels first.
Tensor ctc_loss(const Tensor& log_probs, const Tensor& targets, const std::vector<int64_t>& input_lengths,
                const std::vector<int64_t>& target_lengths, int64_t blank, LossReduction reduction, bool zero_infinity);

// --- margins (csrc/ops/margin_loss.cpp): targets are 1 and -1, or classes ---------------------------
Tensor hinge_embedding_loss(const Tensor& input, const Tensor& target, double margin, LossReduction reduction);
Tensor soft_margin_loss(const Tensor& input, const Tensor& target, LossReduction reduction);
Tensor margin_ranking_loss(const Tensor& input1, const Tensor& input2, const Tensor& target, double margin,
                           LossReduction reduction);
Tensor cosine_embedding_loss(const Tensor& input1, const Tensor& input2, const Tensor& target, double margin,
                             LossReduction reduction);
Tensor triplet_margin_loss(const Tensor& anchor, const Tensor& positive, const Tensor& negative, double margin,
                           double p, double eps, bool swap, LossReduction reduction);
Tensor multi_margin_loss(const Tensor& input, const Tensor& target, int64_t p, double margin, const Tensor& weight,
                         LossReduction reduction);
Tensor multilabel_margin_loss(const Tensor& input, const Tensor& target, LossReduction reduction);
Tensor multilabel_soft_margin_loss(const Tensor& input, const Tensor& target, const Tensor& weight,
                                   LossReduction reduction);

Tensor reduced(const Tensor& loss, LossReduction reduction);

}  // namespace hotloop::ops
