"""``hotloop train``: trains a model and leaves all that belongs to it in ``runs/<name>/``."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

import hotloop
from hotloop import datasets, nn, optim, train
from hotloop._core import Tensor
from hotloop.models import MLP

RUNS = Path("runs")
_SIZES = [64, 256, 256, 10]
_ACTIVATION = "relu"
_DROPOUT = 0.3
_LABEL_SMOOTHING = 0.1
_WEIGHT_DECAY = 0.05
_NOISE = 0.1  # standard deviation of what is added to training images, whose range is 0 to 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options of the command."""
    models = parser.add_subparsers(dest="model", metavar="model", required=True)
    mlp = models.add_parser("mlp", help="a multilayer perceptron on the UCI handwritten digits")
    mlp.add_argument("--epochs", type=_positive(int), default=40, help="passes over the training set (%(default)s)")
    mlp.add_argument("--lr", type=_positive(float), default=2e-3, help="learning rate at the start (%(default)s)")
    mlp.add_argument("--batch-size", type=_positive(int), default=32, help="samples a step (%(default)s)")
    mlp.add_argument("--seed", type=int, default=0, help="of weights, dropout, noise and order (%(default)s)")
    mlp.add_argument("--name", default="mlp", help="of the run: files go to runs/NAME (%(default)s)")


def _positive(kind: type) -> Any:
    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not 0 < value < math.inf:
            wanted = "whole number" if kind is int else "finite number"
            raise argparse.ArgumentTypeError(f"{text} is not a positive {wanted}")
        return value

    return parse


def run(args: argparse.Namespace) -> int:
    """Trains, saves, and reports."""
    directory = RUNS / args.name
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"hotloop train: cannot use {directory} for the run: {error.strerror}", file=sys.stderr)
        return 2
    hotloop.manual_seed(args.seed)
    model = MLP(_SIZES, _ACTIVATION, _DROPOUT)
    training, held_out = (_flat(datasets.digits(split)) for split in ("train", "test"))
    config = {
        "model": args.model,
        "sizes": _SIZES,
        "activation": _ACTIVATION,
        "dropout": _DROPOUT,
        "dataset": "digits",
        "epochs": args.epochs,
        "lr": args.lr,
        "batch_size": args.batch_size,
        "weight_decay": _WEIGHT_DECAY,
        "label_smoothing": _LABEL_SMOOTHING,
        "noise": _NOISE,
        "seed": args.seed,
    }
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")

    with train.open_progress(args.epochs, len(training)) as progress:
        history = train.fit(
            model,
            training,
            held_out,
            optimizer=optim.AdamW(model.parameters(), lr=args.lr, weight_decay=_WEIGHT_DECAY),
            loss=nn.CrossEntropyLoss(label_smoothing=_LABEL_SMOOTHING),
            epochs=args.epochs,
            batch_size=args.batch_size,
            seed=args.seed,
            augment=_add_noise,
            history=train.History(directory / "history.csv"),
            progress=progress,
        )
    hotloop.save(model.state_dict(), directory / "model.safetensors")
    files = ["model.safetensors", "history.csv", "config.json"]
    try:
        train.plot_curves(history, directory / "curves.png")
        files.append("curves.png")
    except ModuleNotFoundError as error:
        print(f"no curves.png: {error}")

    last = history.rows[-1]
    speed = args.epochs * len(training) / last.seconds
    print(f"parameters  {sum(p.numel() for p in model.parameters()):,}")
    print(f"time        {last.seconds:.2f} s ({args.epochs} epochs, {speed:,.0f} samples/s)")
    print(f"accuracy    {last.val_accuracy:.2%} of {len(held_out)} held-out digits")
    print(f"files       {directory}{os.sep}: {', '.join(files)}")
    return 0


def _flat(dataset: hotloop.data.TensorDataset) -> hotloop.data.TensorDataset:
    """Images (N, 8, 8) as rows (N, 64)."""
    images, labels = dataset.tensors
    return hotloop.data.TensorDataset(images.flatten(1), labels)


def _add_noise(images: Tensor) -> Tensor:
    return images + _NOISE * hotloop.randn_like(images)
