"""Adafactor."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop._limits import finfo
from hotloop.autograd import no_grad
from hotloop.optim.optimizer import Optimizer, check_settings, on_gpu, refuse_first_step


class Adafactor(Optimizer):
    """Steps scaled by mean squares that matrices keep as a row and a column (Shazeer and Stern 2018).

    Of a parameter with two dims or more, the mean squares of the gradient's rows and of its columns are averaged with
    the share ``step^beta2_decay`` of the new ones, and their product over the rows' mean stands for all; of vectors
    they are kept whole. The step is clipped where its root mean square exceeds ``d``, and is relative to the
    parameter's own.

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: the greatest relative step size.
        beta2_decay: power of the step that the averages forget by.
        eps: the least mean squares' root (None: the dtype's own epsilon), and the least root mean square of a
            parameter.
        d: the threshold of clipping.
        weight_decay: decoupled, as AdamW's.
        maximize: go up.
        foreach: taken for PyTorch's sake.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_settings(lr=lr, weight_decay=weight_decay)
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    @no_grad()
    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        for param, given in zip(params, grads, strict=True):
            state = self.state[param]
            grad = -given if group["maximize"] else given
            if not state:
                refuse_first_step()
                state["step"] = 0
                if grad.ndim > 1:
                    state["row_var"] = grad.new_zeros(*grad.shape[:-1], 1)
                    state["col_var"] = grad.new_zeros(*grad.shape[:-2], 1, grad.shape[-1])
                else:
                    state["variance"] = _core.zeros_like(grad)
            if param.is_cuda:  # no number comes to the host: a CUDA graph may hold the step
                on_gpu(state, param, "step")
            state["step"] += 1
            step = state["step"].double() if param.is_cuda else state["step"]
            least_square = finfo(param.dtype).eps if group["eps"][0] is None else group["eps"][0]
            size = _at_least(_root_mean_square(param), group["eps"][1])
            alpha = size * _at_most(step**-0.5, group["lr"])
            if group["weight_decay"] != 0:
                param.mul_(1 - group["lr"] * group["weight_decay"])
            update = grad * self._mean_squares(state, grad, step ** group["beta2_decay"], least_square).rsqrt()
            excess = _at_least(_root_mean_square(update) / group["d"], 1.0)
            param.sub_(update * (alpha / excess))

    @staticmethod
    def _mean_squares(state: dict[str, Any], grad: Tensor, share: float | Tensor, least: float) -> Tensor:
        """The averaged mean squares of the gradient (of its shape), with this one's taken in."""
        squares = grad.square()
        share = share.to(grad.dtype) if isinstance(share, Tensor) else share
        if grad.ndim > 1:
            rows: Tensor = state["row_var"].lerp_(squares.mean(-1, keepdim=True), share)
            columns: Tensor = state["col_var"].lerp_(squares.mean(-2, keepdim=True), share)
            estimate: Tensor = rows @ columns / rows.mean(-2, keepdim=True).clamp(min=least)
        else:
            estimate = state["variance"].lerp_(squares, share)
        return estimate.clamp(min=least * least)


# Numbers of a step: the host's, or 0-d float64 tensors of the GPU.
_Number = Any


def _root_mean_square(x: Tensor) -> _Number:
    norm = x.norm().double() if x.is_cuda else x.norm().item()
    return norm / math.sqrt(x.numel())


def _at_least(x: _Number, low: float) -> _Number:
    return x.clamp(min=low) if isinstance(x, Tensor) else max(low, x)


def _at_most(x: _Number, high: float | Tensor) -> _Number:
    if isinstance(x, Tensor):
        return x.minimum(high.double()) if isinstance(high, Tensor) else x.clamp(max=high)
    return min(high, x)
