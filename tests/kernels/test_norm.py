"""Layer norm, forward and backward, against float64 NumPy."""

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


def test_constant_rows_and_nothing(kernels):
    x = np.repeat([[0.0], [3.0], [-1e30]], 40, axis=1).astype(np.float32)
    got = values(F.layer_norm(hotloop.from_numpy(x), (40,)))
    kernels.ran()
    assert np.all(np.abs(got[:2]) < 1e-3)
    assert F.layer_norm(hotloop.zeros(0, 4), (4,)).shape == (0, 4)


@pytest.mark.usefixtures("threads")
def test_bits_do_not_depend_on_batch_or_threads(vectors):
    x = tensor(numbers((301, 703), "float32"), "float32")
    w, b = (tensor(numbers((703,), "float32", k), "float32") for k in range(2))
    grad = tensor(numbers((301, 703), "float32", "grad"), "float32")

    def run(rows=slice(None)):
        leaves = [t.detach().requires_grad_() for t in (x[rows], w, b)]
        out = F.layer_norm(leaves[0], (703,), leaves[1], leaves[2])
        out.backward(grad[rows])
        vectors.ran()
        return out, *(leaf.grad for leaf in leaves)

    for_each_thread_count(vectors, run)
    whole, part = run(), run(slice(2, 9))
    assert bits(whole[0][2:9]) == bits(part[0])
    assert bits(whole[1][2:9]) == bits(part[1])
