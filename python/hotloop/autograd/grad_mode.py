"""Whether ops are recorded, by thread: no_grad, enable_grad, set_grad_enabled, inference_mode."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar, cast, overload

from hotloop import _core

F = TypeVar("F", bound=Callable[..., Any])


class _Mode:
    """A mode for the length of a block; as a decorator, for every call of a function."""

    def __enter__(self) -> None:
        raise NotImplementedError

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        raise NotImplementedError

    def _again(self) -> _Mode:
        """A fresh mode of the same kind, so that a decorated function may call itself."""
        return type(self)()

    def __call__(self, function: F) -> F:
        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return cast(F, run)


class no_grad(_Mode):
    """No op is recorded; results require no grad."""

    @overload
    def __new__(cls, function: F) -> F: ...  # type: ignore[misc]
    @overload
    def __new__(cls) -> no_grad: ...
    def __new__(cls, function: Any = None) -> Any:
        """``@no_grad`` without parentheses decorates as ``@no_grad()`` does."""
        mode = super().__new__(cls)
        return mode if function is None else mode(function)

    def __enter__(self) -> None:
        self._before = _core.is_grad_enabled()
        _core._set_grad_enabled(False)

    def __exit__(self, *_: object) -> None:
        _core._set_grad_enabled(self._before)


class enable_grad(_Mode):
    """Ops are recorded, inside a block of no_grad too."""

    def __enter__(self) -> None:
        self._before = _core.is_grad_enabled()
        _core._set_grad_enabled(True)

    def __exit__(self, *_: object) -> None:
        _core._set_grad_enabled(self._before)


class set_grad_enabled(_Mode):
    """Recording on or off: at once, and back again at the end of a block where used as one."""

    def __init__(self, mode: bool) -> None:
        self._before = _core.is_grad_enabled()
        self._mode = mode
        _core._set_grad_enabled(mode)

    def _again(self) -> _Mode:
        return set_grad_enabled(self._mode)

    def __call__(self, function: F) -> F:
        _core._set_grad_enabled(self._before)  # as a decorator, only inside the function
        return super().__call__(function)

    def __enter__(self) -> None:
        _core._set_grad_enabled(self._mode)

    def __exit__(self, *_: object) -> None:
        _core._set_grad_enabled(self._before)


class inference_mode(_Mode):
    """As no_grad, and results can never become part of a graph: what they cost is least."""

    def __init__(self, mode: bool = True) -> None:
        self._mode = mode

    def _again(self) -> _Mode:
        return inference_mode(self._mode)

    def __enter__(self) -> None:
        self._before = _core.is_grad_enabled(), _core.is_inference_mode_enabled()
        _core._set_inference_mode(self._mode)
        if self._mode:
            _core._set_grad_enabled(False)

    def __exit__(self, *_: object) -> None:
        _core._set_grad_enabled(self._before[0])
        _core._set_inference_mode(self._before[1])
