"""The fused optimizer step, which does nothing but move memory."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.bench.accuracy import Accuracy
from hotloop.bench.case import Case, Trial, case_file
from hotloop.bench.families.mlp import LEARNING_RATE, adamw, adamw_step
from hotloop.bench.libraries import Library, float64
from hotloop.bench.roofline import Work

_CHECK_EVERY = 4099  # elements of a large tensor; a prime, so that every lane is met
_CHECK_ALL = 1 << 16  # elements, up to which all are
_FLOPS = 15.0  # a parameter


def cases() -> list[Case]:
    """The shared cases of the optimizer step."""
    return [_case(entry) for entry in case_file("optimizer")["cases"]]


def step(tensors: int, side: int, tier: str, reason: str) -> Case:
    """A step over so many square matrices."""
    return _case({"tensors": tensors, "side": side, "quick_run": tier == "quick", "targets": {}, "reason": reason})


def _case(entry: Mapping[str, Any]) -> Case:
    tensors, side = entry["tensors"], entry["side"]
    parameter_bytes = 4.0 * tensors * side * side
    return Case(
        family="optimizer",
        op="adamw",
        shape=f"{tensors}x{side}x{side}",
        dtype="float32",
        layout="",
        # Reads parameters, gradients and both moments; writes back all but the gradients.
        work=Work(
            _FLOPS * parameter_bytes / 4,
            4 * parameter_bytes,
            3 * parameter_bytes,
            "float32",
            in_place=3 * parameter_bytes,
        ),
        prepare=partial(_prepare, tensors, side),
        tier="quick" if entry["quick_run"] else "standard",
        reason=entry["reason"],
        targets=entry["targets"],
    )


def _prepare(tensors: int, side: int, libraries: Mapping[str, Library]) -> dict[str, Trial]:
    return {name: _Steps(libraries[name], tensors, side).trial() for name in ("hotloop", "torch") if name in libraries}


def _stride(elements: int) -> int:
    return 1 if elements <= _CHECK_ALL else _CHECK_EVERY


class _Steps:
    """Parameters with constant gradients, and how many steps they have taken."""

    def __init__(self, library: Library, tensors: int, side: int) -> None:
        rng = np.random.default_rng(11)
        self._steps = 0
        self._start: list[NDArray[np.float64]] = []
        self._grads: list[NDArray[np.float64]] = []
        self._parameters = []
        for _ in range(tensors):
            values, grad = rng.standard_normal((2, side, side), dtype=np.float32)
            self._start.append(self._checked(values))
            self._grads.append(self._checked(grad))
            parameter = library.module.nn.Parameter(library.array(values))
            parameter.grad = library.array(grad)
            self._parameters.append(parameter)
        self._optimizer = adamw(library, self._parameters)

    def trial(self) -> Trial:
        return Trial([self._call], [self._check], self._check)

    def _call(self) -> None:
        self._steps += 1
        self._optimizer.step()

    @staticmethod
    def _checked(values: NDArray[Any]) -> NDArray[np.float64]:
        return values.reshape(-1)[:: _stride(values.size)].astype(np.float64)

    def _check(self, _: object) -> Accuracy:
        """Parameters against all steps so far in float64."""
        error = 0.0
        for parameter, start, grad in zip(self._parameters, self._start, self._grads, strict=True):
            expected = start.copy()
            first, second = np.zeros_like(expected), np.zeros_like(expected)
            for t in range(1, self._steps + 1):
                adamw_step(expected, grad, first, second, t)
            got = float64(parameter.detach().reshape(-1)[:: _stride(parameter.numel())])
            error = max(error, float(np.abs(got - expected).max()))
        # Each step may err by a thousandth of its length and by a rounding of the parameter.
        return Accuracy(error, error / (self._steps * (1e-3 * LEARNING_RATE + 2.0**-22)))
