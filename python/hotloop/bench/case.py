"""A case: one row of the benchmark before it has been measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from hotloop.bench.accuracy import Accuracy
from hotloop.bench.libraries import Library
from hotloop.bench.roofline import Work
from hotloop.bench.timing import Call

TIERS = ("quick", "standard", "full")

Check = Callable[[object], Accuracy]


@dataclass(frozen=True)
class Trial:
    """What one library does for a case: a call an input set, and the judge of each call's result.

    ``check_timed`` judges results of timed calls, where these differ from the first (a training step goes on from
    where the last one ended). ``before`` is called, untimed, before the calls of each sample.
    """

    calls: Sequence[Call]
    checks: Sequence[Check]
    check_timed: Check | None = None
    before: Callable[[], None] | None = None


Prepare = Callable[[Mapping[str, Library]], dict[str, Trial]]


@dataclass(frozen=True)
class Case:
    """One row: what is computed, on which shape, and how each library is made ready to do it.

    ``targets`` are the ratios and shares that the project wants of hotloop: by the name of a peer, "best" for the
    better of NumPy and PyTorch, or "roof".
    """

    family: str
    op: str
    shape: str
    dtype: str
    layout: str
    work: Work
    prepare: Prepare
    tier: str = "standard"
    reason: str = ""
    targets: Mapping[str, float] = field(default_factory=dict)
    threads: int | None = None  # where the case has its own count

    @property
    def name(self) -> str:
        """What --filter matches, and what names the row in a comparison of two runs."""
        return "/".join(part for part in (self.family, self.op, self.shape, self.dtype, self.layout) if part)

    def within(self, tier: str) -> bool:
        """Is the case part of a run of this tier?"""
        return TIERS.index(self.tier) <= TIERS.index(tier)


@cache
def case_file(family: str) -> dict[str, Any]:
    """The shared cases of a family, as stored."""
    file = resources.files("hotloop.bench") / "cases" / f"{family}.json"
    return dict(json.loads(file.read_text(encoding="utf-8")))
