"""Layers for inference alone: weights packed once, activations fused into the products before them."""

from __future__ import annotations

import copy

from hotloop._core import PackedWeight, Tensor, linear_packed
from hotloop.nn.activation import GELU, ReLU, Sigmoid, SiLU, Tanh
from hotloop.nn.containers import Sequential
from hotloop.nn.linear import Linear
from hotloop.nn.module import Module

__all__ = ["PackedLinear", "pack_for_inference"]


class PackedLinear(Module):
    """activation(x W^T + b) with W packed when the layer is made: faster for few rows, and without a gradient.

    It holds a copy: later changes of ``linear`` do not reach it. It has no parameters.

    Args:
        linear: the layer to pack.
        activation: none, relu, gelu, gelu_tanh, silu, tanh or sigmoid, applied to the sum.
    """

    def __init__(self, linear: Linear, activation: str = "none") -> None:
        super().__init__()
        self.in_features = linear.in_features
        self.out_features = linear.out_features
        self.activation = activation
        self.packed = PackedWeight(linear.weight.detach())
        self.added = None if linear.bias is None else linear.bias.detach().clone()

    def forward(self, input: Tensor) -> Tensor:
        """input (..., in_features) -> (..., out_features)."""
        return linear_packed(input, self.packed, self.added, self.activation)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.added is not None}, "
            f"activation={self.activation!r}"
        )


def _fused_name(module: Module) -> str | None:
    """The activation of linear_packed() that a layer is, or None."""
    if isinstance(module, ReLU):
        return "relu"
    if isinstance(module, GELU):
        return "gelu" if module.approximate == "none" else "gelu_tanh"
    if isinstance(module, SiLU):
        return "silu"
    if isinstance(module, Tanh):
        return "tanh"
    return "sigmoid" if isinstance(module, Sigmoid) else None


def _packed(module: Module) -> Module:
    if type(module) is Linear:
        return PackedLinear(module)
    children = list(module.named_children())
    if type(module) is Sequential:
        layers: list[Module] = []
        for _, child in children:
            name = _fused_name(child)
            last = layers[-1] if layers else None
            if name is not None and isinstance(last, PackedLinear) and last.activation == "none":
                last.activation = name
            else:
                layers.append(_packed(child))
        return Sequential(*layers)
    for name, child in children:
        setattr(module, name, _packed(child))
    return module


def pack_for_inference(module: Module) -> Module:
    """A copy of a model in which every Linear is packed and, in a Sequential, has the activation after it fused.

    The copy is in evaluation mode and computes what the model does, without gradients for the packed layers.
    """
    return _packed(copy.deepcopy(module).eval())
