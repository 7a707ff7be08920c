"""Indexed reads and writes, masks and cumulative sums against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop
from hotloop.nn import functional as F
from support.kernels import DTYPES, INTEGERS, for_each_thread_count, generator, numbers, tensor, values
from support.tolerance import assert_close

# An array's shape, and its subscript's shapes: None keeps a dim whole.
SUBSCRIPTS = [
    ((7, 5), [(4,), None]),
    ((50, 3, 9), [None, (6,), None]),
    ((50, 3, 9), [(5, 1), None, (1, 4)]),
    ((20,), [(1000,)]),
    ((30, 40), [(3, 2), (2,)]),
    ((11, 6, 7, 5), [None, (3, 1), (4,), None]),
    ((40, 500), [(300,), None]),
    ((6, 300, 7), [None, (200,), None]),
]


def whole(shape, name, *key):
    """Small whole numbers, exact in any dtype and any order of addition."""
    rng = generator(shape, name, *key)
    return rng.integers(0, 2, shape).astype(bool) if name == "bool" else rng.integers(0, 9, shape).astype(np.float64)


def subscript(shape, indices, *key):
    rng = generator(shape, *key)
    return tuple(slice(None) if i is None else rng.integers(-n, n, i) for n, i in zip(shape, indices, strict=True))


def as_hotloop(key):
    return tuple(k if isinstance(k, slice) else hotloop.from_numpy(k) for k in key)


def same(got, want):
    assert np.array_equal(values(got).astype(np.float64), np.asarray(want).astype(np.float64))


@pytest.mark.parametrize(("shape", "indices"), SUBSCRIPTS, ids=str)
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", DTYPES)
def test_subscripts(kernels, name, turned, shape, indices):
    x = whole(shape, name)
    a = tensor(x, name)
    if turned and len(shape) > 1:
        a = a.permute(*reversed(range(len(shape)))).contiguous().permute(*reversed(range(len(shape))))
    key = subscript(shape, indices)
    got = a[as_hotloop(key)]
    if got.numel():
        kernels.ran()
    same(got, x[key])

    given = whole(x[key].shape, name, "given")
    expected = x.copy()
    expected[key] = given  # the last of equal indices wins, in NumPy too
    b = a.clone()
    b[as_hotloop(key)] = tensor(given, name)
    kernels.ran()
    same(b, expected)


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("name", DTYPES)
def test_index_add(kernels, name, dim):
    shape = (40, 30, 21)
    index = generator(dim).integers(0, shape[dim], 77)
    source_shape = tuple(77 if d == dim else n for d, n in enumerate(shape))
    x, source = whole(shape, name), whole(source_shape, name, "source")
    got = tensor(x, name).index_add(dim, hotloop.from_numpy(index), tensor(source, name))
    kernels.ran()
    expected = np.moveaxis(x.copy() if name == "bool" else x.astype(np.int64), dim, 0)
    (np.logical_or if name == "bool" else np.add).at(
        expected, index, np.moveaxis(source, dim, 0).astype(expected.dtype)
    )
    if name in INTEGERS:
        expected = expected.astype(name)
    same(got, np.moveaxis(expected, 0, dim))


@pytest.mark.parametrize(
    ("shape", "index_shape", "dim"),
    [
        ((8, 9), (8, 4), 1),
        ((8, 9), (3, 9), 0),
        ((5, 6, 7), (5, 20, 7), 1),
        ((300, 200), (300, 150), 1),
        ((10,), (7,), 0),
        ((1, 5000), (1, 300), 1),
        ((33, 65), (33, 65), 1),
        ((300, 7), (300, 1), 1),  # dims of one position between and after others
        ((40, 50, 6), (40, 1, 6), 1),
        ((5, 1), (1, 1), 0),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", DTYPES)
def test_gather_and_scatter(kernels, name, shape, index_shape, dim):
    x, source = whole(shape, name), whole(index_shape, name, "source")
    index = generator(shape).integers(0, shape[dim], index_shape)
    a, i, s = tensor(x, name), hotloop.from_numpy(index), tensor(source, name)
    sub = x[tuple(slice(n) if d != dim else slice(None) for d, n in enumerate(index_shape))]
    got = a.gather(dim, i)
    kernels.ran()
    same(got, np.take_along_axis(sub, index, dim))

    where = list(np.indices(index_shape))
    where[dim] = index
    got = a.scatter_add(dim, i, s)
    kernels.ran()
    expected = x.copy() if name == "bool" else x.astype(np.int64)
    (np.logical_or if name == "bool" else np.add).at(expected, tuple(where), source.astype(expected.dtype))
    same(got, expected.astype(name) if name in INTEGERS else expected)
    got = a.scatter(dim, i, s)
    kernels.ran()
    expected = x.copy()
    expected[tuple(where)] = source
    same(got, expected)


@pytest.mark.parametrize("bad", [7, -8, 2**40])
def test_an_index_out_of_range_is_named_and_writes_nothing(kernels, bad):
    x = hotloop.zeros(7, 5)
    index = hotloop.tensor([0, 1, bad, 2])
    with pytest.raises(IndexError, match=str(bad)):
        x[index]
    with pytest.raises(IndexError, match=str(bad)):
        x[index] = 1.0
    with pytest.raises(IndexError, match=str(bad)):
        x.index_add(0, index, hotloop.ones(4, 5))
    assert not values(x).any()


def test_embedding_and_its_padding_row(kernels):
    table = numbers((50, 33), "float32")
    index = generator("embedding").integers(0, 50, (7, 9))
    weight = tensor(table, "float32").requires_grad_()
    out = F.embedding(hotloop.from_numpy(index), weight, padding_idx=3)
    kernels.ran()
    same(out, table[index])
    out.sum().backward()
    counts = np.bincount(index.ravel(), minlength=50).astype(np.float64)
    counts[3] = 0
    same(weight.grad, np.repeat(counts[:, None], 33, axis=1))


@pytest.mark.parametrize("n", [0, 1, 100, 32768, 70001])
@pytest.mark.parametrize("name", ["float32", "float64", "float16", "int8", "bool"])
def test_masks(kernels, name, n):
    x, mask = whole((n,), name), generator(n).random(n) < 0.3
    a, m = tensor(x, name), hotloop.from_numpy(mask)
    same(a[m], x[mask])
    same(m.nonzero(), np.argwhere(mask))
    some = m.clone()
    some[n // 3 :] = True  # runs of chosen elements up to the end
    same(a[some], x[values(some)])
    for few in (generator(n, "few").random(n) < 0.003, np.arange(n) == n - 1, np.arange(n) % 64 == 63):
        same(a[hotloop.from_numpy(few)], x[few])  # long runs of elements that are not chosen
        same(hotloop.from_numpy(few).nonzero(), np.argwhere(few))
    if n == 100:
        same(m.reshape(4, 5, 5).nonzero(), np.argwhere(mask.reshape(4, 5, 5)))
        kernels.ran()


@pytest.mark.parametrize("shape", [(7, 40, 3), (9, 1030), (5, 1)], ids=str)
@pytest.mark.parametrize("name", ["float32", "float64", "bfloat16", "int8", "bool"])
def test_rows_copied_and_filled(kernels, name, shape):
    x = whole(shape, name)
    for dim in range(len(shape)):
        index = generator(shape, dim).integers(0, shape[dim], 4)
        index[3] = index[0]  # the later one stays
        at = (slice(None),) * dim + (index,)
        source = whole((*shape[:dim], 4, *shape[dim + 1 :]), name, dim)
        copied, filled = x.copy(), x.copy()
        for k, i in enumerate(index):
            copied[(slice(None),) * dim + (i,)] = source.take(k, dim)
        filled[at] = 1
        got = tensor(x, name).index_copy(dim, hotloop.from_numpy(index), tensor(source, name))
        kernels.ran()
        same(got, copied)
        same(tensor(x, name).index_fill(dim, hotloop.from_numpy(index - shape[dim]), 1), filled)


def test_sums_of_single_precision_asked_for_in_double(kernels):
    x = generator("sums").random((5, 3000)).astype(np.float32)
    for dim in (0, 1):
        got = hotloop.from_numpy(x).cumsum(dim, dtype=hotloop.float64)
        kernels.ran()
        assert_close(values(got), np.cumsum(x.astype(np.float64), axis=dim), "float64", reduction_length=x.shape[dim])


@pytest.mark.parametrize("name", DTYPES)
def test_cumsum(kernels, name):
    for shape in [(5,), (3, 1000), (2, 7, 300), (50, 4), (0, 3)]:
        x = whole(shape, name)
        for dim in range(len(shape)):
            for a in (tensor(x, name), tensor(x.T.copy(), name).permute(*reversed(range(len(shape))))):
                got = a.cumsum(dim)
                if x.size:
                    kernels.ran()
                expected = np.cumsum(x, axis=dim, dtype=np.float64)
                if name == "bfloat16" or name == "float16":
                    assert_close(values(got), expected, name)
                else:
                    same(got, expected)


@pytest.mark.usefixtures("threads")
def test_bits_for_any_number_of_threads(vectors):
    x = tensor(numbers((700, 301), "float32"), "float32")
    rows = hotloop.from_numpy(generator("rows").integers(0, 700, 2000))
    source = tensor(numbers((2000, 301), "float32"), "float32")
    wide = hotloop.from_numpy(generator("wide").integers(0, 301, (700, 301)))
    mask = x > 0
    for call in (
        lambda: x[rows],
        lambda: x.index_add(0, rows, source),
        lambda: x.gather(1, wide),
        lambda: x.scatter_add(1, wide, x),
        lambda: x[mask],
        lambda: mask.nonzero(),
        lambda: x.cumsum(0),
        lambda: x.cumsum(1),
    ):
        for_each_thread_count(vectors, call)
