"""Fused optimizer steps against the formulas of csrc/kernels/args/optimizer.h in float64."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop
from hotloop import _core
from support.kernels import for_each_thread_count, numbers, tensor, values
from support.tolerance import assert_close

SIZES = [1, 5, 16, 17, 1000, 0, 3, 70001]
SGD = {
    "plain": {},
    "momentum": {"momentum": 0.9, "weight_decay": 0.01},
    "dampening": {"momentum": 0.9, "dampening": 0.3, "maximize": True},
    "nesterov": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
}
ADAM = {
    "adam": {},
    "decay": {"weight_decay": 0.1, "amsgrad": True},
    "decoupled": {"decoupled": True, "weight_decay": 0.1},
    "maximize": {
        "decoupled": True,
        "beta1": 0.8,
        "beta2": 0.95,
        "amsgrad": True,
        "maximize": True,
        "weight_decay": 0.01,
    },
}
DTYPES = ["float32", "float64", "bfloat16"]


def lists(name, what):
    return [numbers((n,), name, what) for n in SIZES]


def tensors(arrays, name):
    return [tensor(x, name) for x in arrays]


def sgd_reference(
    p, g, buffer, first, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False, maximize=False
):
    g = (-g if maximize else g) + weight_decay * p
    if momentum:
        buffer = g if first else momentum * buffer + (1 - dampening) * g
        g = g + momentum * buffer if nesterov else buffer
    return p - lr * g, buffer


def adam_reference(p, g, m, v, largest, step, lr, beta1, beta2, eps, weight_decay, decoupled, amsgrad, maximize):
    g = -g if maximize else g
    if decoupled:
        p = p * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * p
    m = m + (1 - beta1) * (g - m)
    v = beta2 * v + (1 - beta2) * g * g
    largest = np.maximum(largest, v)
    root = np.sqrt(largest if amsgrad else v) / np.sqrt(1 - beta2**step)
    return p - lr / (1 - beta1**step) * m / (root + eps), m, v, largest


def close(got, want, name, change):
    """A step adds a few roundings of what it adds up, and bfloat16's states keep eight bits."""
    for a, b, c in zip(got, want, change, strict=True):
        assert_close(values(a), b, name, reduction_length=32, magnitude=np.abs(b) + np.abs(c), ulps=2)


@pytest.mark.parametrize("case", SGD)
@pytest.mark.parametrize("name", DTYPES)
def test_sgd(kernels, name, case):
    settings = SGD[case]
    p, buffers = lists(name, "p"), [np.zeros(n) for n in SIZES]
    for step in range(3):
        g = lists(name, ("g", step))
        params, states = tensors(p, name), tensors(buffers, name)
        full = {
            "lr": 0.125,
            "momentum": 0.0,
            "dampening": 0.0,
            "weight_decay": 0.0,
            "nesterov": False,
            "maximize": False,
        } | settings
        _core.sgd_step(params, tensors(g, name), states if settings else [], **full, first_step=step == 0)
        kernels.ran()
        each = [sgd_reference(a, b, c, step == 0, **full) for a, b, c in zip(p, g, buffers, strict=True)]
        close(params, [row[0] for row in each], name, g)
        if settings:
            close(states, [row[1] for row in each], name, g)
            buffers = [values(state) for state in states]  # each step from the kernel's own state: one step's error
        p = [values(param) for param in params]


@pytest.mark.parametrize("case", ADAM)
@pytest.mark.parametrize("name", DTYPES)
def test_adam(kernels, name, case):
    settings = {
        "lr": 0.01,
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-8,
        "weight_decay": 0.0,
        "decoupled": False,
        "maximize": False,
    }
    settings |= ADAM[case]
    amsgrad = settings.pop("amsgrad", False)
    p, m, v, largest = lists(name, "p"), *([np.zeros(n) for n in SIZES] for _ in range(3))
    for step in (1, 2, 3):
        g = lists(name, ("g", step))
        params, means, squares, maxima = (tensors(x, name) for x in (p, m, v, largest))
        _core.adam_step(params, tensors(g, name), means, squares, maxima if amsgrad else [], step=step, **settings)
        kernels.ran()
        each = [
            adam_reference(*row, step, amsgrad=amsgrad, **settings) for row in zip(p, g, m, v, largest, strict=True)
        ]
        # A 16-bit state is rounded after the step that used it.
        close(params, [row[0] for row in each], name, [0.1 + 0 * x for x in p])
        close(means, [row[1] for row in each], name, g)
        close(squares, [row[2] for row in each], name, [x * x for x in g])
        p, m, v = ([values(t) for t in group] for group in (params, means, squares))
        largest = [values(t) for t in maxima] if amsgrad else [row[3] for row in each]


@pytest.mark.parametrize("order", [1, 2, np.inf])
@pytest.mark.parametrize("name", ["float32", "float64", "float16", "bfloat16"])
def test_gradient_norm(kernels, name, order):
    g = lists(name, "g")
    norm = _core.total_norm(tensors(g, name), order)
    kernels.ran()
    exact = np.linalg.norm(np.concatenate(g), order)
    if np.isfinite(exact) and exact < (65504 if name == "float16" else np.inf):
        assert_close(values(norm).reshape(()), np.asarray(exact), name, reduction_length=64)
    g[-1][70] = np.nan
    assert np.isnan(_core.total_norm(tensors(g, name), order).item())


@pytest.mark.usefixtures("threads")
def test_bits_for_any_number_of_threads(vectors):
    def step():
        params, grads = tensors(lists("float32", "p"), "float32"), tensors(lists("float32", "g"), "float32")
        means, squares = ([hotloop.zeros(n) for n in SIZES] for _ in range(2))
        _core.adam_step(params, grads, means, squares, [], 1, 0.01, 0.9, 0.999, 1e-8, 0.1, True, False)
        vectors.ran()
        return [*params, *means, *squares]

    for_each_thread_count(vectors, step)
    for_each_thread_count(vectors, lambda: _core.total_norm(tensors(lists("float32", "g"), "float32")))
