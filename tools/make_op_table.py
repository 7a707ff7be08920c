"""Writes docs/ops.md: every op record with its devices, dtypes, gradient, measured error and share of the roofline.

    python tools/make_op_table.py

Devices, gradients and the dtypes of pointwise ops are read from the records; whether a gradient is right, and can
itself be differentiated, is tried by finite differences; what dtypes other ops take is tried too. The error is that of
float32 against the naive kernels in float64, on every instruction set of this machine. Shares of the roofline are those
of the newest benchmarks/results/*-ops.json (benchmarks/kernels/op_roofline.py), errors over all float32 inputs those of
the newest benchmarks/results/*-float32.json (benchmarks/kernels/every_float32.py).
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

from op_samples import Inputs, OpSample, op_samples  # noqa: E402

import hotloop  # noqa: E402
from hotloop import _core  # noqa: E402
from hotloop.autograd import gradcheck, gradgradcheck  # noqa: E402
from hotloop.bench.accuracy import ulp  # noqa: E402

DOCUMENT = ROOT / "docs" / "ops.md"
RESULTS = ROOT / "benchmarks" / "results"
DTYPES = [
    getattr(hotloop, name)
    for name in ("bool", "uint8", "int8", "int32", "int64", "float16", "bfloat16", "float32", "float64")
]
SETS = {
    "all": DTYPES,
    "all but bool": DTYPES[1:],
    "floats": DTYPES[5:],
    "float32, float64": DTYPES[7:],
    "integers": DTYPES[1:5],
    "integers, bool": DTYPES[:5],
}
FLOATS = DTYPES[5:]
SEEDS = 6  # streams of inputs that the error is the worst of

HEAD = """# Ops

Every op record of the library, as `csrc/ops` has them; functions of the Python API run one or several. This page is
made by `python tools/make_op_table.py`, and `tests/packaging/test_op_table.py` checks it.

- **Devices**: where the record has a kernel.
- **Dtypes**: of inputs that it takes as they are. Others are converted first, as PyTorch promotes them.
- **Gradient**: *twice* where the gradient can itself be differentiated; both were compared with finite differences.
- **Error**: the worst of float32 on a fixed sample, in units in the last place of the result, against the naive kernels
  in float64, over the instruction sets of an {machine}; rounded up. Sums are over positive terms. 0 is exact.
  A result whose terms cancel has a small unit: the gradients of norms and softmax do so by their nature.
- **Roofline**: the least time that the machine could take for the op's arithmetic or for its bytes, as a share of the
  time it took: one thread, float32, 1200 x 1500 elements, on an {roofline_machine}, {roofline_date}.
"""


@contextmanager
def kernels_of(isa: str) -> Iterator[None]:
    """Keeps dispatch to an instruction set."""
    before = _core.active_isa()
    _core.cap_isa(isa)
    try:
        yield
    finally:
        _core.cap_isa(before)


def run(sample: OpSample, inputs: Inputs) -> hotloop.Tensor:
    """The sample's result, and a check that the record ran."""
    hotloop.manual_seed(0)
    with hotloop.profile() as ran:
        out = sample.run(inputs)
    if sample.name not in {one.op for one in ran.ops}:
        raise AssertionError(f"{sample.name}: its sample in tools/op_samples.py runs {[one.op for one in ran.ops]}")
    return out


def dtypes_of(sample: OpSample) -> str:
    """The dtypes that the record takes as they are, in words."""
    rows = _core.pointwise_rows()
    taken = rows[sample.name][1] if sample.name in rows else [d for d in DTYPES if _takes(sample, d)]
    for words, dtypes in SETS.items():
        if taken == dtypes:
            return words
    return ", ".join(str(d).removeprefix("hotloop.") for d in taken)


def _takes(sample: OpSample, dtype: hotloop.dtype) -> bool:
    first = Inputs(dtype)
    try:
        sample.run(first)
        with hotloop.profile() as ran:
            sample.run(Inputs(dtype, given=[x.detach() for x in first.made]))
    except (TypeError, RuntimeError, ValueError, IndexError):
        return False
    promoted = [one for one in ran.ops if one.op == "to" and one.dtype.startswith(("float", "bfloat"))]
    return sample.name == "to" or not [one for one in promoted if f"hotloop.{one.dtype}" != str(dtype)]


def gradient_of(sample: OpSample) -> str:
    """no, yes or twice; wrong gradients raise."""
    if not sample.record["differentiable"] or not set(FLOATS) & set(_float_dtypes(sample)):
        return "no"
    made = Inputs(hotloop.float64, 3, 2, 3, differentiates=True)
    run(sample, made)
    leaves = [x.detach().clone().requires_grad_(True) for x in made.made]
    if not leaves:
        raise AssertionError(f"{sample.name}: its sample in tools/op_samples.py has nothing to differentiate by")

    def call(*tensors: hotloop.Tensor) -> Any:
        hotloop.manual_seed(0)
        return sample.run(Inputs(hotloop.float64, 3, 2, 3, tensors, True))

    # A conversion to float32 is linear: its differences are taken far enough apart to show in float32.
    found = "no"
    steps = {"eps": 0.25, "atol": 1e-5} if sample.name == "to" else {}
    try:
        gradcheck(call, leaves, **steps)
        found = "yes"
        gradgradcheck(call, leaves, **steps)
        found = "twice"
    except RuntimeError as error:
        if "is not implemented" not in str(error):
            raise
    return found


def error_of(sample: OpSample, seeds: int = SEEDS, isas: list[str] | None = None) -> float | None:
    """The worst error in units in the last place; None where results have none."""
    if sample.random or hotloop.float32 not in _float_dtypes(sample):
        return None
    worst = 0.0
    for seed in range(seeds):
        with kernels_of("reference"):
            wide = run(sample, Inputs(hotloop.float64, seed))
        for isa in isas or machine_isas():
            with kernels_of(isa):
                got = run(sample, Inputs(hotloop.float32, seed))
            exact, single = _numbers(wide), _numbers(got)
            if not got.dtype.is_floating_point:
                if not np.array_equal(exact, single):
                    raise AssertionError(f"{sample.name}: other choices in float32 than in float64")
                continue
            error = np.abs(single - exact) / ulp(exact, "float32")
            error[(single == exact) | (np.isnan(single) & np.isnan(exact))] = 0.0
            worst = max(worst, float(error.max(initial=0.0)))
    return worst


def _numbers(t: hotloop.Tensor) -> np.ndarray:
    return np.atleast_1d(t.detach().numpy().astype(np.float64))


def _float_dtypes(sample: OpSample) -> list[hotloop.dtype]:
    rows = _core.pointwise_rows()
    return list(rows[sample.name][1]) if sample.name in rows else DTYPES[5:]


def machine_isas() -> list[str]:
    """The instruction sets of this machine and this build."""
    built: list[str] = _core.build_info()["instruction_sets"].split()  # each includes those before it
    return built[: built.index(_core.detected_isa()) + 1]


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    family: str
    devices: str
    dtypes: str
    gradient: str
    error: float | None

    def cells(self, share: str) -> list[str]:
        """The line's cells."""
        error = "" if self.error is None else f"{math.ceil(self.error * 10) / 10:g}"
        return [f"`{self.name}`", self.devices, self.dtypes, self.gradient, error, share]


def rows(seeds: int = SEEDS, isas: list[str] | None = None) -> Iterator[Row]:
    """Every record, measured."""
    for sample in op_samples():
        record = sample.record
        yield Row(
            sample.name,
            record["family"],
            ", ".join(record["devices"]),
            dtypes_of(sample),
            gradient_of(sample),
            error_of(sample, seeds, isas),
        )


def newest(ending: str) -> dict[str, Any]:
    """The newest committed document of a kind."""
    found = sorted(RESULTS.glob(f"*-{ending}.json"))
    if not found:
        raise FileNotFoundError(f"benchmarks/results/*-{ending}.json")
    document: dict[str, Any] = json.loads(found[-1].read_text())
    return document


def line(cells: list[str]) -> str:
    """A line of a table."""
    return "| " + " | ".join(cells) + " |"


def page() -> str:
    """The document."""
    roofline, sweep = newest("ops"), newest("float32")
    text = [
        HEAD.format(machine=_core.cpu_model(), roofline_machine=roofline["machine"], roofline_date=roofline["date"])
    ]
    family = ""
    for row in rows():
        if row.family != family:
            family = row.family
            header = line(["Op", "Devices", "Dtypes", "Gradient", "Error", "Roofline"])
            text += [f"## {family}.cpp\n", header, line(["---"] * 6)]
        share = roofline["ops"].get(row.name)
        text.append(line(row.cells("" if share is None else f"{share:.0%}")))
    body = "\n".join(text).replace("|\n## ", "|\n\n## ")
    table = [line(["Function", "Kernel", "Inputs", "Worst error", "at", "above 1"]), line(["---"] * 6)]
    for name, one in sorted(sweep["functions"].items()):
        at = f"`{float.fromhex(one['worst_input']):.9g}`"
        inputs = "all 2^32" if one["inputs"] == 2**32 else str(one["inputs"])
        table.append(
            line([name, f"`{one['kernel']}`", inputs, f"{one['worst_ulp']:.3f}", at, str(one["above_one_ulp"])])
        )
    swept = (
        f"\n\n## Over all float32 inputs\n\nUnits in the last place against NumPy and SciPy in float64, on an "
        f"{sweep['machine']}, {sweep['date']} (`python benchmarks/kernels/every_float32.py`); `pow` is x^2.7.\n\n"
    )
    return body + swept + "\n".join(table) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(page())
