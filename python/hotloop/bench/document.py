"""What `hotloop bench --json` writes: one JSON document, its schema versioned and told in docs/benchmarks.md."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hotloop.bench.roofline import Peak
from hotloop.bench.runner import NullTest, Row
from hotloop.bench.statistics import Estimate

SCHEMA = "hotloop-bench"
VERSION = 1


def row_record(row: Row) -> dict[str, Any]:
    """One row; a flagged row has no time, rate, roofline share or ratio."""
    record = asdict(row)
    if row.flag:
        for name in ("time", "rate", "roof"):
            record[name] = None
        for name in ("ratios", "peer_seconds", "peer_cpu_shares"):
            record[name] = {}
    return record


def document(
    rows: Sequence[Row],
    peaks: Sequence[Peak],
    peaks_after: Sequence[Peak],
    null: NullTest,
    context: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole run."""
    return {
        "schema": SCHEMA,
        "version": VERSION,
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **context,
        "peaks": [asdict(peak) for peak in peaks],
        "peak_drift": drift(peaks, peaks_after),
        "null_test": {"strays": null.strays, "same": null.same, "noisy": null.noisy},
        "rows": [row_record(row) for row in rows],
    }


def drift(before: Sequence[Peak], after: Sequence[Peak]) -> dict[str, float]:
    """How each peak's median changed over the run, as a ratio."""
    old = {(peak.name, peak.threads): peak.rate.median for peak in before}
    return {
        f"{peak.name} x{peak.threads}": peak.rate.median / old[peak.name, peak.threads]
        for peak in after
        if (peak.name, peak.threads) in old
    }


def write(path: str | os.PathLike[str], content: Mapping[str, Any]) -> None:
    """Writes the document, whole or not at all."""
    target = Path(path)
    partial = target.with_name(target.name + f".{os.getpid()}.part")
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(target)


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """A document of this schema and version; ValueError says what is wrong with any other file."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON: {error}") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        raise ValueError(f'{path}: no benchmark results: "schema": "{SCHEMA}" is wanted')
    if content.get("version") != VERSION:
        raise ValueError(f"{path}: schema version is {content.get('version')}; {VERSION} is wanted")
    return content


def estimate_of(record: Mapping[str, Any] | None) -> Estimate | None:
    """An estimate as it was stored."""
    return None if record is None else Estimate(**record)


def commit() -> str | None:
    """The commit that the working directory is at, where it is a checkout of hotloop."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
