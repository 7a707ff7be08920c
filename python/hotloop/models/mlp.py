"""MLP: a multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hotloop import nn
from hotloop._core import Tensor

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


class MLP(nn.Module):
    """Linear layers with an activation, and dropout where asked for, between them.

    Args:
        sizes: features of the input, of each hidden layer, and of the output: at least two.
        activation: "relu", "gelu", "silu", "tanh" or "sigmoid".
        dropout: probability of dropping an activation in training.
    """

    layers: nn.Sequential

    def __init__(self, sizes: Sequence[int], activation: str = "relu", dropout: float = 0.0) -> None:
        super().__init__()
        if len(sizes) < 2:
            raise ValueError(f"MLP: sizes must name the input and the output at least, got {list(sizes)}")
        if activation not in ACTIVATIONS:
            raise ValueError(f"MLP: activation must be one of {', '.join(ACTIVATIONS)}; got {activation!r}")
        self.layers = nn.Sequential()
        for i, (inputs, outputs) in enumerate(pairwise(sizes)):
            if i > 0:
                self.layers.append(ACTIVATIONS[activation]())
                if dropout > 0:
                    self.layers.append(nn.Dropout(dropout))
            self.layers.append(nn.Linear(inputs, outputs))

    def forward(self, input: Tensor) -> Tensor:
        """input (..., sizes[0]) -> (..., sizes[-1])."""
        output: Tensor = self.layers(input)
        return output
