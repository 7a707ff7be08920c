"""The functions behind the layers: those of the core, under the names they have in PyTorch.

Bound straight from C++, but for ``embedding``, which takes its arguments in PyTorch's order.
"""

from __future__ import annotations

from hotloop import _core
from hotloop._core import (
    Tensor,
    binary_cross_entropy_with_logits,
    cross_entropy,
    dropout,
    gelu,
    l1_loss,
    layer_norm,
    linear,
    log_softmax,
    logsigmoid,
    mse_loss,
    nll_loss,
    one_hot,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
)

__all__ = [
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "dropout",
    "embedding",
    "gelu",
    "l1_loss",
    "layer_norm",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mse_loss",
    "nll_loss",
    "one_hot",
    "relu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "tanh",
]


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None) -> Tensor:
    """weight[input]: (..., dim) for integers of shape (...) and a table (rows, dim).

    The row ``padding_idx`` collects no gradient; a negative one counts from the end.
    """
    if padding_idx is None:
        return _core.embedding(weight, input)
    rows = weight.shape[0]
    if not -rows <= padding_idx < rows:
        raise ValueError(f"embedding: padding_idx must lie within the {rows} rows of weight, got {padding_idx}")
    return _core.embedding(weight, input, padding_idx % rows)
