"""Kernels one by one: which set of them runs, awkward operands, and bits."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hotloop
from hotloop import Tensor, _core

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("uint8", "int8", "int32", "int64")
DTYPES = (*FLOATS, *INTEGERS, "bool")
THREADS = (1, 2, 3, 8)

SPECIAL = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 0.5, 2.0, 1e-5, -30.0, 100.0, -100.0, 1e-40, -6e-8]


def kernel_sets() -> list[str]:
    """The reference and the instruction sets here; above AVX-512, kernels of their own are of matrix products only."""
    names = ["reference", "baseline", "avx2", "avx512"]
    compiled = ["reference", *_core.build_info()["instruction_sets"].split()]
    detected = _core.detected_isa().split("_")[0]
    return [name for name in names[: names.index(detected) + 1] if name in compiled]


@dataclass(frozen=True)
class Kernels:
    """The set of kernels that dispatch is kept to."""

    name: str

    def ran(self) -> None:
        """Asserts that the kernel which ran last is of this set: none below took its place."""
        assert _core.last_kernel().endswith(f"_{self.name}"), f"{_core.last_kernel()} ran in place of {self.name}"


def dtype(name: str) -> Any:
    return getattr(hotloop, name)


def generator(*key: object) -> np.random.Generator:
    """Numbers that depend on the test's parameters alone."""
    return np.random.default_rng(zlib.crc32(repr(key).encode()))


def round_to(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    """The nearest values of a floating dtype, ties to even, in float64."""
    if name != "bfloat16":
        with np.errstate(over="ignore"):
            return x.astype(name).astype(np.float64)
    _, exponent = np.frexp(np.where(np.isfinite(x), x, 1.0))
    spacing = np.ldexp(1.0, np.maximum(exponent - 8, -133))
    rounded = np.copysign(np.rint(x / spacing) * spacing, x)
    return np.where(np.abs(rounded) >= 2.0**128, np.copysign(np.inf, x), rounded)


def numbers(shape: tuple[int, ...], name: str, *key: object, special: bool = False) -> NDArray[Any]:
    """Values that the dtype holds: normal with deviation 3, or whole; floats in float64."""
    rng = generator(shape, name, *key)
    if name == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if name in INTEGERS:
        low, high = (0, 256) if name == "uint8" else (-128, 128)
        return rng.integers(low, high, shape).astype(name)
    x = rng.normal(0, 3, shape)
    if special:
        x = np.where(rng.random(shape) < 0.3, rng.choice(SPECIAL, shape), x)
    return round_to(x, name)


def tensor(x: NDArray[Any], name: str) -> Tensor:
    """A tensor of these values. NumPy makes it, so that no kernel under test does, but for bfloat16."""
    if name == "bfloat16":
        before = _core.active_isa()
        _core.cap_isa("reference")
        made = hotloop.from_numpy(x.astype(np.float32)).to(hotloop.bfloat16)
        _core.cap_isa(before)
        return made
    return hotloop.from_numpy(x.astype(name))


def values(x: Tensor) -> NDArray[Any]:
    """What a tensor holds, in float64 where it is floating."""
    if x.dtype == hotloop.bfloat16:
        before = _core.active_isa()
        _core.cap_isa("reference")
        x = x.detach().to(hotloop.float64)
        _core.cap_isa(before)
    y = x.detach().numpy()
    return y.astype(np.float64) if y.dtype.kind == "f" else y


def bits(x: Tensor | Iterable[Tensor]) -> bytes:
    """The values' bits, which float64 and the integer dtypes hold whole."""
    tensors = [x] if isinstance(x, Tensor) else list(x)
    return b"".join(np.ascontiguousarray(values(t)).tobytes() for t in tensors)


# A view of `shape`, made from a larger or turned array; the name says what its strides are like.
LAYOUTS: dict[str, Callable[[tuple[int, ...], Callable[[tuple[int, ...]], NDArray[Any]]], NDArray[Any]]] = {
    "dense": lambda shape, make: make(shape),
    "offset": lambda shape, make: make((*shape[:-1], shape[-1] + 3))[..., 1:-2],
    "transposed": lambda shape, make: make(shape[::-1]).T,
    "stepped": lambda shape, make: make((*shape[:-1], shape[-1] * 3))[..., ::3],
    "negative": lambda shape, make: make(shape)[tuple(slice(None, None, -1) for _ in shape)],
    "row": lambda shape, make: np.broadcast_to(make(shape[-1:]), shape),
    "column": lambda shape, make: np.broadcast_to(make((*shape[:-1], 1)), shape),
    "scalar": lambda shape, make: np.broadcast_to(make(()), shape),
}


def for_each_thread_count(kernels: Kernels, call: Callable[[], Tensor | Iterable[Tensor]]) -> None:
    """Asserts that a call runs a kernel of the set, and gives the same bits for any number of threads."""
    seen = {}
    for count in THREADS:
        hotloop.set_num_threads(count)
        result = call()
        kernels.ran()
        seen[count] = bits(result)
    assert len(set(seen.values())) == 1, (
        f"bits for {[c for c in THREADS if seen[c] != seen[1]]} threads are not those for 1"
    )
