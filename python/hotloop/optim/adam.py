"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.optim.optimizer import (
    CountedOptimizer,
    check_settings,
    fresh_state,
    of_all,
)


class Adam(CountedOptimizer):
    """Adam (Kingma and Ba 2014): steps of the mean gradient over the root of the mean square gradient.

    With g the gradient plus ``weight_decay`` times the parameter, both averages are exponential: m += (1 - beta1) * (g
    - m) and v = beta2 * v + (1 - beta2) * g^2. The parameter goes down by ``lr * m' / (sqrt(v') + eps)``, where m' = m
    / (1 - beta1^t) and v' = v / (1 - beta2^t) at step t.

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: learning rate; in a CUDA graph a 0-d tensor on the GPU, which is read at each replay.
        betas: shares of the two averages that stay at each step.
        eps: added to the denominator.
        weight_decay: factor of the L2 penalty, which goes through the averages (unlike AdamW's decay).
        amsgrad: divide by the largest mean square so far (Reddi, Kale and Kumar 2018).
        maximize: go up.
        decoupled_weight_decay: AdamW's weight decay.
        foreach, fused: taken for PyTorch's sake; every step is one fused pass over all parameters.
        capturable: count steps on the GPU that parameters are on, so that a CUDA graph may hold the step.
        differentiable: must be false.
        l1_decay: factor of the L1 penalty, which goes the way of weight decay: ``l1_decay * sign(parameter)`` joins the
            gradient; decoupled, the parameter goes down by ``lr`` times that.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        check_settings(
            differentiable=differentiable, lr=lr, eps=eps, betas=betas, weight_decay=weight_decay, l1_decay=l1_decay
        )
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return fresh_state(param, "exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else []))

    def _step(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]], step: Any
    ) -> None:
        beta1, beta2 = group["betas"]
        _core.adam_step(
            params,
            grads,
            of_all(states, "exp_avg"),
            of_all(states, "exp_avg_sq"),
            of_all(states, "max_exp_avg_sq") if group["amsgrad"] else [],
            step,
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
            group["l1_decay"],
        )


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2017).

    Each step first scales the parameter by ``1 - lr * weight_decay``, and lets ``lr * l1_decay * sign(parameter)`` off.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        l1_decay: float = 0.0,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            decoupled_weight_decay=True,
            l1_decay=l1_decay,
        )
