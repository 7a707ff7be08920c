"""Losses of outputs against targets: what training makes small.

``reduction`` is "mean", "sum" or "none". ``size_average`` and ``reduce`` are PyTorch's older names for it: where one of
them is given it counts instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hotloop._core import Tensor
from hotloop.nn import functional as F
from hotloop.nn.linear import Linear
from hotloop.nn.module import Module


class Loss(Module):
    """Base of the losses: keeps the reduction."""

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        if size_average is not None or reduce is not None:
            averaged = size_average is None or size_average
            reduction = "none" if reduce is False else "mean" if averaged else "sum"
        self.reduction = reduction


class WeightedLoss(Loss):
    """Base of the losses with weights: keeps them as a buffer."""

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class MarginLoss(Loss):
    """Base of the losses of pairs with a margin that is 0 by default."""

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin


class MSELoss(Loss):
    """(input - target)^2."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target of one shape -> (), or with reduction "none" that shape."""
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(Loss):
    """|input - target|."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target of one shape -> (), or with reduction "none" that shape."""
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(Loss):
    """With d = |input - target|: d^2 / (2 beta) below ``beta``, d - beta / 2 above (Girshick 2015).

    Args:
        size_average, reduce, reduction: see the head of the module.
        beta: not negative; 0 makes it the L1 loss.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target of one shape -> (), or with reduction "none" that shape."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(Loss):
    """With d = |input - target|: d^2 / 2 up to ``delta``, delta (d - delta / 2) above (Huber 1964).

    Args:
        reduction: "mean", "sum" or "none".
        delta: above 0.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        if not isinstance(delta, (int, float)):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target of one shape -> (), or with reduction "none" that shape."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(WeightedLoss):
    """-input[target], for log-probabilities over the classes of dimension 1.

    Args:
        weight: (C,), the weight of each class; "mean" divides by the sum of the weights that were used.
        size_average, reduce, reduction: see the head of the module.
        ignore_index: a target that counts for nothing.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input (N, C, ...), target integers (N, ...) -> (), or with reduction "none" (N, ...)."""
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class CrossEntropyLoss(WeightedLoss):
    """-log softmax(input)[target], over the classes of dimension 1.

    Args:
        weight: (C,), the weight of each class; "mean" divides by the sum of the weights that were used.
        size_average, reduce, reduction: see the head of the module.
        ignore_index: a target that counts for nothing.
        label_smoothing: share of the target that is spread evenly over all classes (Szegedy et al. 2015).
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input (N, C, ...), target integers (N, ...) or probabilities (N, C, ...) -> (), or with "none" (N, ...)."""
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCELoss(WeightedLoss):
    """-(target * log(input) + (1 - target) * log(1 - input)), of probabilities; logarithms are no smaller than -100.

    Args:
        weight: broadcasts against the loss of each element.
        size_average, reduce, reduction: see the head of the module.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target of one shape, in [0, 1] -> (), or with reduction "none" that shape."""
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(WeightedLoss):
    """-(pos_weight * target * log s + (1 - target) * log(1 - s)) with s = sigmoid(input).

    Args:
        weight: broadcasts against the loss of each element.
        size_average, reduce, reduction: see the head of the module.
        pos_weight: the weight of the positive class, broadcast against target.
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target of one shape -> (), or with reduction "none" that shape."""
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(Loss):
    """target * (log(target) - input), for log-probabilities ``input`` (Kullback and Leibler 1951).

    Args:
        size_average, reduce: see the head of the module.
        reduction: also "batchmean", the sum over the size of the batch, which is the divergence.
        log_target: whether targets are log-probabilities too.
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target of one shape -> (), or with reduction "none" that shape."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(Loss):
    """exp(input) - target * input, of counts; without ``log_input``, input - target * log(input + eps).

    Args:
        log_input: whether input is the logarithm of the rate.
        full: add Stirling's log(target!) where target > 1.
        size_average, reduce, reduction: see the head of the module.
        eps: keeps the logarithm finite.
    """

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        size_average: bool | None = None,
        eps: float = 1e-8,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input: Tensor, target: Tensor) -> Tensor:
        """log_input and target of one shape -> (), or with reduction "none" that shape."""
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(Loss):
    """(log(var) + (input - target)^2 / var) / 2, of means and variances (Nix and Weigend 1994).

    Args:
        full: add log(2 pi) / 2.
        eps: the least variance; it bounds values and not gradients.
        reduction: "mean", "sum" or "none".
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input: Tensor, target: Tensor, var: Tensor | float) -> Tensor:
        """input and target (N, ...), var the same, or with a last size of 1 or none -> (), or with "none" (N, ...)."""
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class HingeEmbeddingLoss(Loss):
    """input where target is 1, max(0, margin - input) where it is -1.

    Args:
        margin: how far apart what is unlike should be.
        size_average, reduce, reduction: see the head of the module.
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target of one shape -> (), or with reduction "none" that shape."""
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class SoftMarginLoss(Loss):
    """log(1 + exp(-target * input)), target 1 or -1."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target of one shape -> (), or with reduction "none" that shape."""
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MarginRankingLoss(MarginLoss):
    """max(0, -target * (input1 - input2) + margin): target 1 where input1 should rank higher, -1 where lower.

    Args:
        margin: by how much.
        size_average, reduce, reduction: see the head of the module.
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """All three of one shape -> (), or with reduction "none" that shape."""
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(MarginLoss):
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1.

    Args:
        margin: the cosine that what is unlike may have.
        size_average, reduce, reduction: see the head of the module.
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        """input1 and input2 (N, D) or (D), target (N) or () -> (), or with reduction "none" (N)."""
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MultiMarginLoss(WeightedLoss):
    """Over the classes c but the target y: the sum of weight[y] max(0, margin - input[y] + input[c])^p, over C.

    Args:
        p: 1 or 2.
        margin: by how much the target should lead.
        weight: (C,), the weight of each class.
        size_average, reduce, reduction: see the head of the module.
    """

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.ndim != 1:
            raise ValueError(f"MultiMarginLoss: expected weight to be None or 1D tensor, got {weight.ndim}D instead")
        self.p = p
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input (N, C) or (C), target integers (N) or () -> (), or with reduction "none" (N)."""
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class MultiLabelMarginLoss(Loss):
    """Over the classes y of the target and c outside of it: the sum of max(0, 1 - input[y] + input[c]), over C."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input (N, C) or (C), target integers of that shape, classes up to the first -1 -> (), or with "none" (N)."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(WeightedLoss):
    """Binary cross entropy of logits, averaged over the classes of the last dimension.

    Args:
        weight: (C,), the weight of each class.
        size_average, reduce, reduction: see the head of the module.
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target (..., C) -> (), or with reduction "none" (...)."""
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class CTCLoss(Loss):
    """Minus the log-likelihood of labels under all their alignments with longer sequences (Graves et al. 2006).

    Args:
        blank: the class that stands for no label.
        reduction: "mean" divides each sample's loss by its number of labels first.
        zero_infinity: take 0 for the infinite loss, and its gradient, of labels that don't fit into the sequence.
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(
        self,
        log_probs: Tensor,
        targets: Tensor,
        input_lengths: Tensor | Sequence[int],
        target_lengths: Tensor | Sequence[int],
    ) -> Tensor:
        """log_probs (T, N, C) or (T, C); targets (N, S), or of all samples in a row; lengths (N) -> () or (N)."""
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )


class LinearCrossEntropyLoss(WeightedLoss):
    """A Linear layer and the cross entropy of its outputs.

    Args:
        in_features: size of the last dimension of the input.
        num_classes: of the linear layer's outputs.
        out_features: further dims of the outputs, and of the targets, behind the classes.
        bias: whether the linear layer has one.
        reduction: "mean", "sum" or "none".
        weight: (num_classes,), of each class.
        ignore_index: the target that counts nothing; -100 where left out.
        label_smoothing: in [0, 1].
        options: PyTorch's choice of a computation in parts; without effect here.
    """

    linear: Linear

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: Any = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if not 0 <= label_smoothing <= 1:
            raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.linear = Linear(in_features, math.prod(out_features, start=num_classes), bias, device, dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input (N, in_features) or (in_features); target as for cross_entropy() -> () or the target's shape."""
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, reduction={self.reduction}, "
            f"ignore_index={self.ignore_index}, label_smoothing={self.label_smoothing}, options={self.options}"
        )
