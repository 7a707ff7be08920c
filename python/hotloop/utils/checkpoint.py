"""Memory for time: forget a function's intermediate values and compute them again in backward (Chen et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.autograd import Function, backward
from hotloop.autograd.grad_mode import enable_grad


class _Checkpoint(Function):
    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], preserve_rng_state: bool, *args: Any) -> Any:
        ctx.function = function
        ctx.random_state = _core.default_generator.get_state() if preserve_rng_state else None
        ctx.other = [None if isinstance(a, Tensor) else a for a in args]
        ctx.positions = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.positions))
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        args = list(ctx.other)
        for i, saved in zip(ctx.positions, ctx.saved_tensors, strict=True):
            args[i] = saved.detach().requires_grad_(saved.requires_grad)
        now = _core.default_generator.get_state()
        if ctx.random_state is not None:
            _core.default_generator.set_state(ctx.random_state)
        try:
            with enable_grad():
                outputs = ctx.function(*args)
        finally:
            if ctx.random_state is not None:
                _core.default_generator.set_state(now)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        pairs = [
            (o, g)
            for o, g in zip((o for o in outputs if isinstance(o, Tensor)), grads, strict=True)
            if o.requires_grad and g is not None
        ]
        if pairs:
            backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *(a.grad if isinstance(a, Tensor) else None for a in args))


def checkpoint(function: Callable[..., Any], *args: Any, preserve_rng_state: bool = True) -> Any:
    """function(*args), keeping only the arguments; what lies between is computed again when backward needs it.

    At least one argument must require grad for gradients to flow to parameters that ``function`` uses. Random numbers
    are drawn alike both times unless ``preserve_rng_state`` is False.
    """
    return _Checkpoint.apply(function, preserve_rng_state, *args)
