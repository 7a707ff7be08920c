"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.autograd import enable_grad, no_grad
from hotloop.optim._wolfe import strong_wolfe
from hotloop.optim.optimizer import Optimizer

#: Computes the loss and the gradients.
Closure = Callable[[], Any]


class LBFGS(Optimizer):
    """Quasi-Newton steps from the last ``history_size`` changes of gradients (Nocedal 1980; as minFunc has it).

    One group of parameters; ``step`` needs a closure, which it calls several times.

    Args:
        params: parameters.
        lr: the length of steps where no line search finds it.
        max_iter: iterations a step.
        max_eval: evaluations a step; 1.25 ``max_iter`` where left out.
        tolerance_grad: enough when no element of the gradient is larger.
        tolerance_change: enough when neither parameters nor loss change more.
        history_size: how many changes are kept.
        line_search_fn: None or "strong_wolfe".
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        if not lr >= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if line_search_fn not in (None, "strong_wolfe"):
            raise RuntimeError("only 'strong_wolfe' is supported")
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params: list[Tensor] = self.param_groups[0]["params"]

    def _flat_grad(self) -> Tensor:
        parts = [p.detach().new_zeros(p.numel()) if p.grad is None else p.grad.reshape(-1) for p in self._params]
        return _core.cat(parts)

    def _move(self, length: float, direction: Tensor) -> None:
        start = 0
        for p in self._params:
            end = start + p.numel()
            p.add_(direction[start:end].reshape(p.shape), alpha=length)
            start = end

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        raise NotImplementedError("LBFGS updates all parameters together, in step()")

    @no_grad()
    def step(self, closure: Closure | None = None) -> Any:
        """Iterates until the group's limits are met; returns the closure's first loss."""
        if closure is None:
            raise TypeError("LBFGS.step() missing 1 required positional argument: 'closure'")
        self._opt_called = True
        evaluate = enable_grad()(closure)
        group = self.param_groups[0]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        first = evaluate()
        loss, evaluations = float(first), 1
        state["func_evals"] += 1
        grad = self._flat_grad()
        if grad.abs().max().item() <= group["tolerance_grad"]:
            return first
        direction: Tensor = state.get("d", grad)
        length: float = state.get("t", 0.0)
        before: Tensor = state.get("prev_flat_grad", grad)
        loss_before: float = state.get("prev_loss", loss)

        iterations = 0
        while iterations < group["max_iter"]:
            iterations += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                direction = -grad
                state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1.0)
            else:
                direction = self._direction(state, grad, grad - before, direction * length, group["history_size"])
            before, loss_before = grad.clone(), loss
            length = min(1.0, 1.0 / grad.abs().sum().item()) * group["lr"] if state["n_iter"] == 1 else group["lr"]
            slope = grad.dot(direction).item()
            if slope > -group["tolerance_change"]:
                break
            used = 0
            if group["line_search_fn"] is not None:
                start = [p.detach().clone() for p in self._params]

                def at(t: float, start: list[Tensor] = start, along: Tensor = direction) -> tuple[float, Tensor]:
                    self._move(t, along)
                    result = float(evaluate()), self._flat_grad()
                    for p, value in zip(self._params, start, strict=True):
                        p.copy_(value)
                    return result

                loss, grad, length, used = strong_wolfe(at, length, direction, loss, grad, slope)
                self._move(length, direction)
            else:
                self._move(length, direction)
                if iterations != group["max_iter"]:
                    loss, grad, used = float(evaluate()), self._flat_grad(), 1
            evaluations += used
            state["func_evals"] += used

            if (
                evaluations >= group["max_eval"]
                or grad.abs().max().item() <= group["tolerance_grad"]
                or (direction * length).abs().max().item() <= group["tolerance_change"]
                or abs(loss - loss_before) < group["tolerance_change"]
            ):
                break
        state.update(d=direction, t=length, prev_flat_grad=before, prev_loss=loss_before)
        return first

    @staticmethod
    def _direction(state: dict[str, Any], grad: Tensor, y: Tensor, s: Tensor, history: int) -> Tensor:
        """Minus the inverse Hessian, as the changes y of the gradient for the steps s tell it, times grad."""
        changes: list[Tensor] = state["old_dirs"]
        steps: list[Tensor] = state["old_stps"]
        inverses: list[float] = state["ro"]
        curvature = y.dot(s).item()
        if curvature > 1e-10:
            if len(changes) == history:
                del changes[0], steps[0], inverses[0]
            changes.append(y)
            steps.append(s)
            inverses.append(1.0 / curvature)
            state["H_diag"] = curvature / y.dot(y).item()
        weights: list[float] = state.setdefault("al", [None] * history)
        q = -grad
        for i in reversed(range(len(changes))):
            weights[i] = steps[i].dot(q).item() * inverses[i]
            q = q - changes[i] * weights[i]
        scale: float = state["H_diag"]
        q = q * scale
        for i in range(len(changes)):
            q = q + steps[i] * (weights[i] - changes[i].dot(q).item() * inverses[i])
        return q
