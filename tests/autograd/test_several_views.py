"""split, chunk and unbind return several views of one tensor: writing to one in place is refused, as in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import hotloop

pytestmark = pytest.mark.every_device

VIEWS: dict[str, Callable[[Any], Any]] = {
    "split": lambda x: x.split(2)[0],
    "split by lengths": lambda x: x.split([1, 3], 1)[1],
    "chunk": lambda x: x.chunk(2)[1],
    "unbind": lambda x: x.unbind()[1],
    "view of one": lambda x: x.split(2)[0][1],
}


def libraries() -> list[Any]:
    try:
        import torch
    except ImportError:
        return [hotloop]
    return [hotloop, torch]


@pytest.mark.parametrize("lib", libraries(), ids=lambda lib: lib.__name__)
@pytest.mark.parametrize("name", VIEWS)
def test_writes_that_would_be_recorded_are_refused(name: str, lib: Any) -> None:
    a = lib.ones(4, 4).requires_grad_()
    refused = "returns multiple views.*You should replace the inplace operation by an out-of-place one"
    base = a * 1.0
    with pytest.raises(RuntimeError, match=refused):
        VIEWS[name](base).mul_(2.0)
    base.sum().backward()
    assert a.grad.tolist() == [[1.0] * 4] * 4
    view = VIEWS[name](lib.zeros(4, 4))
    with pytest.raises(RuntimeError, match=refused):
        view.add_(a.sum())
    assert not view.any()


@pytest.mark.parametrize("lib", libraries(), ids=lambda lib: lib.__name__)
@pytest.mark.parametrize("name", VIEWS)
def test_other_writes_are_not(name: str, lib: Any) -> None:
    plain = lib.ones(4, 4)
    VIEWS[name](plain).mul_(2.0)
    assert plain.sum() > 16
    base = lib.ones(4, 4).requires_grad_() * 1.0
    with lib.no_grad():
        VIEWS[name](base).mul_(2.0)
    assert base.sum() > 16
    view = base[:2]
    view.mul_(2.0)
    assert view.requires_grad
