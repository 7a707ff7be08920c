"""finfo and iinfo: what the numbers of a dtype can hold."""

from __future__ import annotations

from dataclasses import dataclass

from hotloop import _core
from hotloop._core import dtype as DType

# Bits of the dtype, of its mantissa, and its largest exponent.
_FLOATS = {
    _core.float64: (64, 52, 1023),
    _core.float32: (32, 23, 127),
    _core.float16: (16, 10, 15),
    _core.bfloat16: (16, 7, 127),
}
_RESOLUTIONS = {_core.float64: 1e-15, _core.float32: 1e-6, _core.float16: 1e-3, _core.bfloat16: 1e-2}
_INTEGERS = {_core.uint8: (8, False), _core.int8: (8, True), _core.int32: (32, True), _core.int64: (64, True)}


def _name(dtype: DType) -> str:
    return str(dtype).removeprefix("hotloop.")


@dataclass(frozen=True, init=False)
class finfo:
    """Limits of a floating-point dtype, the default one unless given."""

    bits: int
    eps: float
    max: float
    min: float
    resolution: float
    smallest_normal: float
    tiny: float
    dtype: str

    def __init__(self, type: DType | None = None) -> None:
        dtype = _core.get_default_dtype() if type is None else type
        if not isinstance(dtype, DType):
            raise TypeError(f"finfo(): argument 'type' (position 1) must be dtype, not {dtype.__class__.__name__}")
        if dtype not in _FLOATS:
            raise TypeError(f"finfo() requires a floating point dtype, got {dtype}; iinfo() is for integers")
        bits, mantissa, exponent = _FLOATS[dtype]
        largest = (2.0 - 2.0**-mantissa) * 2.0**exponent
        values = (bits, 2.0**-mantissa, largest, -largest, _RESOLUTIONS[dtype])
        smallest = 2.0 ** (1 - exponent)
        for field, value in zip(self.__dataclass_fields__, (*values, smallest, smallest, _name(dtype)), strict=True):
            object.__setattr__(self, field, value)


@dataclass(frozen=True, init=False)
class iinfo:
    """Limits of an integer dtype."""

    bits: int
    max: int
    min: int
    dtype: str

    def __init__(self, type: DType) -> None:
        if not isinstance(type, DType):
            raise TypeError(f"iinfo(): argument 'type' (position 1) must be dtype, not {type.__class__.__name__}")
        if type not in _INTEGERS:
            raise TypeError(f"iinfo() requires an integer dtype, got {type}; finfo() is for floating point")
        bits, signed = _INTEGERS[type]
        values = (bits, 2 ** (bits - signed) - 1, -(2 ** (bits - 1)) if signed else 0, _name(type))
        for field, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, field, value)
