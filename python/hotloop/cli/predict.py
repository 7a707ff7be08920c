"""``hotloop predict``: classifies held-out digits with a checkpoint of ``hotloop train``, and draws some of them."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hotloop
from hotloop import datasets
from hotloop.autograd import no_grad
from hotloop.models import MLP
from hotloop.train.curves import new_figure

_SHADES = " ░▒▓█"
_PER_ROW = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of the command."""
    parser.add_argument("run", type=Path, help="the directory of a run, such as runs/mlp")
    parser.add_argument("--count", type=_count, default=8, help="how many digits to draw (%(default)s)")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r}: a count of digits, 0 or more, is wanted")
    return int(text)


def run(args: argparse.Namespace) -> int:
    """Classifies, reports, and draws."""
    try:
        model = load_model(args.run)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        print(f"hotloop predict: {args.run} holds no run that can be loaded: {error}", file=sys.stderr)
        return 2
    images, labels = datasets.digits("test").tensors
    with no_grad():
        predictions = model(images.flatten(1)).argmax(1)
    pictures, truth, guesses = images.numpy(), labels.numpy(), predictions.numpy()
    right = guesses == truth

    chosen = _choose(right, args.count)
    captions = [f"{guesses[i]}" if right[i] else f"{guesses[i]}, is {truth[i]}" for i in chosen]
    print("\n".join(_draw(pictures[chosen], captions)))
    print(f"accuracy  {right.mean():.2%} of {len(right)} held-out digits, {int((~right).sum())} wrong")
    try:
        path = args.run / "predictions.png"
        _plot(pictures[chosen], captions, [bool(right[i]) for i in chosen], path)
        print(f"drawn     {path}")
    except ModuleNotFoundError as error:
        print(f"no picture: {error}")
    return 0


def load_model(directory: Path) -> MLP:
    """The model of a run, in evaluation mode."""
    config = json.loads((directory / "config.json").read_text())
    if config.get("model") != "mlp":
        raise ValueError(f"{directory / 'config.json'}: model is {config.get('model')!r}; 'mlp' is known")
    model = MLP(config["sizes"], config["activation"], config["dropout"])
    model.load_state_dict(hotloop.load(directory / "model.safetensors"))
    return model.eval()


def _choose(right: NDArray[Any], count: int) -> list[int]:
    """Up to half of the digits to draw are mistakes; the others are spread over the set."""
    wrong = np.flatnonzero(~right)[: count // 2]
    spread = np.flatnonzero(right)
    positions = np.linspace(0, len(spread) - 1, max(0, min(count - len(wrong), len(spread)))).astype(int)
    return [*spread[positions].tolist(), *wrong.tolist()]


def _draw(pictures: NDArray[Any], captions: list[str]) -> list[str]:
    """Pictures (N, 8, 8) from 0 to 1 as lines of text, two characters a pixel."""
    lines = []
    for start in range(0, len(captions), _PER_ROW):
        row = pictures[start : start + _PER_ROW]
        for y in range(row.shape[1]):
            shades = np.minimum((row[:, y] * len(_SHADES)).astype(int), len(_SHADES) - 1)
            lines.append("   ".join("".join(2 * _SHADES[shade] for shade in line) for line in shades))
        lines.append("   ".join(f"{caption:^16}" for caption in captions[start : start + _PER_ROW]))
        lines.append("")
    return lines


def _plot(pictures: NDArray[Any], captions: list[str], right: list[bool], path: Path) -> None:
    """The same as an image file; mistakes have red captions."""
    rows = max(1, -(-len(captions) // _PER_ROW))
    figure = new_figure(1.6 * _PER_ROW, 1.9 * rows)
    for i, axes in enumerate(figure.subplots(rows, _PER_ROW, squeeze=False).flat):
        axes.set_axis_off()
        if i < len(captions):
            axes.imshow(pictures[i], cmap="gray_r")
            axes.set_title(captions[i], color="black" if right[i] else "crimson")
    figure.savefig(path, dpi=120)
