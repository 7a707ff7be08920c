"""The measuring loop: subjects timed in turn, many short rounds, in one process.

A round times every subject once, so that whatever slows the machine for longer than a round slows all of them, and
ratios are taken pair by pair within rounds. Calls are repeated until a sample is long enough for the clock to count
as exact, and the cost of the empty loop is taken off. Rounds in which the system took the processor away are left out
where enough others remain; and of work on one thread, the time for which it stood ready while the system ran others is
taken off, so that a busy machine does not lengthen what takes longer than its time slices.
"""

from __future__ import annotations

import gc
import itertools
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from hotloop.bench import machine

Call = Callable[[], object]
Clock = Callable[[], float]  # seconds

FEWEST_UNDISTURBED = 5  # rounds; with fewer than these, the disturbed ones count too
MOST_CALLS = 1_000_000  # in a sample, however quick the call
WARM_BELOW = 2e-2  # a sample shorter than this follows an untimed call, so that it starts from a warm cache


@dataclass
class Subject:
    """Something to time: ``calls`` do the same work on different inputs, round by round."""

    name: str
    calls: Sequence[Call]
    before: Callable[[], None] | None = None  # untimed, before each sample
    seconds: list[float] = field(default_factory=list)  # a call, in each round
    cpu_share: float = 0.0  # processor time over wall time: how many cores it kept busy
    count: int = 0  # calls in a sample
    seconds_of_sample: float = 0.0
    results: dict[int, object] = field(default_factory=dict)  # of the last timed call, by input set


@dataclass(frozen=True)
class Effort:
    """How long to measure. Rounds are as many as the budget buys, within their limits."""

    sample_seconds: float
    row_seconds: float
    min_rounds: int
    max_rounds: int


EFFORTS = {
    "quick": Effort(sample_seconds=5e-4, row_seconds=0.08, min_rounds=5, max_rounds=15),
    "standard": Effort(sample_seconds=1e-3, row_seconds=0.6, min_rounds=11, max_rounds=41),
    "full": Effort(sample_seconds=2e-3, row_seconds=2.0, min_rounds=15, max_rounds=101),
}


class Timer:
    """Times calls by ``clock``, less the cost of the loop round them."""

    def __init__(
        self,
        clock: Clock = time.perf_counter,
        cpu_clock: Clock = time.process_time,
        preempted: Callable[[], int] | None = None,
        waited: Clock | None = None,
    ) -> None:
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._preemptions = preempted or preemptions
        self._waited = waited or machine.run_queue_wait
        self.overhead = 0.0
        self.overhead = min(self.sample(_nothing, 2000)[0] for _ in range(15))

    def sample(self, call: Call, count: int) -> tuple[float, object]:
        """Seconds a call over ``count`` of them, and the result of the last."""
        clock = self._clock
        rounds = itertools.repeat(None, count - 1)
        start = clock()
        for _ in rounds:
            call()
        result = call()
        return (clock() - start) / count - self.overhead, result

    def calls_for(self, call: Call, seconds: float) -> int:
        """How many calls take ``seconds``."""
        count = 1
        while True:
            spent = self.sample(call, count)[0] * count
            if spent >= 0.5 * seconds or count >= MOST_CALLS:
                return max(1, round(count * seconds / spent)) if spent > 0 else MOST_CALLS
            count = int(count * min(10.0, max(2.0, 0.7 * seconds / spent))) if spent > 0 else count * 10

    def interleave(
        self,
        subjects: Sequence[Subject],
        effort: Effort,
        probe: Callable[[], float] | None = None,
        threads: int = 1,
    ) -> list[float]:
        """Fills every subject's ``seconds`` and ``results``; gives what ``probe`` said at the head of each round.

        Round r runs input set r, and starts with another subject each time.
        """
        probed: list[float] = []
        undisturbed: list[int] = []
        with _quiet():
            cpu, wall = [0.0] * len(subjects), [0.0] * len(subjects)
            for r in range(self._prepare(subjects, effort)):
                taken_away = self._preemptions()
                if probe is not None:
                    probed.append(probe())
                for i in range(len(subjects)):
                    which = (r + i) % len(subjects)
                    subject = subjects[which]
                    inputs = r % len(subject.calls)
                    call = subject.calls[inputs]
                    if subject.before is not None:
                        subject.before()
                    if subject.seconds_of_sample < WARM_BELOW:
                        call()
                    waited = self._waited() if threads == 1 else 0.0
                    cpu_start, start = self._cpu_clock(), self._clock()
                    seconds, subject.results[inputs] = self.sample(call, subject.count)
                    passed = self._clock() - start
                    busy = self._cpu_clock() - cpu_start
                    wall[which] += passed
                    cpu[which] += busy
                    # No more than the time in which nothing ran: idle threads of a library may wait as well.
                    stood = min(self._waited() - waited, passed - busy) if threads == 1 else 0.0
                    subject.seconds.append(max(seconds - max(stood, 0.0) / subject.count, 1e-12))
                if self._preemptions() == taken_away:
                    undisturbed.append(r)
            for subject, busy, passed in zip(subjects, cpu, wall, strict=True):
                subject.cpu_share = busy / max(passed, 1e-12)
        if len(undisturbed) < FEWEST_UNDISTURBED:
            return probed
        for subject in subjects:
            subject.seconds = [subject.seconds[r] for r in undisturbed]
        return [probed[r] for r in undisturbed] if probe is not None else probed

    def _prepare(self, subjects: Sequence[Subject], effort: Effort) -> int:
        """Warms every subject up and sets its count of calls; how many rounds the budget buys."""
        round_seconds = 1e-9
        for subject in subjects:
            if subject.before is not None:
                subject.before()
            for call in subject.calls:
                call()
            subject.count = self.calls_for(subject.calls[0], effort.sample_seconds)
            subject.seconds_of_sample = self.sample(subject.calls[0], subject.count)[0] * subject.count
            round_seconds += subject.seconds_of_sample
        return min(max(int(effort.row_seconds / round_seconds), effort.min_rounds), effort.max_rounds)


def preemptions() -> int:
    """How often the system has taken the processor from this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def _nothing() -> None:
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    """No garbage collection while the clock runs."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
