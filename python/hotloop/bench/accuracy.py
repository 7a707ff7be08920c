"""Is a result right? Its error against a float64 reference, and the bound that rounding alone explains.

A result has two sources of error, and the bound of each element is their sum:

- rounding to the dtype it is stored in: ``ulps`` units in the last place of the expected value;
- accumulation: a sum of ``length`` = L products of ``magnitude`` = sum |a_i b_i|, made with machine epsilon e of the
  accumulator, errs by at most L*e*magnitude and, with roundings as likely up as down, by about sqrt(L)*e*magnitude.
  Allowed are 4 sqrt(L), never more than the hard 2 L.

float16 and bfloat16 are accumulated in float32, as every kernel here must. Tests and benchmarks judge by this one
bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.bench.libraries import float64


@dataclass(frozen=True)
class FloatFormat:
    """What rounding to a floating-point dtype means."""

    epsilon: float  # spacing at 1
    smallest: float  # spacing at 0
    largest: float
    accumulator_epsilon: float


FORMATS = {
    "float64": FloatFormat(2.0**-52, 2.0**-1074, float(np.finfo(np.float64).max), 2.0**-52),
    "float32": FloatFormat(2.0**-23, 2.0**-149, float(np.finfo(np.float32).max), 2.0**-23),
    "float16": FloatFormat(2.0**-10, 2.0**-24, 65504.0, 2.0**-23),
    "bfloat16": FloatFormat(2.0**-7, 2.0**-133, (2.0 - 2.0**-7) * 2.0**127, 2.0**-23),
}


def ulp(expected: NDArray[np.float64], dtype: str) -> NDArray[np.float64]:
    """The spacing of ``dtype`` at each expected value."""
    form = FORMATS[dtype]
    _, exponent = np.frexp(np.where(np.isfinite(expected), expected, 1.0))
    spacing = np.where(expected == 0, form.smallest, np.ldexp(form.epsilon, exponent - 1))
    return np.asarray(np.maximum(spacing, form.smallest))


def error_bound(
    expected: NDArray[np.float64], dtype: str, length: int = 1, magnitude: Any = None, ulps: float = 1.0
) -> NDArray[np.float64]:
    """How far each element may be from ``expected``; ``magnitude`` broadcasts against it, and is its absolute value
    where not given: right for sums of terms of one sign, too strict where terms cancel."""
    bound = ulps * ulp(expected, dtype)
    if length > 1:
        growth = min(4.0 * length**0.5, 2.0 * length) * FORMATS[dtype].accumulator_epsilon
        bound = bound + growth * np.abs(expected if magnitude is None else np.asarray(magnitude, np.float64))
    return np.asarray(bound)


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
        bound = error_bound(self.value, self.dtype, self.length, self.magnitude, self.ulps)
        error = np.abs(got - self.value)
        if not np.isfinite(error).all():
            return Accuracy(np.inf, np.inf)
        with np.errstate(over="ignore"):  # beyond every bound is infinitely wrong
            of_bound = np.divide(error, bound, out=np.where(error > 0, np.inf, 0.0), where=bound > 0)
        return Accuracy(float(error.max() / max(np.abs(self.value).max(), 1e-300)), float(of_bound.max()))
