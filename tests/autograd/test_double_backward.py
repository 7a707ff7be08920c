"""First and second derivatives of an op of every family against PyTorch's, in float64.

A row is an op, its inputs and how to call it with either library. The output is weighted by a tensor that requires grad
too, so that what is compared is the gradient of the inputs, and of a weighted sum of these with respect to inputs and
weights: the whole of double backward.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import hotloop

torch: Any = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

pytestmark = pytest.mark.every_device

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Row:
    name: str
    call: Callable[..., Any]  # (library, *inputs)
    shapes: Shapes
    low: float = -2.0
    high: float = 2.0


def method(name: str, *args: Any, shapes: Shapes = ((3, 4),), label: str = "", **options: Any) -> Row:
    bounds = {k: options.pop(k) for k in ("low", "high") if k in options}
    return Row(f"{name}{label}", lambda _, x, *rest: getattr(x, name)(*rest, *args, **options), shapes, **bounds)


def function(name: str, *args: Any, shapes: Shapes = ((3, 4),), label: str = "", **options: Any) -> Row:
    """Of nn.functional."""
    call = lambda lib, *inputs: getattr(lib.nn.functional, name)(*inputs, *args, **options)  # noqa: E731
    return Row(f"{name}{label}", call, shapes)


PAIR = ((3, 4), (3, 4))
BROADCAST = ((2, 3, 4), (3, 1))

POINTWISE = [
    *(
        method(n)
        for n in [
            "neg",
            "abs",
            "square",
            "exp",
            "exp2",
            "expm1",
            "sin",
            "cos",
            "tanh",
            "sigmoid",
            "erf",
            "relu",
            "sign",
            "floor",
        ]
    ),
    *(method(n, low=0.3, high=3.0) for n in ["sqrt", "rsqrt", "reciprocal", "log", "log2", "log1p"]),
    method("tan", low=-1.0, high=1.0),
    *(method("pow", p, label=f" {p}", low=0.3, high=2.0) for p in (2, 3, 0.5, -1, 2.5, 0, 1)),
    method("pow", shapes=BROADCAST, label=" tensor", low=0.3, high=2.0),
    *(method(n, shapes=BROADCAST) for n in ["add", "sub", "mul", "maximum", "minimum"]),
    *(method(n, shapes=PAIR) for n in ("fmod", "remainder", "atan2")),
    method("div", shapes=BROADCAST, low=0.5, high=2.0),
    method("add", shapes=BROADCAST, label=" alpha", alpha=0.5),
    method("lerp", shapes=((3, 4), (4,), (3, 1))),
    method("addcmul", shapes=((3, 4), (4,), (3, 1)), value=0.5),
    method("addcdiv", shapes=((3, 4), (4,), (3, 1)), value=0.5, low=0.5, high=2.0),
    method("clamp", -1.0, 1.0),
    Row("clamp tensors", lambda lib, x, a, b: lib.clamp(x, a - 1.0, b + 1.0), ((3, 4), (4,), (3, 1))),
    Row("where", lambda lib, a, b: lib.where(a > b, a * a, a * b), PAIR),
    Row("masked_fill", lambda _, x: (x * x).masked_fill(x > 0.5, 3.0), ((3, 4),)),
    *(function(n) for n in ("gelu", "silu", "softplus", "logsigmoid")),
    function("gelu", approximate="tanh", label=" tanh"),
    function("softplus", 2.0, 1.0, label=" beta threshold"),
]

REDUCTIONS = [
    *(method(n) for n in ("sum", "mean", "prod")),
    *(method(n, 0) for n in ["sum", "mean", "prod", "amax", "amin", "cumsum"]),
    method("logsumexp", 1),
    method("sum", (0, 2), shapes=((2, 3, 4),), label=" dims"),
    *(method(n, 1, label=" dim") for n in ("var", "std")),
    *(method(n) for n in ("var", "std", "norm", "max", "min")),
    method("norm", 2, 1, label=" dim"),
    method("norm", 1, 0, label=" 1"),
    Row("max of dim", lambda _, x: x.max(1)[0], ((3, 4),)),
    Row("min of dim", lambda _, x: x.min(0)[0], ((3, 4),)),
]

SOFTMAX_AND_LOSSES = [
    *(method(n, d, label=f" {d}") for n in ("softmax", "log_softmax") for d in (0, 1)),
    *(
        Row(
            f"cross_entropy {options}",
            lambda lib, x, o=options: lib.nn.functional.cross_entropy(x, lib.tensor([1, 3, 0]), **o),
            ((3, 4),),
        )
        for options in ({}, {"reduction": "sum"}, {"reduction": "none"}, {"label_smoothing": 0.2}, {"ignore_index": 3})
    ),
    Row(
        "cross_entropy weight",
        lambda lib, x: lib.nn.functional.cross_entropy(
            x, lib.tensor([1, 3, 0]), weight=lib.tensor([0.5, 1.0, 2.0, 1.5], dtype=lib.float64)
        ),
        ((3, 4),),
    ),
    Row(
        "cross_entropy probabilities",
        lambda lib, x, t: lib.nn.functional.cross_entropy(x, lib.softmax(t, 1)),
        PAIR,
    ),
    Row("nll_loss", lambda lib, x: lib.nn.functional.nll_loss(x * x, lib.tensor([1, 3, 0])), ((3, 4),)),
    *(function(n, shapes=PAIR) for n in ("mse_loss", "l1_loss", "binary_cross_entropy_with_logits")),
    function("mse_loss", shapes=PAIR, reduction="sum", label=" sum"),
]

NORMS_AND_PRODUCTS = [
    Row("layer_norm", lambda lib, x, w, b: lib.nn.functional.layer_norm(x, (4,), w, b), ((3, 4), (4,), (4,))),
    Row(
        "batch_norm",
        lambda lib, x, w, b: lib.nn.functional.batch_norm(x, None, None, w, b, True),
        ((5, 3, 2), (3,), (3,)),
    ),
    Row(
        "batch_norm by given",
        lambda lib, x, w, b: lib.nn.functional.batch_norm(x, x[0].detach(), x[1].detach() ** 2, w, b),
        ((5, 3), (3,), (3,)),
    ),
    Row("group_norm", lambda lib, x, w, b: lib.nn.functional.group_norm(x, 2, w, b), ((2, 4, 3), (4,), (4,))),
    Row("rms_norm", lambda lib, x, w: lib.nn.functional.rms_norm(x, (3, 4), w, 1e-3), ((2, 3, 4), (3, 4))),
    Row("layer_norm of two dims", lambda lib, x: lib.nn.functional.layer_norm(x, (3, 4)), ((2, 3, 4),)),
    *(
        method("matmul", shapes=s, label=f" {s}")
        for s in (((3, 4), (4, 2)), ((4,), (4,)), ((3, 4), (4,)), ((2, 3, 4), (4, 2)), ((2, 1, 3, 4), (5, 4, 2)))
    ),
    method("bmm", shapes=((2, 3, 4), (2, 4, 2))),
    method("addmm", shapes=((2,), (3, 4), (4, 2)), beta=0.5, alpha=2.0),
    method("outer", shapes=((3,), (4,))),
    function("linear", shapes=((3, 4), (2, 4), (2,))),
    function("linear", shapes=((2, 3, 4), (2, 4)), label=" 3-d"),
]

INDEX = [[0, 2, 2], [1, 0, 1]]

INDEXING = [
    Row("x[0]", lambda _, x: x[0] * x[-1], ((3, 4),)),
    Row("x[::2, 1:]", lambda _, x: x[::2, 1:] * x[:2, :3], ((3, 4),)),
    Row("x[index]", lambda lib, x: x[lib.tensor([0, 2, 2])].square(), ((3, 4),)),
    Row("x[mask]", lambda _, x: x[x > 0].square(), ((3, 4),)),
    Row("index_select", lambda lib, x: x.index_select(1, lib.tensor([0, 2, 2])).square(), ((3, 4),)),
    Row("gather", lambda lib, x: x.gather(1, lib.tensor(INDEX)).square(), ((3, 4),)),
    Row("scatter", lambda lib, x, y: x.scatter(1, lib.tensor([[0, 2], [1, 0]]), y * y).square(), ((3, 4), (2, 2))),
    Row("scatter_add", lambda lib, x, y: x.scatter_add(1, lib.tensor(INDEX), y * y).square(), ((3, 4), (2, 3))),
    Row("index_add", lambda lib, x, y: x.index_add(0, lib.tensor([2, 2]), y * y).square(), ((3, 4), (2, 4))),
    Row("index_put", lambda lib, x, y: x.index_put((lib.tensor([2, 0]),), y * y).square(), ((3, 4), (2, 4))),
    Row("masked_select", lambda lib, x: lib.masked_select(x * x, x > 0), ((3, 4),)),
    Row("embedding", lambda lib, w: lib.nn.functional.embedding(lib.tensor(INDEX), w).square(), ((3, 4),)),
]


def written(lib: Any, x: Any, y: Any) -> Any:
    """In-place ops, on the whole and on a view."""
    z = x * 2.0
    z.mul_(y)
    z[1] = y[0] * y[0]
    z[:, 0].mul_(x[:, 1])
    return z.exp_()


VIEWS_AND_COPIES = [
    method("transpose", 0, 1),
    method("reshape", 2, 6),
    method("expand", 2, 3, 4),
    method("diagonal"),
    method("unfold", 1, 2, 1),
    method("flip", (0,)),
    method("tril"),
    method("triu", 1),
    method("repeat", 2, 2),
    method("squeeze", 1, shapes=((3, 1, 4),)),
    Row("cat", lambda lib, x, y: lib.cat([x, y, x], 1), PAIR),
    Row("stack", lambda lib, x, y: lib.stack([x, y * x], 1), PAIR),
    Row("split", lambda _, x: x.split(2, 1)[0] * x.split(2, 1)[1], ((3, 4),)),
    Row("unbind", lambda _, x: x.unbind(0)[0] * x.unbind(0)[2], ((3, 4),)),
    Row("copy_", lambda lib, x: (lib.zeros(3, 4, dtype=lib.float64).copy_(x) * x).clone(), ((3, 4),)),
    Row("to another dtype", lambda lib, x: (x.to(lib.float32) * 0.5).to(lib.float64) * x, ((3, 4),)),
    Row("in place", written, PAIR),
]

ROWS = [*POINTWISE, *REDUCTIONS, *SOFTMAX_AND_LOSSES, *NORMS_AND_PRODUCTS, *INDEXING, *VIEWS_AND_COPIES]


def derivatives(lib: Any, row: Row) -> list[Any]:
    """The value, the gradients, and the gradients of a weighted sum of these; None where there is none."""
    rng = np.random.default_rng(7)
    inputs = [lib.tensor(rng.uniform(row.low, row.high, s), dtype=lib.float64).requires_grad_() for s in row.shapes]
    # Nonlinear in what goes in and what comes out, so that linear ops have second derivatives too.
    out = row.call(lib, *(x * (1.0 + 0.1 * x) for x in inputs)).square()
    weight = lib.tensor(rng.uniform(0.5, 1.5, tuple(out.shape)), dtype=lib.float64).requires_grad_()
    first = lib.autograd.grad((out * weight).sum(), inputs, create_graph=True, allow_unused=True)
    mixed = [
        (g * lib.tensor(rng.uniform(0.5, 1.5, tuple(g.shape)), dtype=lib.float64)).sum() for g in first if g is not None
    ]
    second = lib.autograd.grad(sum(mixed), [*inputs, weight], allow_unused=True)
    return [t if t is None else t.detach().numpy(force=True) for t in (out, *first, *second)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_second_derivatives_are_pytorchs(row: Row) -> None:
    got, wanted = derivatives(hotloop, row), derivatives(torch, row)
    names = ["value", *(f"gradient {i}" for i in range(len(row.shapes)))]
    names += [*(f"second derivative {i}" for i in range(len(row.shapes))), "second derivative of the weight"]
    for name, a, b in zip(names, got, wanted, strict=True):
        tolerance = 1e-6 if "dtype" in row.name else 1e-9
        zero = np.zeros(())  # no gradient is a gradient of zero
        np.testing.assert_allclose(
            zero if a is None else a, zero if b is None else b, rtol=tolerance, atol=tolerance, err_msg=name
        )
