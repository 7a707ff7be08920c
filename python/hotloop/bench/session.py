"""A whole run: head, peaks, null test, rows, peaks again, summary; and its exit code."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from typing import Any, TextIO

from hotloop import _core
from hotloop.bench import libraries, machine, report
from hotloop.bench.document import commit, document, write
from hotloop.bench.roofline import COMPUTE_DTYPES, ComputeRoof, Peak, measure_peaks
from hotloop.bench.runner import Runner, null_test, products, select
from hotloop.bench.statistics import estimate
from hotloop.bench.timing import EFFORTS, Timer

EXIT_WRONG = 1  # a row is wrong or impossible
EXIT_NOISY = 3  # all rows are right, but the host is too noisy to trust their times


@dataclass(frozen=True)
class Options:
    """What `hotloop bench` was asked for."""

    families: tuple[str, ...] = ()
    pattern: str = ""
    tier: str = "standard"
    threads: int = 1
    peers: tuple[str, ...] = libraries.PEERS
    json_path: str | None = None
    device: str = "cpu"


def run(options: Options, out: TextIO | None = None) -> tuple[dict[str, Any], int]:
    """Measures and prints; the document and the exit code."""
    out = sys.stdout if out is None else out

    def say(text: str) -> None:
        print(text, file=out, flush=True)

    cases = select(options.families, options.pattern, options.tier)
    if not cases:
        raise ValueError(f"no row of this run matches {options.pattern!r}")
    effort, timer = EFFORTS[options.tier], Timer()
    loaded = libraries.load(options.peers, options.threads)
    runner = Runner(loaded, options.threads, effort, timer)
    stolen = machine.steal_seconds()
    context: dict[str, Any] = {
        "machine": machine.describe(_core.cpu_model()),
        "build": _core.build_info(),
        "isa": _core.active_isa(),
        "commit": commit(),
        "versions": {name: version for name, version in machine.versions().items() if name in (*loaded, "jaxlib")},
        "threads": options.threads,
        "effort": options.tier,
        "environment_set": libraries.is_set(options.threads),
        "clock_mhz": machine.clock_mhz(),
        "load": machine.load(),
        "loop_overhead": timer.overhead,
    }
    say(report.head(context))
    if not context["environment_set"]:
        say("not started by `hotloop bench`: peers may run other threads or lower instruction sets than they can")
    counts = (1,) if options.threads == 1 else (1, options.threads)
    peaks = measure_peaks(counts, windows=5 if options.tier == "quick" else 9)
    say(report.peaks_table(peaks))
    null = null_test(timer, EFFORTS["quick"], products())
    say(report.null_text(null))
    say("\n" + report.row_heads())

    rows = []
    started = time.perf_counter()
    for case in cases:
        row = runner.run(case)
        rows.append(row)
        say(report.row_line(row))
    context["seconds"] = time.perf_counter() - started
    context["clock_mhz_after"] = machine.clock_mhz()
    after = machine.steal_seconds()
    context["stolen_seconds"] = None if stolen is None or after is None else after - stolen

    result = document(rows, peaks, _compute_peaks(counts), null, context)
    result["summary"] = report.summary(rows)
    say("\n" + report.summary_text(result["summary"]))
    say(report.drift_text(result["peak_drift"]))
    if options.json_path is not None:
        write(options.json_path, result)
        say(f"written to {options.json_path}")
    code = EXIT_WRONG if result["summary"]["flagged"] else EXIT_NOISY if null.noisy else 0
    return result, code


def _compute_peaks(counts: tuple[int, ...], windows: int = 5) -> list[Peak]:
    """The arithmetic peaks alone, for the drift: they follow the clock and cost little."""
    peaks = []
    for count in counts:
        for dtype in COMPUTE_DTYPES:
            roof = ComputeRoof(1.0, dtype, count)
            rates = [roof.rate() for _ in range(windows)]
            peaks.append(Peak(dtype, roof.kernel, count, "FLOP/s", estimate(rates), max(rates)))
    return peaks
