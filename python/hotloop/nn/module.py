"""Module: the base class of every layer and model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from hotloop import _core
from hotloop._core import Tensor
from hotloop.nn._hooks import CallHooks, ForwardHook, RemovableHandle, add_hook, call_with_hooks
from hotloop.nn._state_dict import ModuleState

_Self = TypeVar("_Self", bound="Module")
_NONE_GIVEN = object()


class Module(ModuleState):
    """A layer or model: parameters, buffers and child modules, and a ``forward`` that computes with them.

    Subclasses call ``super().__init__()``, assign parameters (``nn.Parameter``), child modules and settings as
    attributes, and define ``forward``. Calling the module runs its hooks and ``forward``.
    """

    _hooks: CallHooks | None

    def __init__(self) -> None:
        super().__init__()
        self.__dict__["_hooks"] = None

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Computes the output; every subclass defines it."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._plain_call = cls.__call__ is Module.__call__

    def __call__(self, input: Any = _NONE_GIVEN, /, *args: Any, **kwargs: Any) -> Any:
        # Nearly every call has one argument and no hook: that one makes no tuple and no dict.
        if args or kwargs or input is _NONE_GIVEN or self._hooks is not None:
            given = args if input is _NONE_GIVEN else (input, *args)
            if self._hooks is not None:
                return call_with_hooks(self, self._hooks, given, kwargs)
            return self.forward(*given, **kwargs)
        return self.forward(input)

    # Whether calling is forward and hooks, no more: then a container may call forward itself.
    _plain_call = True

    # -- modes

    def train(self: _Self, mode: bool = True) -> _Self:
        """Sets training mode in the whole tree: Dropout drops."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self: _Self) -> _Self:
        """Sets evaluation mode in the whole tree."""
        return self.train(False)

    def requires_grad_(self: _Self, requires_grad: bool = True) -> _Self:
        """Freezes every parameter of the tree, or thaws it."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradient of every parameter, or sets it to zero."""
        for param in self.parameters():
            if param.grad is not None:
                if set_to_none:
                    param.grad = None
                else:
                    param.grad = param.grad.detach().zero_()

    # -- conversions

    def to(self: _Self, *args: Any, **kwargs: Any) -> _Self:
        """Moves and casts the tree in place: ``to(device)``, ``to(dtype)``, ``to(device, dtype)`` or ``to(tensor)``.

        A dtype is floating, and applies to floating parameters and buffers only.
        """
        device, dtype = _parse_to(*args, **kwargs)
        if dtype is not None and not dtype.is_floating_point:
            raise TypeError(f"nn.Module.to only accepts floating point dtypes, but got desired dtype={dtype}")

        def convert(tensor: Tensor) -> Tensor:
            wanted = {}
            if device is not None:
                wanted["device"] = device
            if dtype is not None and tensor.dtype.is_floating_point:
                wanted["dtype"] = dtype
            return tensor.to(**wanted) if wanted else tensor

        return self._apply(convert)

    def type(self: _Self, dst_type: Any) -> _Self:
        """Casts all parameters and buffers, the integer ones too."""
        return self._apply(lambda t: t.to(dst_type))

    def float(self: _Self) -> _Self:
        """Casts floating parameters and buffers to float32."""
        return self.to(_core.float32)

    def double(self: _Self) -> _Self:
        """Casts floating parameters and buffers to float64."""
        return self.to(_core.float64)

    def half(self: _Self) -> _Self:
        """Casts floating parameters and buffers to float16."""
        return self.to(_core.float16)

    def bfloat16(self: _Self) -> _Self:
        """Casts floating parameters and buffers to bfloat16."""
        return self.to(_core.bfloat16)

    def cpu(self: _Self) -> _Self:
        """Moves the tree to the CPU."""
        return self.to("cpu")

    def cuda(self: _Self, device: int | str | None = None) -> _Self:
        """Moves the tree to a GPU."""
        return self.to(f"cuda:{device}" if isinstance(device, int) else device or "cuda")

    def _apply(self: _Self, fn: Callable[[Tensor], Tensor]) -> _Self:
        """Replaces the memory of every parameter, gradient and buffer; the Parameter objects stay the same."""
        for module in self.modules():
            attributes = module.__dict__
            for name in module._parameter_names:
                param = attributes[name]
                if param is None:
                    continue
                grad = param.grad
                param.grad = None  # a gradient must match its tensor's dtype at all times
                param.data = fn(param.detach())
                if grad is not None:
                    param.grad = fn(grad.detach()).requires_grad_(grad.requires_grad)
            for name in module._buffer_names:
                if attributes[name] is not None:
                    attributes[name] = fn(attributes[name])
        return self

    # -- hooks

    def _get_hooks(self) -> CallHooks:
        if self._hooks is None:
            self._hooks = CallHooks()
        return self._hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Calls ``hook(module, args)`` before forward; what it returns replaces the arguments.

        With ``with_kwargs`` it is ``hook(module, args, kwargs)``, which returns None or a pair of both.
        """
        return add_hook(self._get_hooks().forward_pre, ForwardHook(hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Calls ``hook(module, args, output)`` after forward; what it returns replaces the output.

        With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``; with ``always_call`` it is called even where
        the module raised.
        """
        return add_hook(self._get_hooks().forward, ForwardHook(hook, with_kwargs, always_call), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_output)`` when the gradients of the outputs are there; may return others."""
        return add_hook(self._get_hooks().backward_pre, hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are there.

        What it returns goes on in place of ``grad_input``. Positional tensor arguments are the inputs; entries of what
        takes no gradient are None.
        """
        return add_hook(self._get_hooks().backward, hook, prepend)

    # -- display

    def extra_repr(self) -> str:
        """The settings that ``repr`` shows in the module's own brackets."""
        return ""

    def __repr__(self) -> str:
        own = self.extra_repr()
        lines = own.split("\n") if own else []
        if len(lines) <= 1 and not self._module_names:
            return f"{self._get_name()}({own})"
        for name in self._module_names:
            child = repr(self.__dict__[name]).replace("\n", "\n  ")
            lines.append(f"({name}): {child}")
        return "\n  ".join([f"{self._get_name()}(", *lines]) + "\n)"

    def __dir__(self) -> list[str]:
        return sorted(name for name in {*dir(type(self)), *self.__dict__} if not name[0].isdigit())

    def __setstate__(self, state: dict[str, Any]) -> None:
        Module.__init__(self)  # what a later version added takes its default
        self.__dict__.update(state)


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """The device and dtype of the arguments that ``Module.to`` accepts."""
    unknown = kwargs.keys() - {"device", "dtype", "tensor", "non_blocking"}
    if unknown or len(args) > 3:
        raise TypeError(f"Module.to: takes a device, a dtype, or a tensor; got {args} {kwargs}")
    device, dtype = kwargs.get("device"), kwargs.get("dtype")
    for arg in (*args, kwargs.get("tensor")):
        if isinstance(arg, Tensor):
            device, dtype = arg.device, arg.dtype
        elif isinstance(arg, _core.dtype):
            dtype = arg
        elif isinstance(arg, (str, _core.device)):
            device = arg
        elif arg is not None and not isinstance(arg, bool):  # a bool is non_blocking
            raise TypeError(f"Module.to: takes a device, a dtype or a tensor; got {type(arg).__name__}")
    return device, dtype
