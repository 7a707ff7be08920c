"""Schedules against PyTorch, step by step; their state exchanged both ways; what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import hotloop
from hotloop import nn, optim
from hotloop.optim import lr_scheduler, swa_utils
from support.torch_peer import torch

pytestmark = pytest.mark.every_device

Make = Callable[[Any, Any], Any]


class Slope:
    """A factor with an attribute, which a state_dict keeps."""

    def __init__(self, slope: float) -> None:
        self.slope = slope

    def __call__(self, step: int) -> float:
        return 1 / (1 + self.slope * step)


# From a library's lr_scheduler module (or swa_utils for SWALR) and an optimizer of two groups.
SCHEDULES: dict[str, Make] = {
    "lambda": lambda s, o: s.LambdaLR(o, lambda step: 0.9**step),
    "lambdas": lambda s, o: s.LambdaLR(o, [lambda step: 0.9**step, Slope(0.5)]),
    "multiplicative": lambda s, o: s.MultiplicativeLR(o, lambda step: 0.95 if step % 2 else 1.01),
    "step": lambda s, o: s.StepLR(o, 3, 0.5),
    "multi step": lambda s, o: s.MultiStepLR(o, [2, 5, 5, 9], 0.5),
    "constant": lambda s, o: s.ConstantLR(o, 0.5, 4),
    "constant by default": lambda s, o: s.ConstantLR(o),
    "linear": lambda s, o: s.LinearLR(o, 0.2, 0.9, 6),
    "linear by default": lambda s, o: s.LinearLR(o),
    "exponential": lambda s, o: s.ExponentialLR(o, 0.9),
    "polynomial": lambda s, o: s.PolynomialLR(o, 7, 2.0),
    "cosine": lambda s, o: s.CosineAnnealingLR(o, 5, 0.01),
    "cosine to zero": lambda s, o: s.CosineAnnealingLR(o, 4),
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "restarts alike": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4),
    "one cycle": lambda s, o: s.OneCycleLR(o, 0.5, 20),
    "one cycle linear": lambda s, o: s.OneCycleLR(o, [0.5, 0.2], epochs=4, steps_per_epoch=5, anneal_strategy="linear"),
    "one cycle of three": lambda s, o: s.OneCycleLR(o, 0.5, 22, pct_start=0.4, three_phase=True, cycle_momentum=False),
    "cyclic": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 3),
    "cyclic halved": lambda s, o: s.CyclicLR(o, [0.01, 0.02], 0.1, 2, 3, mode="triangular2", cycle_momentum=False),
    "cyclic falling": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 3, mode="exp_range", gamma=0.9),
    "cyclic scaled": lambda s, o: s.CyclicLR(o, 0.01, 0.1, 3, scale_fn=Slope(0.3), scale_mode="iterations"),
    "sequential": lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, 1.0, 4), s.CosineAnnealingLR(o, 8)], [4]),
    "sequential of three": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.5), s.StepLR(o, 2)], [3, 7]
    ),
    "chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 3), s.ExponentialLR(o, 0.9)]),
}
SWA: dict[str, Make] = {
    "swa": lambda s, o: s.SWALR(o, 0.05, 5),
    "swa linear": lambda s, o: s.SWALR(o, [0.05, 0.2], 4, "linear"),
    "swa at once": lambda s, o: s.SWALR(o, 0.05, 0),
}
ALL = {name: (make, lr_scheduler, torch.optim.lr_scheduler) for name, make in SCHEDULES.items()} | {
    name: (make, swa_utils, torch.optim.swa_utils) for name, make in SWA.items()
}


def optimizers(kind: str = "SGD") -> tuple[Any, Any]:
    """One of each library, of two groups with rates of their own."""
    made = []
    for library, zeros in ((optim, hotloop.zeros), (torch.optim, torch.zeros)):
        groups = [{"params": [zeros(1).requires_grad_()]}, {"params": [zeros(1).requires_grad_()], "lr": 0.3}]
        settings = {"momentum": 0.5} if kind == "SGD" else {}
        made.append(getattr(library, kind)(groups, lr=0.1, **settings))
    return made[0], made[1]


def settings(optimizer: Any) -> list[tuple[Any, ...]]:
    return [(group["lr"], group.get("momentum"), group.get("betas")) for group in optimizer.param_groups]


def same(ours: Any, theirs: Any, what: str) -> None:
    for mine, other in zip(settings(ours), settings(theirs), strict=True):
        assert mine[0] == pytest.approx(other[0], rel=1e-12, abs=1e-15), what
        assert mine[1] == (None if other[1] is None else pytest.approx(other[1], rel=1e-12)), what
        assert mine[2] == (None if other[2] is None else pytest.approx(other[2], rel=1e-12)), what


@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", ALL)
def test_step_by_step(name: str, kind: str) -> None:
    make, module, peer = ALL[name]
    ours, theirs = optimizers(kind)
    mine, other = make(module, ours), make(peer, theirs)
    same(ours, theirs, "step 0")
    for step in range(1, 19):
        for each in (ours, theirs, mine, other):
            each.step()
        same(ours, theirs, f"step {step}")
        assert mine.get_last_lr() == pytest.approx(other.get_last_lr(), rel=1e-12)
        assert getattr(mine, "last_epoch", None) == getattr(other, "last_epoch", None)


@pytest.mark.parametrize("name", ALL)
def test_state_goes_both_ways(name: str) -> None:
    make, module, peer = ALL[name]
    ours, theirs = optimizers()
    mine, other = make(module, ours), make(peer, theirs)
    for _ in range(4):
        for each in (ours, theirs, mine, other):
            each.step()
    state, their_state = mine.state_dict(), other.state_dict()
    unknown = {"_is_initial", "_get_lr_called_within_step", "_anneal_strategy"}  # how PyTorch guards its calls
    assert state.keys() - unknown == their_state.keys() - unknown

    fresh, fresh_theirs = optimizers()
    resumed, resumed_other = make(module, fresh), make(peer, fresh_theirs)
    fresh.load_state_dict(ours.state_dict())
    fresh_theirs.load_state_dict(theirs.state_dict())
    resumed.load_state_dict(their_state)
    resumed_other.load_state_dict(state)
    for _ in range(5):
        for each in (fresh, fresh_theirs, resumed, resumed_other):
            each.step()
        same(fresh, fresh_theirs, "resumed")


CLOSED = ["step", "multi step", "constant", "linear", "exponential", "polynomial", "cosine", "lambda", "restarts"]


@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.filterwarnings("ignore:The epoch parameter:UserWarning")
def test_any_step_can_be_gone_to(name: str) -> None:
    make = SCHEDULES[name]
    ours, theirs = optimizers()
    mine, other = make(lr_scheduler, ours), make(torch.optim.lr_scheduler, theirs)
    ours.step()
    theirs.step()
    for epoch in (3, 7, 1, 12):
        mine.step(epoch)
        other.step(epoch)
        same(ours, theirs, f"epoch {epoch}")


@pytest.mark.parametrize("name", ["step", "exponential", "cosine", "linear", "polynomial", "multiplicative"])
def test_resumed_by_last_epoch(name: str) -> None:
    ours, theirs = optimizers()
    for optimizer in (ours, theirs):
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"] * 2
    arguments: dict[str, tuple[Any, ...]] = {
        "step": (3, 0.5),
        "exponential": (0.9,),
        "cosine": (5, 0.01),
        "linear": (0.2, 0.9, 6),
        "polynomial": (7, 2.0),
        "multiplicative": (lambda step: 0.9,),
    }
    kind = type(SCHEDULES[name](lr_scheduler, optimizers()[0])).__name__
    mine = getattr(lr_scheduler, kind)(ours, *arguments[name], last_epoch=3)
    other = getattr(torch.optim.lr_scheduler, kind)(theirs, *arguments[name], last_epoch=3)
    for step in range(4):
        same(ours, theirs, f"{step} after resuming")
        for each in (ours, theirs, mine, other):
            each.step()


METRICS = [1.0, 0.9, 0.9, 0.91, 0.95, 0.9, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.61, 0.7, 0.2, 0.3]


@pytest.mark.parametrize(
    "options",
    [
        {"patience": 1},
        {"patience": 2, "mode": "max", "factor": 0.5, "cooldown": 2},
        {"patience": 0, "threshold": 0.05, "threshold_mode": "abs", "min_lr": [0.05, 0.1]},
        {"patience": 0, "mode": "max", "threshold_mode": "abs", "min_lr": 0.02, "eps": 0.01},
    ],
)
def test_plateau(options: dict[str, Any]) -> None:
    ours, theirs = optimizers()
    mine = lr_scheduler.ReduceLROnPlateau(ours, **options)
    other = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **options)
    for i, metric in enumerate(METRICS):
        if i == 7:
            assert mine.state_dict().keys() == other.state_dict().keys()
            state = mine.state_dict()
            mine = lr_scheduler.ReduceLROnPlateau(ours, **options)
            mine.load_state_dict(state)
        mine.step(hotloop.tensor(metric))
        other.step(torch.tensor(metric))
        same(ours, theirs, f"metric {i}")
        assert mine.get_last_lr() == pytest.approx(other.get_last_lr())


def test_order_of_steps_is_watched() -> None:
    optimizer, _ = optimizers()
    schedule = lr_scheduler.StepLR(optimizer, 3)
    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        schedule.step()


def test_refusals() -> None:
    optimizer, _ = optimizers()
    other, _ = optimizers()
    s = lr_scheduler
    plateau = s.ReduceLROnPlateau(optimizer)
    step = s.StepLR(optimizer, 2)
    plain = optim.Adagrad([nn.Parameter(hotloop.zeros(1))])
    for make, error, message in [
        (lambda: s.StepLR([], 2), TypeError, "list is not an Optimizer"),
        (lambda: s.StepLR(other, 2, last_epoch=3), KeyError, "param 'initial_lr' is not specified"),
        (lambda: s.LambdaLR(optimizer, [lambda _: 1.0]), ValueError, "Expected 2 lr_lambdas, but got 1"),
        (lambda: s.MultiplicativeLR(optimizer, 3), TypeError, "lr_lambda should be a function, but got int"),
        (lambda: s.ConstantLR(optimizer, 2.0), ValueError, "expected to be between 0 and 1"),
        (lambda: s.LinearLR(optimizer, 0.0), ValueError, "Starting multiplicative factor"),
        (lambda: s.LinearLR(optimizer, 0.5, 2.0), ValueError, "Ending multiplicative factor"),
        (lambda: s.CosineAnnealingWarmRestarts(optimizer, 0), ValueError, "Expected positive integer T_0, but got 0"),
        (lambda: s.CosineAnnealingWarmRestarts(optimizer, 2, 0), ValueError, "Expected integer T_mult >= 1"),
        (lambda: s.OneCycleLR(optimizer, 0.1), ValueError, "You must define either total_steps OR"),
        (lambda: s.OneCycleLR(optimizer, 0.1, 0), ValueError, "Expected positive integer total_steps, but got 0"),
        (
            lambda: s.OneCycleLR(optimizer, 0.1, 5, pct_start=2.0),
            ValueError,
            "Expected float between 0 and 1 pct_start",
        ),
        (
            lambda: s.OneCycleLR(optimizer, 0.1, 5, anneal_strategy="log"),
            ValueError,
            "must be one of 'cos' or 'linear'",
        ),
        (lambda: s.OneCycleLR(plain, 0.1, 5), ValueError, "optimizer must support momentum or beta1"),
        (lambda: s.OneCycleLR(optimizer, [0.1], 5), ValueError, "max_lr must have the same length"),
        (lambda: s.CyclicLR(optimizer, 0.1, 0.2, mode="square"), ValueError, "mode is invalid and scale_fn is None"),
        (lambda: s.ReduceLROnPlateau(optimizer, factor=1.0), ValueError, "Factor should be < 1.0."),
        (lambda: s.ReduceLROnPlateau(optimizer, "least"), ValueError, "mode least is unknown!"),
        (lambda: s.ReduceLROnPlateau(optimizer, min_lr=[0.1]), ValueError, "expected 2 min_lrs, got 1"),
        (lambda: s.SequentialLR(optimizer, [], []), ValueError, "expects at least one scheduler"),
        (lambda: s.SequentialLR(optimizer, [step], [2]), ValueError, "one more than the number of milestone points"),
        (lambda: s.SequentialLR(other, [step], []), ValueError, "expects all schedulers to belong to the same"),
        (lambda: s.ChainedScheduler([plateau]), ValueError, "does not support `ReduceLROnPlateau`"),
        (lambda: s.ChainedScheduler([]), ValueError, "expects at least one scheduler to be chained"),
        (lambda: swa_utils.SWALR(optimizer, 0.1, -1), ValueError, "anneal_epochs must be equal or greater than 0"),
    ]:
        with pytest.raises(error, match=message):
            make()  # type: ignore[no-untyped-call]
    cycle = s.OneCycleLR(optimizer, 0.1, 2)
    for _ in range(2):
        optimizer.step()
        cycle.step()
    with pytest.raises(ValueError, match=r"Tried to step 3 times\. The specified number of total steps is 2"):
        cycle.step()
