"""What all optimizers share: groups, closures, zero_grad, state, and the errors' texts."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn, optim

pytestmark = pytest.mark.every_device


def parameter(*values: float) -> nn.Parameter:
    return nn.Parameter(hotloop.tensor(list(values)))


def test_arguments_are_checked() -> None:
    p = parameter(1.0)
    for make, message in [
        (lambda: optim.SGD([]), "optimizer got an empty parameter list"),
        (lambda: optim.SGD([p], lr=-1), "Invalid learning rate: -1"),
        (lambda: optim.SGD([p], lr=math.nan), "Invalid learning rate: nan"),
        (lambda: optim.SGD([p], momentum=-0.1), "Invalid momentum value: -0.1"),
        (lambda: optim.SGD([p], weight_decay=-1), "Invalid weight_decay value: -1"),
        (lambda: optim.SGD([p], nesterov=True), "Nesterov momentum requires a momentum and zero dampening"),
        (lambda: optim.Adam([p], eps=-1), "Invalid epsilon value: -1"),
        (lambda: optim.Adam([p], betas=(1.0, 0.9)), "Invalid beta parameter at index 0: 1.0"),
        (lambda: optim.AdamW([p], betas=(0.9, -1)), "Invalid beta parameter at index 1: -1"),
        (lambda: optim.AdamW([p * 2]), "can't optimize a non-leaf Tensor"),
        (
            lambda: optim.SGD([{"params": [p]}, {"params": p}]),
            "some parameters appear in more than one parameter group",
        ),
        (lambda: optim.SGD([p, p]), "some parameters appear more than once in one parameter group"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            make()
    for make, message in [
        (lambda: optim.SGD(p), "should be an iterable of Tensors or dicts, but got Parameter"),
        (lambda: optim.SGD([3]), "optimizer can only optimize Tensors, but one of the params is int"),  # type: ignore[list-item]
        (lambda: optim.SGD([{"params": {p}}]), "the ordering of tensors in sets will change between runs"),
        (lambda: optim.SGD([p]).add_param_group([p]), "param_group must be a dict, but got <class 'list'>"),  # type: ignore[arg-type]
    ]:
        with pytest.raises(TypeError, match=re.escape(message)):
            make()


def test_closures_run_with_gradients_on() -> None:
    p = parameter(3.0)
    optimizer = optim.SGD([p], lr=0.5)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with hotloop.no_grad():
        assert optimizer.step(closure).item() == 9
    assert p.item() == 0
    assert optimizer.step() is None


def test_steps_leave_no_history() -> None:
    p = parameter(1.0)
    p.grad = hotloop.ones(1)
    optim.AdamW([p]).step()
    assert p.is_leaf
    assert p.grad_fn is None
    assert p.requires_grad


def test_zero_grad() -> None:
    p, q = parameter(1.0), parameter(2.0)
    optimizer = optim.SGD([p, q])
    p.grad = hotloop.ones(1)
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.item() == 0
    assert q.grad is None
    optimizer.zero_grad()
    assert p.grad is None


def test_groups_can_be_added() -> None:
    p, q = parameter(1.0), parameter(1.0)
    optimizer = optim.SGD([p], lr=0.5)
    optimizer.add_param_group({"params": q, "lr": 0.25})
    p.grad, q.grad = hotloop.ones(1), hotloop.ones(1)
    optimizer.step()
    assert (p.item(), q.item()) == (0.5, 0.75)
    assert [group["lr"] for group in optimizer.param_groups] == [0.5, 0.25]
    assert optimizer.defaults["lr"] == 0.5


def test_replaced_state_is_noticed() -> None:
    p = parameter(1.0)
    optimizer = optim.SGD([p], lr=1.0, momentum=1.0)
    p.grad = hotloop.ones(1)
    optimizer.step()
    optimizer.state[p]["momentum_buffer"] = hotloop.zeros(1)
    optimizer.step()
    assert p.item() == -1
    optimizer.state.clear()
    optimizer.step()
    assert p.item() == -2
    q = parameter(5.0)
    q.grad = hotloop.ones(1)
    optimizer.param_groups[0]["params"][0] = q
    optimizer.step()
    assert (p.item(), q.item()) == (-2, 4)


def test_loading_checks_the_groups() -> None:
    p, q = parameter(1.0), parameter(1.0)
    one, two = optim.SGD([p, q]), optim.SGD([{"params": [p]}, {"params": [q]}])
    with pytest.raises(ValueError, match="loaded state dict has a different number of parameter groups"):
        two.load_state_dict(one.state_dict())
    with pytest.raises(ValueError, match="a parameter group that doesn't match the size of optimizer's group"):
        optim.SGD([p]).load_state_dict(one.state_dict())


def test_loading_copies() -> None:
    p, q = parameter(1.0), nn.Parameter(hotloop.ones(1, dtype=hotloop.float64))
    first, second = optim.AdamW([p], lr=0.1), optim.AdamW([q], lr=0.2)
    p.grad = hotloop.ones(1)
    first.step()
    state = first.state_dict()
    second.load_state_dict(state)
    assert second.param_groups[0]["lr"] == 0.1
    assert second.param_groups[0]["params"] == [q]
    assert second.state[q]["exp_avg"].dtype is hotloop.float64
    assert second.state[q]["step"] == 1
    second.state[q]["exp_avg"].fill_(7)
    assert state["state"][0]["exp_avg"].item() != 7


def test_a_checkpoint_goes_on_bit_by_bit(tmp_path: Any) -> None:
    def fresh() -> tuple[nn.Module, optim.Optimizer]:
        hotloop.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
        return model, optim.AdamW(model.parameters(), lr=0.05)

    def train(model: nn.Module, optimizer: optim.Optimizer, steps: int) -> None:
        x = hotloop.randn(16, 4, generator=hotloop.Generator().manual_seed(1))
        for _ in range(steps):
            optimizer.zero_grad()
            (model(x) - x.sum(1, keepdim=True)).pow(2).mean().backward()
            optimizer.step()

    model, optimizer = fresh()
    train(model, optimizer, 5)
    hotloop.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, tmp_path / "checkpoint")
    train(model, optimizer, 5)

    resumed, resumed_optimizer = fresh()
    state = hotloop.load(tmp_path / "checkpoint")
    resumed.load_state_dict(state["model"])
    resumed_optimizer.load_state_dict(state["optimizer"])
    train(resumed, resumed_optimizer, 5)
    for (name, mine), (_, other) in zip(resumed.state_dict().items(), model.state_dict().items(), strict=True):
        np.testing.assert_array_equal(mine.numpy(force=True), other.numpy(force=True), err_msg=name)


def test_users_can_write_their_own() -> None:
    class SignSGD(optim.Optimizer):
        def __init__(self, params: Any, lr: float) -> None:
            super().__init__(params, {"lr": lr})

        def _update(self, group: Any, params: Any, grads: Any) -> None:
            with hotloop.no_grad():
                for param, grad in zip(params, grads, strict=True):
                    param.sub_(grad.sign() * group["lr"])

    p, q = parameter(1.0, 1.0), parameter(1.0)
    p.grad = hotloop.tensor([5.0, -5.0])
    SignSGD([p, q], lr=0.5).step()
    assert p.tolist() == [0.5, 1.5]
    assert q.item() == 1


@pytest.mark.parametrize("make", [optim.SGD, optim.AdamW], ids=["SGD", "AdamW"])
def test_strided_parameters_are_stepped_where_they_are(make: Any) -> None:
    options = {"lr": 0.1, "momentum": 0.9} if make is optim.SGD else {"lr": 0.1}
    memory = hotloop.arange(6.0).reshape(2, 3)
    strided, plain = nn.Parameter(memory.t()), nn.Parameter(memory.t().contiguous())
    optimizers = [make([p], **options) for p in (strided, plain)]
    for _ in range(3):
        for p, optimizer in zip((strided, plain), optimizers, strict=True):
            optimizer.zero_grad()
            (p**3).sum().backward()
            optimizer.step()
    assert strided.stride() == (1, 3)
    assert strided.tolist() == plain.tolist()
    assert memory.t().tolist() == plain.tolist()
