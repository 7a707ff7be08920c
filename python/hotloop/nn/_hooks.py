"""Hooks of modules: what is called round forward and backward, and the handle that removes it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from hotloop._core import Tensor, is_grad_enabled
from hotloop.autograd import Function

if TYPE_CHECKING:
    from hotloop.nn.module import Module

_ids = itertools.count()


class RemovableHandle:
    """Removes a hook: by ``remove()``, or at the end of a ``with`` block."""

    __slots__ = ("_hooks", "id")

    def __init__(self, hooks: dict[int, Any]) -> None:
        self.id = next(_ids)
        self._hooks = hooks

    def remove(self) -> None:
        """Removes the hook; a second call does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def add_hook(hooks: dict[int, Any], hook: Any, prepend: bool = False) -> RemovableHandle:
    """Puts a hook last, or first, among ``hooks``; they run in the order of the dict."""
    handle = RemovableHandle(hooks)
    if prepend:
        others = dict(hooks)
        hooks.clear()
        hooks[handle.id] = hook
        hooks.update(others)
    else:
        hooks[handle.id] = hook
    return handle


class ForwardHook(NamedTuple):
    """A forward (pre-)hook and how it was registered."""

    function: Callable[..., Any]
    with_kwargs: bool
    always_call: bool = False


class CallHooks:
    """The hooks round one module's calls, in order of registration."""

    __slots__ = ("backward", "backward_pre", "forward", "forward_pre")

    def __init__(self) -> None:
        self.forward_pre: dict[int, ForwardHook] = {}
        self.forward: dict[int, ForwardHook] = {}
        self.backward_pre: dict[int, Callable[..., Any]] = {}
        self.backward: dict[int, Callable[..., Any]] = {}


def call_with_hooks(module: Module, hooks: CallHooks, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``module(*args, **kwargs)`` with every hook that the module has."""
    completed: set[int] = set()
    output = None
    try:
        args, kwargs = _run_forward_pre_hooks(module, hooks, args, kwargs)
        backward = None
        if hooks.backward_pre or hooks.backward:
            backward = _BackwardHooks(module, tuple(hooks.backward_pre.values()), tuple(hooks.backward.values()))
            args = backward.watch_inputs(args)
        output = module.forward(*args, **kwargs)
        for key, hook in tuple(hooks.forward.items()):
            completed.add(key)  # one that fails is not called again below
            output = _run_forward_hook(hook, module, args, kwargs, output)
        return output if backward is None else backward.watch_outputs(output)
    except BaseException:
        for key, hook in tuple(hooks.forward.items()):
            if hook.always_call and key not in completed:
                _run_forward_hook(hook, module, args, kwargs, output)
        raise


def _run_forward_pre_hooks(
    module: Module, hooks: CallHooks, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    for function, with_kwargs, _ in tuple(hooks.forward_pre.values()):
        if with_kwargs:
            result = function(module, args, kwargs)
            if result is None:
                continue
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(
                    f"forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got {result}."
                )
            args, kwargs = result
        else:
            result = function(module, args)
            if result is not None:
                args = result if isinstance(result, tuple) else (result,)
    return args, kwargs


def _run_forward_hook(
    hook: ForwardHook, module: Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any
) -> Any:
    extra = (args, kwargs) if hook.with_kwargs else (args,)
    result = hook.function(module, *extra, output)
    return output if result is None else result


class _Watch(Function):
    """The identity on several tensors, whose backward pass meets all their gradients at once."""

    @staticmethod
    def forward(ctx: Any, on_gradients: Callable[[tuple[Any, ...]], tuple[Any, ...]], *tensors: Tensor) -> Any:
        ctx.on_gradients = on_gradients
        ctx.set_materialize_grads(False)
        return tuple(t.view_as(t) for t in tensors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        return (None, *ctx.on_gradients(grads))


class _BackwardHooks:
    """One call's backward hooks: identities round the module note the gradients that pass.

    The gradients of the outputs come first; they are kept until those of the inputs are there too, which is
    when the hooks run. Where no input takes a gradient the hooks run at the outputs.
    """

    def __init__(
        self, module: Module, pre_hooks: tuple[Callable[..., Any], ...], hooks: tuple[Callable[..., Any], ...]
    ) -> None:
        self.module = module
        self.pre_hooks = pre_hooks
        self.hooks = hooks
        self.n_inputs = 0
        self.inputs: list[int] | None = None  # positions of the watched ones
        self.n_outputs = 0
        self.outputs: list[int] = []
        self.grad_output: tuple[Any, ...] | None = None

    def watch_inputs(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """``args`` through an identity, where any takes a gradient."""
        self.n_inputs = len(args)
        if not is_grad_enabled():
            return args
        tensors = [i for i, a in enumerate(args) if isinstance(a, Tensor) and a.requires_grad]
        if not tensors:
            return args
        self.inputs = tensors
        return self._watch(args, tensors, self._on_input_gradients)

    def watch_outputs(self, output: Any) -> Any:
        """The module's output through an identity: a tensor, or a tuple or list that holds some."""
        if isinstance(output, Tensor):
            outputs: tuple[Any, ...] = (output,)
        elif isinstance(output, (tuple, list)):
            outputs = tuple(output)
        else:
            return output
        tensors = [i for i, o in enumerate(outputs) if isinstance(o, Tensor) and o.requires_grad]
        if not tensors:
            return output
        self.n_outputs = len(outputs)
        self.outputs = tensors
        watched = self._watch(outputs, tensors, self._on_output_gradients)
        if isinstance(output, Tensor):
            return watched[0]
        if hasattr(output, "_fields"):
            return type(output)(*watched)
        return type(output)(watched)

    @staticmethod
    def _watch(
        values: tuple[Any, ...], positions: list[int], on_gradients: Callable[[tuple[Any, ...]], tuple[Any, ...]]
    ) -> tuple[Any, ...]:
        result = list(values)
        for i, watched in zip(positions, _Watch.apply(on_gradients, *(values[i] for i in positions)), strict=True):
            result[i] = watched
        return tuple(result)

    def _on_output_gradients(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        grad_output = _spread(grads, self.outputs, self.n_outputs)
        for hook in self.pre_hooks:
            result = hook(self.module, grad_output)
            if result is not None:
                grad_output = _replaced("Backward pre hook", "grad_output", result, grad_output)
        if self.inputs is not None:
            self.grad_output = grad_output
        else:
            for hook in self.hooks:
                result = hook(self.module, (None,) * self.n_inputs, grad_output)
                if result is not None and any(g is not None for g in _as_tuple(result)):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None "
                        "or None for all gradients."
                    )
        return tuple(grad_output[i] for i in self.outputs)

    def _on_input_gradients(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        assert self.inputs is not None
        if self.grad_output is None:  # a graph that reaches the inputs round the module's outputs
            return grads
        grad_input = _spread(grads, self.inputs, self.n_inputs)
        for hook in self.hooks:
            result = hook(self.module, grad_input, self.grad_output)
            if result is not None:
                grad_input = _replaced("Backward hook", "grad_input", result, grad_input)
        self.grad_output = None
        return tuple(grad_input[i] for i in self.inputs)


def _replaced(what: str, which: str, result: Any, before: tuple[Any, ...]) -> tuple[Any, ...]:
    replaced = _as_tuple(result)
    if len(replaced) != len(before):
        raise RuntimeError(
            f"{what} returned an invalid number of {which}, got {len(replaced)}, but expected {len(before)}"
        )
    return replaced


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _spread(values: tuple[Any, ...], positions: list[int], length: int) -> tuple[Any, ...]:
    result: list[Any] = [None] * length
    for i, value in zip(positions, values, strict=True):
        result[i] = value
    return tuple(result)
