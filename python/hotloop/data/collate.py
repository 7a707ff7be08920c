"""A list of samples as one batch, and what is no tensor yet as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotloop import _core
from hotloop._core import Tensor


def default_collate(batch: Sequence[Any]) -> Any:
    """Stacks samples along a new first dimension, inside whatever holds them.

    Tensors and arrays of shape (...) give a tensor (B, ...); Python floats a float64 tensor (B,), ints an int64 one;
    strings and bytes stay as they are. Of dicts, tuples and lists the entries are batched one by one: dicts and named
    tuples keep their type, tuples and lists give a list.
    """
    if not batch:
        raise ValueError("default_collate: got an empty batch")
    first = batch[0]
    if isinstance(first, Tensor):
        return _core.stack(list(batch))
    if isinstance(first, (np.ndarray, np.generic)) and first.dtype.kind in "fiub":
        return _core.from_numpy(np.stack([np.asarray(sample) for sample in batch]))
    if isinstance(first, float):
        return _core.tensor(list(batch), dtype=_core.float64, device="cpu")
    if isinstance(first, int):
        return _core.tensor(list(batch), device="cpu")
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        collated = {key: default_collate([sample[key] for sample in batch]) for key in first}
        return collated if type(first) is dict else type(first)(collated)  # type: ignore[call-arg]
    if isinstance(first, Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        parts = [default_collate(part) for part in zip(*batch, strict=True)]
        return type(first)(*parts) if hasattr(first, "_fields") else parts
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found "
        f"{type(first).__name__}"
    )


def default_convert(data: Any) -> Any:
    """NumPy arrays and numbers as tensors, inside whatever holds them; all else stays as it is."""
    if isinstance(data, (np.ndarray, np.generic)) and data.dtype.kind in "fiub":
        return _core.as_tensor(data)
    if isinstance(data, Mapping):
        converted = {key: default_convert(value) for key, value in data.items()}
        return converted if type(data) is dict else type(data)(converted)  # type: ignore[call-arg]
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return [default_convert(value) for value in data]
    return data
