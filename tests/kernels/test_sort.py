"""Sorting, selection and search against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop
from support.kernels import DTYPES, FLOATS, INTEGERS, for_each_thread_count, generator, numbers, tensor, values

# By ranks (up to 64 or 128), by digits of 8 bits, by digits of 11 bits.
LENGTHS = [1, 2, 16, 25, 64, 65, 128, 129, 300, 16 * 1024 + 1]
WIDE = {"int64": 2**62, "int32": 2**31 - 1}


def lines(rows: int, n: int, name: str) -> np.ndarray:
    """Values with ties; floats with NaN, infinities and zeros of both signs, integers over their whole range."""
    x = numbers((rows, n), name, special=name in FLOATS)
    if name in WIDE:
        some = generator(name, n).integers(-WIDE[name], WIDE[name], (rows, n))
        x = np.where(x % 2 == 0, some, x).astype(name)
    return values(tensor(np.round(x, 1) if name in FLOATS else x, name))


def stable_order(x: np.ndarray, descending: bool) -> np.ndarray:
    """NaN above every number; equal elements in the order they came."""
    if not descending:
        return np.argsort(x, axis=-1, kind="stable")
    return x.shape[-1] - 1 - np.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", DTYPES)
def test_sort(kernels, name, n, descending):
    x = lines(3, n, name)
    got, index = tensor(x, name).sort(descending=descending, stable=True)
    kernels.ran()
    order = stable_order(x, descending)
    np.testing.assert_array_equal(values(index), order)
    wanted = np.take_along_axis(x, order, axis=-1)
    np.testing.assert_array_equal(values(got), wanted)
    if name in FLOATS:
        np.testing.assert_array_equal(np.signbit(values(got)), np.signbit(wanted))


@pytest.mark.parametrize("largest", [False, True])
@pytest.mark.parametrize(("n", "k"), [(8, 1), (64, 8), (65, 1), (3000, 5), (3000, 300), (900, 100), (70, 9), (70, 8)])
@pytest.mark.parametrize("name", DTYPES)
def test_topk(kernels, name, n, k, largest):
    x = lines(2, n, name)
    for order in (x, np.sort(x, axis=-1), np.sort(x, axis=-1)[..., ::-1].copy()):
        got, index = tensor(order, name).topk(k, largest=largest)
        kernels.ran()
        wanted = stable_order(order, largest)[..., :k]
        np.testing.assert_array_equal(values(index), wanted)
        np.testing.assert_array_equal(values(got), np.take_along_axis(order, wanted, axis=-1))


# Columns that fill cache lines and vectors, and that don't; fewer and more than a chunk of work; a batch of them.
@pytest.mark.parametrize(
    "shape", [(1, 5), (3, 1), (7, 16), (65, 33), (130, 67), (4, 9000), (2, 40, 3), (3, 70, 17)], ids=str
)
@pytest.mark.parametrize("name", DTYPES)
def test_lines_side_by_side(kernels, name, shape):
    n, dim = shape[-2], len(shape) - 2
    x = np.swapaxes(lines(int(np.prod(shape)) // n, n, name).reshape(*shape[:-2], shape[-1], n), -1, -2).copy()
    a = tensor(x, name)
    for descending in (False, True):
        order = np.swapaxes(stable_order(np.swapaxes(x, -1, -2), descending), -1, -2)
        for k in {1, max(1, n // 5), n}:
            got, index = a.topk(k, dim, largest=descending)
            kernels.ran()
            wanted = np.take(order, range(k), dim)
            np.testing.assert_array_equal(values(index), wanted)
            np.testing.assert_array_equal(values(got), np.take_along_axis(x, wanted, dim))
        if not descending:
            got, index = a.kthvalue(n // 2 + 1, dim)
            kernels.ran()
            np.testing.assert_array_equal(values(index), np.take(order, n // 2, dim))


def shapes_of_lines(n: int, name: str) -> list[np.ndarray]:
    """With many different values and few, NaN or none, in order and not."""
    x = lines(3, n, name)
    some = values(tensor(generator(name, n).integers(0, 3, (2, n)), name))
    numbers_only = np.where(x != x, 1, x).astype(x.dtype)
    all_nan = np.full((1, n), np.nan if name in FLOATS else 7, x.dtype)
    in_order = np.sort(numbers_only, axis=-1)
    return [x, numbers_only, some, all_nan, in_order, in_order[..., ::-1].copy()]


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", DTYPES)
def test_kthvalue(kernels, name, n):
    for x in shapes_of_lines(n, name):
        order = stable_order(x, False)
        for k in {1, 2, n // 3 + 1, n // 2 + 1, n - 1, n} & set(range(1, n + 1)):
            got, index = tensor(x, name).kthvalue(k)
            kernels.ran()
            np.testing.assert_array_equal(values(index), order[:, k - 1])
            np.testing.assert_array_equal(values(got), np.take_along_axis(x, order[:, k - 1 : k], axis=-1)[:, 0])


@pytest.mark.parametrize("sample", [32, 64])
def test_extremes_where_samples_are_taken(kernels, sample):
    """What a selection that samples evenly learns nothing from, round by round."""
    n = 30_000
    x, rest = generator("float64", n).normal(size=n), np.arange(n)
    for outermost in range(20, 0, -1):
        step = len(rest) // sample
        places = (len(rest) - step * (sample - 1)) // 2 + step * np.arange(sample)
        x[rest[places]] = np.where(np.arange(sample) % 2, 10.0, -10.0) * outermost
        rest = np.delete(rest, places)
    for k in (1, n // 3, n // 2, n):
        got, index = tensor(x, "float64").kthvalue(k)
        kernels.ran()
        assert values(index) == stable_order(x[None], False)[0, k - 1]
        assert values(got) == np.sort(x)[k - 1]


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", DTYPES)
def test_median(kernels, name, n):
    for x in shapes_of_lines(n, name):
        order, rows = stable_order(x, False), np.arange(len(x))
        numbers = (x == x).sum(-1)  # NaN is not itself, and comes last
        of_numbers = order[rows, np.where(numbers == 0, 0, (numbers - 1) // 2)]
        for median, place in (
            (hotloop.median, np.where(numbers == n, of_numbers, order[rows, np.minimum(numbers, n - 1)])),
            (hotloop.nanmedian, of_numbers),
        ):
            got, index = median(tensor(x, name), -1)
            kernels.ran()
            np.testing.assert_array_equal(values(index), place)
            np.testing.assert_array_equal(values(got), x[rows, place])
            np.testing.assert_array_equal(values(median(tensor(x[0], name))), x[0, place[0]])


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", DTYPES)
def test_mode(kernels, name, n):
    for x in shapes_of_lines(n, name):
        got, index = tensor(x, name).mode()
        kernels.ran()
        for row, value, place in zip(x, values(got), values(index), strict=True):
            of_numbers, counts = np.unique(row[row == row], return_counts=True)
            if len(of_numbers) == 0:
                assert np.isnan(value)
                assert place == 0
            else:
                assert value == of_numbers[counts.argmax()]
                assert place == np.flatnonzero(row == value)[-1]


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 7, 64, 1000])
@pytest.mark.parametrize("name", DTYPES)
def test_search(kernels, name, n, right):
    line = np.sort(values(tensor(numbers((n,), name), name)))
    wanted = values(tensor(numbers((5, 9), name, "wanted"), name))
    got = hotloop.searchsorted(tensor(line, name), tensor(wanted, name), right=right)
    kernels.ran()
    np.testing.assert_array_equal(values(got), np.searchsorted(line, wanted, side="right" if right else "left"))


@pytest.mark.parametrize("how", ["prod", "amax", "amin"])
@pytest.mark.parametrize("name", [*FLOATS, *INTEGERS, "bool"])
def test_scatter_reduce(kernels, name, how):
    rng = generator(name, how)
    x = values(tensor(np.round(numbers((7, 5), name)), name))
    source = values(tensor(np.round(numbers((40, 5), name, "source")), name))
    if how == "prod" and name != "bool":  # whole numbers that stay exact
        x, source = np.sign(x), np.sign(source)
    index = rng.integers(0, 7, (40, 5))
    got = tensor(x, name).scatter_reduce(0, hotloop.from_numpy(index), tensor(source, name), how)
    kernels.ran()
    wanted = x.copy()
    combine = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}[how]
    combine.at(wanted, (index, np.broadcast_to(np.arange(5), (40, 5))), source)
    np.testing.assert_array_equal(values(got), wanted)


@pytest.mark.usefixtures("threads")
def test_bits_for_any_number_of_threads(vectors):
    x = tensor(numbers((301, 457), "float32"), "float32")
    line = hotloop.arange(100).float() / 10 - 5
    for_each_thread_count(vectors, lambda: x.sort(0).indices)
    for_each_thread_count(vectors, lambda: x.topk(9).values)
    for_each_thread_count(vectors, lambda: x.median(0).indices)
    for_each_thread_count(vectors, lambda: x.mode(1).indices)
    for_each_thread_count(vectors, lambda: hotloop.searchsorted(line, x))
