"""Gradients: backward, grad, grad modes, functions of the user's own, and their checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.autograd import graph
from hotloop.autograd.function import Function, FunctionCtx, once_differentiable
from hotloop.autograd.grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled

__all__ = [
    "Function",
    "FunctionCtx",
    "GradcheckError",
    "backward",
    "enable_grad",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "once_differentiable",
    "set_grad_enabled",
]


def _as_list(tensors: Tensor | Sequence[Any] | None) -> list[Any]:
    if tensors is None:
        return []
    return [tensors] if isinstance(tensors, Tensor) else list(tensors)


def backward(
    tensors: Tensor | Sequence[Tensor],
    grad_tensors: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Tensor | Sequence[Tensor] | None = None,
) -> None:
    """Adds the gradients of ``tensors``, weighted by ``grad_tensors`` (ones for one-element tensors), into the .grad of
    the leaves that they came from, or of ``inputs`` alone."""
    if inputs is not None and len(_as_list(inputs)) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    retain = create_graph if retain_graph is None else retain_graph
    _core._run_backward(_as_list(tensors), _as_list(grad_tensors), _as_list(inputs), retain, create_graph, True)


def grad(
    outputs: Tensor | Sequence[Tensor],
    inputs: Tensor | Sequence[Tensor],
    grad_outputs: Tensor | Sequence[Tensor | None] | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    materialize_grads: bool = False,
) -> tuple[Any, ...]:
    """The gradients of ``outputs``, weighted by ``grad_outputs``, with respect to ``inputs``, as a tuple.

    An input that took no part raises RuntimeError unless ``allow_unused``: then its gradient is None, or zeros with
    ``materialize_grads``.
    """
    wanted = _as_list(inputs)
    if not wanted:
        raise ValueError("grad requires non-empty inputs.")
    if allow_unused is None:
        allow_unused = materialize_grads
    retain = create_graph if retain_graph is None else retain_graph
    grads = list(_core._run_backward(_as_list(outputs), _as_list(grad_outputs), wanted, retain, create_graph, False))
    for i, g in enumerate(grads):
        if g is not None:
            continue
        if materialize_grads:
            grads[i] = _core.zeros_like(wanted[i])
        elif not allow_unused:
            raise RuntimeError(
                f"One of the differentiated Tensors appears to not have been used in the graph (inputs[{i}]). Set "
                "allow_unused=True if this is the desired behavior."
            )
    return tuple(grads)


def __getattr__(name: str) -> Any:
    # The checks bring more of NumPy than training needs.
    if name in ("gradcheck", "gradgradcheck", "GradcheckError"):
        import importlib

        module = importlib.import_module("hotloop.autograd._gradcheck")
        for key in ("gradcheck", "gradgradcheck", "GradcheckError"):
            globals()[key] = getattr(module, key)
        return globals()[name]
    raise AttributeError(f"module 'hotloop.autograd' has no attribute {name!r}")
