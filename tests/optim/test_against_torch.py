"""SGD, Adam and AdamW against PyTorch over 50 steps, and their state exchanged both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import optim
from support.torch_peer import assert_same, convert, to_hotloop, to_torch, torch

SHAPES = [(7, 5), (3,), (), (33,)]
OPTIMIZERS: dict[str, Callable[[Any, Any], Any]] = {
    "sgd": lambda o, ps: o.SGD(ps, lr=0.1),
    "sgd decay": lambda o, ps: o.SGD(ps, lr=0.1, weight_decay=0.1),
    "sgd momentum": lambda o, ps: o.SGD(ps, lr=0.1, momentum=0.9),
    "sgd dampened": lambda o, ps: o.SGD(ps, lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.01),
    "sgd nesterov": lambda o, ps: o.SGD(ps, lr=0.1, momentum=0.8, nesterov=True, weight_decay=0.01),
    "sgd maximize": lambda o, ps: o.SGD(ps, lr=0.1, momentum=0.5, maximize=True, weight_decay=0.01),
    "adam": lambda o, ps: o.Adam(ps, lr=0.1),
    "adam decay": lambda o, ps: o.Adam(ps, lr=0.1, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    "adam amsgrad": lambda o, ps: o.Adam(ps, lr=0.1, amsgrad=True, maximize=True),
    "adamw": lambda o, ps: o.AdamW(ps, lr=0.1, weight_decay=0.2),
    "adamw amsgrad": lambda o, ps: o.AdamW(ps, lr=0.1, amsgrad=True),
    "adamw maximize": lambda o, ps: o.AdamW(ps, lr=0.1, maximize=True),
}


class Race:
    """The same parameters in both libraries, pushed by the same gradients."""

    def __init__(self, make: Callable[[Any, Any], Any]) -> None:
        self.rng = np.random.default_rng(0)
        self.theirs = [torch.from_numpy(np.array(self.rng.normal(size=s))).requires_grad_() for s in SHAPES]
        self.ours = [to_hotloop(t, requires_grad=True) for t in self.theirs]
        self.optimizers = make(optim, self.ours), make(torch.optim, self.theirs)

    def run(self, steps: int, without: tuple[int, ...] = ()) -> None:
        """Steps both; the parameters ``without`` a gradient get none."""
        for _ in range(steps):
            for optimizer in self.optimizers:
                optimizer.zero_grad()
            for i, (mine, other) in enumerate(zip(self.ours, self.theirs, strict=True)):
                grad = np.array(self.rng.normal(size=other.shape))
                if i not in without:
                    other.grad = torch.from_numpy(grad)
                    mine.grad = to_hotloop(other.grad)
            for optimizer in self.optimizers:
                optimizer.step()

    def compare(self) -> None:
        for i, (mine, other) in enumerate(zip(self.ours, self.theirs, strict=True)):
            assert_same(mine, other, f"parameter {i}", rtol=1e-10)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_steps(name: str) -> None:
    race = Race(OPTIMIZERS[name])
    race.run(1)
    race.compare()
    race.run(49)
    race.compare()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_may_skip_steps(name: str) -> None:
    race = Race(OPTIMIZERS[name])
    race.run(3, without=(0, 2))
    race.run(4, without=(1,))
    race.run(2, without=(0, 1, 2, 3))
    race.run(5)
    race.compare()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_settings_may_change_between_steps(name: str) -> None:
    race = Race(OPTIMIZERS[name])
    for factor in (1.0, 0.5, 0.1):
        for optimizer in race.optimizers:
            optimizer.param_groups[0]["lr"] *= factor
        race.run(3)
    race.compare()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_goes_both_ways(name: str) -> None:
    make = OPTIMIZERS[name]
    race = Race(make)
    race.run(4)
    ours, theirs = race.optimizers
    mine, other = ours.state_dict(), theirs.state_dict()
    assert mine.keys() == other.keys()
    assert mine["state"].keys() == {k for k, v in other["state"].items() if any(x is not None for x in v.values())}
    for number, entries in mine["state"].items():
        assert entries.keys() == other["state"][number].keys()
        for key, value in entries.items():
            assert_same(value, other["state"][number][key], f"{key} of {number}", rtol=1e-10)
    assert mine["param_groups"][0]["params"] == other["param_groups"][0]["params"]
    assert mine["param_groups"][0].keys() <= other["param_groups"][0].keys()

    # Swapped, both go on as before.
    new_ours, new_theirs = make(optim, race.ours), make(torch.optim, race.theirs)
    new_ours.load_state_dict(convert(other, to_hotloop))
    new_theirs.load_state_dict(convert(mine, to_torch))
    race.optimizers = new_ours, new_theirs
    race.run(4)
    race.compare()


def test_groups_with_settings_of_their_own() -> None:
    def make(o: Any, params: Any) -> Any:
        return o.AdamW([{"params": params[:2], "lr": 0.3}, {"params": params[2:], "betas": (0.5, 0.6)}], lr=0.01)

    race = Race(make)
    race.run(10)
    race.compare()
    assert repr(race.optimizers[0]).splitlines()[:2] == ["AdamW (", "Parameter Group 0"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", ["sgd nesterov", "adamw"])
def test_other_dtypes_stay_close(name: str, dtype: str) -> None:
    epsilon = {"float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}[dtype]
    race = Race(OPTIMIZERS[name])
    race.ours = [p.detach().to(getattr(hotloop, dtype)).requires_grad_() for p in race.ours]
    race.optimizers = OPTIMIZERS[name](optim, race.ours), race.optimizers[1]
    steps = 5
    for _ in range(steps):
        for mine, other in zip(race.ours, race.theirs, strict=True):
            other.grad = torch.from_numpy(np.array(race.rng.normal(size=other.shape)))
            mine.grad = to_hotloop(other.grad).to(mine.dtype)
        for optimizer in race.optimizers:
            optimizer.step()
    for mine, other in zip(race.ours, race.theirs, strict=True):
        assert mine.dtype is getattr(hotloop, dtype)
        np.testing.assert_allclose(
            mine.detach().double().numpy(), other.detach().numpy(), rtol=8 * steps * epsilon, atol=8 * steps * epsilon
        )


def test_groups_may_mix_dtypes() -> None:
    params = [hotloop.ones(3).requires_grad_(), hotloop.ones(3, dtype=hotloop.float64).requires_grad_()]
    for optimizer in (optim.AdamW(params, lr=0.1), optim.SGD(params, lr=0.1, momentum=0.9)):
        for param in params:
            param.grad = hotloop.ones(3, dtype=param.dtype)
        optimizer.step()
    np.testing.assert_allclose(params[0].detach().numpy(), params[1].detach().numpy(), rtol=1e-6)
    assert params[0].detach().numpy()[0] < 0.85
