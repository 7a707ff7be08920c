"""Optimizer: what every optimizer shares — groups of parameters, their state, saving and loading."""

from __future__ import annotations

import copy
import operator
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.autograd import enable_grad, no_grad
from hotloop.optim._hooks import (
    OptimizerHooks,
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
    stepping,
)

__all__ = [
    "CountedOptimizer",
    "Optimizer",
    "check_settings",
    "fresh_state",
    "of_all",
    "on_gpu",
    "refuse_first_step",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
]

# Entries of a state that are numbers here and 0-d tensors in PyTorch.
_NUMBERS: dict[str, Callable[[Any], float]] = {"step": int, "mu_product": float, "eta": float, "mu": float}


class Optimizer(OptimizerHooks, ABC):
    """Base of the optimizers. Subclasses define ``_update``, or ``step`` altogether.

    Args:
        params: parameters, or dicts that hold some under "params" beside settings of their own.
        defaults: the settings of groups that don't say otherwise.

    Attributes:
        param_groups: dicts of settings and, under "params", parameters; settings may be changed at any time.
        state: parameter -> dict of what the optimizer keeps for it.
    """

    _opt_called = False  # schedules ask for it

    def __init__(self, params: Iterable[Tensor] | Iterable[dict[str, Any]], defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + type(params).__name__
            )
        super().__init__()
        self.defaults = defaults
        self.state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds a group: a dict with "params" and any settings that differ from the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, (set, frozenset)):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in "
                "sets will change between runs. Please use a list instead."
            )
        params = list(params)
        names = [param[0] if isinstance(param, tuple) else None for param in params]
        named = [name is not None for name in names]
        if any(named):
            if not all(named):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group = {**param_group, "param_names": names}
            params = [param[1] for param in params]
        for param in params:
            if not isinstance(param, Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(param).__name__}")
            if not param.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
        ids = {id(param) for param in params}
        if len(ids) != len(params):
            raise ValueError("some parameters appear more than once in one parameter group")
        if self.param_groups and ("param_names" in param_group) != ("param_names" in self.param_groups[0]):
            with_names = "with" if "param_names" in param_group else "without"
            raise ValueError(
                "all optimizer param groups should be with/without names. cannot add param group "
                f"{with_names} names to the optimizer"
            )
        if any(id(param) in ids for group in self.param_groups for param in group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append({**self.defaults, **param_group, "params": params})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradient of every parameter, or sets it to zero."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    param.grad = param.grad.detach().zero_()

    @stepping
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Updates every parameter that has a gradient.

        ``closure``, where given, is called first to compute gradients anew; its result is returned.
        """
        self._opt_called = True
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = group["params"]
            grads = [param.grad for param in params]
            for grad in grads:
                if grad is None:
                    params = [param for param, grad in zip(params, grads, strict=True) if grad is not None]
                    grads = [grad for grad in grads if grad is not None]
                    break
            if grads:
                self._update(group, params, grads)
        return loss

    @abstractmethod
    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        """Updates some of a group's parameters, in place, by their gradients."""

    # -- saving and loading

    def state_dict(self) -> dict[str, Any]:
        """The state and the settings, with a number in place of each parameter, in the order of the groups.

        Numbers such as step counts appear as 0-d float32 tensors, as PyTorch has them.
        """
        self._run_hooks("state_dict_pre")
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for param in group["params"]:
                numbers[id(param)] = len(numbers)
            groups.append({**group, "params": [numbers[id(param)] for param in group["params"]]})
        state = {
            numbers[id(param)]: {key: _saved(v) if key in _NUMBERS else v for key, v in kept.items()}
            for param, kept in self.state.items()
            if id(param) in numbers
        }
        return self._changed_by_hooks("state_dict_post", {"state": state, "param_groups": groups})

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes state and settings from another optimizer's ``state_dict()``; its parameters in the same order.

        Tensors are copied, with the dtype and device of their parameter.
        """
        state_dict = self._changed_by_hooks("load_state_dict_pre", dict(state_dict))
        saved_groups = copy.copy(state_dict["param_groups"])
        if len(saved_groups) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        by_number: dict[int, Tensor] = {}
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            if len(group["params"]) != len(saved["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
                )
            by_number.update(zip(saved["params"], group["params"], strict=True))

        state: defaultdict[Tensor, dict[str, Any]] = defaultdict(dict)
        for number, kept in state_dict["state"].items():
            if number in by_number:
                param = by_number[number]
                state[param] = {key: _restored(key, value, param) for key, value in kept.items()}
        self.state = state
        self.param_groups = [
            {**group, **copy.deepcopy({k: v for k, v in saved.items() if k != "params"})}
            for group, saved in zip(self.param_groups, saved_groups, strict=True)
        ]
        self._run_hooks("load_state_dict_post")

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines.extend(f"    {key}: {group[key]}" for key in sorted(group) if key != "params")
        return "\n".join(lines) + "\n)"


def _saved(number: Any) -> Tensor:
    """A number of a state, as state_dict has it."""
    return number.detach().clone() if isinstance(number, Tensor) else _core.tensor(float(number))


def _restored(key: str, value: Any, param: Tensor) -> Any:
    """An entry of a loaded state, as the optimizer keeps it."""
    if key in _NUMBERS:
        return _NUMBERS[key](value)
    if isinstance(value, Tensor):
        dtype = param.dtype if value.dtype.is_floating_point else value.dtype
        return value.detach().to(device=param.device, dtype=dtype).clone()
    return copy.deepcopy(value)


class CountedOptimizer(Optimizer):
    """An optimizer that keeps, for every parameter, a count of steps and some tensors like the parameter.

    Parameters whose counts are the same are updated by one launch of a kernel: all of a group, unless some joined later
    or had no gradient at times. Counts are the host's; those of parameters on a GPU are 0-d tensors there, one for all
    parameters that are updated together, where the group is ``capturable``.
    """

    #: What must be equal among the parameters of a launch.
    _key: Callable[[dict[str, Any]], Any] = operator.itemgetter("step")

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        all_state = self.state
        states = [all_state[param] for param in params]
        try:
            keys = [self._key(state) for state in states]
        except KeyError:
            for param, state in zip(params, states, strict=True):
                if not state:
                    state.update(self._start(param, group))  # all or nothing: memory may run out in between
            keys = [self._key(state) for state in states]
        if params[0].is_cuda and self._counts_on_gpu(group):
            keys = self._counted_on_gpu(params, states)
        if keys.count(keys[0]) == len(keys):
            self._launch(group, params, grads, states)
            return
        parts: dict[Any, list[int]] = {}
        for i, key in enumerate(keys):
            parts.setdefault(key, []).append(i)
        for part in parts.values():
            self._launch(group, [params[i] for i in part], [grads[i] for i in part], [states[i] for i in part])

    def _launch(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]]
    ) -> None:
        step = states[0]["step"]
        if isinstance(step, Tensor):
            if sum(state.get("step") is step for state in self.state.values()) > len(states):
                step = self._part_ways(states)
            self._step(group, params, grads, states, step)
            with no_grad():
                step.add_(1)
            return
        step += 1
        self._step(group, params, grads, states, step)
        for state in states:  # only now: a step that memory ran out in is a step still to make
            state["step"] = step

    @staticmethod
    def _counts_on_gpu(group: dict[str, Any]) -> bool:
        return bool(group.get("capturable"))

    def _counted_on_gpu(self, params: list[Tensor], states: list[dict[str, Any]]) -> list[Any]:
        """Brings the host's numbers to the parameters. Returns what is one for parameters that are updated together."""
        placed: dict[Any, dict[str, Tensor]] = {}
        for param, state in zip(params, states, strict=True):
            if isinstance(state["step"], Tensor):
                continue
            key = param.device, self._key(state)
            if key not in placed:
                refuse_first_step()
                placed[key] = {
                    name: _core.tensor(float(state[name]), dtype=dtype, device=param.device)
                    for name, dtype in (("step", _core.float32), ("mu_product", _core.float64))
                    if name in state
                }
            state.update(placed[key])
        return [id(state["step"]) for state in states]

    def _part_ways(self, states: list[dict[str, Any]]) -> Tensor:
        """A count of their own for some of the parameters that had one."""
        if _core._cuda_is_capturing():
            raise RuntimeError(
                f"{type(self).__name__}: a captured step must be one of the parameters that the step before it was of"
            )
        own: dict[str, Any] = {name: states[0][name].clone() for name in ("step", "mu_product") if name in states[0]}
        for state in states:
            state.update(own)
        step: Tensor = own["step"]
        return step

    @abstractmethod
    def _start(self, param: Tensor, group: dict[str, Any]) -> dict[str, Any]:
        """The state of a parameter before its first step."""

    @abstractmethod
    def _step(
        self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor], states: list[dict[str, Any]], step: Any
    ) -> None:
        """Launches the kernel, for parameters that have made ``step - 1`` steps; ``step`` of them if it is a tensor."""


def fresh_state(param: Tensor, *names: str) -> dict[str, Any]:
    """No steps made, and zeros under these names."""
    refuse_first_step()
    return {"step": 0, **{name: _core.zeros_like(param.detach()) for name in names}}


def on_gpu(state: dict[str, Any], param: Tensor, *names: str) -> None:
    """Brings numbers of a state to the GPU of its parameter, as 0-d tensors: steps in float32, rates in float64."""
    for name in names:
        if not isinstance(state[name], Tensor):
            refuse_first_step()
            dtype = _core.float32 if name == "step" else _core.float64
            state[name] = _core.tensor(float(state[name]), dtype=dtype, device=param.device)


def refuse_first_step() -> None:
    """Raises RuntimeError while a CUDA graph is captured: a state that it made would be made anew at each replay."""
    if _core._cuda_is_capturing():
        raise RuntimeError("the first step of an optimizer can't be captured in a CUDA graph: make one before")


def of_all(states: list[dict[str, Any]], name: str) -> list[Tensor]:
    """One state tensor of every parameter."""
    return [state[name] for state in states]


# Settings by the names that PyTorch's messages give them; others are "<setting> value".
_SPOKEN = {"lr": "learning rate", "eps": "epsilon value"}


def check_settings(*, differentiable: bool = False, **settings: Any) -> None:
    """Refuses ``differentiable``, betas outside of [0, 1), and any other setting that is negative or NaN, in turn."""
    if differentiable:
        raise ValueError("differentiable=True is not supported: a step is one fused kernel outside of the graph")
    for name, value in settings.items():
        if name == "betas":
            for i, beta in enumerate(value):
                if not 0.0 <= beta < 1.0:
                    raise ValueError(f"Invalid beta parameter at index {i}: {beta}")
        elif not value >= 0.0:
            raise ValueError(f"Invalid {_SPOKEN.get(name, f'{name} value')}: {value}")
