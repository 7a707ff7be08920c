"""Arguments of functions that are written in Python, refused as those of bound functions are."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

from hotloop import _core

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _is_int(value: Any) -> bool:
    if isinstance(value, _core.Tensor):
        return value.numel() == 1 and not value.is_floating_point()
    return hasattr(value, "__index__") and not isinstance(value, bool)


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "Tensor": lambda value: isinstance(value, _core.Tensor),
    "int": _is_int,
    "_core.dtype": lambda value: isinstance(value, _core.dtype),
}


def checked(function: _Function) -> _Function:
    """The function, raising TypeError for what isn't the Tensor, int or dtype that its annotations ask for."""
    code = function.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    checks = []
    for i, name in enumerate(names):
        text = function.__annotations__.get(name, "")
        optional = text.endswith(" | None")
        if check := _CHECKS.get(text.removesuffix(" | None")):
            checks.append((i, name, text.replace("_core.", ""), check, optional))

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        for i, name, text, check, optional in checks:
            if i < len(args):
                value = args[i]
            elif name in kwargs:
                value = kwargs[name]
            else:
                continue
            if not check(value) and not (optional and value is None):
                raise TypeError(
                    f"{function.__name__}(): argument '{name}' (position {i + 1}) must be {text}, "
                    f"not {type(value).__name__}"
                )
        return function(*args, **kwargs)

    return cast(_Function, wrapper)
