"""Layer norm, group norm and RMS norm, forward and backward, against float64 NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop
from hotloop.nn import functional as F
from support.kernels import FLOATS, bits, for_each_thread_count, numbers, round_to, tensor, values
from support.tolerance import assert_close

SHAPES = [(3, 5), (16, 64), (7, 100), (33, 17), (100, 768), (5, 3000), (65, 33), (300, 10)]


@pytest.mark.parametrize("affine", ["weight and bias", "weight", "none"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FLOATS)
def test_layer_norm(kernels, name, shape, affine):
    rows, n = shape
    # A mean well away from zero: the variance must not come from the difference of two large sums.
    x = round_to(numbers(shape, name) + (10 if name in ("float32", "float64") else 1), name)
    weight = numbers((n,), name, "weight") if affine != "none" else np.ones(n)
    bias = numbers((n,), name, "bias") if affine == "weight and bias" else np.zeros(n)
    grad = numbers(shape, name, "grad")
    a = tensor(x, name).requires_grad_()
    w = tensor(weight, name).requires_grad_() if affine != "none" else None
    b = tensor(bias, name).requires_grad_() if affine == "weight and bias" else None
    out = F.layer_norm(a, (n,), w, b)
    kernels.ran()
    out.backward(tensor(grad, name))
    kernels.ran()

    mean = x.mean(axis=1, keepdims=True)
    rstd = 1 / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
    h = (x - mean) * rstd
    # The mean's rounding moves every h by |mean| rstd units.
    loose = 1 + np.abs(h) + np.abs(mean) * rstd
    assert_close(
        values(out), h * weight + bias, name, reduction_length=n, magnitude=np.abs(weight) * loose + np.abs(bias)
    )
    g = grad * weight
    want = rstd * (g - g.mean(axis=1, keepdims=True) - h * (g * h).mean(axis=1, keepdims=True))
    spread = np.abs(g).max(axis=1, keepdims=True)
    assert_close(values(a.grad), want, name, reduction_length=n, magnitude=rstd * spread * loose * (1 + np.abs(h)))
    if w is not None:
        magnitude = (np.abs(grad) * loose).sum(axis=0)
        assert_close(values(w.grad), (grad * h).sum(axis=0), name, reduction_length=max(n, rows), magnitude=magnitude)
    if b is not None:
        magnitude = np.abs(grad).sum(axis=0)
        assert_close(values(b.grad), grad.sum(axis=0), name, reduction_length=rows, magnitude=magnitude)


# Groups of parameters for each element, for short runs and for long ones; few samples and more than a block.
GROUPS = [
    ((5, 12), 3),
    ((70, 40), 2),
    ((3, 6, 7), 6),
    ((40, 8, 5), 2),
    ((3, 4, 64), 4),
    ((2, 6, 9, 15), 3),
    ((35, 4, 3000), 1),
]


@pytest.mark.parametrize("affine", ["weight and bias", "bias", "none"])
@pytest.mark.parametrize(("shape", "groups"), GROUPS, ids=str)
@pytest.mark.parametrize("name", FLOATS)
def test_group_norm(kernels, name, shape, groups, affine):
    channels, samples = shape[1], shape[0]
    x = round_to(numbers(shape, name) + (10 if name in ("float32", "float64") else 1), name)
    weight = numbers((channels,), name, "weight") if affine == "weight and bias" else np.ones(channels)
    bias = numbers((channels,), name, "bias") if affine != "none" else np.zeros(channels)
    grad = numbers(shape, name, "grad")
    a = tensor(x, name).requires_grad_()
    w = tensor(weight, name).requires_grad_() if affine == "weight and bias" else None
    b = tensor(bias, name).requires_grad_() if affine != "none" else None
    out = F.group_norm(a, groups, w, b)
    kernels.ran()
    out.backward(tensor(grad, name))
    kernels.ran()

    by_group = (samples, groups, channels // groups, -1)
    x, grad = x.reshape(by_group), grad.reshape(by_group)
    weight, bias = (t.reshape(1, groups, channels // groups, 1) for t in (weight, bias))
    n = x[0, 0].size

    def mean_of(t):
        return t.mean(axis=(2, 3), keepdims=True)

    mean = mean_of(x)
    rstd = 1 / np.sqrt(mean_of((x - mean) ** 2) + 1e-5)
    h = (x - mean) * rstd
    loose = 1 + np.abs(h) + np.abs(mean) * rstd
    assert_close(
        values(out).reshape(x.shape),
        h * weight + bias,
        name,
        reduction_length=n,
        magnitude=np.abs(weight) * loose + np.abs(bias),
    )
    g = grad * weight
    want = rstd * (g - mean_of(g) - h * mean_of(g * h))
    magnitude = rstd * np.abs(g).max(axis=(2, 3), keepdims=True) * loose * (1 + np.abs(h))
    assert_close(values(a.grad).reshape(x.shape), want, name, reduction_length=n, magnitude=magnitude)
    for leaf, terms, size in ((w, grad * h, np.abs(grad) * loose), (b, grad, np.abs(grad))):
        if leaf is not None:
            want, magnitude = (t.sum(axis=(0, 3)).reshape(-1) for t in (terms, size))
            length = max(n, samples * x.shape[3])
            assert_close(values(leaf.grad), want, name, reduction_length=length, magnitude=magnitude)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FLOATS)
def test_rms_norm(kernels, name, shape, affine):
    rows, n = shape
    x, grad = numbers(shape, name), numbers(shape, name, "grad")
    weight = numbers((n,), name, "weight") if affine else np.ones(n)
    a = tensor(x, name).requires_grad_()
    w = tensor(weight, name).requires_grad_() if affine else None
    out = F.rms_norm(a, (n,), w, 1e-5)
    kernels.ran()
    out.backward(tensor(grad, name))
    kernels.ran()

    rstd = 1 / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-5)
    h, g = x * rstd, grad * weight
    assert_close(values(out), h * weight, name, reduction_length=n, magnitude=np.abs(h * weight))
    want = rstd * (g - h * (g * h).mean(axis=1, keepdims=True))
    spread = np.abs(g).max(axis=1, keepdims=True)
    assert_close(values(a.grad), want, name, reduction_length=n, magnitude=rstd * spread * (1 + np.abs(h)) ** 2)
    if w is not None:
        magnitude = np.abs(grad * h).sum(axis=0)
        assert_close(values(w.grad), (grad * h).sum(axis=0), name, reduction_length=max(n, rows), magnitude=magnitude)


def test_constant_rows_and_nothing(kernels):
    x = np.repeat([[0.0], [3.0], [-1e30]], 40, axis=1).astype(np.float32)
    got = values(F.layer_norm(hotloop.from_numpy(x), (40,)))
    kernels.ran()
    assert np.all(np.abs(got[:2]) < 1e-3)
    assert F.layer_norm(hotloop.zeros(0, 4), (4,)).shape == (0, 4)


def same_bits_alone(vectors, norm, x, grad, parameters):
    """A norm of x, forward and backward, has the same bits for any number of threads, and of its rows [2, 9) alone."""
    w, b = (tensor(numbers((parameters,), "float32", k), "float32") for k in range(2))

    def run(rows=slice(None)):
        leaves = [t.detach().requires_grad_() for t in (x[rows], w, b)]
        out = norm(*leaves)
        out.backward(grad[rows])
        vectors.ran()
        return out, *(leaf.grad for leaf in leaves)

    for_each_thread_count(vectors, run)
    whole, part = run(), run(slice(2, 9))
    assert bits(whole[0][2:9]) == bits(part[0])
    assert bits(whole[1][2:9]) == bits(part[1])


@pytest.mark.usefixtures("threads")
def test_bits_do_not_depend_on_batch_or_threads(vectors):
    x, grad = (tensor(numbers((301, 703), "float32", *key), "float32") for key in ((), ("grad",)))
    same_bits_alone(vectors, lambda x, w, b: F.layer_norm(x, (703,), w, b), x, grad, 703)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(("shape", "groups"), [((301, 700), 4), ((40, 30, 9), 5), ((9, 32, 1000), 32)], ids=str)
def test_bits_of_groups_do_not_depend_on_batch_or_threads(vectors, shape, groups):
    x, grad = (tensor(numbers(shape, "float32", k), "float32") for k in range(2))
    same_bits_alone(vectors, lambda x, w, b: F.group_norm(x, groups, w, b), x, grad, shape[1])
