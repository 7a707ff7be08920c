"""A perceptron on the handwritten digits, in hotloop and in PyTorch: the same lines of Python, the same weights and the
same batches, an epoch of each in turn.

    python benchmarks/models/digits.py [--epochs 20] [--batch 64]
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.bench.libraries import Library, float64, load
from hotloop.bench.statistics import estimate, ratio
from hotloop.datasets import digits

WIDTHS = (64, 256, 256, 10)
LEARNING_RATE = 1e-3


class Training:
    """One library's model and optimizer."""

    def __init__(self, library: Library, layers: list[tuple[NDArray[Any], NDArray[Any]]]) -> None:
        nn = library.module.nn
        modules: list[Any] = []
        state: dict[str, Any] = {}
        for i, (weight, bias) in enumerate(layers):
            modules += [nn.Linear(weight.shape[1], weight.shape[0]), nn.ReLU()]
            state |= {
                f"{2 * i}.weight": library.array(weight.copy()),
                f"{2 * i}.bias": library.array(bias.copy()),
            }
        self.library = library
        self.model = nn.Sequential(*modules[:-1])
        self.model.load_state_dict(state)
        best = {"fused": True} if library.name == "torch" else {}
        self.optimizer = library.module.optim.AdamW(self.model.parameters(), lr=LEARNING_RATE, **best)
        self.seconds: list[float] = []

    def epoch(self, batches: list[tuple[NDArray[Any], NDArray[Any]]]) -> None:
        """One pass over the batches, timed with their conversion, which copies nothing."""
        cross_entropy = self.library.module.nn.functional.cross_entropy
        start = time.perf_counter()
        for x, target in batches:
            self.optimizer.zero_grad()
            loss = cross_entropy(self.model(self.library.array(x)), self.library.array(target))
            loss.backward()
            self.optimizer.step()
        self.seconds.append(time.perf_counter() - start)

    def accuracy(self, x: NDArray[Any], target: NDArray[Any]) -> float:
        """The share of held-out digits that are classified right."""
        with self.library.module.inference_mode():
            scores = float64(self.model(self.library.array(x)))
        return float((scores.argmax(axis=1) == target).mean())


def arrays(split: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Images as rows of 64, and classes."""
    images, classes = digits(split).tensors
    return np.asarray(images.numpy()).reshape(-1, WIDTHS[0]), np.asarray(classes.numpy())


def batches_of(
    x: NDArray[Any], target: NDArray[Any], size: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """A shuffled epoch of whole batches."""
    order = rng.permutation(len(x))
    for start in range(0, len(x) - size + 1, size):
        chosen = order[start : start + size]
        yield x[chosen], target[chosen]


def main() -> None:
    """Trains both and prints seconds an epoch, accuracy, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    layers = [
        (
            (rng.uniform(-1, 1, (outs, ins)) / ins**0.5).astype(np.float32),
            (rng.uniform(-1, 1, outs) / ins**0.5).astype(np.float32),
        )
        for ins, outs in itertools.pairwise(WIDTHS)
    ]
    trainings = [Training(library, layers) for library in load(("torch",), threads=1).values()]
    train, test = arrays("train"), arrays("test")
    for epoch in range(args.epochs):
        batches = list(batches_of(*train, args.batch, rng))
        for training in trainings if epoch % 2 == 0 else reversed(trainings):
            training.epoch(batches)
    for training in trainings:
        seconds = estimate(training.seconds).median
        print(f"{training.library.name:8} {1e3 * seconds:8.2f} ms an epoch, accuracy {training.accuracy(*test):.4f}")
    if len(trainings) == 2:
        found = ratio(trainings[1].seconds, trainings[0].seconds)
        print(f"t(torch) / t(hotloop) = {found.median:.2f} ({found.low:.2f} to {found.high:.2f})")


if __name__ == "__main__":
    main()
