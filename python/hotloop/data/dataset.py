"""Datasets: things with a length and an item at each index."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from hotloop import _core
from hotloop._core import Generator, Tensor

T_co = TypeVar("T_co", covariant=True)


class Dataset(Generic[T_co]):
    """Base of datasets: define ``__getitem__(index)`` and ``__len__``.

    It may also define ``__getitems__(indices) -> list of samples``, which the DataLoader then calls once a batch.
    """

    def __getitem__(self, index: int) -> T_co:
        raise NotImplementedError(f"{type(self).__name__} must define __getitem__")

    def __add__(self, other: Dataset[T_co]) -> ConcatDataset[T_co]:
        return ConcatDataset([self, other])


class IterableDataset(Dataset[T_co]):
    """Base of datasets that are read from front to end, as a file or a stream is: define ``__iter__``."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")

    def __add__(self, other: Dataset[T_co]) -> Any:
        return ChainDataset([self, other])


class TensorDataset(Dataset[tuple[Tensor, ...]]):
    """Samples are the slices of some tensors along their first dimension: ``(x[i], y[i])``."""

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor) -> None:
        if not tensors:
            raise ValueError("TensorDataset: needs at least one tensor")
        sizes = [t.shape[0] if t.ndim else None for t in tensors]
        if None in sizes or len(set(sizes)) > 1:
            shapes = ", ".join(str(t.shape) for t in tensors)
            raise ValueError(f"Size mismatch between tensors: TensorDataset got shapes {shapes}")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def gather(self, indices: Tensor | Sequence[int]) -> list[Tensor]:
        """The samples at ``indices`` (B,), stacked: each tensor (N, ...) gives (B, ...)."""
        if not isinstance(indices, Tensor):
            indices = _core.tensor(indices, dtype=_core.int64, device="cpu")
        return [_core.index_select(tensor.detach(), 0, indices.to(tensor.device)) for tensor in self.tensors]


class Subset(Dataset[T_co]):
    """The samples of a dataset at some indices, in their order."""

    def __init__(self, dataset: Dataset[T_co], indices: Sequence[int]) -> None:
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]  # type: ignore[index]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: list[int]) -> list[T_co]:
        chosen = [self.indices[i] for i in indices]
        get_many = getattr(self.dataset, "__getitems__", None)
        return get_many(chosen) if get_many is not None else [self.dataset[i] for i in chosen]

    def __len__(self) -> int:
        return len(self.indices)


def native_gather(dataset: Any) -> Callable[[Tensor | Sequence[int]], list[Tensor]] | None:
    """What gathers a batch of a TensorDataset, or of a Subset of one, natively; None for other datasets."""
    if isinstance(dataset, TensorDataset) and type(dataset).__getitem__ is TensorDataset.__getitem__:
        return dataset.gather
    if type(dataset) is not Subset:
        return None
    gather = native_gather(dataset.dataset)
    if gather is None:
        return None
    chosen = _core.tensor(list(dataset.indices), dtype=_core.int64, device="cpu")
    chosen = _core.where(chosen < 0, chosen + len(dataset.dataset), chosen)  # type: ignore[arg-type]

    def gather_chosen(indices: Tensor | Sequence[int]) -> list[Tensor]:
        return gather(chosen[indices])

    return gather_chosen


class ConcatDataset(Dataset[T_co]):
    """Datasets one after the other."""

    def __init__(self, datasets: Sequence[Dataset[T_co]]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset: needs at least one dataset")

    def __getitem__(self, index: int) -> T_co:
        position = index + len(self) if index < 0 else index
        if position >= 0:
            for dataset in self.datasets:
                size = _length(dataset)
                if position < size:
                    return dataset[position]
                position -= size
        raise IndexError(f"ConcatDataset: index {index} is out of range for {len(self)} samples")

    def __len__(self) -> int:
        return sum(_length(dataset) for dataset in self.datasets)


class StackDataset(Dataset[Any]):
    """Datasets side by side: a sample is a tuple of theirs; of datasets given by name, a dict."""

    def __init__(self, *args: Dataset[Any], **kwargs: Dataset[Any]) -> None:
        if args and kwargs:
            raise ValueError(
                "Supported either ``tuple``- (via ``args``) or ``dict``- (via ``kwargs``) like input types"
            )
        self.datasets: Any = args or kwargs
        if not self.datasets:
            raise ValueError("At least one dataset should be passed")
        sizes = {_length(d) for d in self._parts()}
        if len(sizes) > 1:
            raise ValueError("Size mismatch between datasets")

    def _parts(self) -> list[Dataset[Any]]:
        return list(self.datasets.values() if isinstance(self.datasets, dict) else self.datasets)

    def __getitem__(self, index: int) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __len__(self) -> int:
        return _length(self._parts()[0])


class ChainDataset(IterableDataset[T_co]):
    """Iterable datasets one after the other."""

    def __init__(self, datasets: Iterable[Dataset[T_co]]) -> None:
        self.datasets = datasets

    def __iter__(self) -> Iterator[T_co]:
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError("ChainDataset only supports IterableDataset")
            yield from dataset

    def __len__(self) -> int:
        return sum(_length(dataset) for dataset in self.datasets)


def _length(dataset: Any) -> int:
    return len(dataset)


def random_split(
    dataset: Dataset[T_co], lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset[T_co]]:
    """Splits a dataset at random into subsets without overlap.

    Args:
        dataset: what to split.
        lengths: the size of each subset; or shares that sum to one, where the samples left by rounding down are dealt
            out one by one from the first.
        generator: of the order; the one that ``hotloop.manual_seed`` seeds where left out.
    """
    total = _length(dataset)
    if math.isclose(sum(lengths), 1) and not all(isinstance(n, int) for n in lengths):
        for i, share in enumerate(lengths):
            if not 0 <= share <= 1:
                raise ValueError(f"Fraction at index {i} is not between 0 and 1")
        sizes = [math.floor(total * share) for share in lengths]
        for i in range(total - sum(sizes)):
            sizes[i % len(sizes)] += 1
        for i, size in enumerate(sizes):
            if size == 0:
                warnings.warn(
                    f"Length of split at index {i} is 0. This might result in an empty dataset.", stacklevel=2
                )
    else:
        sizes = [int(n) for n in lengths]
    if sum(sizes) != total:
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = _core.randperm(total, generator=generator, device="cpu").tolist()
    subsets, start = [], 0
    for size in sizes:
        subsets.append(Subset(dataset, order[start : start + size]))
        start += size
    return subsets
