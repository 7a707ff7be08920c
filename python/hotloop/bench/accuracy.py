"""Is a result right? Its error against a float64 reference, and the bound that rounding alone explains.

The bound of an element is half a unit in the last place of the dtype it is stored in, doubled, plus what a sum of
``length`` products gathers: 4 sqrt(length) machine epsilons of the accumulator (at most 2 length) of the sum's
magnitude. 16-bit floats are accumulated in float32. `tests/support/tolerance.py` derives the same bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.bench.libraries import float64

_STORED = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
_ACCUMULATED = {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-23, "bfloat16": 2.0**-23}


@dataclass(frozen=True)
class Accuracy:
    """The largest error as a share of the largest value, and as a share of its bound: wrong above 1."""

    error: float
    of_bound: float

    @property
    def wrong(self) -> bool:
        """Is the error beyond its bound, or not a number?"""
        return not self.of_bound <= 1.0


@dataclass(frozen=True)
class Reference:
    """A float64 result with what its bound needs. ``magnitude`` broadcasts against ``value``."""

    value: NDArray[np.float64]
    dtype: str
    length: int = 1
    magnitude: Any = None  # sum |a_i b_i|; |value| where not given
    ulps: float = 1.0

    def compare(self, result: Any) -> Accuracy:
        """The error of any library's result."""
        got = float64(result)
        if got.shape != self.value.shape:
            return Accuracy(np.inf, np.inf)
        if got.size == 0:
            return Accuracy(0.0, 0.0)
        growth = min(4.0 * self.length**0.5, 2.0 * self.length) if self.length > 1 else 0.0
        size = np.abs(self.value)
        bound = self.ulps * _STORED[self.dtype] * size + growth * _ACCUMULATED[self.dtype] * (
            size if self.magnitude is None else self.magnitude
        )
        error = np.abs(got - self.value)
        if not np.isfinite(error).all():
            return Accuracy(np.inf, np.inf)
        of_bound = np.divide(error, bound, out=np.where(error > 0, np.inf, 0.0), where=bound > 0)
        return Accuracy(float(error.max() / max(size.max(), 1e-300)), float(of_bound.max()))
