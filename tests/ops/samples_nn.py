"""Samples of softmax, losses and layer norm: every option, any number of dims, hard and soft targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.samples import FLOATS, LAYOUTS, Input, Op, array, call, floats, integers
from ops.samples_reduce import logsumexp

REDUCTIONS = ("mean", "sum", "none")


def log_softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    return x - logsumexp(x, dim, True) if x.ndim else np.zeros(())


def softmax(x: Any, dim: int, dtype: Any = None) -> Any:
    return np.exp(log_softmax(x, dim))


def reduced(loss: Any, reduction: str, divisor: Any = None) -> Any:
    if reduction == "none":
        return loss
    return np.sum(loss) / (loss.size if divisor is None else divisor) if reduction == "mean" else np.sum(loss)


def nll_loss(x: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """x: log-probabilities (N, C, ...) or (C)."""
    dim = 0 if x.ndim == 1 else 1
    kept = target != ignore_index
    index = np.where(kept, target, 0)
    picked = np.take_along_axis(x, np.expand_dims(index, dim), dim).squeeze(dim)
    w = kept * (1.0 if weight is None else weight[index])
    return reduced(np.where(kept, -picked * w, 0.0), reduction, w.sum())


def cross_entropy(
    x: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    dim = 0 if x.ndim == 1 else 1
    classes = x.shape[dim]
    logp = log_softmax(x, dim)
    along = [1] * x.ndim
    along[dim] = classes
    w = np.ones(along) if weight is None else weight.reshape(along)
    if target.dtype.kind == "f":
        q = target * (1 - label_smoothing) + label_smoothing / classes
        loss = -(w * q * logp).sum(dim)
        return reduced(loss, reduction, max(1, loss.size))
    hard = nll_loss(logp, target, weight, ignore_index, "none")
    kept = target != ignore_index
    smooth = np.where(kept, -(w * logp).sum(dim), 0.0)
    loss = (1 - label_smoothing) * hard + label_smoothing / classes * smooth
    divisor = (kept * w.reshape(-1)[np.where(kept, target, 0)]).sum()
    return reduced(loss, reduction, divisor)


def bce_with_logits(x: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = 1.0) -> Any:
    softplus = np.logaddexp(0, -x)
    loss = (1 - target) * x + (1 + (pos_weight - 1) * target) * softplus
    return reduced(loss * (1 if weight is None else weight), reduction)


def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    n = 1 if isinstance(normalized_shape, int) else len(normalized_shape)
    dims = tuple(range(x.ndim - n, x.ndim))
    out = (x - x.mean(dims, keepdims=True)) / np.sqrt(x.var(dims, keepdims=True) + eps)
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def classes(*shape: int, below: int, ignored: int | None = None) -> Input:
    target = integers(*shape, low=0, high=below)
    if ignored is not None:
        target.values.reshape(-1)[::3] = ignored
    return target


def probabilities(*shape: int, dim: int = 1) -> Input:
    x = floats(*shape).numpy()
    return array(np.exp(x) / np.exp(x).sum(dim, keepdims=True))


def dims_samples() -> list[Any]:
    samples = [call(floats(5, 3, 4, layout=a), d) for a in (*LAYOUTS, "expanded") for d in (0, 1, 2, -1)]
    samples += [
        call(floats(5, 3), dim=-1),
        call(floats(), 0),
        call(floats(), -1),
        call(floats(9), 0),
        call(floats(0, 3), 1),
        call(floats(3, 0), 1),
    ]
    samples += [call(floats(40, 7, dtype=d), d_) for d in FLOATS for d_ in (0, 1)]
    samples += [
        call(floats(3, 300), 1),
        call(floats(300, 3), 0),
        call(array([[1e4, 1e4 - 1, -1e4]]), 1),
        call(array([[-np.inf, 0.0, 1.0]], grad=False), 1),
    ]
    samples += [
        call(floats(4, 3, dtype="float16", grad=False), 1, dtype="dtype:float32"),
        call(integers(4, 3), 1, dtype="dtype:float32"),
    ]
    return samples


LOSSES = [
    *(
        call(floats(5, 3, layout=a), floats(5, 3, layout=b), reduction=r)
        for a in LAYOUTS
        for b in LAYOUTS
        for r in REDUCTIONS
    ),
    call(floats(5, 3), floats(5, 3)),
    call(floats(), floats()),
    call(input=floats(4), target=floats(4), reduction="sum"),
    call(floats(0, 3), floats(0, 3), reduction="sum"),
    *(call(floats(50, dtype=d), floats(50, dtype=d)) for d in FLOATS),
]

OPS: list[Op] = [
    Op("softmax", dims_samples(), softmax, length=300),
    Op("log_softmax", dims_samples(), log_softmax, length=300),
    Op(
        "nn.functional.softmax",
        [call(floats(5, 3), dim=1), call(floats(5, 3), 0), call(integers(5, 3), dim=-1, dtype="dtype:float64")],
        softmax,
        length=5,
    ),
    Op("Tensor.softmax", [call(floats(5, 3), -1), call(floats(5, 3), dim=0)], softmax, length=5),
    Op("Tensor.log_softmax", [call(floats(5, 3), -1), call(floats(5, 3), dim=0)], log_softmax, length=5),
    Op(
        "nn.functional.cross_entropy",
        [
            call(floats(6, 4, layout=a), classes(6, below=4, ignored=ignored), w, reduction=r, label_smoothing=s)
            for a in LAYOUTS
            for ignored in (None, -100)
            for w in (None, floats(4, low=0.5, grad=False))
            for r in REDUCTIONS
            for s in (0.0, 0.2)
        ]
        + [
            call(floats(2, 3, 4, 5, layout=a), classes(2, 4, 5, below=3), reduction=r, label_smoothing=s)
            for a in LAYOUTS
            for r in REDUCTIONS
            for s in (0.0, 0.1)
        ]
        + [
            call(
                floats(2, 3, 4),
                classes(2, 4, below=3, ignored=7),
                floats(3, low=0.5, grad=False),
                ignore_index=7,
                reduction=r,
            )
            for r in REDUCTIONS
        ]
        + [
            call(floats(4), array(2, "int64")),
            call(floats(4), array(2, "int64"), reduction="none", label_smoothing=0.1),
            call(floats(0, 3), classes(0, below=3), reduction="sum"),
        ]
        + [
            call(floats(*s, layout=a), probabilities(*s), weight, reduction=r, label_smoothing=ls)
            for s in [(6, 4), (2, 4, 3)]
            for a in LAYOUTS
            for r in REDUCTIONS
            for ls in (0.0, 0.1)
            for weight in (None, floats(4, low=0.5, grad=False))
        ]
        + [
            call(floats(5), probabilities(5, dim=0)),
            call(floats(6, 1000), classes(6, below=1000)),
            call(array([[1e4, 0.0], [0.0, 1e4]]), array([0, 0], "int64")),
        ]
        + [call(floats(9, 5, dtype=d), classes(9, below=5), reduction=r) for d in FLOATS for r in REDUCTIONS]
        + [call(input=floats(3, 2), target=classes(3, below=2), weight=None, label_smoothing=0.5)],
        lambda input, target, *a, **k: cross_entropy(input, target, *a, **k),
        length=200,
    ),
    Op(
        "nn.functional.nll_loss",
        [
            call(floats(6, 4, layout=a), classes(6, below=4, ignored=ignored), w, reduction=r)
            for a in LAYOUTS
            for ignored in (None, -100)
            for w in (None, floats(4, low=0.5, grad=False))
            for r in REDUCTIONS
        ]
        + [
            call(floats(2, 3, 4, 5), classes(2, 4, 5, below=3, ignored=1), ignore_index=1, reduction=r)
            for r in REDUCTIONS
        ]
        + [call(floats(4), array(2, "int64")), call(floats(50, 3, dtype="float16"), classes(50, below=3))],
        nll_loss,
        length=60,
    ),
    Op(
        "nn.functional.mse_loss",
        LOSSES,
        lambda input, target, reduction="mean": reduced((input - target) ** 2, reduction),
        length=50,
        ulps=4,
    ),
    Op(
        "nn.functional.l1_loss",
        LOSSES,
        lambda input, target, reduction="mean": reduced(np.abs(input - target), reduction),
        length=50,
        ulps=4,
    ),
    Op(
        "nn.functional.binary_cross_entropy_with_logits",
        [
            call(floats(5, 3, layout=a), floats(5, 3, low=0, high=1, layout=a), weight=w, pos_weight=p, reduction=r)
            for a in LAYOUTS
            for w in (None, floats(3, low=0.5, grad=False))
            for p in (None, floats(3, low=0.5, grad=False))
            for r in REDUCTIONS
        ]
        + [
            call(array([100.0, -100.0, 0.0]), array([0.0, 1.0, 1.0], grad=False), reduction="none"),
            call(floats(), floats(low=0, high=1)),
        ]
        + [call(floats(50, dtype=d), floats(50, low=0, high=1, dtype=d)) for d in FLOATS],
        lambda x, target, weight=None, reduction="mean", pos_weight=None: bce_with_logits(
            x, target, weight, reduction, 1.0 if pos_weight is None else pos_weight
        ),
        length=60,
        ulps=4,
    ),
    Op(
        "nn.functional.layer_norm",
        [
            call(floats(5, 3, 4, layout=a), shape, *(floats(*shape) for _ in range(n)))
            for a in LAYOUTS
            for shape in [(4,), (3, 4), (5, 3, 4)]
            for n in (0, 1, 2)
        ]
        + [
            call(floats(5, 4), [4], None, floats(4, grad=False)),
            call(floats(5, 4), (4,), eps=0.1),
            call(floats(4), (4,)),
            call(floats(0, 4), (4,), floats(4), floats(4)),
        ]
        + [
            call(
                floats(2, 5, 4, layout="transposed"),
                (4,),
                weight=floats(4, layout="sliced"),
                bias=floats(4, layout="reversed"),
            ),
            call(floats(3, 700), (700,)),
        ]
        + [call(floats(9, 33, dtype=d), (33,), floats(33, dtype=d), floats(33, dtype=d)) for d in FLOATS]
        + [call(array(np.linspace(1e3, 1e3 + 1, 64).reshape(1, 64)), (64,)), call(floats(5, 1), (1,))],
        layer_norm,
        length=700,
        ulps=4,
    ),
]
