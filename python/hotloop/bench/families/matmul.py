"""Matrix products: the perf tier of the shared cases, in every layout and dtype."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.bench.accuracy import Reference
from hotloop.bench.case import Case, Trial, case_file
from hotloop.bench.libraries import Library, float64
from hotloop.bench.roofline import Work

_BYTES = {"float32": 4, "float64": 8, "bfloat16": 2}
INPUT_SETS = 2


def cases() -> list[Case]:
    """Every perf case in every layout and dtype; a quick run takes the marked ones in NN."""
    data = case_file("matmul")
    tier = data["tiers"]["perf"]
    return [
        _case(entry, dtype, layout)
        for dtype in tier["dtypes"]
        for layout in tier["layouts"]
        for entry in data["cases"]
        if entry["tier"] == "perf"
    ]


def square(side: int, dtype: str, layout: str, reason: str) -> Case:
    """A product of square matrices."""
    return _case({"batch": 1, "m": side, "n": side, "k": side, "reason": reason}, dtype, layout)


def _case(entry: Mapping[str, Any], dtype: str, layout: str) -> Case:
    batch, m, n, k = (entry[key] for key in ("batch", "m", "n", "k"))
    size = _BYTES[dtype]
    bench = entry.get("bench", {})
    roof = bench.get("roof", {}).get(dtype)
    quick = dtype in bench.get("quick", ()) and layout == "NN"
    return Case(
        family="matmul",
        op="matmul",
        shape=(f"{batch}x" if batch > 1 else "") + f"{m}x{n}x{k}",
        dtype=dtype,
        layout=layout,
        work=Work(
            flops=2.0 * batch * m * n * k,
            read=size * batch * k * (m + n),
            written=size * batch * m * n,
            dtype=dtype,
        ),
        prepare=partial(_prepare, (batch, m, n, k), dtype, layout),
        tier="quick" if quick else "standard" if layout == "NN" or max(m, n, k) <= 1024 else "full",
        reason=entry["reason"],
        targets={"best": 1.0} | ({"roof": roof} if roof else {}),
    )


def _stored(rng: np.random.Generator, shape: tuple[int, ...], dtype: str, transposed: bool) -> NDArray[Any]:
    """A random matrix, stored the other way round where transposed."""
    if transposed:
        shape = (*shape[:-2], shape[-1], shape[-2])
    return rng.standard_normal(shape, dtype=np.float32).astype("float64" if dtype == "float64" else "float32")


def _prepare(
    sizes: tuple[int, int, int, int], dtype: str, layout: str, libraries: Mapping[str, Library]
) -> dict[str, Trial]:
    batch, m, n, k = sizes
    lead = (batch,) if batch > 1 else ()
    rng = np.random.default_rng(20)
    transposed = [letter == "T" for letter in layout]
    inputs = [
        (_stored(rng, (*lead, m, k), dtype, transposed[0]), _stored(rng, (*lead, k, n), dtype, transposed[1]))
        for _ in range(INPUT_SETS)
    ]
    references: list[Reference] = []
    trials = {}
    for library in libraries.values():
        if not library.has(dtype):
            continue
        stored = "bfloat16" if dtype == "bfloat16" else None
        operands = [(library.array(a, stored), library.array(b, stored)) for a, b in inputs]
        if not references:  # of the values as stored: bfloat16 has rounded them
            references = [_reference(float64(a), float64(b), transposed, k, dtype) for a, b in operands]
        trials[library.name] = Trial(
            calls=[_call(library, a, b, transposed) for a, b in operands],
            checks=[reference.compare for reference in references],
        )
    return trials


def _reference(
    a: NDArray[np.float64], b: NDArray[np.float64], transposed: list[bool], length: int, dtype: str
) -> Reference:
    a = a.swapaxes(-1, -2) if transposed[0] else a
    b = b.swapaxes(-1, -2) if transposed[1] else b
    # By Cauchy and Schwarz no less than |A| |B|, and of random values about half as much again.
    magnitude = np.linalg.norm(a, axis=-1)[..., :, None] * np.linalg.norm(b, axis=-2)[..., None, :]
    return Reference(a @ b, dtype, length, magnitude)


def _call(library: Library, a: Any, b: Any, transposed: list[bool]) -> Callable[[], object]:
    if library.name == "jax":
        jitted = library.module.jit(
            lambda a, b: library.module.numpy.matmul(
                a.swapaxes(-1, -2) if transposed[0] else a, b.swapaxes(-1, -2) if transposed[1] else b
            )
        )
        return lambda: jitted(a, b).block_until_ready()
    swap = "swapaxes" if library.name in ("numpy", "cupy") else "transpose"
    a = getattr(a, swap)(-1, -2) if transposed[0] else a
    b = getattr(b, swap)(-1, -2) if transposed[1] else b
    matmul = library.module.matmul
    if library.name == "hotloop":
        return lambda: matmul(a, b)
    # The peers write into memory that they own already: the kernels are compared, not the allocators.
    first = matmul(a, b)
    return lambda: matmul(a, b, out=first)
