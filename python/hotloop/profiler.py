"""``hotloop.profile()``: which ops ran, how long they took, and how near to the machine's limits.

    with hotloop.profile() as ops:
        loss = model(x).sum()
        loss.backward()
    print(ops)

Each op is timed at the door through which all ops run, for the calling thread and what backward runs in it. FLOPs and
bytes are counted from the op's definition. The roofline is that of ``hotloop bench``: the time that this machine needs
for so many FLOPs at its measured peak or for so many bytes through the cache that holds them, whichever is longer.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import TracebackType

from hotloop import _core

__all__ = ["OpProfile", "Profile", "profile"]


@dataclass(frozen=True)
class OpProfile:
    """All calls of one op by one kernel in one dtype."""

    op: str
    kernel: str
    dtype: str
    calls: int
    seconds: float
    flops: float
    bytes: float

    @property
    def flops_per_second(self) -> float:
        """Floating-point operations a second."""
        return self.flops / self.seconds if self.seconds > 0 else 0.0

    @property
    def bytes_per_second(self) -> float:
        """Bytes read and written a second."""
        return self.bytes / self.seconds if self.seconds > 0 else 0.0

    def roofline_share(self) -> float:
        """The least time that this machine needs for the work, as a share of the time taken.

        The first call in a process measures the machine, for about half a second.
        """
        from hotloop.bench.roofline import least_seconds

        threads = _core.get_num_threads()
        least = self.calls * least_seconds(self.flops / self.calls, self.bytes / self.calls, self.dtype, threads)
        return least / self.seconds if self.seconds > 0 else 0.0


_thread = threading.local()


def _open() -> list[list[OpProfile]]:
    """What this thread's open recordings have so far, the innermost last."""
    stacks: list[list[OpProfile]] = _thread.__dict__.setdefault("open", [])
    return stacks


def _collect() -> None:
    """Adds what was recorded since the last start to every open recording that was open then."""
    rows = [
        OpProfile(op, kernel, str(dtype).removeprefix("hotloop."), calls, seconds, flops, nbytes)
        for op, kernel, dtype, calls, seconds, flops, nbytes in _core._profile_stop()
    ]
    for recording in _open():
        recording += rows


def _merged(rows: list[OpProfile]) -> list[OpProfile]:
    """One entry for each op, kernel and dtype."""
    by_key: dict[tuple[str, str, str], OpProfile] = {}
    for row in rows:
        key = (row.op, row.kernel, row.dtype)
        before = by_key.get(key)
        by_key[key] = (
            row
            if before is None
            else OpProfile(
                *key,
                before.calls + row.calls,
                before.seconds + row.seconds,
                before.flops + row.flops,
                before.bytes + row.bytes,
            )
        )
    return list(by_key.values())


class Profile:
    """A recording of ops; a context manager. What it recorded is there when the block has ended.

    Recordings nest: an outer one has what ran in the inner ones too.
    """

    def __init__(self) -> None:
        self.ops: list[OpProfile] = []

    def __enter__(self) -> Profile:
        if _open():
            _collect()
        _open().append([])
        _core._profile_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _collect()
        self.ops = sorted(_merged(_open().pop()), key=lambda one: -one.seconds)
        if _open():
            _core._profile_start()

    @property
    def seconds(self) -> float:
        """The time of all ops together."""
        return sum(one.seconds for one in self.ops)

    def table(self) -> str:
        """A line an op, the longest first."""
        total = self.seconds
        lines = [
            f"{'op':28}{'kernel':36}{'dtype':10}{'calls':>8}{'time':>12}{'share':>8}"
            f"{'GFLOP/s':>10}{'GB/s':>9}{'roofline':>10}"
        ]
        for one in self.ops:
            lines.append(
                f"{one.op:28}{one.kernel:36}{one.dtype:10}{one.calls:>8}{one.seconds * 1e3:>9.3f} ms"
                f"{one.seconds / total if total else 0.0:>8.1%}{one.flops_per_second / 1e9:>10.1f}"
                f"{one.bytes_per_second / 1e9:>9.1f}{one.roofline_share():>10.1%}"
            )
        lines.append(f"{'all':74}{sum(one.calls for one in self.ops):>8}{total * 1e3:>9.3f} ms")
        return "\n".join(lines)

    __str__ = table


def profile() -> Profile:
    """Records every op that runs in the block.

    >>> with hotloop.profile() as ops:
    ...     y = hotloop.ones(64, 64) @ hotloop.ones(64, 64)
    >>> [one.op for one in ops.ops]
    ['ones', 'matmul']
    """
    return Profile()
