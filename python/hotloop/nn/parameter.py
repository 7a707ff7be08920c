"""Parameter, a tensor that a module owns and an optimizer trains, and Buffer, one that it only owns."""

from __future__ import annotations

from typing import Any

from hotloop import _core
from hotloop._core import Tensor


class Parameter(Tensor):
    """A tensor that becomes a parameter of the module it is assigned to.

    Shares the memory of ``data`` and is a leaf of the graph, whatever ``data`` was computed from.

    Args:
        data: the initial value; an empty tensor where left out.
        requires_grad: whether it collects a gradient.
    """

    def __new__(cls, data: Tensor | None = None, requires_grad: bool = True) -> Parameter:
        if data is None:
            data = _core.empty(0)
        param: Parameter = _core._make_subclass(cls, data.detach(), requires_grad)
        return param

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach().clone(), self.requires_grad)
        copied: Parameter = memo[id(self)]
        return copied

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.detach(), self.requires_grad)

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()


class Buffer(Tensor):
    """A tensor that becomes a buffer of the module it is assigned to: state, and no parameter.

    Args:
        data: the value, whose memory is shared; an empty tensor where left out.
        persistent: whether it is part of the module's state dict.
    """

    persistent: bool

    def __new__(cls, data: Tensor | None = None, *, persistent: bool = True) -> Buffer:
        if data is None:
            data = _core.empty(0)
        buffer: Buffer = _core._make_subclass(cls, data.detach(), data.requires_grad)
        buffer.persistent = persistent
        return buffer

    def __deepcopy__(self, memo: dict[int, Any]) -> Buffer:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.detach().clone(), persistent=self.persistent)
        copied: Buffer = memo[id(self)]
        return copied

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _buffer, (type(self), self.detach(), self.persistent)

    def __repr__(self) -> str:
        return "Buffer containing:\n" + super().__repr__()


def _buffer(cls: type[Buffer], data: Tensor, persistent: bool) -> Buffer:
    return cls(data, persistent=persistent)
