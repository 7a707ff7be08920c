"""Softmax, log-softmax and cross entropy, forward and backward, against float64 NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop
from hotloop.nn import functional as F
from support.kernels import FLOATS, bits, for_each_thread_count, generator, numbers, round_to, tensor, values
from support.tolerance import assert_close

# (shape, dim): short and long rows, and rows that lie across memory.
ROWS = [((1, 1), 1), ((5, 7), 1), ((3, 16), 1), ((4, 17), 1), ((2, 5000), 1), ((9, 5), 0), ((40, 64), 0), ((33, 70), 0)]
ROWS += [((10, 300), 0), ((2, 40, 33), 1), ((3, 3, 1), 1), ((50, 20), 0), ((0, 5), 1)]
LAYOUTS = {
    "dense": lambda x: x,
    "transposed": lambda x: x.transpose(0, -1).contiguous().transpose(0, -1),
    "stepped": lambda x: hotloop.stack([x, x], dim=-1)[..., 1],
}


def softmax(x, dim):
    e = np.exp(x - x.max(axis=dim, keepdims=True))
    return e / e.sum(axis=dim, keepdims=True)


def log_softmax(x, dim):
    shifted = x - x.max(axis=dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=dim, keepdims=True))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("shape", "dim"), ROWS, ids=str)
@pytest.mark.parametrize("name", FLOATS)
def test_softmax(kernels, name, shape, dim, layout):
    x = numbers(shape, name)
    grad = numbers(shape, name, "grad")
    if x.size == 0:
        assert F.softmax(tensor(x, name), dim=dim).shape == shape
        return
    n = shape[dim]
    depth = 4 + np.abs(x - x.max(axis=dim, keepdims=True)).max()  # the rounded difference, through exp
    for log in (False, True):
        leaf = LAYOUTS[layout](tensor(x, name)).detach().requires_grad_()
        out = (F.log_softmax if log else F.softmax)(leaf, dim=dim)
        kernels.ran()
        want = log_softmax(x, dim) if log else softmax(x, dim)
        magnitude = np.abs(want) + np.abs(x) if log else want * depth
        assert_close(values(out), want, name, reduction_length=max(n, 4), magnitude=magnitude, name=f"log={log}")

        out.backward(LAYOUTS[layout](tensor(grad, name)))
        kernels.ran()
        y = values(out)  # the backward pass sees the rounded result
        if log:
            want = grad - np.exp(y) * grad.sum(axis=dim, keepdims=True)
            magnitude = np.abs(grad) + (np.abs(y) + 1) * np.exp(y) * np.abs(grad).sum(axis=dim, keepdims=True)
        else:
            want = y * (grad - (grad * y).sum(axis=dim, keepdims=True))
            magnitude = y * (np.abs(grad) + np.abs(grad * y).sum(axis=dim, keepdims=True))
        assert_close(
            values(leaf.grad), want, name, reduction_length=max(n, 4), magnitude=magnitude, name=f"grad, log={log}"
        )


@pytest.mark.parametrize("name", FLOATS)
def test_large_logits_do_not_overflow(kernels, name):
    x = np.array([[30000.0, 29000.0, -30000.0], [-30000.0, -30000.0, -30000.0], [0.0, -np.inf, 0.0]])
    x = round_to(x, name)
    got = F.softmax(tensor(x, name), dim=1)
    kernels.ran()
    assert_close(values(got), softmax(x, 1), name, ulps=2)
    with np.errstate(divide="ignore"):
        assert_close(values(F.log_softmax(tensor(x, name), dim=1)), log_softmax(x, 1), name, ulps=2)


def test_nan_spreads_over_its_row_alone(kernels):
    x = numbers((4, 37), "float32")
    x[2, 5] = np.nan
    got = values(F.softmax(tensor(x, "float32"), dim=1))
    kernels.ran()
    assert np.array_equal(np.isnan(got).all(axis=1), [False, False, True, False])
    assert not np.isnan(got[[0, 1, 3]]).any()


def cross_entropy(x, target, weight, smoothing, reduction, ignored):
    """(loss, its gradient with respect to x) for a gradient of one; x is (rows, classes), and so is target: weights."""
    losses = -(log_softmax(x, 1) * weight * target).sum(axis=1)
    mass = weight * target
    grads = softmax(x, 1) * mass.sum(axis=1, keepdims=True) - mass
    losses, grads = np.where(ignored, 0, losses), np.where(ignored[:, None], 0, grads)
    return losses, grads


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("name", ["float32", "float64", "bfloat16"])
def test_cross_entropy(kernels, name, soft, weighted, smoothing, reduction):
    for outer, classes, inner in [
        (1, 2, 1),
        (16, 2, 1),
        (64, 10, 1),
        (3, 1000, 1),
        (2, 5, 7),
        (3, 21, 50),
        (300, 10, 1),
    ]:
        rng = generator(outer, classes, inner)
        shape = (outer, classes, inner) if inner > 1 else (outer, classes)
        x = numbers(shape, name)
        rows = np.moveaxis(x, 1, -1).reshape(-1, classes)
        weight = np.round(rng.uniform(0.5, 1.5, classes) * 64) / 64 if weighted else np.ones(classes)
        ignored = np.zeros(len(rows), bool)
        if soft:
            given = np.round(rng.dirichlet(np.ones(classes), len(rows)) * 256) / 256
            target = tensor(np.moveaxis(given.reshape(outer, inner, classes), -1, 1).reshape(shape), name)
            divisor = len(rows)
        else:
            labels = rng.integers(0, classes, len(rows))
            ignored = rng.random(len(rows)) < 0.2
            ignored[0] = False
            given = np.eye(classes)[labels]
            target = hotloop.from_numpy(np.where(ignored, -100, labels).reshape((outer, inner) if inner > 1 else outer))
            divisor = weight[labels][~ignored].sum()
        smooth = (1 - smoothing) * given + smoothing / classes
        losses, grads = cross_entropy(rows, smooth, weight, smoothing, reduction, ignored)
        leaf = tensor(x, name).requires_grad_()
        loss = F.cross_entropy(
            leaf, target, tensor(weight, name) if weighted else None, reduction=reduction, label_smoothing=smoothing
        )
        kernels.ran()
        grad = numbers((len(rows),), name, "grad") if reduction == "none" else np.ones(1)
        loss.backward(tensor(grad.reshape(tuple(loss.shape)), name))
        kernels.ran()

        scale = grad[:, None] / (divisor if reduction == "mean" else 1)
        largest = np.abs(rows).max(axis=1)
        each = (np.abs(losses) + largest + 1) * 2
        want, magnitude = {
            "none": (losses, each),
            "sum": (losses.sum(), each.sum()),
            "mean": (losses.sum() / divisor, each.sum() / divisor),
        }[reduction]
        want = np.asarray(want).reshape(tuple(loss.shape))
        magnitude = np.asarray(magnitude).reshape(tuple(loss.shape))
        assert_close(values(loss), want, name, reduction_length=classes + 8, magnitude=magnitude)
        got = np.moveaxis(values(leaf.grad).reshape(outer, classes, inner), 1, -1).reshape(-1, classes)
        magnitude = np.abs(scale) * (2 + largest[:, None])
        assert_close(got, grads * scale, name, reduction_length=classes + 8, magnitude=magnitude, ulps=2, name="grad")


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", FLOATS)
def test_nll_loss(kernels, name, weighted, reduction):
    for outer, classes, inner in [(1, 1, 1), (16, 2, 1), (3, 1000, 1), (2, 5, 7), (3, 4, 1200), (1300, 3, 1)]:
        rng = generator(outer, classes, inner)
        shape, rows = ((outer, classes, inner) if inner > 1 else (outer, classes)), outer * inner
        x = numbers(shape, name)
        weight = np.round(rng.uniform(0.5, 1.5, classes) * 64) / 64 if weighted else np.ones(classes)
        labels, ignored = rng.integers(0, classes, rows), rng.random(rows) < 0.2
        ignored[0] = False
        target = hotloop.from_numpy(np.where(ignored, 77, labels).reshape((outer, inner) if inner > 1 else outer))
        for layout in LAYOUTS.values():
            leaf = layout(tensor(x, name)).detach().requires_grad_()
            loss = F.nll_loss(
                leaf, target, tensor(weight, name) if weighted else None, ignore_index=77, reduction=reduction
            )
            kernels.ran()
            grad = numbers((rows,), name, "grad") if reduction == "none" else np.ones(1)
            loss.backward(tensor(grad.reshape(tuple(loss.shape)), name))
            kernels.ran()
            w = np.where(ignored, 0, weight[labels])
            each = -w * np.moveaxis(x, 1, -1).reshape(-1, classes)[range(rows), labels]
            divisor = w.sum() if reduction == "mean" else 1
            want, size = (each, np.abs(each)) if reduction == "none" else (each.sum(), np.abs(each).sum())
            want, size = (np.asarray(v / divisor).reshape(tuple(loss.shape)) for v in (want, size))
            assert_close(values(loss), want, name, reduction_length=rows + 4, magnitude=size, ulps=2)
            slope = np.zeros((rows, classes))
            slope[range(rows), labels] = -w * grad / divisor
            got = np.moveaxis(values(leaf.grad).reshape(outer, classes, inner), 1, -1).reshape(-1, classes)
            assert_close(got, slope, name, reduction_length=4, magnitude=np.abs(slope), ulps=2, name="grad")


def test_nll_loss_of_ignored_rows_alone(kernels):
    target = hotloop.full((3,), -100)
    for classes in (4, 0):
        x = hotloop.ones(3, classes, requires_grad=True)
        loss = F.nll_loss(x, target)
        kernels.ran()
        assert np.isnan(loss.item())
        loss.backward()
        assert not values(x.grad).any()
        assert F.nll_loss(x, target, reduction="sum").item() == 0


def test_nll_loss_refuses():
    x, target = hotloop.zeros(3, 4), hotloop.tensor([0, 3, 1])
    with pytest.raises(RuntimeError, match="nll_loss: expected weight of dtype float32 like input, got float64"):
        F.nll_loss(x, target, hotloop.ones(4, dtype=hotloop.float64))
    with pytest.raises(RuntimeError, match="derivative for 'weight' is not implemented"):
        F.nll_loss(x.requires_grad_(), target, hotloop.ones(4, requires_grad=True)).backward()


@pytest.mark.parametrize(("labels", "row", "bad"), [([0, 4, 9], 1, 4), ([0, 3, -1], 2, -1)])
def test_a_target_that_is_no_class_is_named(kernels, labels, row, bad):
    for name in ("cross_entropy", "nll_loss"):
        with pytest.raises(IndexError, match=rf"{name}: Target {bad} is out of bounds. \(row {row};"):
            getattr(F, name)(hotloop.zeros(3, 4), hotloop.tensor(labels))


@pytest.mark.usefixtures("threads")
def test_bits_do_not_depend_on_batch_or_threads(vectors):
    for n, rows in [(10, 3000), (1500, 120), (33, 70)]:
        x = tensor(numbers((rows, n), "float32"), "float32")
        across = x.T.contiguous()
        for call in (F.softmax, F.log_softmax):
            whole, turned = call(x, dim=1), call(across, dim=0)
            vectors.ran()
            assert bits(call(x[3:9], dim=1)) == bits(whole[3:9])
            assert bits(call(across[:, 3:9], dim=0)) == bits(turned[:, 3:9])
            for_each_thread_count(vectors, lambda call=call, x=x: call(x, dim=1))
            for_each_thread_count(vectors, lambda call=call, across=across: call(across, dim=0))
