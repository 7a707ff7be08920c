"""Training: the loop, its history as a table, its curves as a picture."""

from hotloop.train.curves import plot_curves
from hotloop.train.history import Epoch, History
from hotloop.train.loop import cosine, evaluate, fit
from hotloop.train.progress import Progress, open_progress

__all__ = [
    "Epoch",
    "History",
    "Progress",
    "cosine",
    "evaluate",
    "fit",
    "open_progress",
    "plot_curves",
]
