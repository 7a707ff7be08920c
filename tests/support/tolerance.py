"""The one place that decides how far a result may be from its float64 reference.

A result has two sources of error, and the bound of each element is their sum:

- rounding to the dtype it is stored in: ``ulps`` units in the last place of the expected value;
- accumulation: a sum of ``reduction_length`` = L products of ``magnitude`` = sum |a_i b_i|, made with machine epsilon
  e of the accumulator, errs by at most L*e*magnitude and, with roundings as likely up as down, by about
  sqrt(L)*e*magnitude. Allowed are 4 sqrt(L), never more than the hard 2 L.

float16 and bfloat16 are accumulated in float32, as every kernel here must.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


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


def dtype_name(dtype: Any) -> str:
    """``float32`` for NumPy's, hotloop's and PyTorch's dtype of that name, and for the name itself."""
    if isinstance(dtype, type) and issubclass(dtype, np.generic):
        return np.dtype(dtype).name
    return str(dtype).rsplit(".", 1)[-1]


def as_float64(x: Any, dtype: str | None = None) -> NDArray[np.float64]:
    """The values of an array or tensor; with dtype "bfloat16", a uint16 array is read as its bits."""
    if hasattr(x, "detach"):
        x = x.detach().double().cpu().numpy()
    x = np.asarray(x)
    if dtype == "bfloat16" and x.dtype == np.uint16:
        x = (x.astype(np.uint32) << 16).view(np.float32)
    return x.astype(np.float64)


def ulp(expected: NDArray[np.float64], dtype: str) -> NDArray[np.float64]:
    """The spacing of ``dtype`` at each expected value."""
    form = FORMATS[dtype]
    _, exponent = np.frexp(np.where(np.isfinite(expected), expected, 1.0))
    spacing = np.where(expected == 0, form.smallest, np.ldexp(form.epsilon, exponent - 1))
    return np.maximum(spacing, form.smallest)


def assert_close(
    actual: Any,
    expected: Any,
    dtype: Any = None,
    reduction_length: int = 1,
    magnitude: Any = None,
    ulps: float = 1.0,
    name: str = "result",
) -> float:
    """Asserts that ``actual`` is ``expected``, a float64 reference, within the bound derived above.

    ``dtype`` is that of ``actual`` unless given. ``magnitude`` broadcasts against ``expected``, and is |expected| where
    not given: right for sums of terms of one sign, too strict where terms cancel. NaN must meet NaN, and an infinity
    the same infinity. Integers and booleans must be equal. Returns the largest error as a share of its bound.
    """
    dtype = dtype_name(actual.dtype if dtype is None else dtype)
    if dtype not in FORMATS:
        return _assert_equal(actual, expected, name)
    reference = np.asarray(expected)
    if reference.dtype.kind == "f" and reference.dtype != np.float64:
        raise TypeError(f"{name}: the reference is {reference.dtype}; a bound is derived for a float64 one")
    reference = reference.astype(np.float64)
    got = as_float64(actual, dtype)
    assert got.shape == reference.shape, f"{name}: shape {got.shape}, expected {reference.shape}"

    form = FORMATS[dtype]
    bound = ulps * ulp(reference, dtype)
    if reduction_length > 1:
        growth = min(4.0 * reduction_length**0.5, 2.0 * reduction_length) * form.accumulator_epsilon
        bound = bound + growth * np.abs(reference if magnitude is None else np.asarray(magnitude, np.float64))

    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(got - reference)
        # Equal infinities differ by NaN; values at the edge of the range may round to infinity.
        overflow = np.isinf(got) & (np.sign(got) == np.sign(reference)) & (np.abs(reference) + bound > form.largest)
    error = np.where(np.isnan(got) & np.isnan(reference) | (got == reference) | overflow, 0.0, error)
    error = np.where(np.isnan(error), np.inf, error)
    return _report(error, bound, got, reference, f"{name} ({dtype}, reduction length {reduction_length})")


def _report(
    error: NDArray[np.float64],
    bound: NDArray[np.float64],
    got: NDArray[Any],
    expected: NDArray[Any],
    what: str,
) -> float:
    if error.size == 0:
        return 0.0
    bound = np.broadcast_to(bound, error.shape)
    share = np.divide(error, bound, out=np.where(error > 0, np.inf, 0.0), where=bound > 0)
    worst = np.unravel_index(int(np.argmax(share)), share.shape)
    largest = float(share[worst])
    if not largest <= 1.0:
        raise AssertionError(
            f"{what}: {int(np.sum(share > 1.0))} of {error.size} elements out of bounds; worst at "
            f"{tuple(int(i) for i in worst)}: expected {expected[worst].item()!r}, got {got[worst].item()!r}, "
            f"error {error[worst]:.3g}, bound {bound[worst]:.3g} ({largest:.3g} times)"
        )
    return largest


def _assert_equal(actual: Any, expected: Any, name: str) -> float:
    got, reference = np.asarray(actual), np.asarray(expected)
    assert got.shape == reference.shape, f"{name}: shape {got.shape}, expected {reference.shape}"
    return _report(
        np.where(got == reference, 0.0, np.inf), np.zeros(got.shape), got, reference, f"{name} ({got.dtype})"
    )
