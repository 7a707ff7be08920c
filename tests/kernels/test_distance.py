"""Distances between rows and their gradients, against float64 NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop
from support.kernels import bits, for_each_thread_count, numbers, round_to, tensor, values
from support.tolerance import assert_close

POWERS = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, np.inf]
# (batch, n, m, k): one row and one element, tails of tiles, panels, vectors and blocks of rows.
SHAPES = [(1, 1, 1, 1), (1, 7, 17, 3), (3, 5, 4, 16), (1, 13, 65, 33), (2, 6, 64, 40), (1, 200, 9, 5), (1, 3, 5, 70)]


def distances(a, b, p):
    size = np.abs(a[:, :, None] - b[:, None])
    if p == 0:
        return (size != 0).sum(-1).astype(np.float64)
    return size.max(-1) if p == np.inf else (size**p).sum(-1) ** (1 / p)


def slopes(a, b, p):
    """d distance / d a, (batch, n, m, k)."""
    d, far = a[:, :, None] - b[:, None], distances(a, b, p)[..., None]
    if p == np.inf:
        return np.sign(d) * (np.abs(d) == far)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.sign(d) * np.abs(d / far) ** (p - 1) if p > 0 else np.zeros_like(d)
    return np.where((d == 0) | (far == 0), 0, slope)


def points(shape, name):
    """With rows of both sides that are equal, and elements of others."""
    batch, n, m, k = shape
    a, b = numbers((batch, n, k), name, "a"), numbers((batch, m, k), name, "b")
    b[:, -1] = a[:, 0]
    b[:, 0, : (k + 1) // 2] = a[:, -1, : (k + 1) // 2]
    return a, b


@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["float32", "float64"])
def test_cdist(kernels, name, shape, p):
    a, b = points(shape, name)
    x, y = tensor(a, name).requires_grad_(), tensor(b, name).requires_grad_()
    got = hotloop.cdist(x, y, p)
    kernels.ran()
    k, want = shape[3], distances(a, b, p)
    product = p == 2 and k >= 32 and max(shape[1:3]) > 25
    # A root of what cancels: the squares of the rows are what rounds.
    size = np.sqrt((a**2).sum(-1))[:, :, None] + np.sqrt((b**2).sum(-1))[:, None]
    apart = np.maximum(want, 1e-3 * size)
    magnitude = size**2 / apart if product else want * (1 + 8 / max(p, 1) + (1 / p if p > 0 else 0))
    assert_close(values(got), want, name, reduction_length=max(k, 4), magnitude=magnitude, ulps=4)

    grad = numbers(want.shape, name, "grad")
    got.backward(tensor(grad, name))
    if p > 0 and not product:
        kernels.ran()
    if product:
        far = values(got)  # the backward pass sees the rounded result
        slope = np.where(far[..., None] == 0, 0, (a[:, :, None] - b[:, None]) / np.where(far == 0, 1, far)[..., None])
        rounded = np.abs(grad)[..., None] / np.where(far == 0, 1, far)[..., None]
        sizes = rounded * (np.abs(a[:, :, None]) + np.abs(b[:, None]))
    else:
        slope = slopes(a, b, p)
        sizes = np.abs(grad[..., None] * slope) * (8 + 4 * abs(p - 1 if p < np.inf else 0) * k)
    each = grad[..., None] * slope
    for leaf, over, sign in ((x, 2, 1), (y, 1, -1)):
        want = sign * each.sum(over)
        assert_close(
            values(leaf.grad), want, name, reduction_length=max(shape[over], 4), magnitude=sizes.sum(over), ulps=4
        )


@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("shape", [(2, 1), (7, 3), (65, 5), (130, 16), (203, 33), (3, 70)], ids=str)
@pytest.mark.parametrize("name", ["float32", "float64"])
def test_pdist(kernels, name, shape, p):
    """The bits of cdist's distances of i < j, and slopes along both rows."""
    n, k = shape
    a = numbers(shape, name)
    a[-1] = a[0]  # rows that are equal, and elements of others
    a[n // 2, : (k + 1) // 2] = a[0, : (k + 1) // 2]
    x, above = tensor(a, name).requires_grad_(), np.triu_indices(n, 1)
    got = hotloop.pdist(x, p)
    kernels.ran()
    if p == 2 and k >= 32 and n > 25:  # cdist's come from products
        assert_close(values(got), distances(a[None], a[None], p)[0][above], name, reduction_length=k, ulps=4)
    else:
        assert (values(got) == values(hotloop.cdist(x.detach(), x.detach(), p))[above]).all()

    grad = numbers(got.shape, name, "grad")
    got.backward(tensor(grad, name))
    if p > 0:
        kernels.ran()
    both = np.zeros((n, n))
    both[above] = grad
    each = (both + both.T)[..., None] * slopes(a[None], a[None], p)[0]
    sizes = np.abs(each) * (8 + 4 * abs(p - 1 if p < np.inf else 0) * k)
    assert_close(values(x.grad), each.sum(1), name, reduction_length=max(n, 4), magnitude=sizes.sum(1), ulps=4)


@pytest.mark.parametrize("name", ["float32", "float64"])
def test_nan_has_a_slope_of_nan(kernels, name):
    x = tensor(np.array([[1, np.nan, 3], [2, 5, 1], [2, 4, 2]]), name)
    for p, slope in ((1.0, [[0, np.nan, 0], [0, np.nan, -1], [0, np.nan, 1]]), (np.inf, None)):
        leaf = x.detach().clone().requires_grad_()
        hotloop.pdist(leaf, p).nansum().backward()
        grad = values(leaf.grad)
        assert np.isnan(grad[:, 1]).all()
        if slope:
            np.testing.assert_array_equal(grad, slope)


@pytest.mark.parametrize("p", POWERS[1:])
def test_second_gradients_of_pdist(p):
    x = tensor(numbers((5, 3), "float64"), "float64").requires_grad_()
    assert hotloop.autograd.gradgradcheck(lambda x: hotloop.pdist(x, p), (x,))


@pytest.mark.parametrize("p", POWERS)
def test_rows_that_are_equal_have_no_distance_and_no_slope(kernels, p):
    for k in (3, 40):
        x = tensor(numbers((30, k), "float32"), "float32").requires_grad_()
        got = hotloop.cdist(x, x.detach().clone(), p)
        kernels.ran()
        assert not values(got).diagonal().any()
        got.diagonal().sum().backward()
        assert not values(x.grad).any()


@pytest.mark.parametrize("p", POWERS[1:])
def test_nan_and_infinity(kernels, p):
    a = numbers((9, 20), "float32")
    a[3, 7], a[5, 2] = np.nan, np.inf
    got = values(hotloop.cdist(tensor(a, "float32"), hotloop.zeros(18, 20), p))
    kernels.ran()
    assert np.isnan(got[3]).all()
    assert np.isposinf(got[5]).all()
    assert np.isfinite(np.delete(got, [3, 5], 0)).all()


def test_no_elements(kernels):
    assert values(hotloop.cdist(hotloop.ones(3, 0), hotloop.ones(4, 0))).tolist() == [[0.0] * 4] * 3
    kernels.ran()
    assert hotloop.cdist(hotloop.ones(0, 5), hotloop.ones(4, 5)).shape == (0, 4)
    assert hotloop.pdist(hotloop.ones(1, 5)).shape == (0,)
    assert values(hotloop.pdist(hotloop.ones(3, 0))).tolist() == [0.0] * 3
    x = hotloop.ones(3, 5, requires_grad=True)
    hotloop.cdist(x, hotloop.ones(0, 5), 1.0).sum().backward()
    assert not values(x.grad).any()


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_halves_go_by_float32(kernels, name):
    a, b = points((1, 7, 9, 5), name)
    got = hotloop.cdist(tensor(a[0], name), tensor(b[0], name), 1.0)
    assert got.dtype == getattr(hotloop, name)
    wide = distances(a, b, 1.0)[0]
    assert_close(values(got), round_to(wide, name), name, reduction_length=5, magnitude=wide)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_bits_do_not_depend_on_batch_or_threads(vectors, p):
    for k in (5, 33):
        x = tensor(numbers((211, k), "float32", "x"), "float32").requires_grad_()
        y = tensor(numbers((97, k), "float32", "y"), "float32")
        whole = hotloop.cdist(x, y, p)
        vectors.ran()
        assert bits(hotloop.cdist(x[3:40], y, p)) == bits(whole[3:40])
        for_each_thread_count(vectors, lambda x=x, y=y: hotloop.cdist(x, y, p).detach())
        for_each_thread_count(vectors, lambda x=x: hotloop.pdist(x, p).detach())
        for_each_thread_count(vectors, lambda x=x: hotloop.autograd.grad(hotloop.pdist(x, p).sum(), x)[0])
        if k == 5:
            for_each_thread_count(vectors, lambda x=x, y=y: hotloop.autograd.grad(hotloop.cdist(x, y, p).sum(), x)[0])
