"""Hooks on saved tensors: what they see, what they may return, and how long the packed values live."""

from __future__ import annotations

import contextlib
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import Tensor
from hotloop.autograd import Function, grad
from hotloop.autograd.graph import saved_tensors_hooks

pytestmark = pytest.mark.every_device


def leaf(*values: float) -> Tensor:
    return hotloop.tensor(list(values), dtype=hotloop.float64).requires_grad_()


class Kept:
    """A packed value that can be watched."""

    def __init__(self, tensor: Tensor) -> None:
        self.array = tensor.numpy(force=True).copy()


def unpack(kept: Kept) -> Tensor:
    return hotloop.from_numpy(kept.array).to(hotloop.get_default_device())


def test_hooks_see_what_is_saved_without_history() -> None:
    seen: list[Tensor] = []

    def pack(t: Tensor) -> Kept:
        seen.append(t)
        return Kept(t)

    a = leaf(1, 2)
    with saved_tensors_hooks(pack, unpack):
        y = (a * 3.0).exp() * a
    exp = (a.detach() * 3.0).exp().tolist()
    assert [t.tolist() for t in seen] == [3.0, exp, exp, [1, 2]]
    assert not any(t.requires_grad for t in seen)
    y.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(force=True), np.exp([3, 6]) * (1 + 3 * np.array([1, 2])))
    count = len(seen)
    (a * a).sum().backward()
    assert len(seen) == count


def test_the_gradient_is_of_what_unpack_returns() -> None:
    a, b = leaf(1, 2), leaf(3, 4)
    with saved_tensors_hooks(
        lambda t: t.tolist(), lambda v: hotloop.tensor([10 * x for x in v], dtype=hotloop.float64)
    ):
        (a * b).sum().backward()
    assert a.grad.tolist() == [30, 40]
    assert b.grad.tolist() == [10, 20]


def test_packed_values_go_with_the_graph() -> None:
    alive: list[weakref.ref[Kept]] = []

    def pack(t: Tensor) -> Kept:
        kept = Kept(t)
        alive.append(weakref.ref(kept))
        return kept

    a = leaf(1, 2)
    with saved_tensors_hooks(pack, unpack):
        y = a.exp().square().sum()
    assert [r() is not None for r in alive] == [True, True]
    y.backward(retain_graph=True)
    assert [r() is not None for r in alive] == [True, True]
    y.backward()
    assert [r() is not None for r in alive] == [False, False]
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.backward()


@pytest.mark.parametrize("name", ["leaf", "input", "output"])
def test_second_derivatives_reach_the_original_graph(name: str) -> None:
    f = {"leaf": lambda a: a * a * a, "input": lambda a: (a * 1.0).square(), "output": lambda a: a.exp()}[name]
    a, b = leaf(1, 2), leaf(1, 2)
    with saved_tensors_hooks(Kept, unpack):
        (first,) = grad(f(a).sum(), a, create_graph=True)
        (second,) = grad(first.sum(), a, create_graph=True)
        (third,) = grad(second.sum() + (a * 0).sum(), a)
    (first_plain,) = grad(f(b).sum(), b, create_graph=True)
    (second_plain,) = grad(first_plain.sum(), b, create_graph=True)
    (third_plain,) = grad(second_plain.sum() + (b * 0).sum(), b)
    assert first.tolist() == first_plain.tolist()
    assert second.tolist() == second_plain.tolist()
    assert third.tolist() == third_plain.tolist()


def test_the_innermost_hooks_count() -> None:
    calls: list[str] = []

    def hooks(name: str) -> saved_tensors_hooks:
        def pack(t: Tensor) -> Tensor:
            calls.append(name)
            return t

        return saved_tensors_hooks(pack, lambda t: t)

    a = leaf(1)
    with hooks("outer"):
        a.exp()
        with hooks("inner"):
            a.exp()
        a.exp()
        with pytest.raises(ZeroDivisionError), hooks("failing"):
            1 / 0  # noqa: B018
        a.exp()
        thread = threading.Thread(target=lambda: a.exp())
        thread.start()
        thread.join()
    a.exp()
    assert calls == ["outer", "inner", "outer", "outer"]


class Cube(Function):
    """Saves an input, an output and None."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = x * x * x
        ctx.save_for_backward(x, None, y)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        x, none, y = ctx.saved_tensors
        assert none is None
        assert ctx.saved_tensors[0] is x
        return g * 3 * y / x


def test_functions_save_through_hooks_too() -> None:
    packed: list[Tensor] = []

    def pack(t: Tensor) -> Tensor:
        packed.append(t)
        return t

    a = leaf(1, 2)
    with saved_tensors_hooks(pack, lambda t: t):
        y = Cube.apply(a)
    assert [t.tolist() for t in packed] == [[1, 2], [1, 8]]
    (first,) = grad(y.sum(), a, create_graph=True)
    assert first.tolist() == [3, 12]
    assert grad(first.sum(), a)[0].tolist() == [6, 12]


@pytest.mark.parametrize(
    ("pack", "unpack", "error", "text"),
    [
        (lambda t: t, lambda t: 3, TypeError, "unpack_hook expected to be a Tensor but got result of type int"),
        (lambda t: t, lambda t: t[:1], RuntimeError, r"expected a tensor of shape \[2\] and dtype float64, got \[1\]"),
        (lambda t: t, lambda t: t.float(), RuntimeError, "dtype float64, got .* and float32"),
        (lambda t: t, lambda t: {}["missing"], KeyError, "missing"),
        (lambda t: t.mul_(2), lambda t: t, RuntimeError, "pack hook is modifying its input in place"),
        (lambda t: {}["missing"], lambda t: t, KeyError, "missing"),
    ],
)
def test_errors_in_hooks(pack: Any, unpack: Any, error: type[Exception], text: str) -> None:
    a = leaf(1, 2)
    with pytest.raises(error, match=text), saved_tensors_hooks(pack, unpack):
        a.exp().sum().backward()
    assert a.grad is None
    assert hotloop.is_grad_enabled()
    a.exp().sum().backward()
    assert a.grad is not None


def test_an_error_in_unpack_leaves_the_graph_usable() -> None:
    fail = [True]

    def unpack(t: Tensor) -> Tensor:
        if fail.pop():
            raise OSError("not now")
        return t

    a = leaf(1, 2)
    with saved_tensors_hooks(lambda t: t, unpack):
        y = a.square().sum()
    with pytest.raises(OSError, match="not now"):
        y.backward()
    fail.append(False)
    y.backward()
    assert a.grad.tolist() == [2, 4]


@pytest.mark.parametrize("hooks", [False, True])
def test_what_is_written_over_at_once_is_not_packed(hooks: bool) -> None:
    a = leaf(1, 2, 3)
    with saved_tensors_hooks(Kept, unpack) if hooks else contextlib.nullcontext():
        x = a * 1.0
        x.mul_(x.view(3))  # reads what it writes
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        x.sum().backward()


def test_hooks_must_be_callable() -> None:
    with pytest.raises(TypeError, match="unpack_hook must be callable, got int"), saved_tensors_hooks(Kept, 3):  # type: ignore[arg-type]
        pass
    with pytest.raises(RuntimeError, match="there are none to leave"):
        saved_tensors_hooks(Kept, unpack).__exit__()
