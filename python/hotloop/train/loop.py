"""The training loop of a classifier."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from hotloop import nn
from hotloop._core import Tensor
from hotloop.autograd import no_grad
from hotloop.data import DataLoader, TensorDataset
from hotloop.optim import Optimizer
from hotloop.optim.lr_scheduler.base import set_rate
from hotloop.train.history import Epoch, History
from hotloop.train.progress import Progress


def cosine(progress: float) -> float:
    """From 1 at progress 0 down to 0 at progress 1, as a half wave of the cosine."""
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def fit(
    model: nn.Module,
    train: TensorDataset,
    validation: TensorDataset,
    *,
    optimizer: Optimizer,
    loss: Callable[[Any, Any], Tensor],
    epochs: int,
    batch_size: int = 32,
    seed: int | None = None,
    augment: Callable[[Tensor], Tensor] | None = None,
    schedule: Callable[[float], float] | None = cosine,
    history: History | None = None,
    progress: Progress | None = None,
) -> History:
    """Trains a classifier, and measures it on the validation set after every epoch.

    Args:
        model: inputs (B, ...) -> logits (B, classes).
        train: pairs of input and class.
        validation: pairs that training never sees.
        optimizer: of the model's parameters.
        loss: (logits, classes) -> 0-d tensor.
        epochs: passes over the training set.
        batch_size: samples a step.
        seed: of the order of the samples.
        augment: changes a batch of training inputs before the model sees it.
        schedule: progress of the run, 0 to 1 -> factor of each group's learning rate.
        history: takes a row an epoch; a new one where left out.
        progress: is told of every step.

    Returns:
        the history.
    """
    history = History() if history is None else history
    loader = DataLoader(train, batch_size, shuffle=True, seed=seed)
    initial_rates = [float(group["lr"]) for group in optimizer.param_groups]
    steps = epochs * len(loader)
    step = 0
    start = time.perf_counter()
    for epoch in range(1, epochs + 1):
        model.train()
        total = _Totals()
        for inputs, classes in loader:
            if schedule is not None:
                for group, rate in zip(optimizer.param_groups, initial_rates, strict=True):
                    set_rate(group, rate * schedule(step / steps))
            optimizer.zero_grad()
            logits = model(inputs if augment is None else augment(inputs))
            value = loss(logits, classes)
            value.backward()
            optimizer.step()
            step += 1
            total.add(value.item(), logits, classes)
            if progress is not None:
                progress.step(len(classes), total.loss, total.accuracy)
        val_loss, val_accuracy = evaluate(model, validation, loss)
        row = Epoch(
            epoch=epoch,
            seconds=time.perf_counter() - start,
            lr=float(optimizer.param_groups[0]["lr"]),
            loss=total.loss,
            accuracy=total.accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
        )
        history.append(row)
        if progress is not None:
            progress.epoch(row)
    return history


def evaluate(
    model: nn.Module, dataset: TensorDataset, loss: Callable[[Any, Any], Tensor], batch_size: int = 256
) -> tuple[float, float]:
    """Mean loss and accuracy of a classifier, in evaluation mode; training mode is put back after it."""
    training = model.training
    model.eval()
    total = _Totals()
    with no_grad():
        for inputs, classes in DataLoader(dataset, batch_size):
            logits = model(inputs)
            total.add(loss(logits, classes).item(), logits, classes)
    model.train(training)
    return total.loss, total.accuracy


class _Totals:
    """Running means over samples."""

    def __init__(self) -> None:
        self.samples = 0
        self.loss_sum = 0.0
        self.correct = 0

    def add(self, loss: float, logits: Tensor, classes: Tensor) -> None:
        """Counts a batch in: its mean loss, logits (B, classes) and right classes (B,)."""
        self.samples += len(classes)
        self.loss_sum += loss * len(classes)
        self.correct += int((logits.detach().argmax(1) == classes).sum().item())

    @property
    def loss(self) -> float:
        return self.loss_sum / self.samples if self.samples else math.nan

    @property
    def accuracy(self) -> float:
        return self.correct / self.samples if self.samples else math.nan
