"""Asserts that a result is as near to its float64 reference as rounding alone explains: `hotloop.bench.accuracy`
derives the bound, for tests and benchmarks alike."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.bench.accuracy import FORMATS, error_bound


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


def assert_close(
    actual: Any,
    expected: Any,
    dtype: Any = None,
    reduction_length: int = 1,
    magnitude: Any = None,
    ulps: float = 1.0,
    name: str = "result",
) -> float:
    """Asserts that ``actual`` is ``expected``, a float64 reference, within the bound.

    ``dtype`` is that of ``actual`` unless given; what ``reduction_length``, ``magnitude`` and ``ulps`` mean is told at
    the bound. NaN must meet NaN, and an infinity
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

    bound = error_bound(reference, dtype, reduction_length, magnitude, ulps)
    largest = FORMATS[dtype].largest
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(got - reference)
        # Equal infinities differ by NaN; values at the edge of the range may round to infinity.
        overflow = np.isinf(got) & (np.sign(got) == np.sign(reference)) & (np.abs(reference) + bound > largest)
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
