"""Muon."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.optim.optimizer import Optimizer, refuse_first_step


class Muon(Optimizer):
    """Momentum whose matrices are made orthogonal before each step (Jordan et al. 2024), for hidden layers.

    The momentum b += (1 - momentum) * (g - b), or with ``nesterov`` g + momentum * (b - g), is divided by its norm and
    goes ``ns_steps`` times through x -> a x + (b x x^T + c (x x^T)^2) x, in bfloat16, which brings its singular values
    near 1. The parameter is scaled by ``1 - lr * weight_decay`` and goes down by the result times ``lr``, which is
    adjusted to the shape. Embeddings, output layers and biases are better left to AdamW.

    Args:
        params: matrices, or dicts of "params" and settings.
        lr: learning rate; in a CUDA graph a 0-d tensor on the GPU, which is read at each replay.
        weight_decay: decoupled, as AdamW's.
        momentum: share of the buffer that stays.
        nesterov: look ahead by one step of momentum.
        ns_coefficients: a, b and c.
        eps: the least norm to divide by.
        ns_steps: number of iterations, below 100.
        adjust_lr_fn: for a matrix (A, B), "original" (the default) multiplies ``lr`` by sqrt(max(1, A / B)), and
            "match_rms_adamw" by 0.2 * sqrt(max(A, B)), which makes steps as large as AdamW's (Liu et al. 2025).
        l1_decay: factor of the L1 penalty, decoupled: the parameter goes down by ``lr * l1_decay * sign(parameter)``.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
        *,
        l1_decay: float = 0.0,
    ) -> None:
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if not l1_decay >= 0.0:
            raise ValueError(f"l1 decay should be >= 0 but is: {l1_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group: a dict with "params", all of them matrices, and settings that differ from the defaults."""
        super().add_param_group(param_group)
        for param in self.param_groups[-1]["params"]:
            if param.ndim != 2:
                self.param_groups.pop()
                raise ValueError(
                    f"Muon only supports 2D parameters whereas we found a parameter with size: {param.shape}"
                )

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        if group["ns_steps"] >= 100:
            raise ValueError("Number of steps must be less than 100 for computational efficiency")
        if len(group["ns_coefficients"]) != 3:
            raise ValueError("Coefficients must be a tuple of exactly 3 values")
        for param in params:
            state = self.state[param]
            if "momentum_buffer" not in state:
                refuse_first_step()
                state["momentum_buffer"] = _core.zeros_like(param.detach())
        a, b, c = group["ns_coefficients"]
        _core.muon_step(
            params,
            grads,
            [self.state[param]["momentum_buffer"] for param in params],
            group["lr"],
            group["weight_decay"],
            group["momentum"],
            group["nesterov"],
            a,
            b,
            c,
            group["eps"],
            group["ns_steps"],
            group["adjust_lr_fn"] or "original",
            group["l1_decay"],
        )
