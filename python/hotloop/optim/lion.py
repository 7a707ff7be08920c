"""Lion."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.optim.optimizer import Optimizer, check_settings, refuse_first_step


class Lion(Optimizer):
    """Steps of one size, in the direction that momentum and gradient agree on (Chen et al. 2023).

    The parameter is scaled by ``1 - lr * weight_decay`` and goes down by ``lr * sign(beta1 * m + (1 - beta1) * g)``;
    then m = beta2 * m + (1 - beta2) * g. Such steps are larger than Adam's: take a learning rate some 3 to 10 times
    smaller, and a weight decay as many times larger.

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: learning rate; in a CUDA graph a 0-d tensor on the GPU, which is read at each replay.
        betas: share of the momentum in a step, and share of it that stays.
        weight_decay: decoupled, as AdamW's.
        maximize: go up.
        l1_decay: factor of the L1 penalty, decoupled: the parameter goes down by ``lr * l1_decay * sign(parameter)``.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
        l1_decay: float = 0.0,
    ) -> None:
        check_settings(lr=lr, betas=betas, weight_decay=weight_decay, l1_decay=l1_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        beta1, beta2 = group["betas"]
        for param in params:
            state = self.state[param]
            if "exp_avg" not in state:
                refuse_first_step()
                state["exp_avg"] = _core.zeros_like(param.detach())
        _core.lion_step(
            params,
            grads,
            [self.state[param]["exp_avg"] for param in params],
            group["lr"],
            beta1,
            beta2,
            group["weight_decay"],
            group["maximize"],
            group["l1_decay"],
        )
