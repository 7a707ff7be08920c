"""RMSprop."""

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


class RMSprop(CountedOptimizer):
    """Steps of the gradient over the root of its mean square (Tieleman and Hinton 2012).

    With g the gradient plus ``weight_decay`` times the parameter: v = alpha * v + (1 - alpha) * g^2, and u = g /
    (sqrt(v) + eps); with ``momentum``, the buffer b = momentum * b + u in place of u. The parameter goes down by ``lr *
    u``. ``centered`` takes v minus the square of the mean gradient, the variance (Graves 2013).

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: learning rate; in a CUDA graph a 0-d tensor on the GPU, which is read at each replay.
        alpha: share of the average that stays at each step.
        eps: added to the denominator.
        weight_decay: factor of the L2 penalty.
        momentum: share of the buffer that stays.
        centered: divide by the root of the variance.
        maximize: go up.
        foreach: taken for PyTorch's sake; every step is one fused pass over all parameters.
        capturable: count steps on the GPU that parameters are on, so that a CUDA graph may hold the step.
        differentiable: must be false.
        l1_decay: factor of the L1 penalty: ``l1_decay * sign(parameter)`` joins the gradient as weight decay does.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        *,
        l1_decay: float = 0.0,
    ) -> None:
        check_settings(
            differentiable=differentiable,
            lr=lr,
            eps=eps,
            momentum=momentum,
            weight_decay=weight_decay,
            alpha=alpha,
            l1_decay=l1_decay,
        )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        names = ["square_avg"]
        if group["momentum"] > 0:
            names.append("momentum_buffer")
        if group["centered"]:
            names.append("grad_avg")
        return fresh_state(param, *names)

    def _step(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]], step: Any
    ) -> None:
        _core.rmsprop_step(
            params,
            grads,
            of_all(states, "square_avg"),
            of_all(states, "momentum_buffer") if group["momentum"] > 0 else [],
            of_all(states, "grad_avg") if group["centered"] else [],
            group["lr"],
            group["alpha"],
            group["eps"],
            group["weight_decay"],
            group["momentum"],
            group["maximize"],
            group["l1_decay"],
        )
