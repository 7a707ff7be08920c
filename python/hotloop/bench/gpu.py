"""A run on a GPU: every library's results checked, then their kernels timed in turn by events of the device.

Each sample finds the caches of the device full of something else, and the next of several input sets; while a buffer is
written for that, the host runs ahead, so that what events enclose is the device's work alone. Small work is bound by
the host and timed by its clock, call after call with warm caches, as a training loop makes them. Ceilings are measured
in the run: a copy's bytes a second, and the multiply-adds a second of the fastest large product that any library here
makes. On the emulator shapes are tiny and no speed is shown: it would say nothing of a GPU.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, TextIO

import numpy as np

import hotloop
from hotloop import _core, cuda
from hotloop.bench import libraries
from hotloop.bench.accuracy import Accuracy
from hotloop.bench.case import TIERS, Case, Trial
from hotloop.bench.document import commit, write
from hotloop.bench.families import matmul, optimizer, small, tensors
from hotloop.bench.libraries import Library
from hotloop.bench.report import seconds
from hotloop.bench.session import EXIT_WRONG, Options
from hotloop.bench.statistics import Estimate, estimate, geometric_mean, ratio
from hotloop.bench.timing import Call

FAMILIES = ("matmul", "small", "pointwise", "softmax", "reduction", "transpose", "layernorm", "optimizer")
ROUNDS = {"quick": 15, "standard": 41, "full": 101}
_FLUSH_BYTES = 256 << 20  # more than twice any L2 cache
_COPY_BYTES = 512 << 20
_PEAK_SIDE = 4096
# (rows, columns) of tensors, and sides of products: on a GPU beyond its caches, on the emulator past a tile's edge.
_SIZES = {False: ((4092, 4096), (512, 1024, 2048, 4096)), True: ((24, 40), (33,))}
_DTYPES = ("float32", "bfloat16", "float64")
_EMULATED_FLOPS = 1e6  # the most that a small case may have there
_CALLS = 20  # of small work, in a sample


@dataclass
class Row:
    """A case that was run. Without a time, its results were checked alone."""

    name: str
    family: str
    kernel: str = ""
    wrong: bool = False
    error: float = 0.0
    error_of_bound: float = 0.0
    time: Estimate | None = None
    rate: float | None = None
    unit: str = ""
    roof: float | None = None  # share of what the measured ceilings allow
    ratios: dict[str, Estimate] = field(default_factory=dict)  # t(peer) / t(hotloop)
    wrong_peers: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Ceilings:
    """What the device was seen to do in this run."""

    bytes: float  # a second, read and written
    flops: Mapping[str, float]  # a second, by dtype

    def least_seconds(self, case: Case) -> float:
        """The least time in which the device could do the case's work."""
        work = case.work
        return max(work.bytes / self.bytes, work.flops / self.flops.get(work.dtype, np.inf))


def is_emulated() -> bool:
    """Whether "cuda" is the emulator, whose times mean nothing."""
    return cuda.get_device_name() == "hotloop emulator"


def select(families: Iterable[str], pattern: str, tier: str) -> list[Case]:
    """The cases of these families (all where none is named) that a run of ``tier`` takes and ``pattern`` matches."""
    wanted = list(families) or list(FAMILIES)
    for family in wanted:
        if family not in FAMILIES:
            raise ValueError(f"select: family is {family!r}; on a GPU, one of {', '.join(FAMILIES)} is wanted")
    if tier not in TIERS:
        raise ValueError(f"select: tier is {tier!r}; one of {', '.join(TIERS)} is wanted")
    (rows, columns), sides = _SIZES[is_emulated()]
    cases = []
    for family in wanted:
        if family == "matmul":
            layouts = ("NN",) if tier == "quick" else ("NN", "NT", "TN", "TT")
            for dtype in _DTYPES if tier == "full" else _DTYPES[:2]:
                cases += [matmul.square(side, dtype, layout, "square") for layout in layouts for side in sides]
        elif family == "optimizer":
            cases += _optimizer_cases()
        elif family == "small":
            most = _EMULATED_FLOPS if is_emulated() else np.inf
            cases += [case for case in small.gpu_cases() if case.work.flops <= most]
        else:
            cases += tensors.sized(family, rows, columns)
    return [case for case in cases if re.search(pattern, case.name) and (case.family == "matmul" or case.within(tier))]


def _optimizer_cases() -> list[Case]:
    if is_emulated():
        return [optimizer.step(3, 17, "quick", "several tensors of an odd size")]
    return [
        optimizer.step(12, 2048, "quick", "50 million parameters: beyond every cache"),
        optimizer.step(12, 4096, "standard", "200 million parameters: those of a language model"),
    ]


def load(names: Iterable[str]) -> dict[str, Library]:
    """hotloop, and those of the named peers that are installed and see a GPU."""
    loaded = libraries.load(names, 1)
    torch, cupy = loaded.get("torch"), loaded.get("cupy")
    if torch is not None and not torch.module.cuda.is_available():
        del loaded["torch"]
    if cupy is not None and not cupy.module.is_available():
        del loaded["cupy"]
    return {name: Library(name, library.module, "cuda") for name, library in loaded.items()}


def timed(calls: Mapping[str, Sequence[Call]], rounds: int, flush: Call | None = None) -> dict[str, list[float]]:
    """Seconds of each library's call in each round, by events; libraries take turns at going first."""
    names = list(calls)
    marks: dict[str, list[tuple[cuda.Event, cuda.Event]]] = {name: [] for name in names}
    for name in names:
        for call in calls[name]:
            call()
    for r in range(rounds):
        for i in range(len(names)):
            name = names[(r + i) % len(names)]
            start, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
            if flush is not None:
                flush()
            start.record()
            calls[name][r % len(calls[name])]()
            end.record()
            marks[name].append((start, end))
    cuda.synchronize()
    return {name: [max(a.elapsed_time(b) * 1e-3, 1e-9) for a, b in marks[name]] for name in names}


def timed_by_host(calls: Mapping[str, Sequence[Call]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each library's call in each round, by the host's clock: of calls in a row, until all is done."""
    names = list(calls)
    found: dict[str, list[float]] = {name: [] for name in names}
    for r in range(-1, rounds):  # the first warms up
        for i in range(len(names)):
            name = names[(r + i) % len(names)]
            of_name = calls[name]
            cuda.synchronize()
            start = time.perf_counter()
            for k in range(_CALLS):
                of_name[k % len(of_name)]()
            cuda.synchronize()
            if r >= 0:
                found[name].append((time.perf_counter() - start) / _CALLS)
    return found


def measure_ceilings(loaded: Mapping[str, Library], rounds: int) -> Ceilings:
    """A copy's rate, and that of the fastest large product of each dtype."""
    source = hotloop.rand(_COPY_BYTES // 4, device="cuda")
    target = hotloop.empty_like(source)
    copied = timed({"copy": [partial(target.copy_, source)]}, rounds)["copy"]
    flops = {}
    for dtype in _DTYPES:
        trials = matmul.square(_PEAK_SIDE, dtype, "NN", "peak").prepare(loaded)
        found = timed({name: trial.calls for name, trial in trials.items()}, rounds)
        flops[dtype] = 2.0 * _PEAK_SIDE**3 / min(estimate(samples).median for samples in found.values())
    return Ceilings(2.0 * _COPY_BYTES / estimate(copied).median, flops)


def measure(case: Case, loaded: Mapping[str, Library], rounds: int, ceilings: Ceilings | None, flush: Call) -> Row:
    """Checks a case, and times it where there are ceilings to hold it to."""
    row = Row(case.name, case.family)
    trials = case.prepare(loaded)
    for name in list(trials):
        found = _check(trials[name], row if name == "hotloop" else None)
        if name == "hotloop":
            row.error = max(one.error for one in found)
            row.error_of_bound = max(one.of_bound for one in found)
            row.wrong = any(one.wrong for one in found)
        elif any(one.wrong for one in found):
            row.wrong_peers.append(name)
            del trials[name]
    if row.wrong or ceilings is None:
        return row
    calls = {name: trial.calls for name, trial in trials.items()}
    found_seconds = timed_by_host(calls, rounds) if case.family == "small" else timed(calls, rounds, flush)
    for name, trial in trials.items():  # what goes on from call to call has gone on rightly
        late = None if trial.check_timed is None else trial.check_timed(trial.calls[0]())
        if late is None or not late.wrong:
            continue
        if name == "hotloop":
            row.wrong, row.error, row.error_of_bound = True, late.error, late.of_bound
            return row
        row.wrong_peers.append(name)
        del found_seconds[name]
    own = found_seconds.pop("hotloop")
    row.time = estimate(own)
    least = ceilings.least_seconds(case)
    row.roof = least / row.time.median
    row.unit = "GB/s" if case.work.bytes / ceilings.bytes == least else "GFLOP/s"
    row.rate = (case.work.bytes if row.unit == "GB/s" else case.work.flops) / row.time.median / 1e9
    row.ratios = {name: ratio(samples, own) for name, samples in found_seconds.items()}
    return row


def _check(trial: Trial, row: Row | None) -> list[Accuracy]:
    """The first call on every input set; of hotloop's own, the row is told the kernel."""
    found = []
    for call, check in zip(trial.calls, trial.checks, strict=True):
        result = call()
        if row is not None:
            row.kernel = _core.last_kernel()
        found.append(check(result))
    return found


def run(options: Options, out: TextIO | None = None) -> tuple[dict[str, Any], int]:
    """Measures and prints; the document and the exit code."""
    if not cuda.is_available():
        raise ValueError(f"--device cuda: {cuda.why_not()}")
    out = sys.stdout if out is None else out

    def say(text: str) -> None:
        print(text, file=out, flush=True)

    cases = select(options.families, options.pattern, options.tier)
    if not cases:
        raise ValueError(f"no row of this run matches {options.pattern!r}")
    loaded, rounds, emulated = load(options.peers), ROUNDS[options.tier], is_emulated()
    device = cuda.get_device_properties()
    peers = ", ".join(list(loaded)[1:]) or "none"
    say(f"{device.name}, compute capability {device.major}.{device.minor}; peers: {peers}")
    ceilings = None
    if emulated:
        say("results are checked on tiny shapes, and no speed is shown: the emulator's says nothing of a GPU")
    else:
        ceilings = measure_ceilings(loaded, rounds)
        rates = ", ".join(f"{dtype} {rate / 1e12:.1f} TFLOP/s" for dtype, rate in ceilings.flops.items())
        say(f"measured in this run: copy {ceilings.bytes / 1e9:.0f} GB/s; products of {_PEAK_SIDE}: {rates}")
    evictor = hotloop.empty(1 if emulated else _FLUSH_BYTES // 4, device="cuda")
    rows = []
    for case in cases:
        rows.append(measure(case, loaded, rounds, ceilings, lambda: evictor.fill_(1.0)))
        say(line(rows[-1]))
    for family in dict.fromkeys(row.family for row in rows):
        for peer in list(loaded)[1:]:
            against = [row.ratios[peer].median for row in rows if row.family == family and peer in row.ratios]
            if against:
                say(f"{family}: geometric mean of t({peer}) / t(hotloop) {geometric_mean(against):.2f}")
    result = {
        "schema": "hotloop-bench-gpu",
        "device": asdict(device),
        "emulated": emulated,
        "commit": commit(),
        "effort": options.tier,
        "ceilings": None if ceilings is None else {"bytes": ceilings.bytes, "flops": dict(ceilings.flops)},
        "rows": [asdict(row) for row in rows],
    }
    if options.json_path is not None:
        write(options.json_path, result)
        say(f"written to {options.json_path}")
    return result, EXIT_WRONG if any(row.wrong for row in rows) else 0


def line(row: Row) -> str:
    """One row; a wrong one, or one of the emulator, shows no speed."""
    start = f"{row.name:46} {row.kernel:28} error {row.error:.1e}"
    if row.wrong:
        return f"{start}, {row.error_of_bound:.3g} times its bound: WRONG"
    if row.time is None or row.roof is None:
        return f"{start}, {row.error_of_bound:.2f} of its bound"
    peers = "".join(f"  {one.median:.2f} x {name}" for name, one in row.ratios.items())
    wrong = "".join(f"  {name} wrong" for name in row.wrong_peers)
    return (
        f"{start}  {seconds(row.time.median):>9} +-{100 * row.time.spread:.0f}%  {row.rate:8.4g} {row.unit}"
        f"  {100 * row.roof:5.1f}% of the ceiling{peers}{wrong}"
    )
