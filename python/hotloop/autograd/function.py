"""Ops of the user's own: a forward and a backward in Python, taped like any other."""

from __future__ import annotations

from typing import Any

from hotloop import _core
from hotloop._core import Tensor


class FunctionCtx:
    """What forward leaves for backward, and what it says of its arguments."""

    needs_input_grad: tuple[bool, ...]

    def __init__(self) -> None:
        self._to_save: tuple[Tensor | None, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._non_differentiable: tuple[Tensor, ...] = ()
        self._materialize_grads = True
        self._node: Any = None  # while backward runs
        self._saved: tuple[Tensor | None, ...] | None = None  # what backward has asked for already
        self._backward: Any = None

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps inputs or outputs for backward, where ``saved_tensors`` has them again; to be called once."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument is of type {type(t).__name__}"
                )
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors given to save_for_backward, checked for having been changed since."""
        if self._node is None:
            return self._to_save
        if self._saved is None:
            self._saved = tuple(self._node.saved_tensors())
        return self._saved

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Names inputs that forward wrote in place; they must be among its outputs."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Names outputs that carry no gradient."""
        self._non_differentiable = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the default) or None for outputs that took no part in the loss."""
        self._materialize_grads = value

    def _apply_backward(self, node: Any, grads: tuple[Tensor | None, ...]) -> Any:
        self._node = node
        try:
            return self._backward(self, *grads)
        finally:
            self._node = self._saved = None


class Function:
    """The base of user-defined ops: subclass it with static methods forward(ctx, *args) and backward(ctx, *grads).

    ``forward`` computes without being recorded; ``backward`` gets a gradient for each output and returns one for each
    argument of forward (None for those that have none). Call it as ``MyFunction.apply(*args)``.
    """

    @staticmethod
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        """The op's values."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of forward's arguments from those of its outputs."""
        raise NotImplementedError("You must implement the backward for your custom autograd.Function.")

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Runs forward and records it."""
        record = _core.is_grad_enabled() and any(isinstance(a, Tensor) and a.requires_grad for a in args)
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        before = _core.is_grad_enabled()
        _core._set_grad_enabled(False)
        try:
            result = cls.forward(ctx, *args, **kwargs)
        finally:
            _core._set_grad_enabled(before)
        if not record:
            return result
        several = isinstance(result, (tuple, list))
        outputs = list(result) if several else [result]
        tensors = [o for o in outputs if isinstance(o, Tensor)]
        ctx._backward = cls.backward
        recorded = iter(
            _core._record_function(
                ctx, f"{cls.__name__}Backward", args, tensors, ctx._dirty, ctx._non_differentiable, ctx._to_save
            )
        )
        ctx._to_save = ()  # the node holds them now
        outputs = [next(recorded) if isinstance(o, Tensor) else o for o in outputs]
        return tuple(outputs) if several else outputs[0]


def once_differentiable(backward: Any) -> Any:
    """Marks a backward whose results can't be differentiated again: doing so raises RuntimeError."""

    class _Refuse(Function):
        @staticmethod
        def forward(ctx: Any, *grads: Any) -> Any:
            return tuple(g.detach() for g in grads)

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")

    def run(ctx: Any, *grads: Any) -> Any:
        before = _core.is_grad_enabled()
        _core._set_grad_enabled(False)
        try:
            result = backward(ctx, *grads)
        finally:
            _core._set_grad_enabled(before)
        if not before:
            return result
        results = list(result) if isinstance(result, tuple) else [result]
        positions = [i for i, r in enumerate(results) if isinstance(r, Tensor)]
        anchors = [results[i].detach().requires_grad_() for i in positions]
        for i, r in zip(positions, _Refuse.apply(*anchors) if anchors else (), strict=True):
            results[i] = r
        return tuple(results) if isinstance(result, tuple) else results[0]

    return run
