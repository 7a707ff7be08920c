"""A line search for steps that meet the strong Wolfe conditions (Nocedal and Wright, Numerical Optimization, ch. 3)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from hotloop._core import Tensor


class _Point(NamedTuple):
    """A step length, with the loss there, the gradient and its slope along the direction."""

    t: float
    loss: float
    grad: Tensor
    slope: float


def _cubic_minimum(a: _Point, b: _Point, low: float, high: float) -> float:
    """Where the cubic through two points is least, within [low, high]; its middle where there is no such place."""
    if a.t > b.t:
        a, b = b, a
    if a.t == b.t:
        return (low + high) / 2
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not square >= 0:
        return (low + high) / 2
    d2 = math.sqrt(square)
    least = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    return min(max(least, low), high)


def strong_wolfe(
    evaluate: Callable[[float], tuple[float, Tensor]],
    t: float,
    direction: Tensor,
    loss: float,
    grad: Tensor,
    slope: float,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_iterations: int = 25,
) -> tuple[float, Tensor, float, int]:
    """The loss, the gradient, the step length and how often ``evaluate(length)`` was called for them."""
    largest = direction.abs().max().item()
    start = _Point(0.0, loss, grad.clone(), slope)
    evaluations = 0

    def at(t: float) -> _Point:
        nonlocal evaluations
        evaluations += 1
        loss, grad = evaluate(t)
        return _Point(t, loss, grad.clone(), grad.dot(direction).item())

    def too_high(point: _Point) -> bool:
        return point.loss > start.loss + c1 * point.t * slope

    # Longer steps, until two of them have a good one between them.
    previous, point = start, at(t)
    found: list[_Point] | None = None
    iterations = 0
    while iterations < max_iterations:
        if too_high(point) or (iterations > 1 and point.loss >= previous.loss):
            found = [previous, point]
            break
        if abs(point.slope) <= -c2 * slope:
            return point.loss, point.grad, point.t, evaluations
        if point.slope >= 0:
            found = [previous, point]
            break
        low, high = point.t + 0.01 * (point.t - previous.t), point.t * 10
        longer = _cubic_minimum(previous, point, low, high)
        previous, point = point, at(longer)
        iterations += 1
    bracket = [start, point] if found is None else found

    # Shorter brackets, until one of its ends is good; the better of them first.
    stuck = False
    bracket.sort(key=lambda p: p.loss)
    while iterations < max_iterations:
        best, other = bracket
        if abs(other.t - best.t) * largest < tolerance_change:
            break
        low, high = min(best.t, other.t), max(best.t, other.t)
        t = _cubic_minimum(best, other, low, high)
        margin = 0.1 * (high - low)
        if min(high - t, t - low) < margin:  # too near an end: once, it may be
            if stuck or t >= high or t <= low:
                t = high - margin if abs(t - high) < abs(t - low) else low + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = at(t)
        iterations += 1
        if too_high(point) or point.loss >= best.loss:
            bracket = sorted([best, point], key=lambda p: p.loss)
            continue
        if abs(point.slope) <= -c2 * slope:
            return point.loss, point.grad, point.t, evaluations
        bracket = [point, best if point.slope * (other.t - best.t) >= 0 else other]
    best = bracket[0]
    return best.loss, best.grad, best.t, evaluations
