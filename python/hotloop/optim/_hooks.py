"""Hooks of optimizers: what is called round step(), state_dict() and load_state_dict()."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar, cast

from hotloop.nn._hooks import RemovableHandle, add_hook

F = TypeVar("F", bound=Callable[..., Any])

# Of all optimizers.
_step_pre_hooks: dict[int, Callable[..., Any]] = {}
_step_post_hooks: dict[int, Callable[..., Any]] = {}


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(optimizer, args, kwargs)`` before every step of every optimizer."""
    return add_hook(_step_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Calls ``hook(optimizer, args, kwargs)`` after every step of every optimizer."""
    return add_hook(_step_post_hooks, hook)


def stepping(step: F) -> F:
    """Makes a ``step`` method call the hooks round it; of a step within a step, the outer one calls them."""

    @functools.wraps(step)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        hooks: defaultdict[str, dict[int, Callable[..., Any]]] = self._hooks
        if self._stepping or not (hooks or _step_pre_hooks or _step_post_hooks):
            return step(self, *args, **kwargs)
        self._stepping = True
        args = (self, *args)
        try:
            for hook in [*_step_pre_hooks.values(), *hooks["step_pre"].values()]:
                changed = hook(self, args, kwargs)
                if changed is None:
                    continue
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        f"{step} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
                    )
                args, kwargs = changed
            result = step(*args, **kwargs)
            for hook in [*hooks["step_post"].values(), *_step_post_hooks.values()]:
                hook(self, args, kwargs)
        finally:
            self._stepping = False
        return result

    run.__dict__["_calls_hooks"] = True
    return cast(F, run)


class OptimizerHooks:
    """An optimizer's hooks, by the moment at which they are called, each in the order of registration."""

    def __init__(self) -> None:
        self._hooks: defaultdict[str, dict[int, Callable[..., Any]]] = defaultdict(dict)
        self._stepping = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        step = cls.__dict__.get("step")
        if step is not None and not hasattr(step, "_calls_hooks"):
            cls.step = stepping(step)  # type: ignore[attr-defined]

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` before every step; it may return other arguments, as (args, kwargs).

        ``args`` begins with the optimizer itself.
        """
        return add_hook(self._hooks["step_pre"], hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Calls ``hook(optimizer, args, kwargs)`` after every step."""
        return add_hook(self._hooks["step_post"], hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer)`` before ``state_dict()``; with ``prepend`` ahead of the others."""
        return add_hook(self._hooks["state_dict_pre"], hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer, state_dict)`` on what ``state_dict()`` made; it may return another."""
        return add_hook(self._hooks["state_dict_post"], hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer, state_dict)`` before ``load_state_dict()``; it may return another."""
        return add_hook(self._hooks["load_state_dict_pre"], hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Calls ``hook(optimizer)`` after ``load_state_dict()``."""
        return add_hook(self._hooks["load_state_dict_post"], hook, prepend)

    def _run_hooks(self, moment: str) -> None:
        for hook in list(self._hooks[moment].values()) if moment in self._hooks else ():
            hook(self)

    def _changed_by_hooks(self, moment: str, state_dict: dict[str, Any]) -> dict[str, Any]:
        for hook in list(self._hooks[moment].values()) if moment in self._hooks else ():
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        return state_dict
