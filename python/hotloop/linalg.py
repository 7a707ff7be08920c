"""Norms and products of linear algebra, by the names of torch.linalg."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hotloop import _core
from hotloop._checked import checked
from hotloop._core import Tensor, matmul, matrix_power
from hotloop._core import diagonal as _diagonal
from hotloop._core import linalg_cross as cross
from hotloop._core import linalg_matrix_norm as matrix_norm
from hotloop._core import linalg_multi_dot as multi_dot
from hotloop._core import linalg_vander as vander
from hotloop._core import linalg_vector_norm as vector_norm
from hotloop.autograd.function import Function

__all__ = [
    "cross",
    "diagonal",
    "inv",
    "matmul",
    "matrix_norm",
    "matrix_power",
    "multi_dot",
    "norm",
    "svdvals",
    "vander",
    "vecdot",
    "vector_norm",
]


@checked
def norm(
    A: Tensor,
    ord: float | str | None = None,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: _core.dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """A vector's norm, or a matrix's where ``dim`` has two dims, or A two and ``ord`` is given.

    Without ``ord``, the 2-norm of the elements of ``dim``, or of all.
    """
    pair = isinstance(dim, (tuple, list)) and len(dim) == 2
    if ord is not None and (pair or (dim is None and A.ndim == 2)):
        dims = tuple(dim) if isinstance(dim, (tuple, list)) else (-2, -1)
        return matrix_norm(A, ord, dims, keepdim, dtype=dtype, out=out)
    if isinstance(ord, str):
        raise RuntimeError(f"linalg.norm: order {ord!r} is of matrices, got an input of {A.ndim} dims and dim={dim}")
    if ord is not None and dim is None and A.ndim > 2:
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    return vector_norm(A, 2.0 if ord is None else ord, dim, keepdim, dtype=dtype, out=out)


@checked
def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """hotloop.diagonal() with the last two dims as matrices."""
    return _diagonal(A, offset, dim1, dim2)


@checked
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """Inner products along ``dim``; the other dims broadcast."""
    return _core.write_out("linalg.vecdot", (x * y).sum(dim), out)


@checked
def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverses of square matrices (..., n, n), by LAPACK through NumPy on the CPU.

    RuntimeError where one is singular.
    """
    if A.ndim < 2 or A.shape[-1] != A.shape[-2]:
        raise RuntimeError(f"linalg.inv: A must be batches of square matrices, got shape {tuple(A.shape)}")
    inverse: Tensor = _Inverse.apply(_wide("linalg.inv", A))
    return _core.write_out("linalg.inv", inverse, out)


@checked
def svdvals(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The singular values of matrices (..., m, n) -> (..., min(m, n)), the largest first, by LAPACK through NumPy."""
    if A.ndim < 2:
        raise RuntimeError(f"linalg.svd: The input tensor A must have at least 2 dimensions, got {A.ndim}")
    values: Tensor = _SingularValues.apply(_wide("linalg.svd", A))[1]
    return _core.write_out("linalg.svdvals", values, out)


def _wide(op: str, A: Tensor) -> Tensor:
    if A.dtype not in (_core.float32, _core.float64):
        raise RuntimeError(f"{op}: expected a tensor of dtype float32 or float64, got {A.dtype}")
    return A


def _by_numpy(routine: Any, A: Tensor) -> list[Tensor]:
    """What a routine of NumPy's makes of a tensor, on its device."""
    results = routine(A.detach().cpu().numpy())
    results = results if isinstance(results, tuple) else (results,)
    return [_core.from_numpy(np.ascontiguousarray(r)).to(A.device) for r in results]


class _Inverse(Function):
    """X = A^-1, dX = -X dA X."""

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Tensor:
        try:
            (X,) = _by_numpy(np.linalg.inv, A)
        except np.linalg.LinAlgError:
            raise RuntimeError("linalg.inv: The inversion could not be completed: the input is singular.") from None
        ctx.save_for_backward(X)
        return X

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (X,) = ctx.saved_tensors
        turned = X.transpose(-2, -1)
        return -(turned @ grad @ turned)


class _SingularValues(Function):
    """A = U diag(s) V^T, of which U (..., m, k), s (..., k), V^T (..., k, n), k = min(m, n).

    The gradient is that of Townsend, "Differentiating the singular value decomposition", 2016; it is made of ops, so
    that it is differentiated again by way of U and V^T.
    """

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        results = _by_numpy(lambda a: tuple(np.linalg.svd(a, full_matrices=False)), A)
        ctx.save_for_backward(*results)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, grad_u: Tensor | None, grad_s: Tensor | None, grad_vh: Tensor | None) -> Any:
        u, s, vh = ctx.saved_tensors
        ut, v = u.transpose(-2, -1), vh.transpose(-2, -1)
        inner = (_core.zeros_like(s) if grad_s is None else grad_s).diag_embed()
        if grad_u is None and grad_vh is None:
            return u @ inner @ vh
        row, column = s.unsqueeze(-2), s.unsqueeze(-1)
        eye = _core.eye(s.shape[-1], dtype=s.dtype, device=s.device)
        apart = row * row - column * column + eye  # the diagonal of what it divides is 0

        def turn(x: Tensor) -> Any:
            return (x - x.transpose(-2, -1)) / apart

        outer = None
        if grad_u is not None:
            inner = inner + turn(ut @ grad_u) * row
            if u.shape[-2] > u.shape[-1]:
                outer = ((grad_u - u @ (ut @ grad_u)) / row) @ vh
        if grad_vh is not None:
            grad_v = grad_vh.transpose(-2, -1)
            inner = inner + column * turn(vh @ grad_v)
            if v.shape[-2] > v.shape[-1]:
                beside = (u / row) @ (grad_vh - (grad_vh @ v) @ vh)
                outer = beside if outer is None else outer + beside
        result = u @ inner @ vh
        return result if outer is None else result + outer


def _singular_norm(
    A: Tensor, order: float | str, dims: Sequence[int], keepdim: bool, dtype: _core.dtype | None
) -> Tensor:
    """Matrix norms of singular values: their sum ('nuc'), the largest (2) or the smallest (-2)."""
    A = A if dtype is None else A.to(dtype)
    if len(dims) != 2 or A.ndim < 2:
        raise RuntimeError(
            f"linalg.matrix_norm: dim must be a 2-tuple of dims of the input, got {tuple(dims)} "
            f"for shape {tuple(A.shape)}"
        )
    if (dims[0] - dims[1]) % A.ndim == 0:
        raise RuntimeError(f"linalg.matrix_norm: dims must be different. Got {tuple(dims)}")
    values = svdvals(A.movedim(tuple(dims), (-2, -1)))
    if order == "nuc" or (order == 2 and values.shape[-1] == 0):
        norm = values.sum(-1)
    else:
        norm = values.amax(-1) if order == 2 else values.amin(-1)
    if keepdim:
        for d in sorted(d % A.ndim for d in dims):
            norm = norm.unsqueeze(d)
    return norm


def _inverse_power(A: Tensor, n: int) -> Tensor:
    return matrix_power(inv(A), -n)
