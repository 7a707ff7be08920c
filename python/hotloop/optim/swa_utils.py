"""Averaged weights: of all that training passes through (Izmailov et al. 2018), or exponentially the latest (EMA)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.autograd import no_grad
from hotloop.nn.module import Module
from hotloop.optim.lr_scheduler.base import LRScheduler, per_group
from hotloop.optim.optimizer import Optimizer

AverageFunction = Callable[[Tensor, Tensor, Any], Tensor]
MultiAverageFunction = Callable[[Sequence[Tensor], Sequence[Tensor], Any], None]


def get_ema_multi_avg_fn(decay: float = 0.999) -> MultiAverageFunction:
    """Exponential averaging, in place, of lists: ``decay * average + (1 - decay) * current``, in one kernel."""
    _check_decay(decay)

    def ema_update(averages: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Any) -> None:
        _lerp(averages, current, 1 - decay)

    return ema_update


def get_swa_multi_avg_fn() -> MultiAverageFunction:
    """Plain averaging, in place, of lists: ``average + (current - average) / (num_averaged + 1)``, in one kernel."""

    def swa_update(averages: Sequence[Tensor], current: Sequence[Tensor], num_averaged: Any) -> None:
        _lerp(averages, current, 1 / (int(num_averaged) + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> AverageFunction:
    """Exponential averaging of one tensor: ``decay * average + (1 - decay) * current``."""
    _check_decay(decay)

    def ema_update(average: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return decay * average + (1 - decay) * current

    return ema_update


def get_swa_avg_fn() -> AverageFunction:
    """Plain averaging of one tensor: ``average + (current - average) / (num_averaged + 1)``."""

    def swa_update(average: Tensor, current: Tensor, num_averaged: Any) -> Tensor:
        with no_grad():
            return average + (current - average) / (int(num_averaged) + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's, as of each ``update_parameters``.

    Args:
        model: what is copied.
        device: where the copy is kept; the model's own where left out.
        avg_fn: from the average, the newest value and the number of values so far, the average with that value.
        multi_avg_fn: the same of lists of tensors, in place. Plain averages where neither is given.
        use_buffers: whether buffers are averaged; otherwise they are copied.

    Attributes:
        module: the copy.
        n_averaged: int64 (), the number of values so far.
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: AverageFunction | None = None,
        multi_avg_fn: MultiAverageFunction | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", _core.tensor(0, dtype=_core.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The copy's result."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Takes the model's present parameters into the averages; the first ones are copied."""
        mine, theirs = list(self.module.parameters()), list(model.parameters())
        if self.use_buffers:
            mine, theirs = [*mine, *self.module.buffers()], [*theirs, *model.buffers()]  # type: ignore[list-item]
        averages = [tensor.detach() for tensor in mine]
        current = [tensor.detach().to(average.device) for tensor, average in zip(theirs, averages, strict=True)]
        with no_grad():
            if self.n_averaged.item() == 0:
                for average, value in zip(averages, current, strict=True):
                    average.copy_(value)
            elif self.avg_fn is not None:
                for average, value in zip(averages, current, strict=True):
                    average.copy_(self.avg_fn(average, value, self.n_averaged))
            else:
                (self.multi_avg_fn or get_swa_multi_avg_fn())(averages, current, self.n_averaged)
            if not self.use_buffers:
                for buffer, value in zip(self.module.buffers(), model.buffers(), strict=True):
                    buffer.copy_(value)
            self.n_averaged += 1


class SWALR(LRScheduler):
    """From each group's rate to ``swa_lr`` within some steps, where it stays.

    Args:
        optimizer: whose rates are set.
        swa_lr: the last rate, or a list of one a group.
        anneal_epochs: number of steps.
        anneal_strategy: along a "cos" or "linear".
        last_epoch: number of the last step; -1 begins.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        for group, rate in zip(optimizer.param_groups, per_group("swa_lr", optimizer, swa_lr), strict=True):
            group["swa_lr"] = rate
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            last = group["swa_lr"]
            first = last if before == 1 else (float(group["lr"]) - before * last) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates

    def _share(self, step: int) -> float:
        """How much of the way lies behind at a step."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2


def _check_decay(decay: float) -> None:
    if not 0.0 <= decay <= 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _lerp(averages: Sequence[Tensor], current: Sequence[Tensor], weight: float) -> None:
    """average + weight * (current - average), in place."""
    with no_grad():
        plain: list[tuple[Tensor, Tensor]] = []
        for average, value in zip(averages, current, strict=True):
            if average.is_floating_point() and average.is_contiguous():
                plain.append((average, value))
            else:
                average.copy_(average + weight * (value - average))
        if plain:
            _core.lerp_tensors([average for average, _ in plain], [value for _, value in plain], weight)


def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Makes the running statistics of batch normalisation those of the data, by one pass through it.

    Args:
        loader: batches, or tuples whose first entry is one.
        model: whose layers with ``running_mean`` and ``momentum`` are meant.
        device: where batches are brought to.
    """
    layers = [m for m in model.modules() if hasattr(m, "reset_running_stats") and hasattr(m, "momentum")]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    was_training = model.training
    model.train()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
    with no_grad():
        for batch in loader:
            inputs = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(inputs if device is None else inputs.to(device))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.train(was_training)
