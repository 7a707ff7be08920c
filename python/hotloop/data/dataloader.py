"""DataLoader: batches of a dataset, prepared ahead by threads."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hotloop import cuda
from hotloop._core import Generator, Tensor
from hotloop.data.collate import default_collate
from hotloop.data.dataset import IterableDataset, native_gather
from hotloop.data.sampler import BatchSampler, RandomSampler, SequentialSampler


class DataLoader:
    """Iterates over a dataset in batches.

    Args:
        dataset: anything with ``__getitem__`` and ``__len__``; or an ``IterableDataset``, in its own order.
        batch_size: samples a batch; None yields single samples, not collated.
        shuffle: visit the samples in a new random order at every pass.
        sampler: the order to visit them in, in place of ``shuffle``: an iterable of indices.
        batch_sampler: the batches themselves: an iterable of lists of indices.
        num_workers: threads that prepare batches ahead; 0 prepares each one when it is asked for. The order of batches
            does not depend on it.
        collate_fn: makes a batch of a list of samples; ``default_collate`` where left out.
        drop_last: leave out a last batch that is too short.
        generator: of the shuffling; the one that ``hotloop.manual_seed`` seeds where left out.
        seed: of the shuffling, in place of a generator: the order of pass e depends on (seed, e) alone.
        prefetch_factor: how many batches a worker keeps ready.
        timeout: seconds to wait for a worker's batch before RuntimeError; 0 waits as long as it takes.
        worker_init_fn: called with its number by each worker, before its first batch.
        pin_memory: batches lie in memory that GPUs read by themselves, so that ``to("cuda", non_blocking=True)``
            doesn't wait; on a stream of its own, a batch moves while the one before it is worked on. Without a GPU it
            changes nothing.
        persistent_workers: taken for PyTorch's sake; threads start at once.

    Batches of a ``TensorDataset``, and of a ``Subset`` of one, are gathered natively, tensor by tensor. An exception in
    a worker is raised where its batch would have come, with the worker's traceback. Threads end with the iteration,
    also when it is abandoned.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        *,
        drop_last: bool = False,
        generator: Generator | None = None,
        seed: int | None = None,
        prefetch_factor: int | None = None,
        timeout: float = 0,
        worker_init_fn: Callable[[int], None] | None = None,
        pin_memory: bool = False,
        persistent_workers: bool = False,
    ) -> None:
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        prefetch_factor = 2 if prefetch_factor is None else prefetch_factor
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multithreading.")
        if prefetch_factor < 1:
            raise ValueError(f"prefetch_factor should be a positive integer value, but got {prefetch_factor}")
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size = None
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if isinstance(dataset, IterableDataset):
            if shuffle or sampler is not None or batch_sampler is not None:
                raise ValueError(
                    "an IterableDataset has an order of its own: DataLoader takes no shuffle, sampler or batch_sampler "
                    "with it"
                )
            sampler = dataset  # of samples, which batch_sampler groups as it does indices
        if sampler is None:
            sampler = RandomSampler(dataset, generator=generator, seed=seed) if shuffle else SequentialSampler(dataset)
        if batch_sampler is None and batch_size is not None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size = batch_size
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.num_workers = num_workers
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.prefetch_factor = prefetch_factor
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.pin_memory = pin_memory

    def __len__(self) -> int:
        return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Any]:
        fetch, work = self._plan()
        if self.pin_memory and cuda.is_available():
            plain = fetch
            fetch = lambda piece: pinned(plain(piece))  # noqa: E731
        if self.num_workers == 0:
            return map(fetch, work)
        ahead = self.num_workers * self.prefetch_factor
        return _in_threads(fetch, work, self.num_workers, ahead, self.timeout or None, self.worker_init_fn)

    def _plan(self) -> tuple[Callable[[Any], Any], Iterable[Any]]:
        """How to fetch a piece of work, and the pieces of one pass."""
        dataset, collate = self.dataset, self.collate_fn
        if isinstance(dataset, IterableDataset):
            if self.batch_sampler is None:
                return collate or _same, dataset
            return collate or default_collate, self.batch_sampler
        if self.batch_sampler is None:
            if collate is None:
                return dataset.__getitem__, self.sampler
            return (lambda index: collate(dataset[index])), self.sampler
        gather = None if collate is not None else native_gather(dataset)
        if gather is not None:
            return gather, self._index_batches()
        return _Fetcher(dataset, collate or default_collate), self.batch_sampler

    def _index_batches(self) -> Iterator[Tensor | list[int]]:
        """The batches of indices, as slices of one tensor where the order is known as a whole."""
        batches = self.batch_sampler
        assert batches is not None
        if type(batches) is not BatchSampler or type(batches.sampler) not in (RandomSampler, SequentialSampler):
            yield from batches
            return
        order = batches.sampler.order()  # type: ignore[attr-defined]
        size = batches.batch_size
        whole = len(order) - len(order) % size
        for start in range(0, whole if batches.drop_last else len(order), size):
            yield order[start : start + size]


def pinned(batch: Any) -> Any:
    """A batch with every tensor in pinned memory: in lists, tuples and dicts, and what has a ``pin_memory`` method."""
    if isinstance(batch, dict):
        return type(batch)({key: pinned(value) for key, value in batch.items()})
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(pinned(value) for value in batch))
    if isinstance(batch, (list, tuple)):
        return type(batch)(pinned(value) for value in batch)
    if isinstance(batch, Tensor) and batch.is_cuda:
        return batch
    return batch.pin_memory() if hasattr(batch, "pin_memory") else batch


def _same(sample: Any) -> Any:
    return sample


class _Fetcher:
    """Indices -> samples -> a batch."""

    def __init__(self, dataset: Any, collate: Callable[[list[Any]], Any]) -> None:
        self.dataset = dataset
        self.collate = collate
        self.get_many = getattr(dataset, "__getitems__", None)

    def __call__(self, indices: list[int]) -> Any:
        if self.get_many is not None:
            return self.collate(self.get_many(indices))
        return self.collate([self.dataset[i] for i in indices])


def _in_threads(
    fetch: Callable[[Any], Any],
    work: Iterable[Any],
    n_threads: int,
    ahead: int,
    timeout: float | None,
    start: Callable[[int], None] | None,
) -> Iterator[Any]:
    """``map(fetch, work)`` by a pool of threads, at most ``ahead`` pieces beyond the one asked for."""
    from concurrent.futures import Future, ThreadPoolExecutor
    from concurrent.futures import TimeoutError as Late

    numbers = itertools.count()
    pool = ThreadPoolExecutor(
        n_threads,
        thread_name_prefix="hotloop-data",
        initializer=None if start is None else lambda: start(next(numbers)),
    )
    pending: deque[Future[Any]] = deque()
    wait = True

    def next_result() -> Any:
        nonlocal wait
        future = pending.popleft()
        try:
            return future.result(timeout)
        except Late:
            if future.done():  # the worker's own
                raise
            wait = False
            raise RuntimeError(f"DataLoader timed out after {timeout} seconds") from None

    try:
        for piece in work:
            pending.append(pool.submit(fetch, piece))
            if len(pending) > ahead:
                yield next_result()
        while pending:
            yield next_result()
    finally:  # also when the consumer drops this generator
        pool.shutdown(wait=wait, cancel_futures=True)
