"""The machine's ceilings, measured by the C++ probes: multiply-adds a second, and bytes a second through each cache.

A row's roofline is the least time in which this machine could do its work: its floating-point operations at the
measured peak, or its bytes at the speed of a plain stream of the same kind through arrays of the same total size,
whichever takes longer. The probe that binds is timed in turn with the row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import ClassVar, Literal

from hotloop import _core
from hotloop.bench.machine import cache_sizes
from hotloop.bench.statistics import Estimate, estimate, ratio

StreamKind = Literal["read", "copy", "triad", "update"]
STREAMS: tuple[StreamKind, ...] = ("read", "copy", "triad")  # from place to place
COMPUTE_DTYPES = ("float32", "float64", "bfloat16")

WINDOW = 3e-4  # seconds that a probe runs for, at least, each time
_SMALLEST_FOOTPRINT = 8 << 10


@dataclass(frozen=True)
class Work:
    """What a row asks of the machine, counted from its definition and not from its kernel."""

    flops: float
    read: float  # bytes
    written: float
    dtype: str  # that of the arithmetic
    in_place: float = 0.0  # bytes that are both read and written

    @property
    def bytes(self) -> float:
        """Read and written."""
        return self.read + self.written

    @property
    def footprint(self) -> float:
        """Bytes of memory touched."""
        return self.bytes - self.in_place

    @property
    def intensity(self) -> float:
        """Floating-point operations a byte."""
        return self.flops / self.bytes if self.bytes else 0.0

    @property
    def stream(self) -> StreamKind:
        """The plain stream whose share of writes is nearest: none, one in three, or one in two; or one in place."""
        if self.in_place > self.written / 2:
            return "update"
        share = self.written / self.bytes if self.bytes else 0.0
        return "read" if share < 1 / 6 else "triad" if share < 5 / 12 else "copy"


class Roof(ABC):
    """A ceiling: how long this machine needs for so much work, measured window by window."""

    binds: Literal["compute", "memory"]
    kernel: str
    # The best window of this process, by ceiling and threads: what the machine can do does not depend on the row.
    _best: ClassVar[dict[tuple[str, int], float]] = {}

    def __init__(self, amount: float, ceiling: str, threads: int) -> None:
        self._amount = amount
        self._key = (ceiling, threads)

    @abstractmethod
    def window(self) -> float:
        """FLOP/s or bytes/s in one window."""

    def rate(self) -> float:
        """One window; the best is kept."""
        rate = self.window()
        self._best[self._key] = max(rate, self._best.get(self._key, 0.0))
        return rate

    def seconds(self) -> float:
        """One window; the seconds that the work would take at its rate."""
        return self._amount / self.rate()

    def least_seconds(self) -> float:
        """The seconds that the work would take at the best rate so far."""
        return self._amount / self._best[self._key]


class ComputeRoof(Roof):
    """Times multiply-adds in registers."""

    binds = "compute"

    def __init__(self, flops: float, dtype: str, threads: int) -> None:
        self._probe = _core._ComputeProbe(dtype, threads)
        self.kernel = self._probe.kernel
        super().__init__(flops, self.kernel, threads)
        self._iterations = max(1, int(WINDOW * 10_000 / max(self._probe.run(10_000), 1e-9)))

    def window(self) -> float:
        return float(self._probe.flops * self._iterations / self._probe.run(self._iterations))


class MemoryRoof(Roof):
    """Times a stream, from warm caches: in all of the probe's ways past the private ones, and the fastest counts."""

    binds = "memory"

    def __init__(self, nbytes: float, stream: StreamKind, footprint: float, threads: int) -> None:
        # The best window is that of any stream from place to place at this level, or of one in place: a mix of reads
        # and writes is none of the plain ones.
        level = level_of(footprint, threads, slack=2.0)
        super().__init__(nbytes, f"{level}, in place" if stream == "update" else level, threads)
        self._probe = _core._StreamProbe(stream, max(int(footprint), _SMALLEST_FOOTPRINT * threads), threads)
        self.kernel = self._probe.kernel
        # Inside the caches that a core has for itself, no other way is faster than the plain one.
        self._ways = ("plain", "around", "ahead") if footprint > cache_sizes()[1] * threads else ("plain",)
        self._probe.run(1, "plain")
        self._repeats = max(1, int(WINDOW / max(self._probe.run(1, "plain"), 1e-9)))

    def window(self) -> float:
        return float(self._probe.bytes * self._repeats / min(map(self._one_way, self._ways)))

    def _one_way(self, way: str) -> float:
        self._probe.run(1, way)
        return float(self._probe.run(self._repeats, way))


def level_of(nbytes: float, threads: int, slack: float = 1.0) -> str:
    """The first cache that holds so many bytes, or ``slack`` times its size; private ones count once a thread."""
    first, second, last = cache_sizes()
    for name, size in (("L1", first * threads), ("L2", second * threads), ("L3", last)):
        if nbytes <= slack * size:
            return name
    return "DRAM"


def roof_of(work: Work, threads: int) -> Roof | None:
    """The probe that binds this work; None where it asks nothing that is counted."""
    compute = ComputeRoof(work.flops, work.dtype, threads) if work.flops else None
    memory = MemoryRoof(work.bytes, work.stream, work.footprint, threads) if work.bytes else None
    if compute is None or memory is None:
        return compute or memory
    least = [min(roof.seconds() for _ in range(5)) for roof in (compute, memory)]
    return compute if least[0] >= least[1] else memory


def peak_speedup(dtype: str, threads: int, windows: int = 9) -> float:
    """The peak of so many threads to that of one, measured in turn."""
    one, many = ComputeRoof(1.0, dtype, 1), ComputeRoof(1.0, dtype, threads)
    pairs = [(one.seconds(), many.seconds()) for _ in range(windows)]
    return ratio([pair[0] for pair in pairs], [pair[1] for pair in pairs]).median


@dataclass(frozen=True)
class Peak:
    """A measured ceiling: FLOP/s of a dtype, or bytes/s of a stream at one level of the memory."""

    name: str
    kernel: str
    threads: int
    unit: Literal["FLOP/s", "B/s"]
    rate: Estimate
    best: float


def levels() -> dict[str, int]:
    """A footprint in bytes well inside each cache, and one well beyond the last."""
    first, second, last = cache_sizes()
    footprints = {"L1": first // 2, "L2": second // 2}
    if last > 4 * second:
        footprints["L3"] = last // 4
    footprints["DRAM"] = max(min(max(4 * last, 64 << 20), 256 << 20), 5 * last // 2)
    return footprints


def measure_peaks(threads: tuple[int, ...], windows: int = 9) -> list[Peak]:
    """All ceilings for each count of threads; the rate of a peak is the median over its windows."""
    peaks = []
    for count in threads:
        for dtype in COMPUTE_DTYPES:
            peaks.append(_peak(dtype, ComputeRoof(1.0, dtype, count), count, "FLOP/s", windows))
        for level, footprint in levels().items():
            # Private caches are there once a thread; what is shared is shared.
            total = footprint * (count if level in ("L1", "L2") else 1)
            for stream in STREAMS:
                roof = MemoryRoof(1.0, stream, total, count)
                peaks.append(_peak(f"{stream} {level}", roof, count, "B/s", windows))
    return peaks


def _peak(name: str, roof: Roof, threads: int, unit: Literal["FLOP/s", "B/s"], windows: int) -> Peak:
    rates = [roof.rate() for _ in range(windows)]
    return Peak(name, roof.kernel, threads, unit, estimate(rates), max(rates))


@cache
def machine_peaks(threads: int) -> dict[str, float]:
    """The best rate of every ceiling, by name; measured at first use and kept."""
    return {peak.name: peak.best for peak in measure_peaks((threads,), windows=5)}


def least_seconds(flops: float, nbytes: float, dtype: str, threads: int) -> float:
    """The time of the roofline for work that was counted, not probed: by the table of ceilings.

    Integers and booleans, whose peak is not measured, are held against float32.
    """
    peaks = machine_peaks(threads)
    compute = flops / peaks.get(dtype, peaks["float32"])
    level = level_of(nbytes, threads)
    if f"copy {level}" not in peaks:
        level = "DRAM"
    return max(compute, nbytes / max(peaks[f"{stream} {level}"] for stream in STREAMS))
