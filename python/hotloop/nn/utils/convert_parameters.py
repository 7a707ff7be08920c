"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from hotloop import _core
from hotloop._core import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All elements in one row: (total,). Gradients flow through."""
    return _core.cat([param.reshape(-1) for param in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Makes the elements of ``vec`` (total,) the parameters' values; they share its memory from then on."""
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected hotloop.Tensor, but got: {type(vec).__name__}")
    start = 0
    for param in parameters:
        end = start + param.numel()
        param.data = vec.detach()[start:end].reshape(param.shape)
        start = end
