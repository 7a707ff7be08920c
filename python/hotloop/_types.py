"""Result types of ops that return several tensors by name."""

from __future__ import annotations

from typing import NamedTuple

from hotloop._core import Tensor


class ValuesAndIndices(NamedTuple):
    """What max, sort and their kin along a dim return."""

    values: Tensor
    indices: Tensor


class MinAndMax(NamedTuple):
    """What aminmax returns."""

    min: Tensor
    max: Tensor
