"""An op's samples as data: what it is called with, in hotloop, in PyTorch and on NumPy's arrays.

A sample's tensors are `Input`s, which know their values, dtype and layout in memory; `floats`, `integers` and
`booleans` draw them. Values are kept exactly: they are rounded to the dtype when the sample is made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import hotloop

LAYOUTS = ("contiguous", "transposed", "sliced", "reversed")
FLOATS = ("float64", "float32", "float16", "bfloat16")
INTEGERS = ("int64", "int32", "int8", "uint8")
DTYPES = (*FLOATS, *INTEGERS, "bool")

_rng = np.random.default_rng(20)


def rounded(values: Any, dtype: str) -> np.ndarray:
    """Values as the dtype holds them: bfloat16 in float32, the others in NumPy's dtype of that name."""
    if dtype != "bfloat16":
        return np.asarray(values).astype(dtype)
    bits = np.asarray(values, np.float32).view(np.uint32).astype(np.uint64)
    return (((bits + 0x7FFF + (bits >> 16 & 1)) >> 16) << 16).astype(np.uint32).view(np.float32)


@dataclass(frozen=True, eq=False)
class Input:
    """A tensor of a sample. With ``grad=False`` it takes no part in gradient tests."""

    values: np.ndarray
    dtype: str
    layout: str = "contiguous"
    grad: bool = True

    @property
    def differentiable(self) -> bool:
        return self.grad and self.dtype in FLOATS

    def numpy(self) -> np.ndarray:
        """The values: floats in float64, the others in their own dtype."""
        return self.values.astype(np.float64) if self.dtype in FLOATS else self.values

    def hotloop(self, dtype: str | None = None) -> hotloop.Tensor:
        """The tensor, laid out in memory as the sample says."""
        dtype = dtype or self.dtype
        make = lambda array: hotloop.tensor(np.array(array, order="C")).to(getattr(hotloop, dtype))  # noqa: E731
        values = self.values
        if self.layout == "expanded":  # every stride is 0: the values are all alike
            return make(values.reshape(-1)[:1].reshape((1,) * values.ndim)).expand(values.shape)
        if self.layout == "transposed":
            return make(values.T).permute(*reversed(range(values.ndim)))
        if self.layout == "sliced":  # from the second element, every other one
            spread = np.full([2 * n + 1 for n in values.shape], 77).astype(values.dtype)
            spread[(slice(1, None, 2),) * values.ndim] = values
            return make(spread)[(slice(1, None, 2),) * values.ndim]
        if self.layout == "reversed":
            back = (slice(None, None, -1),) * values.ndim
            return make(values[back])[back]
        return make(values)

    def torch(self, torch: Any, dtype: str | None = None) -> Any:
        return torch.tensor(np.array(self.values, order="C")).to(getattr(torch, dtype or self.dtype))


def floats(
    *shape: int,
    dtype: str = "float32",
    low: float = -2.0,
    high: float = 2.0,
    layout: str = "contiguous",
    grad: bool = True,
) -> Input:
    values = _rng.uniform(low, high, (1,) * len(shape) if layout == "expanded" else shape)
    return Input(rounded(np.broadcast_to(values, shape), dtype), dtype, layout, grad)


def integers(*shape: int, dtype: str = "int64", low: int = -4, high: int = 5, layout: str = "contiguous") -> Input:
    low = max(low, 0) if dtype == "uint8" else low
    values = _rng.integers(low, high, (1,) * len(shape) if layout == "expanded" else shape)
    return Input(np.broadcast_to(values, shape).astype(dtype), dtype, layout)


def booleans(*shape: int, layout: str = "contiguous") -> Input:
    values = _rng.random((1,) * len(shape) if layout == "expanded" else shape) < 0.5
    return Input(np.broadcast_to(values, shape), "bool", layout)


def array(values: Any, dtype: str = "float32", layout: str = "contiguous", grad: bool = True) -> Input:
    return Input(rounded(values, dtype), dtype, layout, grad)


def of_dtype(dtype: str, *shape: int, layout: str = "contiguous", **bounds: Any) -> Input:
    """An input of any dtype."""
    if dtype == "bool":
        return booleans(*shape, layout=layout)
    if dtype in FLOATS:
        return floats(*shape, dtype=dtype, layout=layout, **bounds)
    return integers(*shape, dtype=dtype, layout=layout, **{k: int(v) for k, v in bounds.items()})


@dataclass(frozen=True, eq=False)
class Sample:
    """One call. Arguments may be Inputs, lists of them, dtypes' names after "dtype:", or plain values."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)


def call(*args: Any, **kwargs: Any) -> Sample:
    return Sample(args, kwargs)


@dataclass(frozen=True, eq=False)
class Op:
    """An op and its samples. ``name`` is its path in both libraries, as "nn.functional.softmax".

    ``numpy`` computes the same on NumPy's arrays. ``length`` is how many terms a result adds up, for its bound of
    error; ``ulps`` is how far one rounding may be off.
    """

    name: str
    samples: list[Sample]
    numpy: Callable[..., Any] | None = None
    length: int = 1
    ulps: float = 2.0
    gradient: bool = True
    second: bool = True

    def find(self, library: Any) -> Callable[..., Any]:
        found = library
        for part in self.name.split("."):
            found = getattr(found, part)
        return found  # type: ignore[no-any-return]


def map_inputs(value: Any, f: Callable[[Input], Any]) -> Any:
    """The same nest of lists, tuples and dicts with f of each Input."""
    if isinstance(value, Input):
        return f(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map_inputs(v, f) for v in value)
    if isinstance(value, dict):
        return {k: map_inputs(v, f) for k, v in value.items()}
    return value


def map_dtypes(value: Any, library: Any) -> Any:
    """The same with "dtype:float32" as the library's dtype."""
    if isinstance(value, str) and value.startswith("dtype:"):
        return getattr(library, value.removeprefix("dtype:"))
    if isinstance(value, (list, tuple)):
        return type(value)(map_dtypes(v, library) for v in value)
    if isinstance(value, dict):
        return {k: map_dtypes(v, library) for k, v in value.items()}
    return value


def parameters(ops: list[Op]) -> tuple[list[tuple[Op, Sample]], list[str]]:
    """For pytest.parametrize: each sample of each op, and its id."""
    pairs = [(op, sample) for op in ops for sample in op.samples]
    names = [f"{op.name}-{i}" for op in ops for i in range(len(op.samples))]
    return pairs, names
