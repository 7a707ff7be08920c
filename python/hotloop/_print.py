"""How tensors print: the numbers in columns, long ones with their edges only, then what else matters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from hotloop import _core
from hotloop._core import Tensor

_PREFIX = "tensor("
_GAP = "..."  # stands for the elements left out


@dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_PROFILES = {
    "default": _Options(),
    "short": _Options(precision=2, edgeitems=2),
    "full": _Options(threshold=math.inf),
}
_options = _Options()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Sets how tensors print.

    Args:
        precision: digits after the point (4).
        threshold: tensors of more elements are summarised (1000).
        edgeitems: how many elements of each end of a dimension a summary shows (3).
        linewidth: characters a line (80).
        profile: ``"default"``, ``"short"`` or ``"full"``: a set of the above, which they override.
        sci_mode: scientific notation always or never; None decides by the values.
    """
    if profile is not None:
        if profile not in _PROFILES:
            raise ValueError(f"set_printoptions: profile must be one of {', '.join(_PROFILES)}, got {profile!r}")
        for name, value in vars(_PROFILES[profile]).items():
            setattr(_options, name, value)
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    for name, value in given.items():
        if value is not None:
            setattr(_options, name, value)
    _options.sci_mode = sci_mode


class _Format:
    """One width and notation for all numbers shown."""

    def __init__(self, numbers: list[Any], floating: bool) -> None:
        self.floating = floating
        self.integers = True  # floats without fractions print as "3."
        self.scientific = False
        self.width = 1
        if not floating:
            self.width = max((len(str(x)) for x in numbers), default=1)
            return
        finite = [x for x in numbers if math.isfinite(x) and x != 0]
        if not finite:
            return
        smallest, largest = min(map(abs, finite)), max(map(abs, finite))
        self.integers = all(x.is_integer() for x in finite)
        self.scientific = largest / smallest > 1000 or largest > 1e8 or smallest < 1e-4
        if _options.sci_mode is not None:
            self.scientific = _options.sci_mode
        self.width = max(len(self._text(x)) for x in finite)

    def _text(self, number: Any) -> str:
        if not self.floating:
            return str(number)
        if self.scientific:
            return f"{number:.{_options.precision}e}"
        if self.integers:
            return f"{number:.0f}" + ("." if math.isfinite(number) else "")
        return f"{number:.{_options.precision}f}"

    def __call__(self, number: Any) -> str:
        return self._text(number).rjust(self.width)


def _values(tensor: Tensor, summarise: bool) -> Any:
    """Nested lists of the numbers to show, with _GAP where some are left out."""
    edge = _options.edgeitems
    if not summarise or tensor.dim() == 0:
        return tensor.tolist()
    if tensor.shape[0] <= 2 * edge:
        return [_values(part, summarise) for part in tensor]
    if edge == 0:
        return [_GAP]
    if tensor.dim() == 1:
        return [*tensor[:edge].tolist(), _GAP, *tensor[-edge:].tolist()]
    first, last = tensor[:edge], tensor[-edge:]
    return [*(_values(part, summarise) for part in first), _GAP, *(_values(part, summarise) for part in last)]


def _numbers(values: Any) -> list[Any]:
    if not isinstance(values, list):
        return [] if values is _GAP else [values]
    return [number for part in values for number in _numbers(part)]


def _vector(values: list[Any], indent: int, form: _Format) -> str:
    cells = [" ..." if value is _GAP else form(value) for value in values]
    if cells == [" ..."]:
        cells = [_GAP]
    per_line = max(1, (_options.linewidth - indent) // (form.width + 2))
    lines = [", ".join(cells[i : i + per_line]) for i in range(0, len(cells), per_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _nested(values: Any, dims: int, indent: int, form: _Format) -> str:
    if dims == 0:
        return form(values)
    if dims == 1:
        return _vector(values, indent, form)
    parts = [_GAP if part is _GAP else _nested(part, dims - 1, indent + 1, form) for part in values]
    return "[" + ("," + "\n" * (dims - 1) + " " * (indent + 1)).join(parts) + "]"


def _suffixes(tensor: Tensor) -> list[str]:
    default = _core.get_default_dtype()
    suffixes = []
    if tensor.device.type != "cpu":
        suffixes.append(f"device='{tensor.device}'")
    if tensor.numel() == 0 and tensor.dim() != 1:
        suffixes.append(f"size={tensor.shape}")
    implied = (default,) if tensor.numel() == 0 else (default, _core.int64, _core.bool)
    if tensor.dtype not in implied:
        suffixes.append(f"dtype={tensor.dtype}")
    if tensor.grad_fn is not None:
        suffixes.append(f"grad_fn=<{tensor.grad_fn.name()}>")
    elif tensor.requires_grad:
        suffixes.append("requires_grad=True")
    return suffixes


def tensor_repr(tensor: Tensor) -> str:
    """The text of ``repr(tensor)``."""
    indent = len(_PREFIX)
    plain = tensor.detach()
    if tensor.numel() == 0:
        body = "[]"
    else:
        values = _values(plain, tensor.numel() > _options.threshold)
        body = _nested(values, tensor.dim(), indent, _Format(_numbers(values), tensor.is_floating_point()))
    text = _PREFIX + body
    filled = len(text) - text.rfind("\n") + 1
    for suffix in _suffixes(tensor):
        if filled + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            filled = indent + len(suffix)
        else:
            text += ", " + suffix
            filled += len(suffix) + 2
    return text + ")"
