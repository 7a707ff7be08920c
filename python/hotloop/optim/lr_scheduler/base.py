"""LRScheduler: what schedules share."""

from __future__ import annotations

import types
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from hotloop._core import Tensor
from hotloop.optim.optimizer import Optimizer


class LRScheduler(ABC):
    """Base of the schedules. Subclasses define ``get_lr``.

    Args:
        optimizer: whose rates are set.
        last_epoch: number of the last step; -1 begins. To go on elsewhere, its groups need their "initial_lr".

    Attributes:
        last_epoch: number of the last step; the constructor makes step 0.
        base_lrs: the rate that each group began with.
    """

    # While the constructor makes step 0, rates that are steps from the one before stay as they are.
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", float(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming scheduler with "
                    "last_epoch >= 0. Load the optimizer's state first, or leave last_epoch out to begin anew"
                )
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    @abstractmethod
    def get_lr(self) -> list[float]:
        """The rate of each group at step ``last_epoch``."""

    def _get_closed_form_lr(self) -> list[float]:
        """The same without the rates of the step before, where the schedule has such a form."""
        return self.get_lr()

    def get_last_lr(self) -> list[float]:
        """The rates that the last step set."""
        return self._last_lr

    def step(self, epoch: int | None = None) -> None:
        """Sets the rates of the next step, or those of step ``epoch``."""
        optimizer = self.optimizer
        if self._step_count == 1 and not optimizer._opt_called and type(optimizer).step is Optimizer.step:
            warnings.warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`: call them in the opposite order, or "
                "the first value of the learning rate schedule is skipped",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            rates = self.get_lr()
        else:
            self.last_epoch = epoch
            rates = self._get_closed_form_lr()
        self._set(rates)

    def _set(self, rates: Sequence[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_rate(group, rate)
        self._last_lr = self._rates()

    def _rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def _scaled(self, factor: float) -> list[float]:
        """The rates as they are, times a factor."""
        return [rate * factor for rate in self._rates()]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimizer, which has a state_dict of its own."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the state of another schedule of this kind."""
        self.__dict__.update(state_dict)


def set_rate(group: dict[str, Any], rate: float) -> None:
    """Sets a group's rate: where it is a tensor, that is filled, so that a captured step finds it."""
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate


def check_optimizer(optimizer: Any) -> None:
    """Refuses what isn't one."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def per_group(name: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """A setting as one value a group."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. "
            f"{name} has {len(value)} values, param_groups has {groups}."
        )
    return list(value)


def saved_function(function: Callable[..., Any] | None) -> dict[str, Any] | None:
    """What a state_dict keeps of a function: the attributes of a callable object, and nothing of a plain function."""
    if function is None or isinstance(function, types.FunctionType):
        return None
    return dict(function.__dict__)


class CycledMomentum:
    """Momentum that moves against the rate: "momentum", or the first of "betas"."""

    optimizer: Optimizer
    cycle_momentum: bool
    use_beta1: bool

    def _begin_momentum(self, base: list[float], most: list[float], last_epoch: int) -> None:
        """Checks that the optimizer has a momentum, and unless resuming sets it to its most."""
        defaults = self.optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise ValueError("optimizer must support momentum or beta1 with `cycle_momentum` option enabled")
        self.use_beta1 = "betas" in defaults
        if last_epoch != -1:
            return
        for group, low, high in zip(self.optimizer.param_groups, base, most, strict=True):
            self._set_momentum(group, high)
            group["max_momentum"] = high
            group["base_momentum"] = low

    def _set_momentum(self, group: dict[str, Any], value: float) -> None:
        if self.use_beta1:
            group["betas"] = (value, *group["betas"][1:])
        else:
            group["momentum"] = value
