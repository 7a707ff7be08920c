"""Intervals that hold what they promise, and verdicts that follow from them."""

import math

import numpy as np
import pytest

from hotloop.bench.statistics import Estimate, estimate, geometric_mean, judge, ratio


@pytest.mark.parametrize(
    ("n", "low", "high"),
    [
        (5, 1, 5),  # no interval reaches 95 %: the whole range
        (6, 1, 6),
        (9, 2, 8),
        (11, 2, 10),
        (20, 6, 15),
        (101, 41, 61),
    ],
)
def test_order_statistics_are_those_of_the_tables(n, low, high):
    found = estimate([float(i) for i in np.random.default_rng(n).permutation(np.arange(1, n + 1))])
    assert (found.low, found.high, found.n) == (low, high, n)
    assert found.median == (n + 1) / 2


def test_the_interval_holds_the_median_as_often_as_promised():
    rng = np.random.default_rng(0)
    samples = np.exp(rng.normal(0.0, 1.0, (2000, 15)))  # skewed, as times are; its median is 1
    held = np.mean([found.low <= 1.0 <= found.high for found in map(estimate, samples.tolist())])
    assert 0.95 <= held < 0.995


def test_quantiles_and_spread():
    found = estimate([10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0])
    assert (found.p10, found.median, found.p90) == (11.0, 15.0, 19.0)
    assert found.spread == pytest.approx(8 / 15)


def test_ratio_is_taken_pair_by_pair():
    rng = np.random.default_rng(1)
    machine = np.exp(rng.normal(0.0, 0.5, 31))  # both slow down together
    found = ratio((1.1 * machine).tolist(), machine.tolist())
    assert found.low == pytest.approx(1.1)
    assert found.high == pytest.approx(1.1)


def test_pairs_must_be_pairs():
    with pytest.raises(ValueError, match="ratio: 2 samples against 1; pairs are wanted"):
        ratio([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="samples is empty"):
        estimate([])


def test_geometric_mean():
    assert geometric_mean([2.0, 0.5, 8.0]) == pytest.approx(2.0)
    assert math.isnan(geometric_mean([]))


def within(low, median, high):
    return Estimate(median, low, high, low, high, 11)


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        (within(0.99, 1.0, 1.01), within(1.02, 1.04, 1.06), "SAME"),  # apart, but below the threshold
        (within(0.99, 1.0, 1.01), within(1.09, 1.1, 1.11), "SLOWER"),
        (within(0.9, 1.0, 1.1), within(1.09, 1.1, 1.2), "AMBIGUOUS"),  # beyond it, but not apart
        (within(0.99, 1.0, 1.01), within(0.89, 0.9, 0.91), "FASTER"),
        (within(0.9, 1.0, 1.1), within(0.8, 0.9, 1.0), "AMBIGUOUS"),
        (within(0.5, 1.0, 2.0), within(0.5, 1.0, 2.0), "SAME"),
    ],
)
def test_verdicts(old, new, verdict):
    assert judge(old, new, 0.05) == verdict
