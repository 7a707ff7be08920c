"""Triplet losses: an anchor should be nearer to a positive example than to a negative one."""

from __future__ import annotations

from collections.abc import Callable

from hotloop._core import Tensor
from hotloop.nn import functional as F
from hotloop.nn.loss import Loss


class TripletMarginLoss(Loss):
    """max(0, |anchor - positive| - |anchor - negative| + margin), of p-norms (Balntas et al. 2016).

    Args:
        margin: above 0.
        p: order of the norm.
        eps: added to the differences.
        swap: take |positive - negative| for |anchor - negative| where it is smaller.
        size_average, reduce, reduction: see ``hotloop.nn.loss``.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """All three (N, D) or (D) -> (), or with reduction "none" (N)."""
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) for any distance d.

    Args:
        distance_function: d; ``PairwiseDistance()`` where left out.
        margin: above 0.
        swap: take d(positive, negative) for d(anchor, negative) where it is smaller.
        reduction: "mean", "sum" or "none".
    """

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin} instead"
            )
        self.distance_function = F.pairwise_distance if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """All three of the shape that the distance takes -> (), or with reduction "none" that of the distance."""
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
