"""Margin losses, forward and backward, against float64 NumPy: one class a row, and lists of several."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop
from hotloop.nn import functional as F
from support.kernels import FLOATS, bits, generator, numbers, tensor, values
from support.tolerance import assert_close

SHAPES = [(1, 1), (3, 5), (7, 16), (33, 17), (5, 700), (300, 3)]


def expected(x, lists, margin, p):
    """Losses and gradients, each followed by the sums of their terms' sizes before differences are taken."""
    rows, classes = x.shape
    loss, terms, slope, size = np.zeros(rows), np.zeros(rows), np.zeros(x.shape), np.zeros(x.shape)
    for r, named in enumerate(lists):
        outside = np.setdiff1d(np.arange(classes), named)
        for y in named:
            z = np.maximum(margin - x[r, y] + x[r, outside], 0)
            whole = (z > 0) * (margin + abs(x[r, y]) + abs(x[r, outside]))
            loss[r] += (z**p).sum() / classes
            terms[r] += (whole**p).sum() / classes
            for of, d in ((slope, z), (size, whole)):
                d = (z > 0) * (2 * d if p == 2 else 1) / classes
                of[r, outside] += d
                of[r, y] += d.sum() if of is size else -d.sum()
    return loss, terms, slope, size


@pytest.mark.parametrize("p", [1, 2])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FLOATS)
def test_multi_margin_loss(kernels, name, shape, p):
    x, grad = numbers(shape, name), numbers(shape[:1], name, "grad")
    target = generator(shape).integers(0, shape[1], shape[0])
    a = tensor(x, name).requires_grad_()
    out = F.multi_margin_loss(a, hotloop.from_numpy(target), p, 0.5, reduction="none")
    kernels.ran()
    out.backward(tensor(grad, name))
    kernels.ran()
    loss, terms, slope, size = expected(x, target[:, None], 0.5, p)
    assert_close(values(out), loss, name, reduction_length=shape[1], magnitude=terms)
    weight = grad[:, None]
    assert_close(values(a.grad), slope * weight, name, reduction_length=shape[1], magnitude=size * abs(weight))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", FLOATS)
def test_multilabel_margin_loss(kernels, name, shape):
    rows, classes = shape
    x, grad = numbers(shape, name), numbers(shape[:1], name, "grad")
    random = generator(shape)
    target = random.integers(0, classes, shape)  # some twice
    ends = random.integers(0, min(classes, 9) + 1, rows)  # empty lists, whole ones, and what stands behind them
    for r, end in enumerate(ends):
        target[r, end : end + 1] = -1
    lists = [row[: np.argmax(row < 0)] if (row < 0).any() else row for row in target]
    a = tensor(x, name).requires_grad_()
    out = F.multilabel_margin_loss(a, hotloop.from_numpy(target), reduction="none")
    kernels.ran()
    out.backward(tensor(grad, name))
    kernels.ran()
    loss, terms, slope, size = expected(x, lists, 1.0, 1)
    length = classes * max(len(named) for named in lists) + 1
    assert_close(values(out), loss, name, reduction_length=length, magnitude=terms)
    weight = grad[:, None]
    assert_close(values(a.grad), slope * weight, name, reduction_length=length, magnitude=size * abs(weight))


def test_infinities_and_nan(kernels):
    """A term that is NaN counts nothing, as in PyTorch; an infinite one is infinite."""
    inf, nan = np.inf, np.nan
    x = np.array([[0, 1, nan], [nan, 1, 2], [inf, inf, 0], [0, inf, 1], [-inf, -inf, 0]], np.float32)
    got = F.multi_margin_loss(hotloop.from_numpy(x), hotloop.zeros(5, dtype=hotloop.int64), reduction="none")
    kernels.ran()
    np.testing.assert_allclose(values(got), [2 / 3, 0, 0, inf, inf], rtol=1e-6)


@pytest.mark.usefixtures("threads")
def test_bits_do_not_depend_on_threads(vectors):
    x, target = tensor(numbers((301, 703), "float32"), "float32"), generator(1).integers(-1, 703, (301, 703))
    named = hotloop.from_numpy(target)

    def run():
        leaf = x.detach().requires_grad_()
        out = F.multilabel_margin_loss(leaf, named, reduction="none")
        out.sum().backward()
        return out, leaf.grad

    run()
    F.multilabel_margin_loss(x, named, reduction="none")
    vectors.ran()
    results = []
    for count in (1, 3):
        hotloop.set_num_threads(count)
        results.append(bits(run()))
    assert results[0] == results[1]
