"""Norms and products of linear algebra, by the names of torch.linalg."""

from __future__ import annotations

from collections.abc import Sequence

from hotloop import _core
from hotloop._core import Tensor, matmul, matrix_power
from hotloop._core import diagonal as _diagonal
from hotloop._core import linalg_cross as cross
from hotloop._core import linalg_matrix_norm as matrix_norm
from hotloop._core import linalg_multi_dot as multi_dot
from hotloop._core import linalg_vector_norm as vector_norm

__all__ = [
    "cross",
    "diagonal",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "vander",
    "vecdot",
    "vector_norm",
]


def norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: _core.dtype | None = None,
) -> Tensor:
    """A vector's norm, or a matrix's where ``dim`` has two dims, or A two and ``ord`` is given.

    Without ``ord``, the 2-norm of the elements of ``dim``, or of all.
    """
    pair = isinstance(dim, (tuple, list)) and len(dim) == 2
    if ord is not None and (pair or (dim is None and A.ndim == 2)):
        return matrix_norm(A, ord, tuple(dim) if isinstance(dim, (tuple, list)) else (-2, -1), keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: order {ord!r} is of matrices, got an input of {A.ndim} dims and dim={dim}")
    if ord is not None and dim is None and A.ndim > 2:
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    return vector_norm(A, 2.0 if ord is None else ord, dim, keepdim, dtype=dtype)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """hotloop.diagonal() with the last two dims as matrices."""
    return _diagonal(A, offset, dim1, dim2)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """Powers of x (..., n) as columns (..., n, N), the lowest first."""
    return _core.vander(x, N, True)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Inner products along ``dim``; the other dims broadcast."""
    return (x * y).sum(dim)
