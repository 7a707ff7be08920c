"""Analytic gradients against finite differences, in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop._core import Tensor
from hotloop.autograd.grad_mode import no_grad


class GradcheckError(RuntimeError):
    """A gradient differs from its finite difference."""


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return tuple(x) if isinstance(x, (tuple, list)) else (x,)


def _outputs(func: Callable[..., Any], inputs: tuple[Any, ...]) -> list[Tensor]:
    outputs = [o for o in _as_tuple(func(*inputs)) if isinstance(o, Tensor) and o.dtype.is_floating_point]
    if not outputs:
        raise ValueError("gradcheck: func returned no floating-point tensor")
    return outputs


def _numerical(func: Callable[..., Any], inputs: tuple[Any, ...], x: Tensor, eps: float) -> list[NDArray[np.float64]]:
    """d output / d x for every output: (elements of x, elements of output)."""
    flat = x.data.view(-1)  # whose writes spoil nothing that was saved
    columns: list[list[NDArray[np.float64]]] = []
    for i in range(flat.numel()):
        value = flat[i].item()
        sides = []
        for step in (eps, -eps):
            flat[i] = value + step
            with no_grad():
                sides.append(
                    [o.detach().cpu().numpy().astype(np.float64).ravel().copy() for o in _outputs(func, inputs)]
                )
        flat[i] = value
        columns.append([(a - b) / (2 * eps) for a, b in zip(*sides, strict=True)])
    n_outputs = len(columns[0]) if columns else 0
    return [np.array([c[k] for c in columns]) for k in range(n_outputs)]


def _analytical(outputs: list[Tensor], inputs: list[Tensor], output: int) -> list[NDArray[np.float64]]:
    """The same by backward, one row of the output at a time."""
    from hotloop.autograd import grad

    out = outputs[output]
    rows: list[list[NDArray[np.float64]]] = []
    for k in range(out.numel()):
        one = out.detach().new_zeros(out.numel())
        one[k] = 1.0
        if not out.requires_grad:
            rows.append([np.zeros(x.numel()) for x in inputs])
            continue
        grads = grad([out], inputs, [one.reshape(out.shape)], retain_graph=True, allow_unused=True)
        pairs = zip(grads, inputs, strict=True)
        rows.append([np.zeros(x.numel()) if g is None else g.detach().cpu().numpy().ravel() for g, x in pairs])
    return [np.array([r[i] for r in rows]).reshape(out.numel(), x.numel()).T for i, x in enumerate(inputs)]


def gradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Whether func's gradients agree with central differences for every float64 input that requires grad.

    ``func`` takes the inputs and returns a tensor or a tuple of them. Where a gradient is wrong, GradcheckError tells
    where and by how much; with ``raise_exception=False`` the result is False.
    """
    given = _as_tuple(inputs)
    checked = [x for x in given if isinstance(x, Tensor) and x.requires_grad]
    if not checked:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have "
            "requires_grad=True."
        )
    for x in checked:
        if x.dtype.itemsize != 8:
            raise ValueError(f"gradcheck: inputs that require grad must be float64, got {x.dtype}")
        if not x.is_contiguous():
            raise ValueError("gradcheck: inputs that require grad must be contiguous")
    try:
        outputs = _outputs(func, given)
        numerical = [_numerical(func, given, x, eps) for x in checked]
        for k in range(len(outputs)):
            analytical = _analytical(outputs, checked, k)
            for i, x in enumerate(checked):
                if x.numel() == 0:
                    continue
                wrong = ~np.isclose(analytical[i], numerical[i][k], rtol=rtol, atol=atol, equal_nan=True)
                if wrong.any():
                    at = tuple(int(v) for v in np.argwhere(wrong)[0])
                    raise GradcheckError(
                        f"Jacobian mismatch for output {k} with respect to input {i} at (input element, output "
                        f"element) {at}: numerical {numerical[i][k][at]!r}, analytical {analytical[i][at]!r}; "
                        f"{int(wrong.sum())} of {wrong.size} entries differ"
                    )
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Tensor | Sequence[Any],
    grad_outputs: Sequence[Tensor] | None = None,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """gradcheck of the gradients themselves: second derivatives against differences of first ones."""
    from hotloop.autograd import grad

    given = _as_tuple(inputs)
    outputs = _outputs(func, given)
    rng = np.random.default_rng(0)
    if grad_outputs is None:
        from hotloop import from_numpy

        grad_outputs = [from_numpy(rng.standard_normal(o.shape)).to(o.device).requires_grad_() for o in outputs]
    n = len(given)

    def first(*args: Any) -> tuple[Tensor, ...]:
        xs, weights = args[:n], args[n:]
        checked = [x for x in xs if isinstance(x, Tensor) and x.requires_grad]
        from hotloop.autograd.grad_mode import enable_grad

        with enable_grad():
            outs = list(_outputs(func, xs))
            pairs = [(o, w) for o, w in zip(outs, weights, strict=True) if o.requires_grad]
            grads = grad([o for o, _ in pairs], checked, [w for _, w in pairs], create_graph=True, allow_unused=True)
        return tuple(x * 0.0 if g is None else g for g, x in zip(grads, checked, strict=True))

    return gradcheck(first, (*given, *grad_outputs), eps, atol, rtol, raise_exception)
