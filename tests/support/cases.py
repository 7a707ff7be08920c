"""Shapes as data: python/hotloop/bench/cases/<family>.json, shared by tests and benchmarks, each with its reason."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from support.tree import ROOT

TIERS = ("quick", "full", "perf")
FOLDER = ROOT / "python" / "hotloop" / "bench" / "cases"


@cache
def family(name: str) -> dict[str, Any]:
    """The whole file of a family."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return content


def cases_within(name: str, tier: str) -> list[dict[str, Any]]:
    """The cases of a family in a tier and the shorter ones before it; one without a tier is for benchmarks alone."""
    allowed = TIERS[: TIERS.index(tier) + 1]
    return [case for case in family(name)["cases"] if case.get("tier", "perf") in allowed]


def case_id(case: dict[str, Any]) -> str:
    """`m=8-n=8-k=8`: what a test prints as its parameters."""
    return "-".join(f"{key}={value}" for key, value in case.items() if key not in ("tier", "reason", "bench"))
