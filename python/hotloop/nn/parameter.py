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


class Uninitialized:
    """A tensor of a dtype and device whose shape isn't known yet: what a lazy layer owns before its first input."""

    _initialized: type[Tensor]

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Takes a shape, and uninitialised memory; from then on it is a Parameter or Buffer like any other."""
        tensor: Any = self
        value = tensor.detach()
        tensor.data = _core.empty(shape, device=device or value.device, dtype=dtype or value.dtype)
        tensor.__class__ = self._initialized

    @property
    def shape(self) -> Any:
        """Not known yet: raises RuntimeError."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(Uninitialized, Parameter):
    """A Parameter whose shape isn't known yet.

    Args:
        requires_grad: whether it will collect a gradient.
        device, dtype: of its values.
    """

    _initialized = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> UninitializedParameter:
        data = _core.empty(0, device=device, dtype=dtype)
        param: UninitializedParameter = _core._make_subclass(cls, data, requires_grad)
        return param

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedParameter:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.device, self.dtype)
        copied: UninitializedParameter = memo[id(self)]
        return copied

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.requires_grad, str(self.device), self.dtype)


class UninitializedBuffer(Uninitialized, Buffer):
    """A Buffer whose shape isn't known yet.

    Args:
        requires_grad: whether gradients are recorded.
        device, dtype: of its values.
        persistent: whether it is part of the module's state dict.
    """

    _initialized = Buffer

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> UninitializedBuffer:
        data = _core.empty(0, device=device, dtype=dtype)
        buffer: UninitializedBuffer = _core._make_subclass(cls, data, requires_grad)
        buffer.persistent = persistent
        return buffer

    def __deepcopy__(self, memo: dict[int, Any]) -> UninitializedBuffer:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, self.device, self.dtype, self.persistent)
        copied: UninitializedBuffer = memo[id(self)]
        return copied

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return type(self), (self.requires_grad, str(self.device), self.dtype, self.persistent)


def is_lazy(tensor: Any) -> bool:
    """Whether its shape isn't known yet."""
    return isinstance(tensor, Uninitialized)


def _buffer(cls: type[Buffer], data: Tensor, persistent: bool) -> Buffer:
    return cls(data, persistent=persistent)
