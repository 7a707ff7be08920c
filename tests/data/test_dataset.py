"""Datasets, subsets, random_split, default_collate."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop.data import (
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)


class Squares(Dataset[int]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __getitem__(self, index: int) -> int:
        return index**2

    def __len__(self) -> int:
        return self.n


def test_tensor_dataset() -> None:
    x, y = hotloop.arange(12).reshape(6, 2), hotloop.arange(6)
    dataset = TensorDataset(x, y)
    assert len(dataset) == 6
    features, label = dataset[-1]
    assert features.tolist() == [10, 11]
    assert label.item() == 5
    assert [t.tolist() for t in dataset[1:3]] == [[[2, 3], [4, 5]], [1, 2]]
    assert [t.tolist() for t in dataset.gather([5, 0, 5])] == [[[10, 11], [0, 1], [10, 11]], [5, 0, 5]]
    with pytest.raises(ValueError, match=r"Size mismatch between tensors: TensorDataset got shapes \(6, 2\), \(5,\)"):
        TensorDataset(x, y[:5])
    with pytest.raises(ValueError, match=r"got shapes \(\)"):
        TensorDataset(hotloop.zeros(()))
    with pytest.raises(ValueError, match="needs at least one tensor"):
        TensorDataset()
    with pytest.raises(IndexError):
        dataset.gather([6])


def test_subsets_and_concatenation() -> None:
    subset = Subset(Squares(10), [7, 3, 5])
    assert [subset[i] for i in range(len(subset))] == [49, 9, 25]
    assert subset.__getitems__([2, 0]) == [25, 49]
    nested = Subset(subset, [2])
    assert nested.__getitems__([0]) == [25]
    counted_from_the_end = Subset(TensorDataset(hotloop.arange(10)), [-1, 0, -3])
    assert [int(x) for (x,) in counted_from_the_end] == [9, 0, 7]
    (batch,) = next(iter(DataLoader(counted_from_the_end, batch_size=3)))
    assert batch.tolist() == [9, 0, 7]
    both = Squares(2) + Squares(3)
    assert isinstance(both, ConcatDataset)
    assert [both[i] for i in range(len(both))] == [0, 1, 0, 1, 4]
    assert both[-1] == 4
    for index in (5, -6):
        with pytest.raises(IndexError, match=f"ConcatDataset: index {index} is out of range for 5 samples"):
            both[index]
    with pytest.raises(NotImplementedError, match="Dataset must define __getitem__"):
        Dataset()[0]


def test_random_split() -> None:
    parts = random_split(Squares(10), [3, 7], generator=hotloop.Generator().manual_seed(1))
    assert [len(part) for part in parts] == [3, 7]
    assert sorted(parts[0].indices + parts[1].indices) == list(range(10))  # type: ignore[operator]
    again = random_split(Squares(10), [3, 7], generator=hotloop.Generator().manual_seed(1))
    assert [part.indices for part in again] == [part.indices for part in parts]
    assert [len(part) for part in random_split(Squares(10), [0.5, 0.25, 0.25])] == [6, 2, 2]
    with pytest.raises(ValueError, match="Sum of input lengths does not equal the length of the input dataset!"):
        random_split(Squares(10), [3, 3])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        random_split(Squares(10), [1.5, -0.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(Squares(1), [0.5, 0.5])


def equal(a: Any, b: Any) -> None:
    """Asserts that hotloop's and PyTorch's batches agree in types, shapes, dtypes and values."""
    if isinstance(a, hotloop.Tensor):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
        assert a.numpy().dtype == b.numpy().dtype
        return
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            equal(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            equal(x, y)
    else:
        assert a == b


Point = namedtuple("Point", ["x", "y"])


def test_default_collate_does_as_pytorchs() -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

    def batches(tensor: Any) -> list[list[Any]]:
        return [
            [tensor([1.0, 2.0]), tensor([3.0, 4.0])],
            [tensor(3), tensor(4)],
            [np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)],
            [np.float64(1.5), np.float64(2)],
            [np.int32(1), np.int32(2)],
            [np.array(1), np.array(2)],
            [1.5, 2.5],
            [1, 2],
            [True, False],
            ["a", "b"],
            [b"a", b"b"],
            [(1, 2.0), (3, 4.0)],
            [[1, "x"], [3, "y"]],
            [{"a": 1, "b": (2, 3)}, {"a": 4, "b": (5, 6)}],
            [OrderedDict(a=1), OrderedDict(a=2)],
            [Point(1, 2.0), Point(3, 4.0)],
            [(), ()],
        ]

    for ours, theirs in zip(batches(hotloop.tensor), batches(torch.tensor), strict=True):
        equal(default_collate(ours), torch.utils.data.default_collate(theirs))


def test_default_collate_refuses() -> None:
    with pytest.raises(TypeError, match="must contain tensors, numpy arrays, numbers, dicts or lists; found object"):
        default_collate([object()])
    with pytest.raises(RuntimeError, match="each element in list of batch should be of equal size"):
        default_collate([(1, 2), (1,)])
    with pytest.raises(ValueError, match="got an empty batch"):
        default_collate([])


def test_stack_dataset() -> None:
    pairs = StackDataset(Squares(3), Squares(3))
    assert len(pairs) == 3
    assert pairs[2] == (4, 4)
    assert StackDataset(a=Squares(3), b=Squares(3))[1] == {"a": 1, "b": 1}
    with pytest.raises(ValueError, match="Size mismatch between datasets"):
        StackDataset(Squares(3), Squares(2))
    with pytest.raises(ValueError, match="At least one dataset should be passed"):
        StackDataset()


class Upto(IterableDataset[int]):
    def __init__(self, n: int) -> None:
        self.n = n

    def __iter__(self) -> Any:
        return iter(range(self.n))

    def __len__(self) -> int:
        return self.n


def test_chain_dataset() -> None:
    chain = ChainDataset([Upto(2), Upto(3)])
    assert list(chain) == list(Upto(2) + Upto(3)) == [0, 1, 0, 1, 2]
    assert len(chain) == 5
    with pytest.raises(TypeError, match="ChainDataset only supports IterableDataset"):
        list(ChainDataset([Squares(2)]))


def test_samplers_of_some_indices() -> None:
    sampler = SubsetRandomSampler([3, 5, 8], generator=hotloop.Generator().manual_seed(0))
    orders = [list(sampler) for _ in range(20)]
    assert len(sampler) == 3
    assert all(sorted(order) == [3, 5, 8] for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_samplers_by_weight() -> None:
    hotloop.manual_seed(0)
    drawn = np.bincount(list(WeightedRandomSampler([1.0, 0.0, 3.0], 4000)), minlength=3)
    assert drawn[1] == 0
    assert 2.5 < drawn[2] / drawn[0] < 3.6
    assert sorted(WeightedRandomSampler([1.0, 2.0, 3.0], 3, replacement=False)) == [0, 1, 2]
    for arguments, message in (
        (([1.0], 0), "num_samples should be a positive integer value"),
        (([1.0], 1, 2), "replacement should be a boolean value"),
        (([[1.0]], 1), "weights should be a 1d sequence"),
    ):
        with pytest.raises(ValueError, match=message):
            WeightedRandomSampler(*arguments)  # type: ignore[arg-type]


def test_default_convert() -> None:
    converted = default_convert({"x": np.ones(2), "y": [np.float32(1.5), "text"], "z": 3})
    assert converted["x"].tolist() == [1.0, 1.0]
    assert converted["y"][0].item() == 1.5
    assert converted["y"][1] == "text"
    assert converted["z"] == 3
