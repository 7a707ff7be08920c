"""The run as text: a head that says what was measured on, a line a row, and the summary."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hotloop.bench.libraries import PEERS
from hotloop.bench.roofline import STREAMS, Peak
from hotloop.bench.runner import NULL_TOLERANCE, NullTest, Row
from hotloop.bench.statistics import geometric_mean

_HEADS = ("row", "kernel", "median", "spread", "rate", "roof", *(f"x {peer}" for peer in PEERS), "error", "")
_WIDTHS = (46, 26, 10, 7, 14, 7, *(9 for _ in PEERS), 8, 0)


def seconds(value: float) -> str:
    """Four digits in the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= size:
            return f"{value / size:.4g} {unit}"
    return f"{value * 1e9:.3g} ns"


def head(context: Mapping[str, Any]) -> str:
    """The machine, the build and the libraries."""
    machine, build = context["machine"], context["build"]
    caches = ", ".join(f"{name} {size >> 10} KB" for name, size in machine["caches"].items())
    versions = ", ".join(f"{name} {version}" for name, version in context["versions"].items())
    quota = machine["cgroup_cores"]
    lines = [
        f"{machine['cpu']}, {machine['usable_cores']} cores" + (f" (quota {quota:g})" if quota else ""),
        f"{caches}; {machine['system']}; governor {machine['governor'] or 'not told'}",
        f"hotloop {build['version']} ({build['compiler']}, {build['build_type']}), {context['isa']}, "
        f"{context['threads']} thread{'s' if context['threads'] > 1 else ''}; {versions or 'no peers'}",
        f"clock {_or_unknown(context['clock_mhz'], '.0f')} MHz, load {_or_unknown(context['load'], '.2f')}, "
        f"effort {context['effort']}, loop overhead {context['loop_overhead'] * 1e9:.0f} ns a call taken off",
    ]
    return "\n".join(lines)


def _or_unknown(value: float | None, form: str) -> str:
    return "unknown" if value is None else format(value, form)


def peaks_table(peaks: Sequence[Peak]) -> str:
    """The measured ceilings, a block a count of threads."""
    lines = []
    for threads in sorted({peak.threads for peak in peaks}):
        ours = {peak.name: peak for peak in peaks if peak.threads == threads}
        compute = [peak for peak in ours.values() if peak.unit == "FLOP/s"]
        lines.append(
            f"peak of {threads} thread{'s' if threads > 1 else ''}: "
            + ", ".join(f"{peak.name} {peak.best / 1e9:.1f} GFLOP/s" for peak in compute)
        )
        for level in dict.fromkeys(peak.name.split()[1] for peak in ours.values() if peak.unit == "B/s"):
            rates = ", ".join(f"{stream} {ours[f'{stream} {level}'].best / 1e9:.1f}" for stream in STREAMS)
            lines.append(f"  {level:4} {rates} GB/s")
    return "\n".join(lines)


def row_heads() -> str:
    """The line above the rows."""
    return _line(_HEADS)


def row_line(row: Row) -> str:
    """One row; a flagged one prints no speed."""
    peers = [f"{row.ratios[peer].median:.2f}" if peer in row.ratios else "-" for peer in PEERS]
    notes = [f"{peer} wrong" for peer in row.wrong_peers]
    notes += [f"{one.median:.2f} x {name}" for name, one in row.ratios.items() if name not in PEERS]
    notes += [f"{peer} kept {share:.1f} cores busy" for peer, share in _busy(row).items()]
    misses = [f"{name} {got:.2f} < {want:g}" for name, (want, got) in row.reached().items() if got < want]
    if row.flag or row.time is None or row.rate is None:
        cells = [row.name, row.kernel, row.flag, "", "", "", *("" for _ in PEERS), f"{row.error:.1e}"]
        return _line([*cells, f"error {row.error_of_bound:.3g} times its bound" if row.flag == "WRONG" else ""])
    cells = [
        row.name,
        row.kernel,
        seconds(row.time.median),
        f"{100 * row.time.spread:.0f}%",
        f"{row.rate:.4g} {row.unit}",
        "-" if row.roof is None else f"{100 * row.roof.median:.1f}%",
        *peers,
        f"{row.error:.1e}",
    ]
    return _line([*cells, "; ".join(notes + misses)])


def _busy(row: Row) -> dict[str, float]:
    """The libraries that took more cores than they were given."""
    shares = {"hotloop": row.cpu_share, **row.peer_cpu_shares}
    return {name: share for name, share in shares.items() if share > row.threads + 0.5}


def _line(cells: Iterable[str]) -> str:
    texts = []
    for i, (cell, width) in enumerate(zip(cells, _WIDTHS, strict=True)):
        texts.append(cell.ljust(width) if i < 2 or i == len(_WIDTHS) - 1 else cell.rjust(width))
    return " ".join(texts).rstrip()


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Geometric means per family and peer, rows below 1, and the targets."""
    families: dict[str, Any] = {}
    for family in dict.fromkeys(row.family for row in rows):
        ours = [row for row in rows if row.family == family and not row.flag]
        against: dict[str, list[float]] = {}
        for row in ours:
            for peer, one in row.ratios.items():
                against.setdefault(peer, []).append(one.median)
        means = {peer: geometric_mean(values) for peer, values in against.items()}
        best = [row.best.median for row in ours if row.best is not None]
        if best:
            means["best"] = geometric_mean(best)
        families[family] = {
            "rows": len([row for row in rows if row.family == family]),
            "geometric_mean": means,
            "below_one": {
                peer: sorted(row.name for row in ours if peer in row.ratios and row.ratios[peer].median < 1.0)
                for peer in means
                if peer != "best"
            },
        }
    wanted = [(row, name, want, got) for row in rows for name, (want, got) in row.reached().items()]
    return {
        "families": families,
        "flagged": {row.name: row.flag for row in rows if row.flag},
        "targets": len(wanted),
        "targets_reached": sum(got >= want for _, _, want, got in wanted),
        "targets_missed": [
            {"row": row.name, "target": name, "wanted": want, "measured": got}
            for row, name, want, got in wanted
            if got < want
        ],
    }


def summary_text(found: Mapping[str, Any]) -> str:
    """The summary as lines."""
    lines = ["geometric mean of t(peer) / t(hotloop); best is the better of torch and numpy, row by row"]
    for family, one in found["families"].items():
        means = ", ".join(
            f"{name} {value:.2f}" for name, value in one["geometric_mean"].items() if not math.isnan(value)
        )
        below = ", ".join(f"{len(names)} below {peer}" for peer, names in one["below_one"].items() if names)
        lines.append(f"  {family:11} {one['rows']:3} rows: {means or 'no peers'}" + (f" ({below})" if below else ""))
    lines.append(f"targets reached: {found['targets_reached']} of {found['targets']}")
    lines += [f"  {flag}: {name}" for name, flag in found["flagged"].items()]
    return "\n".join(lines)


def null_text(null: NullTest) -> str:
    """What the null test found."""
    middle = null.strays[len(null.strays) // 2]
    text = (
        f"null test: {100 * null.same:.0f}% of {len(null.strays)} within {100 * NULL_TOLERANCE:.0f}%, "
        f"median {100 * middle:.1f}%, worst {100 * null.strays[-1]:.1f}%"
    )
    return text + ("; NOISY HOST: take these figures with care" if null.noisy else "")


def drift_text(drift: Mapping[str, float]) -> str:
    """How far the peaks moved while the rows were measured."""
    if not drift:
        return ""
    name, factor = max(drift.items(), key=lambda item: abs(math.log(item[1])))
    return f"peaks moved by at most {100 * (factor - 1):+.1f}% over the run ({name})"
