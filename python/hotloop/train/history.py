"""What a training run measured, an epoch a row."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from typing import NamedTuple


class Epoch(NamedTuple):
    """One row: losses are means over samples, accuracies shares of samples."""

    epoch: int  # from 1
    seconds: float  # since the run began
    lr: float
    loss: float  # in training
    accuracy: float  # in training
    val_loss: float
    val_accuracy: float


class History:
    """The rows of a run so far; with a path, also a CSV file that is whole after each row."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.rows: list[Epoch] = []
        self.path = path
        if path is not None:
            with open(path, "w", newline="") as file:
                csv.writer(file).writerow(Epoch._fields)

    def append(self, row: Epoch) -> None:
        """Adds a row."""
        self.rows.append(row)
        if self.path is not None:
            with open(self.path, "a", newline="") as file:
                csv.writer(file).writerow(f"{value:.6g}" for value in row)

    def column(self, name: str) -> list[float]:
        """The values of one column, such as "val_loss"."""
        return [getattr(row, name) for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.rows)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> History:
        """The history in a CSV file."""
        history = cls()
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                values = {name: float(row[name]) for name in Epoch._fields[1:]}
                history.append(Epoch(epoch=int(row["epoch"]), **values))
        return history
