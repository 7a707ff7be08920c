"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.optim.optimizer import Optimizer, check_not_negative


class Adam(Optimizer):
    """Adam: steps of the mean gradient over the root of the mean square gradient, both exponentially averaged.

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: learning rate.
        betas: shares of the two averages that stay at each step.
        eps: added to the denominator.
        weight_decay: factor of the L2 penalty, which goes through the averages (unlike AdamW's decay).
        amsgrad: divide by the largest mean square so far.
        maximize: go up.
        decoupled_weight_decay: AdamW's weight decay.
        foreach, fused: taken for PyTorch's sake; every step is one fused pass over all parameters.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        check_not_negative("learning rate", lr)
        check_not_negative("epsilon value", eps)
        for i, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        check_not_negative("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        all_state = self.state
        states = [all_state[param] for param in params]
        try:
            steps = {state["step"] for state in states}
        except KeyError:
            for param, state in zip(params, states, strict=True):
                if not state:
                    self._start(param, state, group["amsgrad"])
            steps = {state["step"] for state in states}
        if len(steps) == 1:
            self._launch(group, params, grads, states)
            return
        # Some parameters joined later, or had no gradient at times. A launch counts its steps up: the highest go first.
        for step in sorted(steps, reverse=True):
            part = [i for i, state in enumerate(states) if state["step"] == step]
            self._launch(group, [params[i] for i in part], [grads[i] for i in part], [states[i] for i in part])

    @staticmethod
    def _start(param: Tensor, state: dict[str, Any], amsgrad: bool) -> None:
        keys = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if amsgrad else ("exp_avg", "exp_avg_sq")
        # All or nothing: memory may run out between two of them.
        state.update({"step": 0, **{key: _core.zeros_like(param.detach()) for key in keys}})

    @staticmethod
    def _launch(group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]) -> None:
        """One step of parameters that have made the same number of steps."""
        step = states[0]["step"] + 1
        beta1, beta2 = group["betas"]
        amsgrad = group["amsgrad"]
        _core.adam_step(
            params,
            grads,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state["max_exp_avg_sq"] for state in states] if amsgrad else [],
            step,
            group["lr"],
            beta1,
            beta2,
            group["eps"],
            group["weight_decay"],
            group["decoupled_weight_decay"],
            amsgrad,
            group["maximize"],
        )
        for state in states:
            state["step"] = step


class AdamW(Adam):
    """Adam with decoupled weight decay: each step first scales the parameter by ``1 - lr * weight_decay``."""

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        fused: bool | None = None,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize, decoupled_weight_decay=True)
