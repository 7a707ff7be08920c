"""What norms scale and shift by."""

from __future__ import annotations

from typing import Any

from hotloop import _core
from hotloop.nn import init
from hotloop.nn.module import Module
from hotloop.nn.parameter import Parameter


class Affine(Module):
    """A module with a weight and a bias of one shape, each of which may be absent."""

    weight: Parameter | None
    bias: Parameter | None

    def _register_affine(self, shape: Any, weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        """Registers both, uninitialised; None for the one not wanted."""
        for name, wanted in (("weight", weight), ("bias", bias)):
            value = Parameter(_core.empty(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, value)

    def reset_parameters(self) -> None:
        """Sets weight to one and bias to zero."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)
