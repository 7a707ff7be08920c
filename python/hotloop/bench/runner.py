"""Runs cases: checks every library's results, then times them in turn with the probe of the roofline that binds."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from hotloop import _core, memory_stats
from hotloop.bench.accuracy import Accuracy
from hotloop.bench.case import TIERS, Case, Trial
from hotloop.bench.families import FAMILIES
from hotloop.bench.libraries import Library, set_threads
from hotloop.bench.roofline import Roof, peak_speedup, roof_of
from hotloop.bench.statistics import Estimate, estimate, ratio
from hotloop.bench.timing import EFFORTS, Call, Effort, Subject, Timer

IMPOSSIBLE_ABOVE = 1.05  # of the roofline
NULL_TOLERANCE = 0.03  # how far the ratio of a thing to itself may stray
NULL_SAME = 0.95  # the share of null tests that must not


@dataclass
class Row:
    """A measured case. ``flag`` is "" or the reason why it prints no speed."""

    name: str
    family: str
    op: str
    shape: str
    dtype: str
    layout: str
    threads: int
    targets: Mapping[str, float]
    flops: float
    bytes: float
    kernel: str = ""
    flag: str = ""  # WRONG, IMPOSSIBLE
    time: Estimate | None = None
    rate: float | None = None
    unit: str = ""
    bound: str = ""  # compute or memory: which roof binds
    roof: Estimate | None = None  # share of the roofline
    error: float = 0.0
    error_of_bound: float = 0.0
    ratios: dict[str, Estimate] = field(default_factory=dict)  # t(peer) / t(hotloop)
    peer_seconds: dict[str, float] = field(default_factory=dict)
    peer_cpu_shares: dict[str, float] = field(default_factory=dict)
    wrong_peers: list[str] = field(default_factory=list)
    cpu_share: float = 0.0
    allocations: int = 0  # a call
    rounds: int = 0
    peak_speedup: float | None = None  # what more threads give the machine's own peak, where the case has its own

    @property
    def best(self) -> Estimate | None:
        """The ratio to the better of PyTorch and NumPy."""
        against = [self.ratios[name] for name in ("torch", "numpy") if name in self.ratios]
        return min(against, key=lambda one: one.median) if against else None

    def reached(self) -> dict[str, tuple[float, float]]:
        """What was wanted and what was measured, for the targets that could be measured."""
        if self.flag:
            return {}
        measured = dict(self.ratios)
        if self.roof is not None:
            measured["roof"] = self.roof
        if self.best is not None:
            measured["best"] = self.best
        return {
            name: (want, measured[name].median)
            for name, want in self.targets.items()
            if name in measured and (self.peak_speedup is None or self.peak_speedup >= want)
        }


def select(families: Iterable[str], pattern: str, tier: str) -> list[Case]:
    """The cases of these families (all where none is named) that a run of ``tier`` takes and ``pattern`` matches."""
    if tier not in TIERS:
        raise ValueError(f"select: tier is {tier!r}; one of {', '.join(TIERS)} is wanted")
    wanted = list(families) or list(FAMILIES)
    for family in wanted:
        if family not in FAMILIES:
            raise ValueError(f"select: family is {family!r}; one of {', '.join(FAMILIES)} is wanted")
    match = re.compile(pattern)
    return [case for family in wanted for case in FAMILIES[family]() if case.within(tier) and match.search(case.name)]


class Runner:
    """Measures cases with one effort and one count of threads."""

    def __init__(
        self,
        libraries: Mapping[str, Library],
        threads: int = 1,
        effort: Effort = EFFORTS["standard"],
        timer: Timer | None = None,
        roof_of_work: Callable[..., Roof | None] = roof_of,
    ) -> None:
        self._libraries = libraries
        self._threads = threads
        self._effort = effort
        self._timer = timer or Timer()
        self._roof_of = roof_of_work

    @property
    def loop_overhead(self) -> float:
        """Seconds a call that the timing loop itself takes, and that are taken off."""
        return self._timer.overhead

    def run(self, case: Case) -> Row:
        """Checks and times one case."""
        row = Row(
            case.name,
            case.family,
            case.op,
            case.shape,
            case.dtype,
            case.layout,
            case.threads or self._threads,
            dict(case.targets),
            case.work.flops,
            case.work.bytes,
        )
        trials = case.prepare(self._libraries)
        try:
            self._check(row, trials)
            if not row.flag:
                self._time(row, case, trials)
        finally:
            if case.threads is not None:
                set_threads(self._libraries["hotloop"], self._threads)
        if case.threads is not None and not row.flag:
            row.peak_speedup = peak_speedup(case.work.dtype, case.threads)
        del trials
        gc.collect()
        return row

    def _check(self, row: Row, trials: dict[str, Trial]) -> None:
        """The first call of every library on every input set; a peer that is wrong is measured no further."""
        for name in list(trials):
            trial = trials[name]
            found = []
            if trial.before is not None:
                trial.before()
            for call, check in zip(trial.calls, trial.checks, strict=True):
                before = memory_stats()["allocations"]
                result = call()
                if name == "hotloop":
                    row.kernel = _core.last_kernel()
                    row.allocations = memory_stats()["allocations"] - before
                found.append(check(result))
                del result
            if name == "hotloop":
                _record(row, found)
            elif any(one.wrong for one in found):
                row.wrong_peers.append(name)
                del trials[name]

    def _time(self, row: Row, case: Case, trials: Mapping[str, Trial]) -> None:
        """All libraries in turn, with the roofline's probe; the results of timed calls are judged too."""
        roof = self._roof_of(case.work, row.threads)
        subjects = {name: Subject(name, trial.calls, trial.before) for name, trial in trials.items()}
        roof_seconds = self._timer.interleave(
            list(subjects.values()), self._effort, None if roof is None else roof.seconds, row.threads
        )
        own = subjects["hotloop"]
        if roof is not None:
            row.roof, row.bound = ratio(roof_seconds, own.seconds), roof.binds
            if row.roof.median > IMPOSSIBLE_ABOVE:
                # A disturbed probe, or a result that was not computed: the probe's best window tells.
                row.roof = ratio([roof.least_seconds()] * len(own.seconds), own.seconds)
        for name, subject in subjects.items():
            trial = trials[name]
            found = [(trial.check_timed or trial.checks[inputs])(result) for inputs, result in subject.results.items()]
            if name == "hotloop":
                _record(row, found)
            elif any(one.wrong for one in found):
                row.wrong_peers.append(name)
        if not row.flag and row.roof is not None and row.roof.median > IMPOSSIBLE_ABOVE:
            row.flag = "IMPOSSIBLE"
        if row.flag:
            return
        row.time = estimate(own.seconds)
        row.rounds, row.cpu_share = len(own.seconds), own.cpu_share
        row.unit = "GB/s" if row.bound == "memory" else "GFLOP/s"
        row.rate = (case.work.bytes if row.bound == "memory" else case.work.flops) / row.time.median / 1e9
        for name, subject in subjects.items():
            if name != "hotloop" and name not in row.wrong_peers:
                row.ratios[name] = ratio(subject.seconds, own.seconds)
                row.peer_seconds[name] = estimate(subject.seconds).median
                row.peer_cpu_shares[name] = subject.cpu_share


def _record(row: Row, found: Iterable[Accuracy]) -> None:
    """Keeps hotloop's largest error; flags the row where a bound is broken."""
    for one in found:
        row.error, row.error_of_bound = max(row.error, one.error), max(row.error_of_bound, one.of_bound)
        if one.wrong:
            row.flag = "WRONG"


@dataclass(frozen=True)
class NullTest:
    """Things against themselves, many times: how far this host's noise drives a ratio that is 1."""

    strays: list[float]  # |ratio - 1|, sorted

    @property
    def same(self) -> float:
        """The share that strays no further than NULL_TOLERANCE."""
        return sum(stray <= NULL_TOLERANCE for stray in self.strays) / len(self.strays)

    @property
    def noisy(self) -> bool:
        """Do too few rows find a function as fast as itself?"""
        return self.same < NULL_SAME


def products() -> list[Call]:
    """What the null test times: NumPy products of three sizes."""
    rng = np.random.default_rng(8)
    squares = [rng.standard_normal((side, side), dtype=np.float32) for side in (8, 64, 200)]
    return [partial(np.matmul, square, square) for square in squares]


def null_test(timer: Timer, effort: Effort, calls: Sequence[Call], repeats: int = 8) -> NullTest:
    """Times each call against itself as rows are timed."""
    strays = []
    for call in calls:
        for _ in range(repeats):
            first, second = Subject("first", [call]), Subject("second", [call])
            timer.interleave([first, second], effort)
            strays.append(abs(ratio(first.seconds, second.seconds).median - 1.0))
    return NullTest(sorted(strays))
