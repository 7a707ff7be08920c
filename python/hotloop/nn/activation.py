"""The activations of everyday use, and softmaxes. Each maps any shape to the same shape."""

from __future__ import annotations

import warnings

from hotloop._core import Tensor, gelu, is_grad_enabled, log_softmax, relu, relu_, sigmoid, silu, silu_, softmax, tanh
from hotloop.nn.module import Module


class ReLU(Module):
    """max(x, 0), written over the input with ``inplace``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """input, any shape -> the same shape."""
        return relu_(input) if self.inplace else relu(input)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class GELU(Module):
    """x * Phi(x), Phi the normal distribution function; ``approximate="tanh"`` takes its usual approximation."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, input: Tensor) -> Tensor:
        """input, any shape -> the same shape."""
        return gelu(input, self.approximate)

    def extra_repr(self) -> str:
        return f"approximate={self.approximate!r}"


class SiLU(Module):
    """x * sigmoid(x), written over the input with ``inplace``."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """input, any shape -> the same shape."""
        if not self.inplace:
            return silu(input)
        # The gradient needs the input, which is written over.
        return input.copy_(silu(input.clone())) if is_grad_enabled() else silu_(input)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Tanh(Module):
    """tanh(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """input, any shape -> the same shape."""
        return tanh(input)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, input: Tensor) -> Tensor:
        """input, any shape -> the same shape."""
        return sigmoid(input)


class _AlongDim(Module):
    """What softmaxes share. Left out, ``dim`` is guessed as PyTorch does, with its warning."""

    dim: int | None

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def _dim(self, input: Tensor) -> int:
        if self.dim is not None:
            return self.dim
        warnings.warn(
            f"Implicit dimension choice for {type(self).__name__.lower()} has been deprecated. Change the call to "
            "include dim=X as an argument.",
            stacklevel=3,
        )
        return 0 if input.ndim in (0, 1, 3) else 1

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """exp(x) / sum(exp(x)) along ``dim``."""

    def forward(self, input: Tensor) -> Tensor:
        """input, any shape -> the same shape; sums to one along ``dim``."""
        return softmax(input, self._dim(input))


class Softmin(_AlongDim):
    """softmax(-x) along ``dim``."""

    def forward(self, input: Tensor) -> Tensor:
        """input, any shape -> the same shape; sums to one along ``dim``."""
        return softmax(-input, self._dim(input))


class LogSoftmax(_AlongDim):
    """log(softmax(x)) along ``dim``."""

    def forward(self, input: Tensor) -> Tensor:
        """input, any shape -> the same shape."""
        return log_softmax(input, self._dim(input))


class Softmax2d(Module):
    """Softmax over the channels of images."""

    def forward(self, input: Tensor) -> Tensor:
        """input (N, C, H, W) or (C, H, W) -> the same shape; sums to one over the channels."""
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return softmax(input, -3)
