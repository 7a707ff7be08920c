"""Whether ops are recorded, by thread: no_grad, enable_grad, set_grad_enabled, inference_mode."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from hotloop import _core

if TYPE_CHECKING:
    from typing_extensions import Self

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
        if inspect.isgeneratorfunction(function):
            return cast(F, self._resumed_within(function))

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        return cast(F, run)

    def _resumed_within(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A generator function whose body alone runs in the mode, not what its values are used for."""

        @functools.wraps(function)
        def run(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            generator = function(*args, **kwargs)
            resume, value = generator.send, None
            try:
                while True:
                    with self._again():
                        given = resume(value)
                    try:
                        resume, value = generator.send, (yield given)
                    except GeneratorExit:
                        raise
                    except BaseException as error:
                        resume, value = generator.throw, error
            except StopIteration as end:
                return end.value
            finally:
                with self._again():
                    generator.close()

        return run


class _GradMode(_Mode):
    """A mode that only says whether ops are recorded; ``@no_grad`` without parentheses decorates as ``@no_grad()``."""

    _recording: bool

    @overload
    def __new__(cls, function: F) -> F: ...  # type: ignore[misc]
    @overload
    def __new__(cls) -> Self: ...
    def __new__(cls, function: Any = None) -> Any:
        mode = super().__new__(cls)
        return mode if function is None else cls()(function)

    def __init__(self) -> None:
        self._before: list[bool] = []  # a stack: one mode may be entered within itself

    def __enter__(self) -> None:
        self._before.append(_core.is_grad_enabled())
        _core._set_grad_enabled(self._recording)

    def __exit__(self, *_: object) -> None:
        _core._set_grad_enabled(self._before.pop())


class no_grad(_GradMode):
    """No op is recorded; results require no grad."""

    _recording = False


class enable_grad(_GradMode):
    """Ops are recorded, inside a block of no_grad too."""

    _recording = True


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
    """As no_grad, and results can never become part of a graph: what they cost is least.

    ``inference_mode(False)`` is the opposite: within it ops are recorded, and tensors are ordinary ones.
    """

    @overload
    def __new__(cls, mode: F) -> F: ...  # type: ignore[misc]
    @overload
    def __new__(cls, mode: bool = True) -> inference_mode: ...
    def __new__(cls, mode: Any = True) -> Any:
        """``@inference_mode`` without parentheses decorates as ``@inference_mode()`` does."""
        made = super().__new__(cls)
        if isinstance(mode, bool):
            return made
        made.__init__(True)  # type: ignore[misc]
        return made(mode)

    def __init__(self, mode: bool = True) -> None:
        self._mode = mode
        self._before: list[tuple[bool, bool]] = []

    def _again(self) -> _Mode:
        return inference_mode(self._mode)

    def __enter__(self) -> None:
        self._before.append((_core.is_grad_enabled(), _core.is_inference_mode_enabled()))
        _core._set_inference_mode(self._mode)
        _core._set_grad_enabled(not self._mode)

    def __exit__(self, *_: object) -> None:
        recording, inference = self._before.pop()
        _core._set_grad_enabled(recording)
        _core._set_inference_mode(inference)
