"""The steps of the other optimizers against the formulas of csrc/kernels/args/optimizer.h in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from hotloop import _core
from support.kernels import dtype, generator, numbers, tensor, values

SIZES = [1, 5, 33, 0, 1000]
BIG = 70001  # more than two chunks
LR = 0.01


def ewma(old: Any, new: Any, keep: float) -> Any:
    return keep * old + (1 - keep) * new


def rmsprop(p: Any, g: Any, v: Any, b: Any, m: Any) -> Any:
    v, m = ewma(v, g * g, 0.9), ewma(m, g, 0.9)
    b = 0.8 * b + g / (np.sqrt(np.abs(v - m * m)) + 1e-3)
    return p - LR * b, v, b, m


def adagrad(p: Any, g: Any, s: Any) -> Any:
    s = s + g * g
    return p - LR * g / (np.sqrt(s) + 1e-3), s


def adadelta(p: Any, g: Any, v: Any, a: Any) -> Any:
    v = ewma(v, g * g, 0.9)
    u = np.sqrt(a + 1e-3) / np.sqrt(v + 1e-3) * g
    return p - LR * u, v, ewma(a, u * u, 0.9)


def adamax(p: Any, g: Any, m: Any, u: Any) -> Any:
    m, u = ewma(m, g, 0.9), np.maximum(0.99 * u, np.abs(g) + 1e-3)
    return p - LR / (1 - 0.9**3) * m / u, m, u


def nadam(p: Any, g: Any, m: Any, v: Any) -> Any:
    m, v = ewma(m, g, 0.9), ewma(v, g * g, 0.99)
    mu, after = (0.9 * (1 - 0.5 * 0.96 ** (t * 0.004)) for t in (3, 4))
    product = 0.25 * mu
    step = (1 - mu) / (1 - product) * g + after / (1 - product * after) * m
    return p - LR * step / (np.sqrt(v / (1 - 0.99**3)) + 1e-3), m, v


def radam(p: Any, g: Any, m: Any, v: Any) -> Any:
    m, v = ewma(m, g, 0.9), ewma(v, g * g, 0.99)
    longest = 2 / (1 - 0.99) - 1
    length = longest - 2 * 8 * 0.99**8 / (1 - 0.99**8)
    factor = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    rate = LR / (1 - 0.9**8) * np.sqrt(1 - 0.99**8) * np.sqrt(factor)
    return p - rate * m / (np.sqrt(v) + 1e-3), m, v


def lion(p: Any, g: Any, m: Any) -> Any:
    return p - LR * np.sign(ewma(m, g, 0.9)), ewma(m, g, 0.99)


ADAM = {"lr": LR, "beta1": 0.9, "beta2": 0.99, "eps": 1e-3}
# The formula, how many states it has, the kernel, and its settings beside the penalty.
RULES: dict[str, tuple[Callable[..., Any], int, Any, dict[str, Any]]] = {
    "rmsprop": (rmsprop, 3, _core.rmsprop_step, {"lr": LR, "alpha": 0.9, "eps": 1e-3, "momentum": 0.8}),
    "adagrad": (adagrad, 1, _core.adagrad_step, {"lr": LR, "eps": 1e-3}),
    "adadelta": (adadelta, 2, _core.adadelta_step, {"lr": LR, "rho": 0.9, "eps": 1e-3}),
    "adamax": (adamax, 2, _core.adamax_step, {"step": 3, **ADAM}),
    "nadam": (nadam, 2, _core.nadam_step, {"step": 3, "mu_product": 0.25, **ADAM, "momentum_decay": 0.004}),
    "radam": (radam, 2, _core.radam_step, {"step": 8, **ADAM}),
    "lion": (lion, 1, _core.lion_step, {"lr": LR, "beta1": 0.9, "beta2": 0.99}),
}
DECOUPLES = ("nadam", "radam")


def states(rule: str, count: int, name: str, sizes: list[int]) -> list[list[Any]]:
    """Squares and sums are not negative, and RMSprop's mean lies below the root of its mean square, the first one."""
    draw = generator("states", rule, name)
    lists = [[draw.uniform(0.5, 1.0, n) + 2 * (k == 0) for n in sizes] for k in range(count)]
    return [[values(tensor(x, name)) for x in each] for each in lists]


@pytest.mark.parametrize("penalty", ["none", "coupled", "decoupled"])
@pytest.mark.parametrize("name", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize("rule", RULES)
def test_one_step(kernels: Any, rule: str, name: str, penalty: str) -> None:
    formula, count, kernel, settings = RULES[rule]
    decoupled = rule == "lion" or (penalty == "decoupled" and rule in DECOUPLES)
    decay, lasso, up = (0.0, 0.0, False) if penalty == "none" else (0.1, 0.2, True)
    sizes = [*SIZES, BIG] if name == "float32" and penalty == "coupled" else SIZES
    p, g = ([numbers((n,), name, what) for n in sizes] for what in ("p", "g"))
    s = states(rule, count, name, sizes)
    expected = []
    for param, grad, *state in zip(p, g, *s, strict=True):
        grad = -grad if up else grad
        lean = decay * param + lasso * np.sign(param)
        start = param - LR * lean if decoupled else param
        expected.append(formula(start, grad if decoupled else grad + lean, *state))

    extra = {"decoupled": decoupled} if rule in DECOUPLES else {}
    tensors = [[tensor(x, name) for x in each] for each in (p, g, *s)]
    kernel(*tensors, **settings, **extra, weight_decay=decay, maximize=up, l1_decay=lasso)
    kernels.ran()
    epsilon = {"float32": 2.0**-23, "float64": 2.0**-52, "float16": 2.0**-10, "bfloat16": 2.0**-7}[name]
    for i, wanted in enumerate(expected):
        for k, got in enumerate([tensors[0], *tensors[2:]]):
            assert got[i].dtype is dtype(name)
            # Some six roundings of numbers of size 1; differences of squares in RMSprop magnify theirs.
            np.testing.assert_allclose(values(got[i]), wanted[k], rtol=64 * epsilon, atol=64 * epsilon * (1 + k % 2))


def test_averages(kernels: Any) -> None:
    a, b = (([numbers((n,), "float32", what) for n in SIZES]) for what in ("a", "b"))
    tensors = [tensor(x, "float32") for x in a]
    _core.lerp_tensors(tensors, [tensor(x, "float32") for x in b], 0.25)
    kernels.ran()
    for got, x, y in zip(tensors, a, b, strict=True):
        np.testing.assert_allclose(values(got), x + 0.25 * (y - x), rtol=1e-6, atol=1e-6)


def test_infinite_parameters_stay(kernels: Any) -> None:
    param = tensor(np.array([np.inf, -np.inf, 1.0]), "float32")
    _core.adagrad_step([param], [tensor(np.ones(3), "float32")], [tensor(np.ones(3), "float32")], LR, 0.0, 0.0, False)
    kernels.ran()
    np.testing.assert_array_equal(values(param)[:2], [np.inf, -np.inf])
