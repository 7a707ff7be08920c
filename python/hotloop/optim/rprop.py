"""Rprop and ASGD."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.autograd import no_grad
from hotloop.optim.optimizer import Optimizer, check_settings, fresh_state, on_gpu


class Rprop(Optimizer):
    """Steps of a size of each element's own, in the direction of the gradient's sign (Riedmiller and Braun 1993).

    The size grows by ``etas[1]`` while the sign stays, and shrinks by ``etas[0]`` when it changes, and then the element
    waits a step. For gradients of the whole data, not of batches.

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: the sizes of the first step.
        etas: factors for a changed and for a kept sign, below and above 1.
        step_sizes: the least and the greatest size.
        maximize: go up.
        foreach, capturable: taken for PyTorch's sake.
        differentiable: must be false.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_settings(differentiable=differentiable, lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize})

    @no_grad()
    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        shrink, grow = group["etas"]
        least, greatest = group["step_sizes"]
        for param, given in zip(params, grads, strict=True):
            state = self.state[param]
            if not state:
                sizes = _core.full_like(param.detach(), float(group["lr"]))
                state.update(fresh_state(param, "prev"), step_size=sizes)
            grad = -given if group["maximize"] else given
            kept = grad * state["prev"]
            factor = _core.ones_like(kept).masked_fill(kept > 0, grow).masked_fill(kept < 0, shrink)
            state["step_size"].mul_(factor).clamp_(least, greatest)
            grad = grad.masked_fill(kept < 0, 0.0)
            param.sub_(grad.sign() * state["step_size"])
            state["prev"].copy_(grad)
            state["step"] += 1


class ASGD(Optimizer):
    """Stochastic gradient descent that averages its parameters (Polyak and Juditsky 1992).

    The parameter shrinks by ``1 - lambd * eta`` and goes down by ``eta`` times the gradient, with ``eta = lr / (1 +
    lambd * lr * step)^alpha``; ``state[param]["ax"]`` is the average from step ``t0`` on.

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: learning rate.
        lambd: decay.
        alpha: power of the learning rate's fall.
        t0: the step at which averaging begins.
        weight_decay: factor of the L2 penalty.
        maximize: go up.
        foreach: taken for PyTorch's sake.
        differentiable: must be false.
        capturable: keep the step's number and the rates on the parameters' GPU, so that a CUDA graph may hold the step.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_settings(differentiable=differentiable, lr=lr, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    @no_grad()
    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        captured = group["capturable"] and params[0].is_cuda
        if _core._cuda_is_capturing() and not captured:
            raise RuntimeError("ASGD: the rates are the host's: make the optimizer with capturable=True")
        lr, lambd = group["lr"], group["lambd"]
        lr = lr if captured else float(lr)
        for param, given in zip(params, grads, strict=True):
            state = self.state[param]
            if not state:
                state.update(fresh_state(param, "ax"), eta=float(lr), mu=1.0)
            if captured:
                on_gpu(state, param, "step", "eta", "mu")
            grad = -given if group["maximize"] else given
            if group["weight_decay"] != 0:
                grad = grad + param * group["weight_decay"]
            param.mul_(1 - lambd * state["eta"]).sub_(grad * state["eta"])
            mu = state["mu"].to(param.dtype) if captured else state["mu"]
            state["ax"].lerp_(param.detach(), mu)
            state["step"] += 1
            step = state["step"].double() if captured else state["step"]
            eta = lr / (1 + lambd * lr * step) ** group["alpha"]
            if captured:
                state["eta"].copy_(eta)
                state["mu"].copy_((step - group["t0"]).clamp(min=1).reciprocal())
            else:
                state["eta"], state["mu"] = eta, 1 / max(1, step - group["t0"])
