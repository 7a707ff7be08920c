"""Padding layers: hotloop.nn.functional.pad with the sizes and the mode fixed."""

from __future__ import annotations

from collections.abc import Sequence

from hotloop import _core
from hotloop._core import Tensor
from hotloop.nn.module import Module


class _Pad(Module):
    """Longer spatial dims, of which each subclass has one, two or three after the batch and the channels.

    Args:
        padding: how much before and after the last dim, the one before it, and so on; one number for all.
    """

    padding: tuple[int, ...]
    _mode: str
    _dims: int

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__()
        sizes = (padding,) * (2 * self._dims) if isinstance(padding, int) else tuple(padding)
        if len(sizes) != 2 * self._dims:
            raise ValueError(f"{type(self).__name__}: padding needs {2 * self._dims} numbers, got {len(sizes)}")
        self.padding = sizes

    def forward(self, input: Tensor) -> Tensor:
        """The input, without or with a batch dim, padded."""
        if input.ndim not in (self._dims + 1, self._dims + 2) and self._mode != "constant":
            message = f"expected {self._dims + 1}D or {self._dims + 2}D input (got {input.ndim}D input)"
            raise ValueError(message) if self._mode == "circular" else RuntimeError(message)
        return _core.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    """Padding by one value.

    Args:
        padding: how much before and after the last dim, the one before it, and so on; one number for all.
        value: what to pad with.
    """

    _mode = "constant"
    value: float

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Tensor) -> Tensor:
        """The input padded."""
        return _core.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _ZeroPad(_ConstantPad):
    """Padding by zeros.

    Args:
        padding: how much before and after the last dim, the one before it, and so on; one number for all.
    """

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ConstantPad1d(_ConstantPad):
    """Pads the last dim with one value.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
        value: what to pad with.
    """

    _dims = 1


class ConstantPad2d(_ConstantPad):
    """Pads the last two dims with one value.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
        value: what to pad with.
    """

    _dims = 2


class ConstantPad3d(_ConstantPad):
    """Pads the last three dims with one value.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
        value: what to pad with.
    """

    _dims = 3


class ZeroPad1d(_ZeroPad):
    """Pads the last dim with zeros.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
    """

    _dims = 1


class ZeroPad2d(_ZeroPad):
    """Pads the last two dims with zeros.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
    """

    _dims = 2


class ZeroPad3d(_ZeroPad):
    """Pads the last three dims with zeros.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
    """

    _dims = 3


class ReflectionPad1d(_Pad):
    """Pads the last dim with the input mirrored at its edges, which come once.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
    """

    _dims = 1
    _mode = "reflect"


class ReflectionPad2d(_Pad):
    """Pads the last two dims with the input mirrored at its edges, which come once.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
    """

    _dims = 2
    _mode = "reflect"


class ReflectionPad3d(_Pad):
    """Pads the last three dims with the input mirrored at its edges, which come once.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
    """

    _dims = 3
    _mode = "reflect"


class ReplicationPad1d(_Pad):
    """Pads the last dim with the elements at its edges.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
    """

    _dims = 1
    _mode = "replicate"


class ReplicationPad2d(_Pad):
    """Pads the last two dims with the elements at its edges.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
    """

    _dims = 2
    _mode = "replicate"


class ReplicationPad3d(_Pad):
    """Pads the last three dims with the elements at its edges.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
    """

    _dims = 3
    _mode = "replicate"


class CircularPad1d(_Pad):
    """Pads the last dim with what stands at the other end.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
    """

    _dims = 1
    _mode = "circular"


class CircularPad2d(_Pad):
    """Pads the last two dims with what stands at the other end.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
    """

    _dims = 2
    _mode = "circular"


class CircularPad3d(_Pad):
    """Pads the last three dims with what stands at the other end.

    Args:
        padding: (before, after) of the last dim, then of the one before it, ...; or one number for all.
    """

    _dims = 3
    _mode = "circular"
