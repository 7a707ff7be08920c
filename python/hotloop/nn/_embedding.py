"""The embedding functions of ``nn.functional``."""

from __future__ import annotations

import numpy as np

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
    return _by_frequency(rows, input) if scale_grad_by_freq else rows


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
    if per_sample_weights is not None and tuple(per_sample_weights.shape) != tuple(input.shape):
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the "
            f"same shape as the input ({input.shape})"
        )
    if weight.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.ndim}")
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}')."
        )
    bag, bags = _bags(input, offsets, include_last_offset)
    index = input.detach().cpu().numpy().reshape(-1)
    if padding_idx is not None:
        kept = np.flatnonzero(index != padding_idx % weight.shape[0])
        index, bag = index[kept], bag[kept]
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)[_beside(weight, kept)]
    looked_up = _beside(weight, index).long()
    rows = embedding(looked_up, weight, None, max_norm, norm_type, scale_grad_by_freq)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1, 1)
    lengths = np.bincount(bag, minlength=bags)
    if mode == "max":
        return _largest(rows, bag, lengths)
    out = rows.new_zeros(bags, weight.shape[1]).index_add(0, _beside(rows, bag), rows)
    if mode == "mean":
        out = out / _beside(rows, np.maximum(lengths, 1)[:, None]).to(rows.dtype)
    return out


def _beside(tensor: Tensor, values: np.ndarray) -> Tensor:
    """An array on a tensor's device."""
    return _core.from_numpy(np.ascontiguousarray(values)).to(tensor.device)


def _bags(input: Tensor, offsets: Tensor | None, include_last_offset: bool) -> tuple[np.ndarray, int]:
    """The bag of each element of the input, (n), and how many there are."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
        return np.repeat(np.arange(input.shape[0]), input.shape[1]), input.shape[0]
    if input.ndim != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}")
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    starts = offsets.detach().cpu().numpy().astype(np.int64)
    n = input.shape[0]
    if starts.size and starts[0] != 0:
        raise RuntimeError(f"offsets[0] has to be 0, i.e., the first sequence has to start from 0. Got {starts[0]}")
    if starts.size and (starts.max() > n or (np.diff(starts) < 0).any()):
        raise RuntimeError(
            f"embedding_bag: offsets must rise to at most the length {n} of input, got {starts.tolist()}"
        )
    if include_last_offset:
        if not starts.size:
            raise RuntimeError("include_last_offset: number of offsets should be at least 1")
        starts = starts[:-1]
    return np.searchsorted(starts, np.arange(n), side="right") - 1, starts.size


def _largest(rows: Tensor, bag: np.ndarray, lengths: np.ndarray) -> Tensor:
    """The maximum of the rows of each bag: every bag filled up to the longest by copies of its first row."""
    longest = int(lengths.max(initial=0))
    if longest == 0:
        return rows.new_zeros(lengths.size, rows.shape[1])
    order = np.argsort(bag, kind="stable")
    starts = np.cumsum(lengths) - lengths
    place = np.arange(longest)[None, :]
    place = starts[:, None] + np.where(place < lengths[:, None], place, 0)
    filled = rows[_beside(rows, order[np.minimum(place, order.size - 1)])]
    empty = _beside(rows, (lengths == 0)[:, None])
    largest: Tensor = filled.max(1)[0]
    return largest.masked_fill(empty, 0.0)


def _renormalize(weight: Tensor, input: Tensor, max_norm: float, norm_type: float) -> None:
    index = _beside(weight, np.unique(input.detach().cpu().numpy().astype(np.int64)))
    with no_grad():
        rows = weight.detach()[index]
        lengths = rows.norm(norm_type, 1, keepdim=True)
        scale = _core.where(lengths > max_norm, max_norm / (lengths + 1e-7), _core.ones_like(lengths))
        weight[index] = rows * scale


def _by_frequency(rows: Tensor, input: Tensor) -> Tensor:
    _, inverse, counts = np.unique(input.detach().cpu().numpy(), return_inverse=True, return_counts=True)
    share = _beside(rows, 1.0 / counts[inverse].reshape(*input.shape, 1)).to(rows.dtype)
    scaled = rows * share
    return rows.detach() + (scaled - scaled.detach())  # the value of rows, the gradient of what is scaled
