"""The CTC loss: against a sum over every alignment, against PyTorch, and what it refuses."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn
from hotloop.nn import functional as F


def collapsed(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def likelihood(probs: np.ndarray, labels: tuple[int, ...], blank: int) -> float:
    """Of labels: the sum over all paths through (T, C) that collapse to them."""
    steps, classes = probs.shape
    paths = itertools.product(range(classes), repeat=steps)
    return sum(float(probs[range(steps), path].prod()) for path in paths if collapsed(path, blank) == labels)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("labels", [(), (1,), (2, 2), (1, 2), (2, 1, 2), (0, 0)])
def test_is_the_sum_over_all_alignments(kernels: Any, labels: tuple[int, ...], dtype: str) -> None:
    blank = 0 if 0 not in labels else 1
    probs = np.random.default_rng(5).dirichlet(np.ones(3), 5)
    log_probs = hotloop.tensor(np.log(probs)).to(getattr(hotloop, dtype))
    loss = F.ctc_loss(
        log_probs, hotloop.tensor(labels, dtype=hotloop.int64), (5,), (len(labels),), blank, reduction="none"
    )
    kernels.ran()
    wanted = -np.log(likelihood(probs, labels, blank))
    np.testing.assert_allclose(loss.item(), wanted, rtol=1e-6 if dtype == "float32" else 1e-12)


CASES = {
    "plain": {"lengths": (12, 12, 12), "targets": (4, 5, 3)},
    "shorter sequences": {"lengths": (12, 7, 9), "targets": (4, 3, 0)},
    "another blank": {"lengths": (12, 11, 10), "targets": (1, 5, 5), "blank": 6},
    "labels that don't fit": {"lengths": (12, 4, 0), "targets": (4, 5, 0)},
    "labels that don't fit count nothing": {"lengths": (12, 4, 0), "targets": (4, 5, 2), "zero_infinity": True},
}


@pytest.mark.parametrize("rows", [True, False], ids=["padded", "in a row"])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradient_are_pytorchs(kernels: Any, case: str, reduction: str, rows: bool) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    c: dict[str, Any] = {"blank": 0, "zero_infinity": False, **CASES[case]}
    rng = np.random.default_rng(6)
    logits = rng.standard_normal((12, 3, 40))
    labels = rng.choice([k for k in range(40) if k != c["blank"]], (3, 5))
    labels[1, 1] = labels[1, 0]  # which needs a blank between
    if not rows:
        labels = np.concatenate([labels[n, : c["targets"][n]] for n in range(3)])
    results = []
    for lib in (hotloop, torch):
        x = lib.tensor(logits, requires_grad=True)
        loss = lib.nn.functional.ctc_loss(
            x.log_softmax(2),
            lib.tensor(labels),
            c["lengths"],
            c["targets"],
            c["blank"],
            reduction,
            zero_infinity=c["zero_infinity"],
        )
        (grad,) = lib.autograd.grad((loss * lib.tensor([1.0, -2.0, 0.5])[: loss.numel()]).sum(), x)
        if lib is hotloop:
            kernels.ran()
        results.append((loss.detach().numpy(), grad.numpy()))
    for got, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)


def test_without_a_batch() -> None:
    log_probs = hotloop.randn(6, 4).log_softmax(1)
    targets = hotloop.tensor([1, 2, 1])
    one = F.ctc_loss(log_probs, targets, hotloop.tensor(6), hotloop.tensor([3]), reduction="none")
    many = F.ctc_loss(log_probs.unsqueeze(1), targets.unsqueeze(0), (6,), (3,), reduction="none")
    assert one.shape == ()
    assert one.item() == many[0].item()


def test_the_layer() -> None:
    log_probs, targets = hotloop.randn(6, 2, 4).log_softmax(2), hotloop.tensor([[1, 2], [2, 0]])
    loss = nn.CTCLoss(blank=3, reduction="sum", zero_infinity=True)(log_probs, targets, (6, 5), (2, 1))
    assert loss.item() == F.ctc_loss(log_probs, targets, (6, 5), (2, 1), 3, "sum", True).item()
    assert repr(nn.CTCLoss()) == "CTCLoss()"


LOG_PROBS = hotloop.zeros(5, 2, 4)
TARGETS = hotloop.tensor([[1, 2], [3, 3]])


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda: F.ctc_loss(LOG_PROBS, TARGETS, (5,), (2, 2)),
            RuntimeError,
            "must be of size batch_size 2",
        ),
        (lambda: F.ctc_loss(LOG_PROBS, TARGETS, (5, 6), (2, 2)), RuntimeError, "at most 5, but got value 6"),
        (lambda: F.ctc_loss(LOG_PROBS, TARGETS, (5, 4), (2, 3)), RuntimeError, "at most 2, but got value 3"),
        (lambda: F.ctc_loss(LOG_PROBS, TARGETS, (5, 4), (2, -1)), RuntimeError, "but got value -1"),
        (
            lambda: F.ctc_loss(LOG_PROBS, TARGETS, (5, 4), (2, 2), 4),
            RuntimeError,
            "must be in label range 0 to 3",
        ),
        (lambda: F.ctc_loss(LOG_PROBS, TARGETS + 2, (5, 4), (2, 2)), IndexError, "classes 0 to 3, got 4"),
        (
            lambda: F.ctc_loss(LOG_PROBS, TARGETS[0], (5, 4), (2, 2)),
            RuntimeError,
            r"to have size 4, .* got size 2",
        ),
        (lambda: F.ctc_loss(LOG_PROBS[0, 0], TARGETS, (5,), (2,)), RuntimeError, r"\(T, N, C\) or \(T, C\), got \[4\]"),
        (lambda: F.ctc_loss(LOG_PROBS.half(), TARGETS, (5, 4), (2, 2)), NotImplementedError, "dtype float16"),
        (
            lambda: F.ctc_loss(LOG_PROBS, TARGETS, hotloop.ones(2), (2, 2)),
            RuntimeError,
            "lengths must be integral",
        ),
        (lambda: F.ctc_loss(LOG_PROBS, TARGETS, (5, 4), (2, 2), 0, "most"), ValueError, "most is not a valid value"),
    ],
)
def test_messages(act: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        act()


def test_its_gradient_has_no_derivative() -> None:
    x = hotloop.zeros(5, 2, 4).requires_grad_()
    (grad,) = hotloop.autograd.grad(F.ctc_loss(x, TARGETS, (5, 4), (2, 2)), x, create_graph=True)
    with pytest.raises(RuntimeError, match="derivative of its gradient is not implemented"):
        grad.sum().backward()
