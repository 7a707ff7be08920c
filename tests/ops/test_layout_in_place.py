"""Methods that change a tensor's own shape, in both libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import hotloop


def libraries() -> list[Any]:
    try:
        import torch
    except ImportError:
        return [hotloop]
    return [hotloop, torch]


@pytest.fixture(params=libraries(), ids=lambda lib: lib.__name__)
def lib(request: pytest.FixtureRequest) -> Any:
    return request.param


CHANGES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "squeeze_": (lambda x: x.squeeze_(), lambda x: x.squeeze()),
    "squeeze_ of a dim": (lambda x: x.squeeze_(-1), lambda x: x.squeeze(-1)),
    "squeeze_ of dims": (lambda x: x.squeeze_((0, 1)), lambda x: x.squeeze((0, 1))),
    "unsqueeze_": (lambda x: x.unsqueeze_(-2), lambda x: x.unsqueeze(-2)),
    "transpose_": (lambda x: x.transpose_(1, -1), lambda x: x.transpose(1, -1)),
    "swapaxes_": (lambda x: x.swapaxes_(0, 1), lambda x: x.swapaxes(0, 1)),
    "swapdims_": (lambda x: x.swapdims_(0, 2), lambda x: x.swapdims(0, 2)),
    "as_strided_": (lambda x: x.as_strided_((2, 2), (1, 2)), lambda x: x.as_strided((2, 2), (1, 2))),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_shape_values_and_gradients(lib: Any, change: Any) -> None:
    in_place, plain = change
    leaf = lib.arange(6.0).reshape(1, 2, 3, 1).requires_grad_()
    changed, expected = leaf * 2.0, plain(leaf * 2.0)
    version = changed._version
    assert in_place(changed) is changed
    assert changed._version > version
    assert changed.shape == expected.shape
    assert changed.stride() == expected.stride()
    assert changed.tolist() == expected.tolist()
    changed.square().sum().backward()
    grad, leaf.grad = leaf.grad, None
    expected.square().sum().backward()
    assert grad.tolist() == leaf.grad.tolist()


def test_t_of_a_matrix_and_its_memory(lib: Any) -> None:
    x = lib.arange(6.0).reshape(2, 3)
    row = x[1]
    x.t_()
    assert x.shape == (3, 2)
    row.zero_()
    assert x[:, 1].tolist() == [0.0, 0.0, 0.0]


def test_leaves_that_need_a_gradient_are_refused(lib: Any) -> None:
    leaf = lib.ones(2, 3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        leaf.t_()
    with lib.no_grad():
        leaf.t_()
    assert leaf.shape == (3, 2)


def test_a_view_changes_alone(lib: Any) -> None:
    leaf = lib.ones(4, requires_grad=True)
    base = leaf * 1.0
    view = base.view(2, 2)
    view.t_()
    base.mul_(3.0)
    view[0, 1].backward()
    assert base.shape == (4,)
    assert leaf.grad.tolist() == [0.0, 0.0, 3.0, 0.0]


def test_resize(lib: Any) -> None:
    x = lib.arange(6)
    assert x.resize_(2, 2) is x
    assert x.tolist() == [[0, 1], [2, 3]]
    assert x.resize_(3).tolist() == [0, 1, 2]
    x.resize_((2, 5))
    assert x.shape == (2, 5)
    assert x.reshape(-1)[:6].tolist() == list(range(6))
    assert lib.zeros(3).resize_as_(lib.zeros(2, 4)).shape == (2, 4)
    with pytest.raises(RuntimeError, match="cannot resize variables that require grad"):
        lib.ones(2, requires_grad=True).resize_(1)


def test_set_shows_other_memory(lib: Any) -> None:
    x, other = lib.zeros(2), lib.arange(6.0).reshape(2, 3)
    assert x.set_(other) is x
    assert x.is_set_to(other)
    other[0, 0] = 7.0
    assert x[0, 0].item() == 7.0
    assert not x.is_same_size(lib.zeros(6))


def test_new_empty_strided(lib: Any) -> None:
    x = lib.zeros(1, dtype=lib.float64).new_empty_strided((2, 3), (1, 2))
    assert x.dtype is lib.float64
    assert x.stride() == (1, 2)
