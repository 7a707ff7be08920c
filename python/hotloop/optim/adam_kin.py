"""Adamax, NAdam and RAdam: Adam's kin."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.autograd import no_grad
from hotloop.optim.optimizer import (
    CountedOptimizer,
    check_settings,
    fresh_state,
    of_all,
)


class Adamax(CountedOptimizer):
    """Adam by the infinity norm (Kingma and Ba 2014, section 7.1).

    With g the gradient plus ``weight_decay`` times the parameter: m += (1 - beta1) * (g - m), u = max(beta2 * u, abs(g)
    + eps), and the parameter goes down by ``lr / (1 - beta1^t) * m / u`` at step t.

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: learning rate; in a CUDA graph a 0-d tensor on the GPU, which is read at each replay.
        betas: shares of the two averages that stay at each step.
        eps: added to the size of the gradient.
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
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
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
            "maximize": maximize,
            "capturable": capturable,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return fresh_state(param, "exp_avg", "exp_inf")

    def _step(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]], step: Any
    ) -> None:
        beta1, beta2 = group["betas"]
        _core.adamax_step(
            params,
            grads,
            of_all(states, "exp_avg"),
            of_all(states, "exp_inf"),
            step,
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["maximize"],
            group["l1_decay"],
        )


class NAdam(CountedOptimizer):
    """Adam with Nesterov momentum (Dozat 2016).

    The momentum warms up, mu_t = beta1 * (1 - 0.96^(t * momentum_decay) / 2). With m and v as Adam's, the parameter
    goes down by ``lr * (mu_{t+1} m / (1 - mu_1 ... mu_{t+1}) + (1 - mu_t) g / (1 - mu_1 ... mu_t)) / (sqrt(v / (1 -
    beta2^t)) + eps)``.

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: learning rate; in a CUDA graph a 0-d tensor on the GPU, which is read at each replay.
        betas: shares of the two averages that stay at each step.
        eps: added to the denominator.
        weight_decay: factor of the L2 penalty.
        momentum_decay: how fast the momentum warms up.
        decoupled_weight_decay: decay as AdamW's.
        maximize: go up.
        foreach: taken for PyTorch's sake; every step is one fused pass over all parameters.
        capturable: count steps on the GPU that parameters are on, so that a CUDA graph may hold the step.
        differentiable: must be false.
        l1_decay: factor of the L1 penalty: ``l1_decay * sign(parameter)`` goes the way of weight decay.
    """

    _key = operator.itemgetter("step", "mu_product")

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        check_settings(
            differentiable=differentiable,
            lr=lr,
            eps=eps,
            betas=betas,
            weight_decay=weight_decay,
            momentum_decay=momentum_decay,
            l1_decay=l1_decay,
        )
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "maximize": maximize,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return {**fresh_state(param, "exp_avg", "exp_avg_sq"), "mu_product": 1.0}

    def _step(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]], step: Any
    ) -> None:
        beta1, beta2 = group["betas"]
        mu_product = _core.nadam_step(
            params,
            grads,
            of_all(states, "exp_avg"),
            of_all(states, "exp_avg_sq"),
            step,
            states[0]["mu_product"],
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["momentum_decay"],
            group["decoupled_weight_decay"],
            group["maximize"],
            group["l1_decay"],
        )
        if isinstance(step, Tensor):
            warmth = 0.96 ** ((step.double() + 1) * group["momentum_decay"])
            with no_grad():
                states[0]["mu_product"].mul_(beta1 * (1 - 0.5 * warmth))
            return
        for state in states:
            state["mu_product"] = mu_product


class RAdam(CountedOptimizer):
    """Adam that divides by the root of the mean square only once enough gradients are in it (Liu et al. 2019).

    With rho = 2 / (1 - beta2) - 1 and rho_t = rho - 2 t beta2^t / (1 - beta2^t): where rho_t > 5, Adam's step times
    ``sqrt((rho_t - 4) (rho_t - 2) rho / ((rho - 4) (rho - 2) rho_t))``, ``eps`` being added to sqrt(v) before its
    correction; until then, steps of the corrected mean gradient alone.

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: learning rate; in a CUDA graph a 0-d tensor on the GPU, which is read at each replay.
        betas: shares of the two averages that stay at each step.
        eps: added to the denominator.
        weight_decay: factor of the L2 penalty.
        decoupled_weight_decay: decay as AdamW's.
        maximize: go up.
        foreach: taken for PyTorch's sake; every step is one fused pass over all parameters.
        capturable: count steps on the GPU that parameters are on, so that a CUDA graph may hold the step.
        differentiable: must be false.
        l1_decay: factor of the L1 penalty: ``l1_decay * sign(parameter)`` goes the way of weight decay.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
            "maximize": maximize,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        return fresh_state(param, "exp_avg", "exp_avg_sq")

    def _step(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]], step: Any
    ) -> None:
        beta1, beta2 = group["betas"]
        _core.radam_step(
            params,
            grads,
            of_all(states, "exp_avg"),
            of_all(states, "exp_avg_sq"),
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
