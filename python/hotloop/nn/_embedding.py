"""The embedding functions of ``nn.functional``."""

from __future__ import annotations

from hotloop import _core
from hotloop._core import Tensor
from hotloop.autograd import no_grad


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """weight[input]: (..., dim) for integers of shape (...) and a table (rows, dim).

    Args:
        input: integers (...).
        weight: (rows, dim).
        padding_idx: a row that collects no gradient; a negative one counts from the end.
        max_norm: rows that are looked up and longer than this are first scaled down to it, in place.
        norm_type: of which norm.
        scale_grad_by_freq: a row's gradient is divided by how often the row was looked up.
        sparse: taken for PyTorch's sake; gradients are dense.
    """
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    if padding_idx is None:
        rows = _core.embedding(weight, input)
    else:
        count = weight.shape[0]
        if not -count <= padding_idx < count:
            raise ValueError(f"embedding: padding_idx must lie within the {count} rows of weight, got {padding_idx}")
        rows = _core.embedding(weight, input, padding_idx % count)
    return _by_frequency(rows, input, weight.shape[0]) if scale_grad_by_freq else rows


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows of each bag: (bags, dim). Empty bags give zero.

    Args:
        input: integers (bags, length), or (n) with ``offsets``.
        weight: (rows, dim).
        offsets: (bags), where each bag starts in a 1-d input; the first at 0.
        max_norm, norm_type, scale_grad_by_freq, sparse: as for ``embedding``.
        mode: "sum", "mean" or "max".
        per_sample_weights: shaped like input, the factor of each row; with "sum" only.
        include_last_offset: the last of ``offsets`` is the end of the last bag.
        padding_idx: a row that takes no part.
    """
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    return _core.embedding_bag(
        weight, input, offsets, mode, per_sample_weights, include_last_offset, padding_idx, scale_grad_by_freq
    )


def _renormalize(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    """Shortens the rows that ``input`` names in place; a GPU's numbers aren't asked for."""
    index = input.detach().flatten().long()
    with no_grad():
        rows = weight.detach()[index]
        lengths = rows.norm(norm_type, 1, keepdim=True)
        scale = _core.where(lengths > max_norm, max_norm / (lengths + 1e-7), 1.0)
        weight[index] = rows * scale  # a row that occurs again is given the same


def _by_frequency(rows: Tensor, input: Tensor, count: int) -> Tensor:
    """``rows`` with gradients divided by how often each row occurs; a GPU's numbers aren't asked for."""
    index = input.detach().flatten().long()
    ones = _core.ones(index.numel(), dtype=_core.float64, device=rows.device)
    counts = _core.zeros(count, dtype=_core.float64, device=rows.device).index_add(0, index, ones)
    scaled = rows * counts[index].reciprocal().to(rows.dtype).reshape(*input.shape, 1)
    return rows.detach() + (scaled - scaled.detach())  # the value of rows, the gradient of what is scaled
