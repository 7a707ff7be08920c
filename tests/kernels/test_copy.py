"""Copies between every two dtypes and any strides."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop
from support.kernels import (
    DTYPES,
    INTEGERS,
    LAYOUTS,
    bits,
    dtype,
    for_each_thread_count,
    generator,
    numbers,
    round_to,
    tensor,
    values,
)
from support.tolerance import assert_close

# What rounding must get right: ties, the edges of float16 and bfloat16, subnormals, and numbers that two roundings
# (to float32 and on) would take elsewhere than one.
EDGES = [65504, 65519.99, 65520, 6e-8, 3e-8, 2.98e-8, 1e-40, 3e38, 3.4e38, 1 + 2**-11, 1 + 3 * 2**-11 + 1e-9, 1 + 2**-9]
EDGES += [
    1 + 2**-11 + 2**-40,
    1 + 2**-8 + 2**-40,
    1 + 2**-24 + 2**-52,
    1e-310,
    np.inf,
    -np.inf,
    np.nan,
    -0.0,
    0.0,
    6.1e-5,
]


def source(shape, name, target):
    """Values of the dtype that the target can hold (a float outside an integer's range is unspecified)."""
    x = numbers(shape, name, target)
    if name in INTEGERS or name == "bool":
        return x
    if target in INTEGERS:
        return np.abs(x) if target == "uint8" else x
    rng = generator(shape, name, target)
    return round_to(np.where(rng.random(shape) < 0.3, rng.choice(EDGES, shape), x), name)


def converted(x, target):
    if target in INTEGERS or target == "bool":
        return x.astype(target)
    return round_to(x.astype(np.float64), target)


@pytest.mark.parametrize("window", [64, 101])
@pytest.mark.parametrize("name", ["float64", "float32", "uint8"])
def test_overlapping_windows(vectors, name, window):
    """Both strides are 1: rows of a tile as long as in no transpose."""
    x = hotloop.arange(400).to(dtype(name)).unfold(0, window, 1)
    expected = np.lib.stride_tricks.sliding_window_view(np.arange(400).astype(name), window)
    assert np.array_equal(x.contiguous().numpy(), expected)


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("name", DTYPES)
def test_conversions(kernels, name, target):
    for shape in [(1023,), (75, 131)]:
        x = source(shape, name, target)
        given = tensor(x, name)
        got = (given if len(shape) == 1 else given.T).to(dtype(target), copy=True)
        kernels.ran()
        assert_close(
            values(got), converted(x.T, target), None if target in INTEGERS or target == "bool" else "float64", ulps=0
        )


@pytest.mark.parametrize("target", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["int32", "int64"])
def test_wide_integers_are_rounded_once(kernels, name, target):
    bits = 31 if name == "int32" else 52
    rng = generator(name, target)
    x = rng.integers(-(2**bits), 2**bits, 1003) >> rng.integers(0, bits, 1003)
    edges = [2**24 + 2**16 + 1, 2**24 + 2**15 - 1, 2**25 + 2**17 + 1, 65519, 65520, 2**31 - 1, -(2**31), 2**31 - 129]
    x[:16] = [*edges, *(-min(e, 2**31 - 1) for e in edges)]
    x = x.astype(name)
    got = tensor(x, name).to(dtype(target))
    kernels.ran()
    np.testing.assert_array_equal(values(got), converted(x, target))


@pytest.mark.parametrize("name", ["float32", "int8", "float16", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(23, 130), (300, 7), (133, 71), (5, 9, 33), (0, 5), (1, 1)], ids=str)
def test_layouts(kernels, name, layout, shape):
    x = LAYOUTS[layout](shape, lambda size: numbers(size, name, special=True).astype(name))
    for target in (name, "float64"):
        out = hotloop.zeros(*shape, dtype=dtype(target))
        out.copy_(hotloop.from_numpy(x))
        if x.size > 0:  # nothing runs where there is nothing to copy
            kernels.ran()
        assert (
            bits(out)
            == np.ascontiguousarray(x.astype(target).astype(np.float64 if x.dtype.kind == "f" else target)).tobytes()
        )


@pytest.mark.parametrize("name", ["float32", "int8", "float16", "float64"])
@pytest.mark.parametrize("times", [1, 2, 3, 5, 8, 16, 17])
def test_each_element_repeated(kernels, name, times):
    for shape in [(1,), (37,), (3, 1001)]:
        x = numbers(shape, name, special=True)
        given = tensor(x, name)
        got = given.repeat_interleave(times, -1)
        kernels.ran()
        assert got.data_ptr() != given.data_ptr()
        assert bits(got) == bits(hotloop.from_numpy(np.repeat(given.numpy(), times, axis=-1)))


@pytest.mark.parametrize("layout", ["offset", "transposed", "stepped", "negative"])
def test_writes_through_a_view_and_nothing_else(kernels, layout):
    shape = (37, 53)
    target = LAYOUTS[layout](shape, lambda size: np.full(size, 7.0, np.float32))
    base = target.base
    x = numbers(shape, "float32").astype(np.float32)
    hotloop.from_numpy(target).copy_(hotloop.from_numpy(x))
    kernels.ran()
    assert np.array_equal(target, x)
    target[...] = 7.0
    assert np.all(base == 7.0), "wrote outside the view"


@pytest.mark.parametrize("name", DTYPES)
def test_fill(kernels, name):
    for shape in [(1,), (70,), (33, 257)]:
        x = hotloop.zeros(*shape, dtype=dtype(name))
        x.fill_(1)
        kernels.ran()
        assert np.all(values(x) == 1)


@pytest.mark.usefixtures("threads")
def test_bits_for_any_number_of_threads(vectors):
    x = tensor(numbers((701, 503), "float32"), "float32")
    for call in (
        lambda: x.T.contiguous(),
        lambda: x.to(hotloop.bfloat16),
        lambda: x.T.to(hotloop.float16),
        lambda: x.clone(),
    ):
        for_each_thread_count(vectors, call)
