"""Reductions: values against float64 NumPy over any dims and layout, the bits that the contract promises, and NaN."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

import hotloop
from hotloop import _core
from support.kernels import FLOATS, INTEGERS, bits, for_each_thread_count, generator, numbers, tensor, values
from support.tolerance import assert_close

SHAPES = [(1,), (7,), (63,), (65,), (4096,), (5000,)]
SHAPES += [
    (3, 5),
    (17, 33),
    (5, 130),
    (130, 5),
    (1, 9),
    (9, 1),
    (70, 300),
    (300, 70),
    (3, 4, 5),
    (17, 5, 40),
    (8, 70, 9),
]
LAYOUTS = {
    "dense": lambda make, shape: make(shape),
    "transposed": lambda make, shape: make(shape[::-1]).T,
    "stepped": lambda make, shape: make((*shape, 2))[..., 1],
    "negative": lambda make, shape: make(shape)[::-1],
}


def dims_of(shape):
    """Every choice of dims."""
    return [dims for r in range(1, len(shape) + 1) for dims in itertools.combinations(range(len(shape)), r)]


def length(x, dims):
    return math.prod(x.shape[d] for d in dims)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["float32", "float64", "float16"])
def test_floats(kernels, name, layout, shape):
    x = LAYOUTS[layout](lambda size: numbers(size, name, shape).astype(name), shape)
    a, wide = hotloop.from_numpy(x), x.astype(np.float64)
    for dims in dims_of(shape):
        n = length(x, dims)
        magnitude = np.abs(wide).sum(axis=dims)
        check = lambda got, want, magnitude, op, dims=dims, n=n: assert_close(  # noqa: E731
            values(got), want, name, reduction_length=max(n, 2), magnitude=magnitude, name=f"{op} over {dims}"
        )
        if name == "float64":  # NumPy's own sum errs as much: long double
            wide = x.astype(np.longdouble)
        sums = np.asarray(wide.sum(axis=dims), np.float64)
        check(a.sum(dims), sums, magnitude, "sum")
        kernels.ran()
        check(a.mean(dims), sums / n, magnitude / n, "mean")
        square = np.asarray((wide * wide).sum(axis=dims), np.float64)
        check(a.norm(2.0, dims), np.sqrt(square), np.sqrt(square), "norm")
        if n > 1:
            variance = np.asarray(wide.var(axis=dims, ddof=1), np.float64)
            check(a.var(dims), variance, variance + 1e-30, "var")
        exact = np.log(np.exp(wide).sum(axis=dims, dtype=wide.dtype))
        check(a.logsumexp(dims), np.asarray(exact, np.float64), 1 + np.abs(np.asarray(exact, np.float64)), "logsumexp")
        assert_close(values(a.amax(dims)), np.asarray(wide.max(axis=dims), np.float64), name)
        assert_close(values(a.amin(dims)), np.asarray(wide.min(axis=dims), np.float64), name)
        kernels.ran()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FLOATS)
def test_nansum(kernels, name, shape):
    x = numbers(shape, name, "nansum")
    x[generator(shape).random(shape) < 0.3] = np.nan
    a = tensor(x, name)
    for dims in dims_of(shape):
        kept = np.nan_to_num(x)
        got = hotloop.nansum(a, dims)
        kernels.ran()
        assert_close(
            values(got),
            kept.sum(dims),
            name,
            reduction_length=max(length(x, dims), 2),
            magnitude=np.abs(kept).sum(dims),
        )
    assert values(hotloop.nansum(tensor(np.full(70, np.nan), name))) == 0


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
def test_long_products_leave_the_range_on_their_way(kernels, name, axis):
    """Of more than a block: 2000 halves, as many twos, thousands of ones; in any order of theirs."""
    x = np.repeat([0.5, 1.0, 2.0], [700, 3600, 700])
    x = np.stack([x, np.random.default_rng(3).permutation(x)], axis=1 - axis)
    got = hotloop.prod(tensor(x, name), axis)
    kernels.ran()
    assert values(got).tolist() == [1, 1]


@pytest.mark.parametrize("name", FLOATS)
def test_prod(kernels, name):
    for shape, dim in [((37,), 0), ((12, 40), 0), ((40, 12), 1), ((5, 8, 3), 1)]:
        x = np.sign(numbers(shape, name)) * np.exp2(generator(shape).integers(-2, 3, shape))  # exact in any order
        got = tensor(x, name).prod(dim)
        kernels.ran()
        assert_close(values(got), x.prod(axis=dim), name)


@pytest.mark.parametrize("shape", [(7,), (65,), (5000,), (17, 33), (130, 5), (8, 70, 9)], ids=str)
@pytest.mark.parametrize("name", [*INTEGERS, "bool"])
def test_integers(kernels, name, shape):
    x = numbers(shape, name, shape)
    for layout in (x, np.asfortranarray(x)):
        a = hotloop.from_numpy(layout)
        for dims in dims_of(shape):
            assert_close(values(a.sum(dims)), x.sum(axis=dims, dtype=np.int64))
            kernels.ran()
            assert_close(values(a.any(dims)), x.any(axis=dims))
            assert_close(values(a.all(dims)), x.all(axis=dims))
            assert_close(values(a.amax(dims)), x.max(axis=dims))
            assert_close(values(a.amin(dims)), x.min(axis=dims))
            kernels.ran()
        if len(shape) == 1:
            assert_close(values(a[:20].prod()), x[:20].prod(dtype=np.int64))


@pytest.mark.parametrize("name", [*FLOATS, "int8", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(1,), (70,), (5000,), (17, 33), (33, 17), (300, 7), (7, 300), (8, 70, 9)], ids=str)
def test_positions_of_extremes(kernels, name, shape):
    x = np.round(numbers(shape, name, shape))  # ties: the first wins
    x = x.astype(bool) if name == "bool" else x
    for dim in range(len(shape)):
        a = tensor(x, name)
        for op in ("argmax", "argmin") if name != "bool" else ():  # which PyTorch refuses
            got = getattr(a, op)(dim)
            kernels.ran()
            assert_close(values(got), getattr(x, op)(axis=dim))
        largest, at = a.max(dim)
        kernels.ran()
        assert_close(values(at), x.argmax(axis=dim))
        assert_close(values(largest).astype(np.float64), x.max(axis=dim).astype(np.float64), "float64", ulps=0)
    if name != "bool":
        assert int(a.argmax()) == x.argmax()


# About the ends of vectors, of groups of them and of the blocks that rows are converted in.
ARG_LENGTHS = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 95, 127, 128, 129, 200, 257]


@pytest.mark.parametrize("name", [*FLOATS, "int8", "int32", "int64"])
@pytest.mark.parametrize("layout", ["rows", "stepped", "columns"])
def test_the_first_extreme_wherever_it_stands(kernels, name, layout):
    """Row i of a triangle: no extreme before place i, only extremes from there on."""
    for n in ARG_LENGTHS:
        for extreme in (1, np.nan, np.inf) if name in FLOATS else (1,):
            # A NaN wins over infinity too.
            x = np.where(np.triu(np.ones((n, n), bool)), extreme, np.inf if np.isnan(extreme) else 0)
            x = np.stack([x, -x], -1) if layout == "stepped" else x.T if layout == "columns" else x
            a = tensor(x if name in FLOATS else x.astype(name), name)
            a = a[..., 0] if layout == "stepped" else a
            dim = 0 if layout == "columns" else 1
            for got in (a.argmax(dim), a.max(dim)[1], (-a).argmin(dim), (-a).min(dim)[1]):
                kernels.ran()
                assert values(got).tolist() == list(range(n)), (n, extreme)


@pytest.mark.parametrize("name", FLOATS)
def test_extremes_of_equal_numbers(kernels, name):
    for n in ARG_LENGTHS:
        for x in (np.inf, -np.inf, np.nan, 0.0):
            a = tensor(np.full((3, n), x), name)
            for op in ("argmax", "argmin"):
                assert values(getattr(a, op)(1)).tolist() == [0, 0, 0], (n, x, op)
                assert values(getattr(a.T.contiguous(), op)(0)).tolist() == [0, 0, 0], (n, x, op)
                kernels.ran()
        zeros = np.zeros((2, n))
        zeros[0] = np.where(np.arange(n) % 2, 0.0, -0.0)  # zeros are equal whatever their signs: the first is given
        zeros[1] = -zeros[0]
        for op in ("max", "min"):
            value, index = getattr(tensor(zeros, name), op)(1)
            kernels.ran()
            assert values(index).tolist() == [0, 0]
            assert np.signbit(values(value)).tolist() == [True, False]


@pytest.mark.parametrize("name", ["float32", "float64", "bfloat16", "int64"])
def test_the_first_extreme_of_a_long_row(kernels, name):
    """In one piece, in pieces, and in pieces whose last is short."""
    for n in (100_003, 131_072, 300_001):
        for place in (0, 1023, 65_535, 65_536, 99_000, n - 1):
            x = np.zeros(n)
            x[place :: max(1, (n - 1 - place) // 3)] = 1
            a = tensor(x if name in FLOATS else x.astype(name), name)
            got = [a.argmax(), a.argmax(0), (-a).argmin(0)]
            kernels.ran()
            assert [int(index) for index in got] == [place] * 3, (n, place)
            if name in FLOATS:
                x[place] = np.nan
                assert int(tensor(x, name).argmax()) == int(tensor(x, name).argmin()) == place


@pytest.mark.parametrize("name", FLOATS)
def test_nan_and_infinity(kernels, name):
    for shape in [(5, 3), (70, 40), (1030, 20)]:
        rng = generator(shape, name)
        x = numbers(shape, name)
        for value in (np.nan, np.inf, -np.inf, np.nan):
            x[rng.integers(shape[0]), rng.integers(shape[1])] = value
        a = tensor(x, name)
        with np.errstate(all="ignore"):
            for dim in (0, 1):
                for op in ("amax", "amin", "argmax", "argmin", "any", "all"):
                    oracle = getattr(np, op)(x, axis=dim)
                    got = getattr(a, op)(dim)
                    kernels.ran()
                    assert np.array_equal(values(got), oracle, equal_nan=op in ("amax", "amin")), (op, dim)
                total, expected = values(a.sum(dim)), x.sum(axis=dim)
                assert np.array_equal(np.isnan(total), np.isnan(expected))
                spread, expected = values(a.logsumexp(dim)), np.log(np.exp(x).sum(axis=dim))
                special = ~np.isfinite(expected)
                assert np.array_equal(spread[special], expected[special], equal_nan=True)


def test_nothing_to_reduce(kernels):
    empty = hotloop.zeros(0, 3)
    expected = {"sum": 0.0, "prod": 1.0, "any": False, "all": True, "mean": np.nan, "logsumexp": -np.inf}
    for op, value in expected.items():
        got = values(getattr(empty, op)(0))
        kernels.ran()
        assert np.array_equal(got, np.full(3, value), equal_nan=op == "mean"), op
    assert np.all(np.isneginf(values(hotloop.full((3, 4), -np.inf).logsumexp(1))))


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("op", ["sum", "mean", "prod", "var", "norm", "logsumexp", "amax", "argmax"])
def test_bits_do_not_depend_on_layout_batch_or_threads(vectors, op):
    call = lambda a, dim: getattr(a, op)(dim=dim)  # noqa: E731
    for n in (1, 64, 65, 4097, 30001):
        x = numbers((n, 11), "float32", n).astype(np.float32)
        down, along = hotloop.from_numpy(x), hotloop.from_numpy(np.ascontiguousarray(x.T))
        expected = bits(call(down, 0))
        vectors.ran()
        assert bits(call(along, 1)) == expected, "layout"
        size = len(expected) // 11
        assert bits(call(down[:, 2:3], 0)) == expected[2 * size : 3 * size], "one column"
        assert bits(call(along[1:], 1)) == expected[size:], "without the first row"
    for dim in (0, 1):
        for_each_thread_count(vectors, lambda dim=dim: call(down, dim))


@pytest.mark.parametrize("op", ["sum", "mean"])
def test_sums_have_the_same_bits_on_every_instruction_set(vectors, op):
    x = tensor(numbers((4099, 5), "float32"), "float32")
    got = bits([getattr(x, op)(0), getattr(x, op)(1), getattr(x, op)()])
    vectors.ran()
    _core.cap_isa("baseline")
    assert got == bits([getattr(x, op)(0), getattr(x, op)(1), getattr(x, op)()])


@pytest.mark.usefixtures("threads")
def test_one_long_row_for_any_number_of_threads(vectors):
    x = tensor(numbers((1_000_003,), "float32"), "float32")
    for op in ("sum", "var", "norm", "logsumexp", "amax", "argmax"):
        for_each_thread_count(vectors, lambda op=op: getattr(x, op)(dim=0))
