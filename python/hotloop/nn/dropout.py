"""Dropout and its kin: zeroes in training, the identity at rest."""

from __future__ import annotations

from hotloop._core import Tensor
from hotloop.nn import functional as F
from hotloop.nn.module import Module


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """In training, zeroes each element with probability ``p`` and scales the others by 1/(1-p).

    With ``inplace`` the result is written over the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input, any shape -> the same shape."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """In training, zeroes whole channels with probability ``p`` and scales the others by 1/(1-p).

    With ``inplace`` the result is written over the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input (N, C, L) or (C, L) -> the same shape."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """In training, zeroes whole channels with probability ``p`` and scales the others by 1/(1-p) (Tompson et al. 2015).

    With ``inplace`` the result is written over the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input (N, C, H, W), or as in PyTorch (N, C, L) -> the same shape."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """In training, zeroes whole channels with probability ``p`` and scales the others by 1/(1-p) (Tompson et al. 2015).

    With ``inplace`` the result is written over the input.
    """

    def forward(self, input: Tensor) -> Tensor:
        """input (N, C, D, H, W) or (C, D, H, W) -> the same shape."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """In training, dropout that keeps zero mean and unit variance, for SELU (Klambauer et al. 2017)."""

    def forward(self, input: Tensor) -> Tensor:
        """input, any shape -> the same shape."""
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_Dropout):
    """In training, alpha dropout of whole channels."""

    def forward(self, input: Tensor) -> Tensor:
        """input (N, C, ...) -> the same shape."""
        return F.feature_alpha_dropout(input, self.p, self.training)
