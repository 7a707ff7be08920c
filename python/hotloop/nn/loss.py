"""Losses: what training makes small. ``reduction`` is "mean", "sum" or "none"."""

from __future__ import annotations

from hotloop._core import Tensor, binary_cross_entropy_with_logits, cross_entropy, l1_loss, mse_loss, nll_loss
from hotloop.nn.module import Module


class MSELoss(Module):
    """(input - target)^2."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target of one shape -> (), or with reduction "none" that shape."""
        return mse_loss(input, target, self.reduction)


class L1Loss(Module):
    """|input - target|."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target of one shape -> (), or with reduction "none" that shape."""
        return l1_loss(input, target, self.reduction)


class NLLLoss(Module):
    """-input[target], for log-probabilities over the classes of dimension 1.

    Args:
        weight: (C,), the weight of each class; "mean" divides by the sum of the weights that were used.
        ignore_index: a target that counts for nothing.
        reduction: "mean", "sum" or "none".
    """

    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, *, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input (N, C, ...), target integers (N, ...) -> (), or with reduction "none" (N, ...)."""
        return nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class CrossEntropyLoss(Module):
    """-log softmax(input)[target], over the classes of dimension 1.

    Args:
        weight: (C,), the weight of each class; "mean" divides by the sum of the weights that were used.
        ignore_index: a target that counts for nothing.
        reduction: "mean", "sum" or "none".
        label_smoothing: share of the target that is spread evenly over all classes.
    """

    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.label_smoothing = label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input (N, C, ...), target integers (N, ...) or probabilities (N, C, ...) -> (), or with "none" (N, ...)."""
        return cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCEWithLogitsLoss(Module):
    """-(pos_weight * target * log s + (1 - target) * log(1 - s)) with s = sigmoid(input).

    Args:
        weight: broadcasts against the loss of each element.
        reduction: "mean", "sum" or "none".
        pos_weight: the weight of the positive class, broadcast against target.
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, *, reduction: str = "mean", pos_weight: Tensor | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """input and target of one shape -> (), or with reduction "none" that shape."""
        return binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )
