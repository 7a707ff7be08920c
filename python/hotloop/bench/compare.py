"""Two runs beside each other: what became slower, beyond the noise?

A row is SLOWER (or FASTER) only when its median moved by more than the threshold and the confidence intervals do not
overlap, both in seconds and in the row's share of the roofline measured beside it: a machine that ran at another
clock changes the seconds and not the share. Where the two disagree the row is AMBIGUOUS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hotloop.bench.document import estimate_of
from hotloop.bench.statistics import Estimate, Verdict, judge

THRESHOLD = 0.05

RowVerdict = Verdict | Literal["BROKEN", "MENDED", "GONE", "NEW"]
FAILURES = ("SLOWER", "BROKEN")


@dataclass(frozen=True)
class Change:
    """One row in both runs. ``ratio`` is new time over old."""

    name: str
    verdict: RowVerdict
    old_seconds: float | None = None
    new_seconds: float | None = None
    ratio: float | None = None
    note: str = ""


def _inverse(share: Estimate) -> Estimate:
    """Time in units of the roofline's."""
    return Estimate(1 / share.median, 1 / share.high, 1 / share.low, 1 / share.p90, 1 / share.p10, share.n)


def compare_rows(old: Mapping[str, Any], new: Mapping[str, Any], threshold: float = THRESHOLD) -> Change:
    """The verdict on two records of one row."""
    name = str(new["name"])
    if new["flag"]:
        return Change(name, "SAME" if old["flag"] else "BROKEN", note=f"flagged {new['flag']}")
    if old["flag"]:
        return Change(name, "MENDED", note=f"was flagged {old['flag']}")
    old_time, new_time = estimate_of(old["time"]), estimate_of(new["time"])
    if old_time is None or new_time is None:
        raise ValueError(f"{name}: a row without a flag has no time")
    verdict: Verdict = judge(old_time, new_time, threshold)
    note = "" if old["kernel"] == new["kernel"] else f"kernel {old['kernel']} -> {new['kernel']}"
    old_roof, new_roof = estimate_of(old["roof"]), estimate_of(new["roof"])
    if verdict != "SAME" and old_roof is not None and new_roof is not None and old["bound"] == new["bound"]:
        confirmed = judge(_inverse(old_roof), _inverse(new_roof), threshold)
        if confirmed != verdict:
            verdict = "AMBIGUOUS"
            note = "; ".join(filter(None, [note, f"{confirmed} against the roofline"]))
    return Change(name, verdict, old_time.median, new_time.median, new_time.median / old_time.median, note)


def compare(old: Mapping[str, Any], new: Mapping[str, Any], threshold: float = THRESHOLD) -> list[Change]:
    """All rows of two documents, in the new one's order; rows that only one has come last."""
    before = {row["name"]: row for row in old["rows"]}
    after = {row["name"]: row for row in new["rows"]}
    changes = [compare_rows(before[name], row, threshold) for name, row in after.items() if name in before]
    changes += [Change(name, "NEW") for name in after if name not in before]
    changes += [Change(name, "GONE") for name in before if name not in after]
    return changes


def exit_code(changes: list[Change]) -> int:
    """1 where any row is slower beyond the noise, or was right and is flagged now."""
    return int(any(change.verdict in FAILURES for change in changes))


def table(changes: list[Change]) -> str:
    """A Markdown table of every row that is not the same, and a line that counts all."""
    shown = [change for change in changes if change.verdict != "SAME"]
    lines = []
    if shown:
        lines += ["| row | old | new | new/old | verdict | |", "|---|---:|---:|---:|---|---|"]
        for change in shown:
            times = [_microseconds(change.old_seconds), _microseconds(change.new_seconds)]
            factor = "" if change.ratio is None else f"{change.ratio:.3f}"
            lines.append(f"| {change.name} | {times[0]} | {times[1]} | {factor} | {change.verdict} | {change.note} |")
        lines.append("")
    counts: dict[str, int] = {}
    for change in changes:
        counts[change.verdict] = counts.get(change.verdict, 0) + 1
    lines.append(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())) or "no rows")
    return "\n".join(lines)


def _microseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1e6:.4g} us"
