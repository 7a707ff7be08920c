"""A machine that exists only as numbers: calls take the time they are told to, with noise, and no time passes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hotloop.bench.timing import Timer


class FakeMachine:
    """Its clock moves only when one of its calls runs. Noise is log-normal; ``slowdown`` is the machine's state."""

    def __init__(self, seed: int = 0, noise: float = 0.0, call_overhead: float = 2e-8) -> None:
        self.now = 0.0
        self.slowdown = 1.0
        self._rng = np.random.default_rng(seed)
        self._noise = noise
        self._call_overhead = call_overhead

    def clock(self) -> float:
        return self.now

    def timer(self) -> Timer:
        """A timer by this machine's clock; no time is taken away from it."""
        return Timer(self.clock, self.clock, lambda: 0, lambda: 0.0)

    def call(self, seconds: float, result: object = None) -> Callable[[], object]:
        """A call that takes so long and gives this result."""

        def call() -> object:
            self.now += self._noisy(seconds)
            return result

        return call

    def probe(self, seconds: float) -> Callable[[], float]:
        """A roofline's probe: so many seconds are the least for the work."""
        return lambda: self._noisy(seconds)

    def _noisy(self, seconds: float) -> float:
        return seconds * self.slowdown * float(np.exp(self._rng.normal(0.0, self._noise)))
