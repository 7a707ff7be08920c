"""Dropout."""

from __future__ import annotations

from hotloop._core import Tensor, dropout, ones_like
from hotloop.nn.module import Module


class Dropout(Module):
    """In training, zeroes each element with probability ``p`` and scales the others by 1/(1-p); else the identity.

    With ``inplace`` the result is written over the input.
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """input, any shape -> the same shape."""
        if self.inplace:
            return input.mul_(dropout(ones_like(input), self.p, self.training))
        return dropout(input, self.p, self.training)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"
