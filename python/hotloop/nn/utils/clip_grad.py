"""Gradients kept within bounds."""

from __future__ import annotations

import math
from collections.abc import Iterable

from hotloop import _core
from hotloop._core import Tensor
from hotloop.autograd import no_grad


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors seen as one vector: a 0-d tensor. Orders 1, 2 and inf are one pass over all of them.

    Args:
        tensors: one or several.
        norm_type: order of the norm; inf for the largest absolute value.
        error_if_nonfinite: raise a RuntimeError where the norm is infinite or NaN.
        foreach: taken for PyTorch's sake.
    """
    parts = [t.detach() for t in ([tensors] if isinstance(tensors, Tensor) else tensors)]
    order = float(norm_type)
    if not parts:
        return _core.tensor(0.0)
    if order in (1.0, 2.0, math.inf):
        total = _core.total_norm(parts, order)
    else:
        total = _norm(_core.stack([_norm(part, order) for part in parts]), order)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scales all gradients by one factor, in place, so that their common norm is at most ``max_norm``.

    Returns the norm before: a 0-d tensor (Pascanu, Mikolov and Bengio 2012).
    """
    grads = _grads(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    _scale(grads, max_norm, total)
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """``clip_grad_norm_`` by a norm that is known already."""
    _scale(_grads(parameters), float(max_norm), total_norm)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Clamps every element of the gradients to [-clip_value, clip_value], in place."""
    with no_grad():
        for grad in _grads(parameters):
            grad.clamp_(-float(clip_value), float(clip_value))


def _scale(grads: list[Tensor], max_norm: float, total: Tensor) -> None:
    if grads:
        with no_grad():
            _core.clip_tensors(grads, max_norm, total)


def _grads(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    several: Iterable[Tensor] = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in several if p.grad is not None]


def _norm(x: Tensor, order: float) -> Tensor:
    """The vector norm of all elements: ()."""
    return x.abs().pow(order).sum().pow(1.0 / order)
