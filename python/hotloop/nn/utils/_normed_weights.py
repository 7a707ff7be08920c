"""What weight and spectral normalisation compute, for the parametrizations and for the older hooks."""

from __future__ import annotations

from hotloop._core import Tensor, normalize
from hotloop.autograd import no_grad


def norm_except_dim(v: Tensor, dim: int) -> Tensor:
    """The 2-norm over all dims but ``dim``, which keep size 1; over all with -1, as a 0-d tensor."""
    if dim == -1:
        return v.norm()
    return v.square().sum([d for d in range(v.ndim) if d != dim], keepdim=True).sqrt() if v.ndim > 1 else v.abs()


def scaled(v: Tensor, g: Tensor, dim: int) -> Tensor:
    """g v / |v|."""
    return v * (g / norm_except_dim(v, dim))


def as_matrix(weight: Tensor, dim: int) -> Tensor:
    """(n, m) whose rows are the slices of ``dim``."""
    return weight.movedim(dim, 0).flatten(1)


def checked_iterations(count: int) -> int:
    """A number of power iterations that is positive."""
    if count <= 0:
        raise ValueError(f"Expected n_power_iterations to be positive, but got n_power_iterations={count}")
    return count


def drawn_vectors(matrix: Tensor, eps: float) -> tuple[Tensor, ...]:
    """u and v to begin with: of norm 1, in any direction."""
    return tuple(normalize(matrix.new_empty(size).normal_(), dim=0, eps=eps) for size in matrix.shape)


@no_grad()
def power_iterations(matrix: Tensor, u: Tensor, v: Tensor, count: int, eps: float, u_first: bool) -> None:
    """Takes u and v, in place, towards the first singular vectors of a matrix."""
    for _ in range(count):
        if u_first:
            u.copy_(normalize(matrix.mv(v), dim=0, eps=eps))
        v.copy_(normalize(matrix.t().mv(u), dim=0, eps=eps))
        if not u_first:
            u.copy_(normalize(matrix.mv(v), dim=0, eps=eps))


def singular_value(matrix: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """u matrix v. Of copies, so that later iterations don't spoil what a backward pass reads."""
    return u.clone().dot(matrix.mv(v.clone()))
