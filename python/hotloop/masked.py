"""Reductions, scans and normalisations over the elements that a mask keeps, by the names of torch.masked.

``mask`` is True where an element counts and broadcasts to the input; without one all count. Where none does, the
result is what the operation gives nothing: 0 of a sum, 1 of a product, infinities of extremes, NaN of means.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence

from hotloop import _core
from hotloop._core import Tensor
from hotloop._limits import iinfo

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logaddexp",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "normalize",
    "prod",
    "softmax",
    "softmin",
    "std",
    "sum",
    "var",
]

Dims = int | Sequence[int] | None


def _dims(dim: Dims, ndim: int) -> list[int]:
    """Every dim where none is named; ascending."""
    if dim is None or dim == ():
        return list(range(ndim))
    ndim = max(ndim, 1)
    found: list[int] = []
    for d in (dim,) if isinstance(dim, int) else dim:
        if not -ndim <= d < ndim:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but got {d})")
        if d % ndim in found:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        found.append(d % ndim)
    return sorted(found)


def _kept(input: Tensor, mask: Tensor) -> Tensor:
    """The mask in the input's shape."""
    if mask.ndim > input.ndim:
        raise IndexError(
            f"masked: expected a mask that broadcasts to the input, got shape {tuple(mask.shape)} for "
            f"{tuple(input.shape)}"
        )
    return mask.to(_core.bool).expand(input.shape)


def _filled(input: Tensor, mask: Tensor | None, value: float) -> Tensor:
    """The input with ``value`` where the mask keeps nothing."""
    if mask is None:
        return input
    return _core.where(_kept(input, mask), input, _core.full((), value, dtype=input.dtype, device=input.device))


def _least(dtype: _core.dtype) -> float:
    return -math.inf if dtype.is_floating_point else iinfo(dtype).min


def _largest(dtype: _core.dtype) -> float:
    return math.inf if dtype.is_floating_point else iinfo(dtype).max


def _summed_dtype(input: Tensor, dtype: _core.dtype | None) -> _core.dtype:
    """Sums of whole numbers are int64."""
    return dtype or (input.dtype if input.is_floating_point() else _core.int64)


# --- reductions -----------------------------------------------------------------------------------------------


def sum(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The sum."""
    dims, dtype = _dims(dim, input.ndim), _summed_dtype(input, dtype)
    return _filled(input, mask, 0).sum(dims, builtins.bool(keepdim), dtype=dtype)


def prod(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The product."""
    result = _filled(input, mask, 1).to(_summed_dtype(input, dtype))
    for d in reversed(_dims(dim, input.ndim)):
        result = result.prod(d, builtins.bool(keepdim))
    return result


def amax(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The largest."""
    result = _filled(input, mask, _least(input.dtype)).amax(_dims(dim, input.ndim), builtins.bool(keepdim))
    return result.to(dtype or input.dtype)


def amin(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The smallest."""
    result = _filled(input, mask, _largest(input.dtype)).amin(_dims(dim, input.ndim), builtins.bool(keepdim))
    return result.to(dtype or input.dtype)


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Where the largest is, in the input's dtype unless ``dtype`` names another."""
    result = _filled(input, mask, _least(input.dtype)).argmax(dim, builtins.bool(keepdim))
    return result.to(dtype or input.dtype)


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Where the smallest is, in the input's dtype unless ``dtype`` names another."""
    result = _filled(input, mask, _largest(input.dtype)).argmin(dim, builtins.bool(keepdim))
    return result.to(dtype or input.dtype)


def _count(input: Tensor, mask: Tensor | None, dim: Dims, keepdim: bool) -> Tensor:
    kept = _core.ones((), dtype=_core.bool, device=input.device) if mask is None else mask
    return _kept(input, kept).sum(_dims(dim, input.ndim), keepdim)


def mean(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The mean."""
    if not (dtype or input.dtype).is_floating_point:
        which = "Input" if dtype is None else "Optional"
        raise ValueError(
            f"mean(): Could not infer output dtype. {which} dtype must be either a floating point or complex dtype. "
            f"Got: {dtype or input.dtype}"
        )
    keep = builtins.bool(keepdim)
    return sum(input, dim, keepdim=keep, dtype=dtype, mask=mask) / _count(input, mask, dim, keep)


def median(
    input: Tensor,
    dim: int = -1,
    *,
    keepdim: bool = False,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The median along ``dim``, the lower of the two in the middle."""
    x = input if input.is_floating_point() else input.float()
    result: Tensor = _filled(x, mask, math.nan).nanmedian(_dims(dim, input.ndim)[0], keepdim)[0]
    if input.is_floating_point():
        return result
    if result.isnan().any():
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return result.to(dtype or input.dtype)


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Dims = None,
    *,
    keepdim: bool | None = False,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The vector norm of order ``ord``."""
    x = _filled(input, mask, math.inf if ord == -math.inf else 0)
    order = 2.0 if ord is None else ord
    return _core.linalg_vector_norm(
        x, order, _dims(dim, input.ndim), builtins.bool(keepdim), dtype=dtype or input.dtype
    )


def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance: squares about the mean, divided by their number less ``correction`` (1; 0 if not ``unbiased``)."""
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if correction is None:
        correction = 0.0 if unbiased is False else 1.0
    dtype = dtype or (input.dtype if input.is_floating_point() else _core.float32)
    computed = dtype if dtype.is_floating_point else _core.float32
    keep = builtins.bool(keepdim)
    middle = sum(input, dim, keepdim=True, dtype=dtype, mask=mask) / _count(input, mask, dim, True)
    squares = sum((input - middle).square(), dim, keepdim=keep, dtype=computed, mask=mask)
    count = _count(input, mask, dim, keep)
    if correction != 0:
        count = (count.to(computed) - correction).clamp_min(0)
    return (squares / count).to(dtype)


def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The square root of var()."""
    return var(input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask).sqrt()


def logsumexp(
    input: Tensor,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """log(sum(exp(x)))."""
    result = _filled(input, mask, _least(input.dtype)).logsumexp(_dims(dim, input.ndim), keepdim)
    return result.to(dtype or input.dtype)


# --- results of the input's shape -----------------------------------------------------------------------------


def cumsum(input: Tensor, dim: int, *, dtype: _core.dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """Running sums along ``dim``."""
    return _filled(input, mask, 0).cumsum(_dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


def cumprod(input: Tensor, dim: int, *, dtype: _core.dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """Running products along ``dim``."""
    return _filled(input, mask, 1).cumprod(_dims(dim, input.ndim)[0], dtype=dtype or input.dtype)


def softmax(input: Tensor, dim: int, *, dtype: _core.dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along ``dim``; 0 where masked out."""
    return _filled(input, mask, _least(input.dtype)).softmax(_dims(dim, input.ndim)[0], dtype or input.dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: _core.dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """log(softmax(x)) along ``dim``; -inf where masked out."""
    return _filled(input, mask, _least(input.dtype)).log_softmax(_dims(dim, input.ndim)[0], dtype or input.dtype)


def softmin(input: Tensor, dim: int, *, dtype: _core.dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """softmax(-x) along ``dim``; 0 where masked out."""
    return (-_filled(input, mask, _largest(input.dtype))).softmax(_dims(dim, input.ndim)[0], dtype or input.dtype)


def normalize(
    input: Tensor,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: _core.dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """x / max(norm(x, ord, dim), eps); 0 where masked out."""
    size = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    return _filled(input, mask, 0) / _core.maximum(size, size.new_full((), eps))


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: _core.dtype | None = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """log(exp(x) + exp(y)) of what each mask keeps."""
    x, y = (_filled(t, m, _least(t.dtype)) for t, m in ((input, input_mask), (other, other_mask)))
    result: Tensor = _core.logaddexp(x, y).to(dtype or input.dtype)
    return result
