"""Running sums, products, extremes and logsumexps against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from support.kernels import DTYPES, FLOATS, for_each_thread_count, generator, numbers, tensor, values
from support.tolerance import assert_close

# Lines of one element, of one strip of columns and more, of as many rows as go side by side and one more.
SHAPES = [(1, 1, 1), (3, 40, 1), (8, 33, 1), (9, 5, 1), (2, 9, 128), (1, 7, 129), (3, 4, 5)]


def axis_views(shape: tuple[int, int, int]) -> tuple[int, ...]:
    return shape[:2] if shape[2] == 1 else shape


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", DTYPES)
def test_products(kernels, name, shape):
    shape = axis_views(shape)
    # Powers of two, whose products are exact.
    factors = [-1, 1, 1, 2, 0.5] if name in FLOATS else [0, 1, 1, 1] if name in ("bool", "uint8") else [-1, 1, 2, 1]
    x = generator(shape, name).choice(factors, shape).astype("float64" if name in FLOATS else name)
    got = tensor(x, name).cumprod(1)
    kernels.ran()
    wanted = np.cumprod(x, axis=1, dtype=np.float64 if name in FLOATS else np.int64)
    np.testing.assert_array_equal(values(got), wanted)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("name", DTYPES)
def test_extremes(kernels, name, largest, shape):
    shape = axis_views(shape)
    x = numbers(shape, name, special=name in FLOATS)
    x = np.round(x) if name in FLOATS else x  # ties
    a = tensor(x, name)
    got, index = a.cummax(1) if largest else a.cummin(1)
    kernels.ran()
    x = values(a)
    with np.errstate(invalid="ignore"):
        wanted = (np.maximum if largest else np.minimum).accumulate(x, axis=1)
    np.testing.assert_array_equal(values(got), wanted)
    chosen = np.take_along_axis(x, values(index), axis=1)
    np.testing.assert_array_equal(chosen, wanted)
    # The last of equal ones: the index is the line's latest place that equals the result.
    places = np.arange(shape[1]).reshape((-1,) + (1,) * (len(shape) - 2))
    for i in range(shape[1]):
        same = (x == wanted[:, i : i + 1]) | (np.isnan(x.astype(float)) & np.isnan(wanted[:, i : i + 1].astype(float)))
        latest = np.where(same & (places <= i), places, -1).max(axis=1)
        np.testing.assert_array_equal(values(index)[:, i], latest)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FLOATS)
def test_logsumexps(kernels, name, shape):
    shape = axis_views(shape)
    x = numbers(shape, name, special=True)
    a = tensor(x, name)
    got = a.logcumsumexp(1)
    kernels.ran()
    with np.errstate(invalid="ignore"):
        wanted = np.logaddexp.accumulate(values(a).astype(np.float64), axis=1)
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(values(got)[~finite], wanted[~finite])
    scale = max(1.0, float(np.abs(wanted[finite]).max(initial=0)))
    assert_close(values(got)[finite], wanted[finite], name, magnitude=scale, reduction_length=2)


@pytest.mark.usefixtures("threads")
def test_bits_for_any_number_of_threads(vectors):
    x = tensor(numbers((301, 457), "float32"), "float32")
    for dim in (0, 1):
        for_each_thread_count(vectors, lambda dim=dim: (x / 4).cumprod(dim))
        for_each_thread_count(vectors, lambda dim=dim: x.cummax(dim).indices)
        for_each_thread_count(vectors, lambda dim=dim: x.logcumsumexp(dim))
