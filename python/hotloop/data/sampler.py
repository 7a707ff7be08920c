"""Samplers: the order in which a dataset's indices are visited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Generic, TypeVar

from hotloop import _core
from hotloop._core import Generator, Tensor

T_co = TypeVar("T_co", covariant=True)


class Sampler(Generic[T_co]):
    """Base of samplers: define ``__iter__``, and ``__len__`` where the number of indices is known."""

    def __iter__(self) -> Iterator[T_co]:
        raise NotImplementedError(f"{type(self).__name__} must define __iter__")


class SequentialSampler(Sampler[int]):
    """0, 1, ..., len(data_source) - 1."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def order(self) -> Tensor:
        """All indices of a pass: (n,), int64."""
        return _core.arange(len(self.data_source), device="cpu")

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler[int]):
    """A new random order of all indices at every pass.

    With a ``seed``, pass number e (``epoch``, which counts up by itself and may be set, to resume) has the order that
    belongs to (seed, e). Without one, orders are drawn from ``generator``, or the one ``hotloop.manual_seed`` seeds.

    Args:
        data_source: what has the length.
        replacement: draw each index independently, so that some come twice and some not at all.
        num_samples: how many indices a pass has; len(data_source) where left out.
        generator: of the orders.
        seed: of the orders.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Generator | None = None,
        *,
        seed: int | None = None,
    ) -> None:
        if num_samples is not None and num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if seed is not None and generator is not None:
            raise ValueError("RandomSampler: takes a generator or a seed, not both")
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator
        self.seed = seed
        self.epoch = 0

    @property
    def num_samples(self) -> int:
        """How many indices a pass has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def order(self) -> Tensor:
        """All indices of the next pass: (num_samples,), int64."""
        n, wanted = len(self.data_source), self.num_samples
        generator = self.generator
        if self.seed is not None:
            generator = seeded_generator(self.seed, self.epoch)
        self.epoch += 1
        if self.replacement:
            return _core.randint(0, n, (wanted,), generator=generator, device="cpu")
        if wanted == n:
            return _core.randperm(n, generator=generator, device="cpu")
        rounds = -(-wanted // n) if n else 0
        return _core.cat([_core.randperm(n, generator=generator, device="cpu") for _ in range(rounds)])[:wanted]

    def __iter__(self) -> Iterator[int]:
        return iter(self.order().tolist())

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler[int]):
    """Some indices, each once, in a new random order at every pass."""

    def __init__(self, indices: Sequence[int], generator: Generator | None = None) -> None:
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        return (
            self.indices[i] for i in _core.randperm(len(self.indices), generator=self.generator, device="cpu").tolist()
        )

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler[int]):
    """Indices drawn by weight.

    Args:
        weights: of each index; they need not sum to one.
        num_samples: how many to draw.
        replacement: whether an index may come more than once.
        generator: of the draws; the one that ``hotloop.manual_seed`` seeds where left out.
    """

    def __init__(
        self,
        weights: Sequence[float] | Tensor,
        num_samples: int,
        replacement: bool = True,
        generator: Generator | None = None,
    ) -> None:
        if isinstance(num_samples, bool) or not isinstance(num_samples, int) or num_samples <= 0:
            raise ValueError(f"num_samples should be a positive integer value, but got num_samples={num_samples}")
        if not isinstance(replacement, bool):
            raise ValueError(f"replacement should be a boolean value, but got replacement={replacement}")
        self.weights = _core.as_tensor(weights, dtype=_core.float64)
        if self.weights.ndim != 1:
            raise ValueError(f"weights should be a 1d sequence but given weights have shape {self.weights.shape}")
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = _core.multinomial(self.weights, self.num_samples, self.replacement, generator=self.generator)
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler[list[int]]):
    """Groups of ``batch_size`` indices of another sampler; the last is shorter, or left out with ``drop_last``."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size <= 0:
            raise ValueError(f"batch_size should be a positive integer value, but got batch_size={batch_size}")
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last should be a boolean value, but got drop_last={drop_last}")
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        batch: list[int] = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def seeded_generator(seed: int, epoch: int = 0) -> Generator:
    """The generator of pass ``epoch`` of ``seed``: a stretch of 2^40 blocks of the seed's stream."""
    generator = _core.Generator()
    generator.set_state((seed % 2**64, epoch << 40))
    return generator
