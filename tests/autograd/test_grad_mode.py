"""no_grad, enable_grad, set_grad_enabled, inference_mode: nesting, decorators, generators, threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

import hotloop
from hotloop import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled

pytestmark = pytest.mark.every_device


def test_nesting_and_exceptions() -> None:
    mode = no_grad()
    with mode:
        with enable_grad():
            assert is_grad_enabled()
            with mode:
                assert not is_grad_enabled()
            assert is_grad_enabled()
        assert not is_grad_enabled()
    assert is_grad_enabled()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_grad_enabled()


@pytest.mark.parametrize(
    "decorate",
    [no_grad, lambda f: no_grad()(f), inference_mode, inference_mode(), lambda f: set_grad_enabled(False)(f)],
)
def test_decorators(decorate: Any) -> None:
    @decorate
    def named(depth: int = 1) -> bool:
        return is_grad_enabled() or (depth > 0 and named(depth - 1))

    assert named.__name__ == "named"
    assert not named()
    assert is_grad_enabled()


@pytest.mark.parametrize("decorate", [no_grad, no_grad(), inference_mode()])
def test_generators_run_in_the_mode_and_their_users_do_not(decorate: Any) -> None:
    caught = []

    @decorate
    def numbers() -> Iterator[Any]:
        assert not is_grad_enabled()
        try:
            given = yield 1
            assert given == "sent"
            assert not is_grad_enabled()
            yield 2
        except KeyError:
            caught.append(is_grad_enabled())
            yield 3
        finally:
            caught.append(is_grad_enabled())
        return "end"

    g: Any = numbers()
    assert next(g) == 1
    assert is_grad_enabled()
    assert g.send("sent") == 2
    assert g.throw(KeyError()) == 3
    with pytest.raises(StopIteration) as end:
        next(g)
    assert end.value.value == "end"
    assert caught == [False, False]
    g = numbers()
    next(g)
    g.close()
    assert caught == [False, False, False]
    assert is_grad_enabled()


def test_set_grad_enabled_acts_at_once() -> None:
    set_grad_enabled(False)
    assert not is_grad_enabled()
    set_grad_enabled(True)
    with set_grad_enabled(False):
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_modes_are_the_threads_own() -> None:
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_inference_tensors() -> None:
    w = hotloop.ones(2).requires_grad_()
    with inference_mode():
        x = hotloop.ones(2) * 2
        view = w[:1]
        assert x.is_inference()
        assert not view.is_inference()
        x.add_(1)
        with inference_mode(False):
            assert is_grad_enabled()
            assert not hotloop.is_inference_mode_enabled()
            assert (w * 2).requires_grad
    with pytest.raises(RuntimeError, match="inference tensors can't be saved for backward"):
        w * x
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor outside InferenceMode"):
        x.add_(1)
    with pytest.raises(RuntimeError, match="requires_grad=True on inference tensor outside InferenceMode"):
        x.requires_grad_()
    assert (w * x.clone()).requires_grad
