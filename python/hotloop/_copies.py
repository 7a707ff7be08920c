"""Copies of what the views of the same name show: functions whose results share no memory with their input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hotloop import _core
from hotloop._checked import checked
from hotloop._core import Tensor


def _copies(views: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(view.clone() for view in views)


@checked
def alias_copy(input: Tensor) -> Tensor:
    """A copy of the whole tensor."""
    return input.clone()


@checked
def as_strided_copy(
    input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A copy of as_strided()."""
    return input.as_strided(size, stride, storage_offset).clone()


@checked
def detach_copy(input: Tensor) -> Tensor:
    """A copy without history."""
    return input.detach().clone()


@checked
def diagonal_copy(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of diagonal()."""
    return input.diagonal(offset, dim1, dim2).clone()


@checked
def expand_copy(input: Tensor, size: Sequence[int], *, implicit: bool = False) -> Tensor:
    """A copy of expand(), of which every element has memory of its own."""
    return input.expand(size).contiguous() if input.shape != tuple(size) else input.clone()


@checked
def permute_copy(input: Tensor, dims: Sequence[int]) -> Tensor:
    """A copy of permute()."""
    return input.permute(dims).clone()


@checked
def select_copy(input: Tensor, dim: int, index: int) -> Tensor:
    """A copy of select()."""
    return input.select(dim, index).clone()


@checked
def slice_copy(input: Tensor, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Tensor:
    """A copy of a slice of dim."""
    return input.movedim(dim, 0)[start:end:step].movedim(0, dim).clone()


@checked
def split_copy(input: Tensor, split_size: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Copies of split()."""
    return _copies(input.split(split_size, dim))


@checked
def split_with_sizes_copy(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Copies of split_with_sizes()."""
    return _copies(input.split_with_sizes(split_sizes, dim))


@checked
def squeeze_copy(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """A copy of squeeze()."""
    return (input.squeeze() if dim is None else input.squeeze(dim)).clone()


@checked
def t_copy(input: Tensor) -> Tensor:
    """A copy of t()."""
    return input.t().clone()


@checked
def transpose_copy(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """A copy of transpose()."""
    return input.transpose(dim0, dim1).clone()


@checked
def unbind_copy(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Copies of unbind()."""
    return _copies(input.unbind(dim))


@checked
def unfold_copy(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """A copy of unfold()."""
    return input.unfold(dimension, size, step).contiguous()


@checked
def unsqueeze_copy(input: Tensor, dim: int) -> Tensor:
    """A copy of unsqueeze()."""
    return input.unsqueeze(dim).clone()


@checked
def view_copy(input: Tensor, size: Sequence[int] | _core.dtype) -> Tensor:
    """A copy of view()."""
    shape: Any = size
    return input.view(shape).clone()
