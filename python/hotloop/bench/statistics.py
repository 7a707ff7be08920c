"""Medians with distribution-free intervals, and the verdict on a ratio of two times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["SAME", "FASTER", "SLOWER", "AMBIGUOUS"]

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A median and the interval of order statistics that holds it; p10 and p90 tell the spread."""

    median: float
    low: float
    high: float
    p10: float
    p90: float
    n: int

    @property
    def spread(self) -> float:
        """The width from p10 to p90 as a share of the median."""
        return (self.p90 - self.p10) / self.median if self.median else 0.0


def _trimmed(n: int, confidence: float) -> int:
    """How many of the smallest and of the largest of n samples lie outside the median's interval.

    The k-th smallest lies above the median with the probability that fewer than k of n fair coins fall heads.
    """
    allowed = (1.0 - confidence) / 2.0 * 2.0**n
    tail, k = 0, 0
    while (tail := tail + math.comb(n, k)) <= allowed:
        k += 1
    return max(k - 1, 0)


def _quantile(ordered: Sequence[float], q: float) -> float:
    position = q * (len(ordered) - 1)
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def estimate(samples: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The median of ``samples`` with its order-statistic confidence interval.

    Below six samples no interval reaches 95 %; then it is the whole range.
    """
    if not samples:
        raise ValueError("estimate: samples is empty; at least one is wanted")
    ordered = sorted(samples)
    n = len(ordered)
    trim = _trimmed(n, confidence)
    return Estimate(
        _quantile(ordered, 0.5),
        ordered[trim],
        ordered[n - 1 - trim],
        _quantile(ordered, 0.1),
        _quantile(ordered, 0.9),
        n,
    )


def ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Estimate:
    """The ratio of two lists of times measured in turn, pair by pair."""
    if len(numerator) != len(denominator):
        raise ValueError(f"ratio: {len(numerator)} samples against {len(denominator)}; pairs are wanted")
    return estimate([a / b for a, b in zip(numerator, denominator, strict=True)])


def geometric_mean(values: Sequence[float]) -> float:
    """The mean of ratios; NaN of none."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else math.nan


def judge(old: Estimate, new: Estimate, threshold: float) -> Verdict:
    """Has a time changed? Only beyond the threshold and with intervals that do not overlap."""
    change = new.median / old.median
    if 1.0 / (1.0 + threshold) <= change <= 1.0 + threshold:
        return "SAME"
    if change > 1.0:
        return "SLOWER" if new.low > old.high else "AMBIGUOUS"
    return "FASTER" if new.high < old.low else "AMBIGUOUS"
