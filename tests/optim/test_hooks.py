"""Hooks of optimizers, in both libraries."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

import hotloop

pytestmark = pytest.mark.every_device


def libraries() -> list[Any]:
    try:
        import torch
    except ImportError:
        return [hotloop]
    return [hotloop, torch]


@pytest.fixture(params=libraries(), ids=lambda lib: lib.__name__)
def lib(request: pytest.FixtureRequest) -> Any:
    return request.param


def make(lib: Any) -> tuple[Any, Any]:
    param = lib.ones(2, requires_grad=True)
    param.grad = lib.ones(2)
    return param, lib.optim.SGD([param], lr=0.5)


def test_round_a_step(lib: Any) -> None:
    param, optimizer = make(lib)
    seen: list[Any] = []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append(("before", param.tolist())))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(("after", param.tolist(), o is optimizer)))
    optimizer.step()
    assert seen == [("before", [1.0, 1.0]), ("after", [0.5, 0.5], True)]
    before.remove()
    optimizer.step()
    assert [entry[0] for entry in seen] == ["before", "after", "after"]


def test_a_hook_may_change_the_arguments(lib: Any) -> None:
    _, optimizer = make(lib)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: ((o, lambda: 7.0), {}))
    assert optimizer.step() == 7.0


def test_a_wrong_result_is_refused() -> None:
    _, optimizer = make(hotloop)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="must return None or a tuple of"):
        optimizer.step()


def test_of_all_optimizers(lib: Any) -> None:
    _, first = make(lib)
    _, second = make(lib)
    seen: list[Any] = []
    module = importlib.import_module(f"{lib.__name__}.optim.optimizer")
    handles = [
        module.register_optimizer_step_pre_hook(lambda o, *_: seen.append(("before", o))),
        module.register_optimizer_step_post_hook(lambda o, *_: seen.append(("after", o))),
    ]
    first.step()
    second.step()
    for handle in handles:
        handle.remove()
    first.step()
    assert seen == [("before", first), ("after", first), ("before", second), ("after", second)]


def test_a_step_of_ones_own_calls_them_once(lib: Any) -> None:
    class Twice(lib.optim.SGD):  # type: ignore[misc]
        def step(self, closure: Any = None) -> Any:
            super().step(closure)
            return super().step(closure)

    param = lib.ones(1, requires_grad=True)
    param.grad = lib.ones(1)
    optimizer = Twice([param], lr=0.25)
    calls: list[int] = []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    optimizer.step()
    assert param.tolist() == [0.5]
    if lib is hotloop:  # PyTorch calls them for the steps within, too, once an SGD was made
        assert calls == [1]


def test_state_dict_hooks(lib: Any) -> None:
    _, optimizer = make(lib)
    order: list[str] = []
    optimizer.register_state_dict_pre_hook(lambda o: order.append("save"))
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "note": 1})
    optimizer.register_load_state_dict_pre_hook(lambda o, state: order.append(f"load {state['note']}"))
    optimizer.register_load_state_dict_pre_hook(lambda o, state: order.append("first"), prepend=True)
    optimizer.register_load_state_dict_post_hook(lambda o: order.append("loaded"))
    state = optimizer.state_dict()
    assert state["note"] == 1
    optimizer.load_state_dict(state)
    assert order == ["save", "first", "load 1", "loaded"]


def test_parameters_with_names(lib: Any) -> None:
    model = lib.nn.Linear(2, 1)
    optimizer = lib.optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.param_groups[0]["params"] == [model.weight, model.bias]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="Some param names are missing"):
        lib.optim.SGD([("weight", model.weight), model.bias], lr=0.1)
    with pytest.raises(ValueError, match="cannot add param group"):
        optimizer.add_param_group({"params": [lib.ones(1, requires_grad=True)]})
