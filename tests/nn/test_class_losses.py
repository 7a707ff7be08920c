"""Layers that end in a loss over many classes: the adaptive softmax, a linear layer with its cross entropy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn
from hotloop.nn import functional as F

pytestmark = pytest.mark.every_device


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")


def twins(torch: Any, name: str, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    mine, theirs = (getattr(lib.nn, name)(*args, **kwargs).double() for lib in (hotloop, torch))
    assert list(mine.state_dict()) == list(theirs.state_dict())
    mine.load_state_dict({k: hotloop.tensor(v.numpy(force=True)) for k, v in theirs.state_dict().items()})
    return mine, theirs


@pytest.mark.parametrize("head_bias", [True, False])
@pytest.mark.parametrize("rows", [None, 1, 8])
def test_adaptive_softmax_is_pytorchs(torch: Any, rows: int | None, head_bias: bool) -> None:
    mine, theirs = twins(torch, "AdaptiveLogSoftmaxWithLoss", 16, 20, [4, 10, 15], div_value=2.0, head_bias=head_bias)
    rng = np.random.default_rng(2)
    x = rng.standard_normal((16,) if rows is None else (rows, 16))
    target = np.asarray(rng.integers(0, 20, () if rows is None else rows))
    results = []
    for module, lib in ((mine, hotloop), (theirs, torch)):
        output, loss = module(lib.tensor(x), lib.tensor(target))
        loss.backward()
        grads = [np.zeros(1) if p.grad is None else p.grad.numpy(force=True) for p in module.parameters()]
        results.append([output.detach().numpy(force=True), loss.item(), *grads])
        if rows:
            results[-1] += [
                module.log_prob(lib.tensor(x)).detach().numpy(force=True),
                module.predict(lib.tensor(x)).numpy(force=True),
            ]
    for got, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)


def test_adaptive_softmax_sums_to_one() -> None:
    layer = nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0)
    x = hotloop.randn(5, 8)
    log_prob = layer.log_prob(x)
    np.testing.assert_allclose(log_prob.exp().sum(1).detach().numpy(force=True), 1, rtol=1e-5)
    assert layer.predict(x).tolist() == log_prob.argmax(1).tolist()
    target = hotloop.tensor([0, 3, 6, 7, 11])
    got = layer(x, target)
    wanted = log_prob.gather(1, target.unsqueeze(1)).squeeze(1)
    np.testing.assert_allclose(got.output.detach().numpy(force=True), wanted.detach().numpy(force=True), rtol=1e-5)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 12, []), ValueError, "of length larger than 0"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 12, [5, 5]), ValueError, r"unique, positive .* got \[5, 5\]"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 12, [12]), ValueError, "between 1 and n_classes-1"),
        (lambda: LAYER(hotloop.ones(2, 8), hotloop.tensor([0, 12])), RuntimeError, r"should be in \[0, 11\]"),
        (lambda: LAYER(hotloop.ones(2, 8), hotloop.tensor([0])), RuntimeError, "same size in the batch dimension"),
        (lambda: LAYER(hotloop.ones(8), hotloop.tensor([0])), RuntimeError, "1D target tensor expects 2D input"),
        (lambda: LAYER(hotloop.ones(2, 8), hotloop.ones(2, 2)), RuntimeError, "multi-target not supported"),
        (lambda: F.linear_cross_entropy(X, hotloop.ones(3, 5), Y), RuntimeError, "last dimensions .* got 4 and 5"),
        (
            lambda: F.linear_cross_entropy(X, W, Y, linear_bias=hotloop.ones(2)),
            RuntimeError,
            r"\(3,\), got \(2,\)",
        ),
        (lambda: F.linear_cross_entropy(X[0, 0], W, Y), RuntimeError, "dimensionality 1 or 2, got 0"),
        (lambda: F.linear_cross_entropy(X, W[0], Y), RuntimeError, "dimensionality at least 2, got 1"),
        (lambda: F.linear_cross_entropy(X, W, hotloop.ones(2, 3), ignore_index=1), RuntimeError, "ignore_index cannot"),
        (lambda: nn.LinearCrossEntropyLoss(4, 3, weight=hotloop.ones(2)), RuntimeError, r"to be \(3,\), got \(2,\)"),
        (lambda: nn.LinearCrossEntropyLoss(4, 3, label_smoothing=2.0), RuntimeError, r"in range \[0, 1\], got 2.0"),
    ],
)
def test_messages(act: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        act()


LAYER = nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 7], 2.0)
X, W, Y = hotloop.ones(2, 4), hotloop.ones(3, 4), hotloop.tensor([0, 2])


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_linear_cross_entropy_is_pytorchs(torch: Any, reduction: str, bias: bool) -> None:
    for out_features, shape in (((), (5,)), ((2,), (5, 2))):
        mine, theirs = twins(
            torch, "LinearCrossEntropyLoss", 4, 3, out_features=out_features, bias=bias, reduction=reduction
        )
        assert repr(mine) == repr(theirs)
        rng = np.random.default_rng(4)
        x, target = rng.standard_normal((5, 4)), rng.integers(0, 3, shape)
        losses = []
        for module, lib in ((mine, hotloop), (theirs, torch)):
            losses.append(module(lib.tensor(x), lib.tensor(target)))
            losses[-1].sum().backward()
        np.testing.assert_allclose(
            losses[0].detach().numpy(force=True), losses[1].detach().numpy(force=True), rtol=1e-10
        )
        for got, wanted in zip(mine.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(got.grad.numpy(force=True), wanted.grad.numpy(force=True), rtol=1e-9, atol=1e-12)
