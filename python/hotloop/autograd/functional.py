"""Derivatives of functions as functions: Jacobians, Hessians and their products with vectors.

Each takes ``func`` and ``inputs``, a tensor or a tuple of them, and gives back results in the same form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.autograd.grad_mode import enable_grad

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _tuple(name: str, value: Any) -> tuple[tuple[Tensor, ...], bool]:
    """One tensor or several as a tuple, and whether they were several."""
    several = isinstance(value, (tuple, list))
    tensors = tuple(value) if several else (value,)
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise TypeError(f"The {name} must be Tensors, but the one at index {i} has type {type(t)}.")
    return tensors, several


def _form(tensors: Any, several: bool) -> Any:
    return tuple(tensors) if several else tensors[0]


def _leaves(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """The inputs to differentiate by: with ``create_graph`` those of the caller's own graph."""
    if create_graph:
        return tuple(x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs)
    return tuple(x.detach().requires_grad_() for x in inputs)


def _vector(v: Any, like: tuple[Tensor, ...], several: bool) -> tuple[Tensor, ...]:
    """The vector of a product, checked; ones for a single element where it is left out."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError("The vector v can only be None if the input is a single Tensor with a single element.")
        return (_core.ones_like(like[0].detach()),)
    vectors, _ = _tuple("vector v", v)
    if len(vectors) != len(like):
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(vectors)}.")
    for vector, x in zip(vectors, like, strict=True):
        if vector.shape != x.shape:
            raise RuntimeError(f"Entry of v has invalid size: should be {x.shape} but got {vector.shape}.")
    return vectors


def _grad(
    outputs: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    weights: tuple[Tensor, ...],
    create_graph: bool,
    strict: bool,
) -> tuple[Tensor, ...]:
    """Gradients, with zeros for inputs that the outputs don't depend on (a RuntimeError with ``strict``)."""
    pairs = [(o, w) for o, w in zip(outputs, weights, strict=True) if o.requires_grad]
    grads: list[Tensor | None] = [None] * len(inputs)
    if pairs:
        roots, cotangents = zip(*pairs, strict=True)
        grads = _core._run_backward(list(roots), list(cotangents), list(inputs), True, create_graph, False)
    if strict and (len(pairs) < len(outputs) or any(g is None for g in grads)):
        raise RuntimeError("An output of the function is independent of an input, which strict=True doesn't allow.")
    return tuple(_core.zeros_like(x.detach()) if g is None else g for g, x in zip(grads, inputs, strict=True))


def _results(tensors: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    return tensors if create_graph else tuple(t.detach() for t in tensors)


@enable_grad()
def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The outputs, and v times the Jacobian: the gradients of the inputs for the weights v of the outputs."""
    given, several = _tuple("inputs", inputs)
    leaves = _leaves(given, create_graph)
    outputs, several_outputs = _tuple("outputs of the function", func(*leaves))
    grads = _grad(outputs, leaves, _vector(v, outputs, several_outputs), create_graph, strict)
    return _form(_results(outputs, create_graph), several_outputs), _form(_results(grads, create_graph), several)


@enable_grad()
def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The outputs, and the Jacobian times v: how the outputs change as the inputs move along v."""
    given, several = _tuple("inputs", inputs)
    leaves = _leaves(given, create_graph)
    vectors = _vector(v, leaves, several)
    outputs, several_outputs = _tuple("outputs of the function", func(*leaves))
    # The gradients are linear in the weights of the outputs; their slopes along v are what is asked for.
    weights = tuple(_core.zeros_like(o.detach()).requires_grad_() for o in outputs)
    grads = _grad(outputs, leaves, weights, True, strict)
    products = _grad(grads, weights, vectors, create_graph, False)
    return _form(_results(outputs, create_graph), several_outputs), _form(
        _results(products, create_graph), several_outputs
    )


@enable_grad()
def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """All derivatives, of the shape of the output and then of the input; tuples of them, outputs first.

    ``vectorize`` and ``strategy`` are taken for PyTorch's sake: it is one backward an element of the outputs.
    """
    given, several = _tuple("inputs", inputs)
    leaves = _leaves(given, create_graph)
    outputs, several_outputs = _tuple("outputs of the function", func(*leaves))
    blocks = []
    for output in outputs:
        rows: list[list[Tensor]] = [[] for _ in leaves]
        for i in range(output.numel()):
            one = _core.zeros(output.numel(), dtype=output.dtype)
            one[i] = 1.0
            for row, g in zip(
                rows, _grad((output,), leaves, (one.reshape(output.shape),), create_graph, strict), strict=True
            ):
                row.append(g)
        block = [
            (_core.stack(row) if row else _core.zeros(0, *x.shape, dtype=x.dtype)).reshape(*output.shape, *x.shape)
            for row, x in zip(rows, leaves, strict=True)
        ]
        blocks.append(_form(_results(tuple(block), create_graph), several))
    return _form(blocks, several_outputs)


def _scalar(func: Callable[..., Any]) -> Callable[..., Tensor]:
    def checked(*inputs: Tensor) -> Tensor:
        output = func(*inputs)
        if not isinstance(output, Tensor):
            raise RuntimeError("The function given to hessian, hvp or vhp should return a single Tensor")
        if output.numel() != 1:
            raise RuntimeError(f"The Tensor returned by the function should have one element, got {output.numel()}")
        return output.reshape(())

    return checked


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """All second derivatives of a function of one result, of the input's shape twice; a tuple of tuples of several."""
    given, several = _tuple("inputs", inputs)
    scalar = _scalar(func)

    def gradient(*xs: Tensor) -> tuple[Tensor, ...]:
        row = jacobian(scalar, xs, create_graph=True, strict=strict)
        return tuple(row)

    rows = jacobian(gradient, given, create_graph, strict)
    return _form([_form(row, several) for row in rows], several)


@enable_grad()
def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The result of a function of one element, and v times its Hessian."""
    given, several = _tuple("inputs", inputs)
    leaves = _leaves(given, create_graph)
    vectors = _vector(v, leaves, several)
    output = _scalar(func)(*leaves)
    first = _grad((output,), leaves, (_core.ones_like(output.detach()),), True, strict)
    products = _grad(first, leaves, vectors, create_graph, strict)
    return _results((output,), create_graph)[0], _form(_results(products, create_graph), several)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The result of a function of one element, and its Hessian, which is symmetric, times v: the same as vhp()."""
    return vhp(func, inputs, v, create_graph, strict)
