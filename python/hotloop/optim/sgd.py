"""SGD with momentum, Nesterov momentum and weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.optim.optimizer import Optimizer, check_settings, refuse_first_step


class SGD(Optimizer):
    """Stochastic gradient descent.

    With g the gradient plus ``weight_decay`` times the parameter, the buffer b becomes ``momentum * b + (1 - dampening)
    * g`` (g itself at the first step), and the parameter goes down by ``lr`` times b; with ``nesterov`` by ``lr * (g +
    momentum * b)``.

    Args:
        params: parameters, or dicts of "params" and settings.
        lr: learning rate; in a CUDA graph a 0-d tensor on the GPU, which is read at each replay.
        momentum: share of the buffer that stays.
        dampening: share of the gradient that is kept out of the buffer.
        weight_decay: factor of the L2 penalty.
        nesterov: look ahead by one step of momentum.
        maximize: go up.
        foreach, fused: taken for PyTorch's sake; every step is one fused pass over all parameters.
        differentiable: must be false.
        l1_decay: factor of the L1 penalty: ``l1_decay * sign(parameter)`` joins the gradient as weight decay does.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
        l1_decay: float = 0.0,
    ) -> None:
        check_settings(
            differentiable=differentiable, lr=lr, momentum=momentum, weight_decay=weight_decay, l1_decay=l1_decay
        )
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "l1_decay": l1_decay,
        }
        super().__init__(params, defaults)

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        if group["momentum"] == 0:
            self._launch(group, params, grads, [], False)
            return
        all_state = self.state
        states = [all_state[param] for param in params]
        buffers = [state.get("momentum_buffer") for state in states]
        for buffer in buffers:
            if buffer is None:
                break
        else:
            self._launch(group, params, grads, buffers, False)
            return
        refuse_first_step()
        for first_step in (True, False):  # some parameters have no buffer yet
            part = [i for i, buffer in enumerate(buffers) if (buffer is None) == first_step]
            if not part:
                continue
            used = [_core.empty_like(params[i].detach()) if first_step else buffers[i] for i in part]
            self._launch(group, [params[i] for i in part], [grads[i] for i in part], used, first_step)
            # Only now: a first step that memory ran out in is a first step still.
            for i, buffer in zip(part, used, strict=True):
                states[i]["momentum_buffer"] = buffer

    @staticmethod
    def _launch(
        group: dict[str, Any], params: list[Tensor], grads: list[Tensor], buffers: list[Any], first_step: bool
    ) -> None:
        _core.sgd_step(
            params,
            grads,
            buffers,
            group["lr"],
            group["momentum"],
            group["dampening"],
            group["weight_decay"],
            group["nesterov"],
            group["maximize"],
            first_step,
            group["l1_decay"],
        )
