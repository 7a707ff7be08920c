"""Every optimizer that PyTorch has against it over 50 steps, and their state exchanged both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import optim
from support.torch_peer import assert_same, convert, to_hotloop, to_torch, torch

pytestmark = pytest.mark.every_device

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
    "rmsprop": lambda o, ps: o.RMSprop(ps, lr=0.05),
    "rmsprop momentum": lambda o, ps: o.RMSprop(ps, lr=0.05, alpha=0.9, momentum=0.8, weight_decay=0.1),
    "rmsprop centered": lambda o, ps: o.RMSprop(ps, lr=0.05, momentum=0.5, centered=True, maximize=True),
    "adagrad": lambda o, ps: o.Adagrad(ps, lr=0.1),
    "adagrad decay": lambda o, ps: o.Adagrad(ps, 0.1, 0.2, 0.1, 0.3, 1e-3, maximize=True),
    "adadelta": lambda o, ps: o.Adadelta(ps),
    "adadelta decay": lambda o, ps: o.Adadelta(ps, 0.5, 0.8, 1e-3, 0.1, maximize=True),
    "adamax": lambda o, ps: o.Adamax(ps, lr=0.1),
    "adamax decay": lambda o, ps: o.Adamax(ps, 0.1, (0.8, 0.9), 1e-3, 0.1, maximize=True),
    "nadam": lambda o, ps: o.NAdam(ps, lr=0.1),
    "nadam decay": lambda o, ps: o.NAdam(ps, 0.1, (0.8, 0.95), 1e-3, 0.1, 0.01, maximize=True),
    "nadam decoupled": lambda o, ps: o.NAdam(ps, 0.1, weight_decay=0.1, decoupled_weight_decay=True),
    "radam": lambda o, ps: o.RAdam(ps, lr=0.1),
    "radam decay": lambda o, ps: o.RAdam(ps, 0.1, (0.8, 0.95), 1e-3, 0.1, maximize=True),
    "rprop": lambda o, ps: o.Rprop(ps, lr=0.1),
    "rprop bounds": lambda o, ps: o.Rprop(ps, 0.1, (0.3, 1.5), (0.01, 0.2), maximize=True),
    "asgd": lambda o, ps: o.ASGD(ps, lr=0.1),
    "asgd averaged": lambda o, ps: o.ASGD(ps, 0.1, 1e-2, 0.6, 5, 0.1, maximize=True),
    "adafactor": lambda o, ps: o.Adafactor(ps, lr=0.1),
    "adafactor clipped": lambda o, ps: o.Adafactor(ps, 0.1, -0.5, (1e-8, 0.1), 1.5, 0.1, maximize=True),
    "radam decoupled": lambda o, ps: o.RAdam(ps, 0.1, weight_decay=0.1, decoupled_weight_decay=True),
}


class Race:
    """The same parameters in both libraries, pushed by the same gradients."""

    def __init__(self, make: Callable[[Any, Any], Any], shapes: Any = SHAPES, rtol: float = 1e-10) -> None:
        self.rtol = rtol
        self.rng = np.random.default_rng(0)
        self.theirs = [torch.from_numpy(np.array(self.rng.normal(size=s))).requires_grad_() for s in shapes]
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
            assert_same(mine, other, f"parameter {i}", self.rtol)


def race_of(name: str) -> Race:
    # PyTorch keeps the product of NAdam's momenta, and ASGD's rates, in float32.
    return Race(OPTIMIZERS[name], rtol=1e-5 if name.startswith(("nadam", "asgd")) else 1e-10)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_steps(name: str) -> None:
    race = race_of(name)
    race.run(1)
    race.compare()
    race.run(49)
    race.compare()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_parameters_may_skip_steps(name: str) -> None:
    race = race_of(name)
    race.run(3, without=(0, 2))
    race.run(4, without=(1,))
    race.run(2, without=(0, 1, 2, 3))
    race.run(5)
    race.compare()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_settings_may_change_between_steps(name: str) -> None:
    race = race_of(name)
    for factor in (1.0, 0.5, 0.1):
        for optimizer in race.optimizers:
            optimizer.param_groups[0]["lr"] *= factor
        race.run(3)
    race.compare()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_goes_both_ways(name: str) -> None:
    make = OPTIMIZERS[name]
    race = race_of(name)
    race.run(4)
    ours, theirs = race.optimizers
    mine, other = ours.state_dict(), theirs.state_dict()
    assert mine.keys() == other.keys()
    assert mine["state"].keys() == {k for k, v in other["state"].items() if any(x is not None for x in v.values())}
    for number, entries in mine["state"].items():
        assert entries.keys() == other["state"][number].keys()
        for key, value in entries.items():
            assert_same(value, other["state"][number][key], f"{key} of {number}", race.rtol)
    assert mine["param_groups"][0]["params"] == other["param_groups"][0]["params"]
    assert mine["param_groups"][0].keys() - {"l1_decay"} <= other["param_groups"][0].keys()

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
@pytest.mark.parametrize("name", ["sgd nesterov", "adamw", "rmsprop centered", "adadelta decay", "radam"])
def test_other_dtypes_stay_close(name: str, dtype: str) -> None:
    epsilon = {"float32": 2.0**-23, "bfloat16": 2.0**-7, "float16": 2.0**-10}[dtype]
    race = race_of(name)
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
            mine.detach().double().numpy(force=True),
            other.detach().numpy(force=True),
            rtol=8 * steps * epsilon,
            atol=8 * steps * epsilon,
        )


def test_groups_may_mix_dtypes() -> None:
    params = [hotloop.ones(3).requires_grad_(), hotloop.ones(3, dtype=hotloop.float64).requires_grad_()]
    for optimizer in (optim.AdamW(params, lr=0.1), optim.SGD(params, lr=0.1, momentum=0.9)):
        for param in params:
            param.grad = hotloop.ones(3, dtype=param.dtype)
        optimizer.step()
    np.testing.assert_allclose(params[0].detach().numpy(force=True), params[1].detach().numpy(force=True), rtol=1e-6)
    assert params[0].detach().numpy(force=True)[0] < 0.85


# Newton and Schulz's iteration is made in bfloat16: two libraries' sums differ by its rounding, and parameters by a
# few percent of the way that they go.
@pytest.mark.parametrize(
    "settings", [{}, {"nesterov": False, "weight_decay": 0.5}, {"adjust_lr_fn": "match_rms_adamw", "ns_steps": 3}]
)
def test_muon(settings: dict[str, Any]) -> None:
    race = Race(lambda o, ps: o.Muon(ps, lr=0.01, **settings), [(7, 5), (4, 16), (8, 8), (1, 3)])
    before = [param.detach().clone().numpy(force=True) for param in race.ours]
    race.run(50)
    for mine, other, start in zip(race.ours, race.theirs, before, strict=True):
        way = np.abs(other.detach().numpy(force=True) - start).max()
        np.testing.assert_allclose(
            mine.detach().numpy(force=True), other.detach().numpy(force=True), rtol=0, atol=0.03 * way
        )
    ours, theirs = (optimizer.state_dict() for optimizer in race.optimizers)
    assert ours["state"].keys() == theirs["state"].keys()
    assert_same(ours["state"][0]["momentum_buffer"], theirs["state"][0]["momentum_buffer"], rtol=1e-10)
    race.optimizers[0].load_state_dict(convert(theirs, to_hotloop))
    race.run(1)


def lion_by_numpy(p: Any, grads: list[Any], lr: float, betas: tuple[float, float], decay: float, l1: float) -> Any:
    m = np.zeros_like(p)
    for g in grads:
        p = p - lr * (decay * p + l1 * np.sign(p)) - lr * np.sign(betas[0] * m + (1 - betas[0]) * g)
        m = betas[1] * m + (1 - betas[1]) * g
    return p


def test_lion() -> None:
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=(5, 7)), list(rng.normal(size=(50, 5, 7)))
    param = hotloop.tensor(start).requires_grad_()
    optimizer = optim.Lion([param], lr=0.01, betas=(0.8, 0.95), weight_decay=0.3, l1_decay=0.2)
    for g in grads:
        param.grad = hotloop.tensor(g)
        optimizer.step()
    expected = lion_by_numpy(start, grads, 0.01, (0.8, 0.95), 0.3, 0.2)
    np.testing.assert_allclose(param.detach().numpy(force=True), expected, rtol=1e-12)
    assert optimizer.state_dict()["state"][0].keys() == {"exp_avg"}


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name.endswith(("decay", "decoupled"))])
def test_l1_decay_is_the_gradient_of_a_penalty(name: str) -> None:
    """With the penalty in the loss, or decoupled in the decay, PyTorch makes the same steps."""
    penalty = 0.3
    race = race_of(name)
    ours, theirs = race.optimizers
    group = ours.param_groups[0]
    group["l1_decay"] = penalty
    decoupled = group.get("decoupled_weight_decay", False)
    sign = -1 if group["maximize"] else 1  # the penalty is made small either way
    for _ in range(20):
        for mine, other in zip(race.ours, race.theirs, strict=True):
            grad = torch.from_numpy(np.array(race.rng.normal(size=other.shape)))
            mine.grad = to_hotloop(grad)
            side = other.detach().sign()
            other.grad = grad if decoupled else grad + sign * penalty * side
            if decoupled:
                other.data -= group["lr"] * penalty * side / (1 - group["lr"] * group["weight_decay"])
        ours.step()
        theirs.step()
    race.compare()
