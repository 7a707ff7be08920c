"""The UCI handwritten digits: 1,797 images of 8×8, grey levels 0 to 16, of ten classes.

Source and licence are in DIGITS.md beside this file.
"""

from __future__ import annotations

import os

import numpy as np

from hotloop import _core
from hotloop.data import TensorDataset

_FILE = os.path.join(os.path.dirname(__file__), "digits.npz")
_HELD_OUT_EVERY = 5


def digits(split: str = "all") -> TensorDataset:
    """Pairs of image, float32 (8, 8) from 0 to 1, and class, int64.

    Args:
        split: "test" for the held-out fifth, every fifth image (359); "train" for the others (1,438); or "all".
    """
    with np.load(_FILE, allow_pickle=False) as file:
        images, labels = file["images"], file["labels"]
    held_out = np.arange(len(images)) % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1
    if split not in ("train", "test", "all"):
        raise ValueError(f"digits: split must be 'train', 'test' or 'all', got {split!r}")
    if split != "all":
        chosen = held_out if split == "test" else ~held_out
        images, labels = images[chosen], labels[chosen]
    return TensorDataset(
        _core.from_numpy(images.astype(np.float32) / np.float32(16)), _core.from_numpy(labels.astype(np.int64))
    )
