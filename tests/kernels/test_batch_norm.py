"""Batch norm, forward and backward, by the batch and by given statistics, against float64 NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop
from hotloop.nn import functional as F
from support.kernels import FLOATS, for_each_thread_count, numbers, round_to, tensor, values
from support.tolerance import assert_close

# Columns beside one another and runs of a channel, in whole blocks and not, and more than a strip.
SHAPES = [
    (5, 3),
    (33, 70),
    (100, 2100),
    (40, 9, 7),
    (3, 130, 33),
    (2, 3, 128),
    (3, 2, 150, 30),
    (70, 5, 1),
    (4, 1, 200),
]


def along(values_of_channels, ndim):
    return np.asarray(values_of_channels).reshape(1, -1, *(1,) * (ndim - 2))


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FLOATS)
def test_batch_norm(kernels, name, shape, affine, training):
    exact = "float64" if name == "float64" else "float32"
    channels, dims = shape[1], tuple(d for d in range(len(shape)) if d != 1)
    n = int(np.prod([shape[d] for d in dims]))
    x = round_to(numbers(shape, name) + (10 if name == exact else 1), name)
    grad = numbers(shape, name, "grad")
    weight = numbers((channels,), exact, "weight") if affine else np.ones(channels)
    bias = numbers((channels,), exact, "bias") if affine else np.zeros(channels)
    running = numbers((channels,), exact, "mean"), np.abs(numbers((channels,), exact, "var")) + 0.5
    a = tensor(x, name).requires_grad_()
    w = tensor(weight, exact).requires_grad_() if affine else None
    b = tensor(bias, exact).requires_grad_() if affine else None
    mean_var = [tensor(t, exact) for t in running]
    out = F.batch_norm(a, *mean_var, w, b, training, 0.25)
    if not training:
        kernels.ran()
    out.backward(tensor(grad, name))
    kernels.ran()

    mean, var = (x.mean(axis=dims), x.var(axis=dims)) if training else running
    rstd = 1 / np.sqrt(along(var, x.ndim) + 1e-5)
    h, scale = (x - along(mean, x.ndim)) * rstd, along(weight, x.ndim)
    loose = 1 + np.abs(h) + np.abs(along(mean, x.ndim)) * rstd  # the mean's rounding moves every h
    want = h * scale + along(bias, x.ndim)
    assert_close(
        values(out), want, name, reduction_length=n, magnitude=np.abs(scale) * loose + np.abs(along(bias, x.ndim))
    )
    g = grad * scale
    want = rstd * g
    if training:
        want = want - rstd * (g.mean(axis=dims, keepdims=True) + h * (g * h).mean(axis=dims, keepdims=True))
    spread = np.abs(g).max(axis=dims, keepdims=True)
    assert_close(values(a.grad), want, name, reduction_length=n, magnitude=rstd * spread * loose * (1 + np.abs(h)))
    if affine:
        magnitude = (np.abs(grad) * loose).sum(axis=dims)
        assert_close(values(w.grad), (grad * h).sum(axis=dims), exact, reduction_length=n, magnitude=magnitude)
        magnitude = np.abs(grad).sum(axis=dims)
        assert_close(values(b.grad), grad.sum(axis=dims), exact, reduction_length=n, magnitude=magnitude)
    if training:
        running = 0.75 * running[0] + 0.25 * mean, 0.75 * running[1] + 0.25 * var * n / (n - 1)
    for got, expected, size in zip(mean_var, running, (np.abs(mean), var + mean**2 * 1e-3), strict=True):
        assert_close(values(got), expected, exact, reduction_length=n, magnitude=1 + np.abs(expected) + size)


def test_mean_far_from_zero(kernels):
    """Squares are taken about the mean: the difference of two large sums would have no digits left."""
    x = numbers((200, 6, 3), "float64") + 1e4
    x[:32] += 300  # and a first block unlike the others
    got = F.batch_norm(tensor(x.astype(np.float32), "float32"), None, None, training=True)
    kernels.ran()
    exact = x.astype(np.float32).astype(np.float64)
    mean, std = exact.mean(axis=(0, 2), keepdims=True), exact.std(axis=(0, 2), keepdims=True)
    np.testing.assert_allclose(values(got), (exact - mean) / std, atol=1e-4)


def test_nothing_and_nan(kernels):
    assert F.batch_norm(hotloop.zeros(0, 4), None, None, training=True).shape == (0, 4)
    weight = hotloop.ones(4, requires_grad=True)
    F.batch_norm(hotloop.zeros(0, 4, 2), None, None, weight, training=True).sum().backward()
    assert weight.grad.tolist() == [0, 0, 0, 0]
    x = numbers((40, 5), "float32")
    x[7, 2] = np.nan
    got = values(F.batch_norm(tensor(x, "float32"), None, None, training=True))
    kernels.ran()
    assert np.isnan(got[:, 2]).all()
    assert np.isfinite(np.delete(got, 2, axis=1)).all()


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("shape", [(301, 703), (40, 300, 9), (3, 5, 100003), (64, 40, 200)], ids=str)
def test_bits_do_not_depend_on_threads(vectors, shape):
    x, grad = (tensor(numbers(shape, "float32", k), "float32") for k in range(2))
    w, b = (tensor(numbers((shape[1],), "float32", k), "float32") for k in range(2))

    def run():
        leaves = [t.detach().requires_grad_() for t in (x, w, b)]
        out = F.batch_norm(leaves[0], None, None, *leaves[1:], training=True)
        out.backward(grad)
        vectors.ran()
        return out, *(leaf.grad for leaf in leaves)

    for_each_thread_count(vectors, run)
