"""Samplers and the DataLoader: order, batches, threads, failures."""

from __future__ import annotations

import gc
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

import hotloop
from hotloop.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
)

WORKERS = [0, 1, 3]


class Squares(Dataset[int]):
    """Squares of indices; slow ones at the front, so that threads finish out of order."""

    def __init__(self, n: int, slow: float = 0.0) -> None:
        self.n = n
        self.slow = slow
        self.fetched: list[int] = []

    def __getitem__(self, index: int) -> int:
        if self.slow and index % 4 == 0:
            time.sleep(self.slow)
        self.fetched.append(index)
        return index**2

    def __len__(self) -> int:
        return self.n


def worker_threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("hotloop-data")]


def rows(loader: DataLoader) -> list[list[int]]:
    return [(batch[0] if isinstance(batch, list) else batch).tolist() for batch in loader]


def test_samplers() -> None:
    data = range(7)
    assert list(SequentialSampler(data)) == list(range(7))
    sampler = RandomSampler(data)
    assert sorted(sampler) == list(range(7))
    assert len(sampler) == 7
    assert len(list(RandomSampler(data, num_samples=17))) == 17
    assert sorted(RandomSampler(data, num_samples=14)) == sorted([*data, *data])
    drawn = list(RandomSampler(data, replacement=True, num_samples=1000))
    assert set(drawn) == set(data)
    assert list(RandomSampler([])) == []
    with pytest.raises(ValueError, match="num_samples should be a positive integer value, but got num_samples=0"):
        RandomSampler(data, num_samples=0)
    with pytest.raises(ValueError, match="takes a generator or a seed, not both"):
        RandomSampler(data, generator=hotloop.Generator(), seed=1)


def test_batch_sampler() -> None:
    assert list(BatchSampler(range(5), 2, False)) == [[0, 1], [2, 3], [4]]
    assert list(BatchSampler(range(5), 2, True)) == [[0, 1], [2, 3]]
    assert len(BatchSampler(range(5), 2, False)) == 3
    assert len(BatchSampler(range(5), 2, True)) == 2
    for size in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="batch_size should be a positive integer value"):
            BatchSampler(range(5), size, False)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="drop_last should be a boolean value, but got drop_last=1"):
        BatchSampler(range(5), 2, 1)  # type: ignore[arg-type]


def test_seeded_orders_depend_on_the_pass_alone() -> None:
    first = RandomSampler(range(20), seed=5)
    passes = [list(first) for _ in range(3)]
    assert len({tuple(order) for order in passes}) == 3
    hotloop.manual_seed(9)
    second = RandomSampler(range(20), seed=5)
    second.epoch = 2
    assert list(second) == passes[2]
    assert list(RandomSampler(range(20), seed=6)) != passes[0]


def test_unseeded_orders_follow_manual_seed() -> None:
    loader = DataLoader(Squares(20), 4, shuffle=True)
    hotloop.manual_seed(3)
    first = rows(loader)
    assert rows(loader) != first
    hotloop.manual_seed(3)
    assert rows(loader) == first
    generator = hotloop.Generator()
    orders = [rows(DataLoader(Squares(20), 4, shuffle=True, generator=generator.manual_seed(1))) for _ in range(2)]
    assert orders[0] == orders[1]


@pytest.mark.parametrize("workers", WORKERS)
def test_batches_come_in_order(workers: int) -> None:
    data = Squares(11, slow=0.01)
    loader = DataLoader(data, 3, num_workers=workers)
    assert len(loader) == 4
    assert rows(loader) == [[0, 1, 4], [9, 16, 25], [36, 49, 64], [81, 100]]
    assert rows(DataLoader(data, 3, num_workers=workers, drop_last=True))[-1] == [36, 49, 64]
    assert list(DataLoader(data, None, num_workers=workers)) == [i**2 for i in range(11)]
    assert rows(DataLoader(data, batch_sampler=[[3, 1], [2]], num_workers=workers)) == [[9, 1], [4]]
    assert rows(DataLoader(data, 2, sampler=[5, 4, 3], num_workers=workers)) == [[25, 16], [9]]
    assert list(DataLoader(data, 2, sampler=[5, 4], collate_fn=sum, num_workers=workers)) == [41]
    assert list(DataLoader(Squares(0), 2, num_workers=workers)) == []


@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: Subset(Subset(d, range(23)), list(range(22, -1, -1)))])
def test_native_gather_gives_what_collating_gives(wrap: Any) -> None:
    tensors = hotloop.arange(46).reshape(23, 2), hotloop.rand(23, 3, 2)[:, ::2], hotloop.arange(23) % 2 == 0
    dataset = wrap(TensorDataset(*tensors))

    class Plain(Dataset[Any]):
        def __getitem__(self, index: int) -> Any:
            return dataset[index]

        def __len__(self) -> int:
            return len(dataset)

    for options in ({}, {"shuffle": True, "seed": 4}, {"drop_last": True}, {"sampler": [4, 4, 2, 22, 1, 0, 9]}):
        for workers in WORKERS:
            native = list(DataLoader(dataset, 5, num_workers=workers, **options))  # type: ignore[arg-type]
            collated = list(DataLoader(Plain(), 5, **options))  # type: ignore[arg-type]
            assert [[t.tolist() for t in batch] for batch in native] == [[t.tolist() for t in b] for b in collated]
            assert native[0][1].dtype is hotloop.float32


def test_batches_own_their_memory() -> None:
    x = hotloop.zeros(4)
    for (batch,) in DataLoader(TensorDataset(x), 2):
        batch.fill_(1)
    assert x.sum().item() == 0


@pytest.mark.parametrize("workers", WORKERS)
def test_shuffling_does_not_depend_on_the_number_of_workers(workers: int) -> None:
    data = TensorDataset(hotloop.arange(50))
    expected = rows(DataLoader(data, 7, shuffle=True, seed=11))
    loader = DataLoader(data, 7, shuffle=True, seed=11, num_workers=workers)
    assert rows(loader) == expected
    assert sorted(index for batch in expected for index in batch) == list(range(50))
    assert rows(loader) != expected, "a new order at the next pass"


def test_prefetch_is_bounded() -> None:
    data = Squares(100)
    iterator = iter(DataLoader(data, 1, num_workers=2, prefetch_factor=3))
    next(iterator)
    time.sleep(0.1)
    assert len(data.fetched) <= 1 + 2 * 3
    assert next(iterator).tolist() == [1]


def test_threads_work_at_the_same_time() -> None:
    barrier = threading.Barrier(3, timeout=20)

    class Meeting(Dataset[int]):
        def __getitem__(self, index: int) -> int:
            return barrier.wait() >= 0

        def __len__(self) -> int:
            return 3

    assert len(list(DataLoader(Meeting(), 1, num_workers=3))) == 3


@pytest.mark.parametrize("workers", WORKERS)
def test_failures_come_in_place_with_the_workers_traceback(workers: int) -> None:
    class Failing(Squares):
        def __getitem__(self, index: int) -> int:
            if index == 5:
                raise KeyError("sample 5 is broken")
            return super().__getitem__(index)

    iterator = iter(DataLoader(Failing(9), 2, num_workers=workers))
    assert next(iterator).tolist() == [0, 1]
    assert next(iterator).tolist() == [4, 9]
    with pytest.raises(KeyError, match="sample 5 is broken") as info:
        next(iterator)
    assert "raise KeyError" in "".join(traceback.format_exception(info.value))
    del iterator, info
    gc.collect()
    assert worker_threads() == []


def test_abandoned_iterations_end_their_threads() -> None:
    for _ in range(3):
        for _batch in DataLoader(Squares(1000, slow=0.001), 2, num_workers=3):
            assert worker_threads()
            break
        assert worker_threads() == []
    iter(DataLoader(Squares(10), num_workers=3))
    assert worker_threads() == []


def test_options_are_checked() -> None:
    data = Squares(4)
    for options, message in [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"prefetch_factor": 0}, "prefetch_factor should be a positive integer value, but got 0"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"sampler": [0], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive with batch_size"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"batch_size": 0}, "batch_size should be a positive integer value, but got batch_size=0"),
    ]:
        with pytest.raises(ValueError, match=message):
            DataLoader(data, **options)  # type: ignore[arg-type]


class Numbers(IterableDataset[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(range(5))


@pytest.mark.parametrize("workers", [0, 2])
def test_streams_come_in_their_order(workers: int) -> None:
    assert [b.tolist() for b in DataLoader(Numbers(), 2, num_workers=workers)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Numbers(), 2, num_workers=workers, drop_last=True)] == [[0, 1], [2, 3]]
    assert list(DataLoader(Numbers(), None, num_workers=workers)) == [0, 1, 2, 3, 4]
    with pytest.raises(TypeError, match="has no len"):
        len(DataLoader(Numbers(), 2))
    with pytest.raises(ValueError, match="IterableDataset has an order of its own"):
        DataLoader(Numbers(), 2, shuffle=True)


def test_options_of_processes_are_taken() -> None:
    loader = DataLoader([1, 2, 3], 2, pin_memory=True, persistent_workers=True, prefetch_factor=None)
    assert [b.tolist() for b in loader] == [[1, 2], [3]]


def test_a_batch_that_takes_too_long() -> None:
    loader = DataLoader(Squares(4, slow=0.5), 1, num_workers=1, timeout=0.02)
    with pytest.raises(RuntimeError, match=r"DataLoader timed out after 0.02 seconds"):
        next(iter(loader))
    quick = DataLoader(Squares(4), 2, num_workers=1, timeout=30)
    assert [b.tolist() for b in quick] == [[0, 1], [4, 9]]


def test_workers_are_told_their_number() -> None:
    started: list[int] = []
    for _ in DataLoader(Squares(20), 1, num_workers=2, worker_init_fn=started.append):
        pass
    assert started in ([0], [0, 1], [1, 0])
