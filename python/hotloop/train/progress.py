"""How far a run is, on the terminal: a bar where rich is installed, else plain lines."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any, Protocol

from hotloop.train.history import Epoch


class Progress(Protocol):
    """Is told how a run goes on."""

    def step(self, samples: int, loss: float, accuracy: float) -> None:
        """A batch was trained on; loss and accuracy are this epoch's so far."""

    def epoch(self, row: Epoch) -> None:
        """An epoch ended."""


@contextlib.contextmanager
def open_progress(epochs: int, samples: int) -> Iterator[Progress]:
    """Shows a run of ``epochs`` times ``samples`` while the block lasts."""
    try:
        import rich.progress
    except ModuleNotFoundError:
        yield _Lines(epochs)
        return
    with rich.progress.Progress(
        rich.progress.TextColumn("epoch {task.fields[epoch]}/" + str(epochs)),
        rich.progress.BarColumn(bar_width=12),
        rich.progress.TextColumn("loss {task.fields[loss]:.3f} accuracy {task.fields[accuracy]:.1%}"),
        rich.progress.TextColumn("held out {task.fields[held_out]} {task.fields[speed]:,.0f} samples/s"),
    ) as bar:
        yield _Bar(bar, epochs, samples)


class _Bar:
    """A bar over all steps, with the figures so far."""

    def __init__(self, bar: Any, epochs: int, samples: int) -> None:
        self.bar = bar
        self.epochs = epochs
        self.done = 0
        self.start = time.perf_counter()
        self.task = bar.add_task("", total=epochs * samples, epoch=1, loss=0.0, accuracy=0.0, held_out="—", speed=0.0)

    def step(self, samples: int, loss: float, accuracy: float) -> None:
        self.done += samples
        speed = self.done / (time.perf_counter() - self.start)
        self.bar.update(self.task, advance=samples, loss=loss, accuracy=accuracy, speed=speed)

    def epoch(self, row: Epoch) -> None:
        self.bar.update(self.task, epoch=min(row.epoch + 1, self.epochs), held_out=f"{row.val_accuracy:.1%}")


class _Lines:
    """A line about every tenth of the epochs."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.every = max(1, epochs // 10)
        self.done = 0
        self.start = time.perf_counter()

    def step(self, samples: int, loss: float, accuracy: float) -> None:
        self.done += samples

    def epoch(self, row: Epoch) -> None:
        if row.epoch % self.every == 0 or row.epoch == self.epochs:
            speed = self.done / (time.perf_counter() - self.start)
            print(
                f"epoch {row.epoch}/{self.epochs}  loss {row.loss:.3f}  accuracy {row.accuracy:.1%}  "
                f"held out {row.val_accuracy:.1%}  {speed:,.0f} samples/s",
                flush=True,
            )
