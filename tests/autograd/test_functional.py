"""Jacobians, Hessians and their products, against PyTorch's and in closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop.autograd import functional
from support.torch_peer import assert_same, torch

pytestmark = pytest.mark.every_device

X = np.array([0.5, -1.0, 2.0])
Y = np.array([1.5, 0.25])

SEVERAL: dict[str, Callable[[Any, Any], Any]] = {
    "one result": lambda x, y: x.exp() * y.sum(),
    "two results": lambda x, y: (x.outer(y), y.square()),
    "a number": lambda x, y: (x * x).sum() * y.prod(),
}


def both(name: str, function: Any, values: Any, *more: Any, **settings: Any) -> tuple[Any, Any]:
    def convert(lib: Any, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return lib.tensor(value)
        return tuple(convert(lib, v) for v in value) if isinstance(value, tuple) else value

    return tuple(
        getattr(lib.autograd.functional, name)(function, *(convert(lib, v) for v in (values, *more)), **settings)
        for lib in (hotloop, torch)
    )  # type: ignore[return-value]


def same(got: Any, wanted: Any) -> None:
    if isinstance(wanted, tuple):
        assert isinstance(got, tuple)
        for g, w in zip(got, wanted, strict=True):
            same(g, w)
    else:
        assert_same(got, wanted)
        assert got.requires_grad == wanted.requires_grad


@pytest.mark.parametrize("function", SEVERAL.values(), ids=SEVERAL)
def test_jacobian(function: Any) -> None:
    same(*both("jacobian", function, (X, Y)))
    same(*both("jacobian", lambda x: x.tanh(), X))
    same(*both("jacobian", lambda x: x.tanh(), (X,), vectorize=True))


@pytest.mark.parametrize("name", ["vjp", "jvp"])
def test_products_with_the_jacobian(name: str) -> None:
    v = {"vjp": (np.ones((3, 2)), np.array([2.0, -1.0])), "jvp": (np.array([1.0, 2.0, 3.0]), np.array([-1.0, 0.5]))}
    same(*both(name, SEVERAL["two results"], (X, Y), v[name]))
    same(*both(name, lambda x: x.sum() if name == "vjp" else x.exp(), X[:1]))


def test_hessian() -> None:
    same(*both("hessian", SEVERAL["a number"], (X, Y)))
    same(*both("hessian", lambda x: (x**3).sum(), X))


@pytest.mark.parametrize("name", ["hvp", "vhp"])
def test_products_with_the_hessian(name: str) -> None:
    same(*both(name, SEVERAL["a number"], (X, Y), (np.array([1.0, 0.5, -1.0]), np.array([2.0, 3.0]))))
    same(*both(name, lambda x: (x**3).sum(), X, X))


def test_graphs_go_on() -> None:
    x = hotloop.tensor(X, requires_grad=True)
    rows = functional.jacobian(lambda x: x**3, x, create_graph=True)
    rows.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(force=True), 6 * X)


@pytest.mark.parametrize("lib", [hotloop, torch], ids=["hotloop", "torch"])
def test_refusals(lib: Any) -> None:
    f = lib.autograd.functional
    x = lib.tensor(X)
    with pytest.raises(
        RuntimeError, match=r"v can only be None if the input .*is a single Tensor with a single element"
    ):
        f.jvp(lambda x: x, x)
    with pytest.raises(RuntimeError, match="invalid size"):
        f.vjp(lambda x: x, x, lib.ones(2))
    with pytest.raises(RuntimeError, match=r"single (Tensor|element)|one element"):
        f.hessian(lambda x: x, x)
    with pytest.raises(RuntimeError, match=r"independent of|does not require gradients"):
        f.jacobian(lambda x: lib.ones(1), x, strict=True)
    with pytest.raises(TypeError):
        f.jacobian(lambda x: 3, x)
