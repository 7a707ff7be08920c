"""Pictures of a run, drawn with matplotlib."""

from __future__ import annotations

import os
from typing import Any

from hotloop.train.history import History


def new_figure(width: float, height: float) -> Any:
    """A matplotlib figure that needs no display; where matplotlib is missing, an error that names the extra."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            'drawing pictures needs matplotlib: pip install "hotloop[cli]"', name=error.name
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def plot_curves(history: History, path: str | os.PathLike[str]) -> None:
    """Draws loss and accuracy over the epochs, in training and held out, into an image file."""
    figure = new_figure(9, 3.6)
    epochs = history.column("epoch")
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(epochs, history.column(quantity), label="training")
        axes.plot(epochs, history.column(f"val_{quantity}"), label="held out")
        axes.set_xlabel("epoch")
        axes.set_title(quantity)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)
