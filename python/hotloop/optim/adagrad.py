"""Adagrad and Adadelta."""

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


class Adagrad(CountedOptimizer):
    """Steps of the gradient over the root of the sum of its squares (Duchi, Hazan and Singer 2011).

    With g the gradient plus ``weight_decay`` times the parameter: s += g^2, and the parameter goes down by ``lr / (1 +
    (t - 1) * lr_decay) * g / (sqrt(s) + eps)`` at step t.

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: learning rate; in a CUDA graph a 0-d tensor on the GPU, which is read at each replay.
        lr_decay: how fast the learning rate falls.
        weight_decay: factor of the L2 penalty.
        initial_accumulator_value: what the sums begin with.
        eps: added to the denominator.
        maximize: go up.
        foreach, fused: taken for PyTorch's sake; every step is one fused pass over all parameters.
        differentiable: must be false.
        l1_decay: factor of the L1 penalty: ``l1_decay * sign(parameter)`` joins the gradient as weight decay does.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        l1_decay: float = 0.0,
    ) -> None:
        check_settings(
            differentiable=differentiable,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            l1_decay=l1_decay,
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                self.state[param] = self._start(param, group)

    @staticmethod
    def _counts_on_gpu(group: dict[str, Any]) -> bool:
        return bool(group["lr_decay"] != 0)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {"step": 0, "sum": _core.full_like(param.detach(), group["initial_accumulator_value"])}

    def _step(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]], step: Any
    ) -> None:
        rate = group["lr"]
        if group["lr_decay"] != 0:
            made = step.double() if isinstance(step, Tensor) else step - 1
            rate = rate / (1 + made * group["lr_decay"])
        _core.adagrad_step(
            params,
            grads,
            of_all(states, "sum"),
            rate,
            group["eps"],
            group["weight_decay"],
            group["maximize"],
            group["l1_decay"],
        )


class Adadelta(CountedOptimizer):
    """Steps that are as long as the latest steps were, by the root mean squares of both (Zeiler 2012).

    With g the gradient plus ``weight_decay`` times the parameter: v = rho * v + (1 - rho) * g^2, u = sqrt(a + eps) /
    sqrt(v + eps) * g, a = rho * a + (1 - rho) * u^2, and the parameter goes down by ``lr * u``.

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: learning rate; in a CUDA graph a 0-d tensor on the GPU, which is read at each replay.
        rho: share of both averages that stays at each step.
        eps: added below both roots.
        weight_decay: factor of the L2 penalty.
        maximize: go up.
        foreach: taken for PyTorch's sake; every step is one fused pass over all parameters.
        capturable: count steps on the GPU that parameters are on, so that a CUDA graph may hold the step.
        differentiable: must be false.
        l1_decay: factor of the L1 penalty: ``l1_decay * sign(parameter)`` joins the gradient as weight decay does.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        check_settings(differentiable=differentiable, lr=lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_settings(eps=eps, weight_decay=weight_decay, l1_decay=l1_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return fresh_state(param, "square_avg", "acc_delta")

    def _step(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]], step: Any
    ) -> None:
        _core.adadelta_step(
            params,
            grads,
            of_all(states, "square_avg"),
            of_all(states, "acc_delta"),
            group["lr"],
            group["rho"],
            group["eps"],
            group["weight_decay"],
            group["maximize"],
            group["l1_decay"],
        )
