"""The worst error of a function over all float32 numbers, in units in the last place of the result.

    python benchmarks/kernels/every_float32.py exp tanh --isa avx2

NumPy and SciPy in float64 are the oracle. All 2^32 inputs take some minutes a function; --step n takes every n-th.
--json adds the results to a file, whose figures of the same functions they replace; benchmarks/results has one.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from datetime import date
from pathlib import Path

import numpy as np
from scipy import special

import hotloop
from hotloop import _core
from hotloop.nn import functional as F

BLOCK = 1 << 22
SMALLEST_NORMAL = 2.0**-126
EXPONENT = float(np.float32(2.7))


# Name: (call, oracle in float64).
FUNCTIONS = {
    **{
        name: (getattr(hotloop, name), getattr(np, oracle))
        for name, oracle in {
            **{name: name for name in ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt")},
            **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
            **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
        }.items()
    },
    "erf": (hotloop.erf, special.erf),
    "erfc": (hotloop.erfc, special.erfc),
    "sigmoid": (hotloop.sigmoid, special.expit),
    "rsqrt": (hotloop.rsqrt, lambda x: 1 / np.sqrt(x)),
    "gelu": (F.gelu, lambda x: x * special.erfc(-x / math.sqrt(2)) / 2),
    "gelu_tanh": (
        lambda x: F.gelu(x, approximate="tanh"),
        lambda x: x * special.expit(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)),
    ),
    "silu": (F.silu, lambda x: x * special.expit(x)),
    # SciPy's own loses digits next to 1/2.
    "logit": (
        hotloop.logit,
        lambda x: np.where(np.abs(x - 0.5) < 0.25, 2 * np.arctanh(2 * x - 1), np.log(x / (1 - x))),
    ),
    # A number as exponent is rounded to float32, as in PyTorch.
    "pow": (lambda x: x**EXPONENT, lambda x: x ** np.float64(EXPONENT)),
}


def errors(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Units in the last place; below the smallest normal number its unit."""
    wide = got.astype(np.float64)
    _, exponent = np.frexp(np.where(np.isfinite(exact), np.maximum(np.abs(exact), SMALLEST_NORMAL), 1.0))
    error = np.abs(wide - exact) / np.ldexp(1.0, exponent - 24)
    overflows = np.isinf(wide) & (np.abs(exact) > np.finfo(np.float32).max) & (np.sign(wide) == np.sign(exact))
    same = (wide == exact) | (np.isnan(wide) & np.isnan(exact)) | overflows
    return np.where(same, 0.0, np.where(np.isnan(error), np.inf, error))


def sweep(name: str, step: int) -> dict[str, object]:
    call, oracle = FUNCTIONS[name]
    worst, worst_input, over_one, began = 0.0, np.float32(0), 0, time.monotonic()
    for start in range(0, 2**32, BLOCK * step):
        bits = np.arange(start, min(start + BLOCK * step, 2**32), step, dtype=np.uint32)
        x = bits.view(np.float32)
        error = errors(call(hotloop.from_numpy(x)).numpy(), oracle(x.astype(np.float64)))
        at = int(np.argmax(error))
        over_one += int(np.sum(error > 1))
        if error[at] > worst:
            worst, worst_input = float(error[at]), x[at]
    count = -(-(2**32) // step)
    print(
        f"{_core.last_kernel()}: worst {worst:.3f} ulp at {worst_input!r}; {over_one} of {count} above 1 ulp; "
        f"{time.monotonic() - began:.0f} s",
        flush=True,
    )
    return {
        "kernel": _core.last_kernel(),
        "worst_ulp": round(worst, 3),
        "worst_input": float(worst_input).hex(),
        "above_one_ulp": over_one,
        "inputs": count,
    }


def add_to(path: Path, name: str, result: dict[str, object]) -> None:
    known = json.loads(path.read_text()) if path.exists() else {"functions": {}}
    known["date"], known["machine"] = date.today().isoformat(), _core.cpu_model()
    known["functions"][name] = result
    path.write_text(json.dumps(known, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("functions", nargs="+", choices=sorted(FUNCTIONS), metavar="function")
    parser.add_argument("--isa", help="instruction set whose kernel runs")
    parser.add_argument("--step", type=int, default=1, help="take every n-th number")
    parser.add_argument("--json", type=Path, help="file that the results are added to")
    arguments = parser.parse_args()
    if arguments.isa:
        _core.cap_isa(arguments.isa)
    with np.errstate(all="ignore"):
        for name in arguments.functions:
            result = sweep(name, arguments.step)
            if arguments.json:
                add_to(arguments.json, name, result)


if __name__ == "__main__":
    main()
