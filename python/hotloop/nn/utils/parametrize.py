"""Parametrizations: parameters and buffers of a module that are computed from others whenever they are read.

``register_parametrization(layer, "weight", Symmetric())`` moves ``layer.weight`` to
``layer.parametrizations.weight.original`` and makes ``layer.weight`` mean ``Symmetric()(original)``.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from hotloop._core import Tensor
from hotloop.autograd import no_grad
from hotloop.nn.containers import ModuleDict, ModuleList
from hotloop.nn.module import Module
from hotloop.nn.parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cache: dict[tuple[int, str], Tensor] | None = None  # (id of a module, name) -> value, inside cached()


@contextmanager
def cached() -> Iterator[None]:
    """Computes each parametrized tensor once inside the ``with`` block, however often it is read."""
    global _cache
    outer, _cache = _cache, {} if _cache is None else _cache
    try:
        yield
    finally:
        _cache = outer


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied in order to ``original``.

    Where the first has a ``right_inverse`` that returns several tensors, they are ``original0``, ``original1``, ...

    Args:
        modules: the parametrizations.
        original: the tensor to be parametrized.
        unsafe: whether shape and dtype may change.
    """

    original: Tensor
    unsafe: bool

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        with no_grad():
            new = self._inverse(original)
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            if new.dtype is not original.dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}"
                )
            if new is not original:
                with no_grad():
                    original.data = new.detach()  # the same object, which optimizers know
            self._keep("original", original)
        else:
            for i, tensor in enumerate(new):
                if not isinstance(tensor, Tensor):
                    raise ValueError(
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                        f"Got element {i} of the sequence with type {type(tensor).__name__}."
                    )
                if isinstance(original, Parameter):
                    tensor = Parameter(tensor, tensor.dtype.is_floating_point and original.requires_grad)
                self._keep(f"original{i}", tensor)
        if not unsafe:
            _check("The parametrization", self(), original)

    def _keep(self, name: str, tensor: Tensor) -> None:
        if isinstance(tensor, Parameter):
            self.register_parameter(name, tensor)
        else:
            self.register_buffer(name, tensor)

    def _originals(self) -> list[Tensor]:
        names = ["original"] if self.is_tensor else [f"original{i}" for i in range(self.ntensors)]
        return [getattr(self, name) for name in names]

    def _inverse(self, value: Any) -> Any:
        """The right inverses in turn, the last parametrization's first; the identity where there is none."""
        for module in reversed(list(self)):
            if hasattr(module, "right_inverse"):
                with suppress(NotImplementedError):
                    value = module.right_inverse(value)
        return value

    @no_grad()
    def right_inverse(self, value: Tensor) -> None:
        """Sets the originals to what the parametrizations make ``value`` of."""
        for module in self:
            if not hasattr(module, "right_inverse"):
                raise RuntimeError(
                    f"parametrization {type(module).__name__} does not implement right_inverse. It is not possible to "
                    "assign to this parametrized tensor."
                )
        new = value
        for module in reversed(list(self)):
            new = module.right_inverse(new)
        tensors = [new] if self.is_tensor else list(new)
        if len(tensors) != self.ntensors:
            raise ValueError(
                "'right_inverse' must return a sequence of tensors of length "
                f"{self.ntensors}. Got a sequence of length {len(tensors)}."
            )
        for original, tensor in zip(self._originals(), tensors, strict=True):
            if not isinstance(tensor, Tensor):
                raise ValueError(f"`right_inverse` should return a tensor. Got {type(tensor).__name__}")
            if tensor.dtype is not original.dtype:
                raise ValueError(
                    f"The tensor returned by `right_inverse` has dtype {tensor.dtype} while `original` has dtype "
                    f"{original.dtype}"
                )
            original.data = tensor.detach()

    def forward(self) -> Tensor:
        """-> the tensor that the originals stand for."""
        value: Tensor = self[0](*self._originals())
        for module in list(self)[1:]:
            value = module(value)
        return value


def _check(what: str, value: Any, original: Tensor) -> None:
    """Raises where ``value`` could not stand in for ``original``."""
    if not isinstance(value, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(value).__name__}.")
    for name in ("dtype", "shape"):
        if getattr(value, name) != getattr(original, name):
            raise ValueError(
                f"{what} may not change the {name} of the tensor, unless the `unsafe` flag is enabled.\n"
                f"before: {getattr(original, name)}\nafter: {getattr(value, name)}"
            )


def _parametrized_class(cls: type) -> type:
    """A subclass for one module, to hold its properties."""

    def __getstate__(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(). Build the module anew, with "
            "its parametrizations, and load its state."
        )

    def __deepcopy__(self: Any, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = twin = object.__new__(type(self))
            twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return memo[id(self)]

    methods = {"__getstate__": __getstate__, "__deepcopy__": __deepcopy__}
    return types.new_class(f"Parametrized{cls.__name__}", (cls,), exec_body=lambda body: body.update(methods))


def _property(name: str) -> property:
    def get(self: Any) -> Tensor:
        if _cache is None:
            return self.parametrizations[name]()  # type: ignore[no-any-return]
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    return property(get, lambda self, value: self.parametrizations[name].right_inverse(value))


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Computes ``module.<tensor_name>`` by ``parametrization`` from now on; later ones come on top.

    Args:
        module: the module.
        tensor_name: of a parameter or buffer of its own.
        parametrization: its ``forward`` makes the tensor; its ``right_inverse``, where it has one, what the tensor was
            made from: at once, and when the tensor is assigned to.
        unsafe: whether shape and dtype may change.

    Returns:
        The module.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            before = getattr(module, tensor_name)
            value = parametrization(before)
            _check("Registering a parametrization", value, before)
            if hasattr(parametrization, "right_inverse"):
                with suppress(NotImplementedError):
                    _check("parametrization.right_inverse", parametrization.right_inverse(value), before)
        parametrizations = module.parametrizations[tensor_name]  # type: ignore[attr-defined]
        parametrizations.append(parametrization)
        parametrizations.unsafe |= unsafe
    elif tensor_name in module._buffer_names or tensor_name in module._parameter_names:
        kept = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.__class__ = _parametrized_class(type(module))
            module.parametrizations = ModuleDict()
        setattr(type(module), tensor_name, _property(tensor_name))
        module.parametrizations[tensor_name] = kept  # type: ignore[attr-defined]
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module has a parametrized tensor, or one of that name."""
    parametrizations = module.__dict__.get("parametrizations")
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Makes ``module.<tensor_name>`` a plain parameter or buffer again.

    Args:
        module: the module, which is returned.
        tensor_name: of a parametrized tensor.
        leave_parametrized: keep the value that the parametrization gives; else the original, where there is but one.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations: ParametrizationList = module.parametrizations[tensor_name]  # type: ignore[attr-defined]
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with no_grad():
                original.data = getattr(module, tensor_name).detach()
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]  # type: ignore[attr-defined]
    if isinstance(original, Parameter):
        module.register_parameter(tensor_name, original)
    else:
        module.register_buffer(tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The module's class without what parametrizations made of it."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Gives ``to_module`` the parametrizations of another and what they are made from; of one tensor, or of all."""
    if not is_parametrized(from_module):
        return to_module
    all_lists: ModuleDict = from_module.parametrizations  # type: ignore[attr-defined]
    for name in list(all_lists) if tensor_name is None else [tensor_name]:
        source = all_lists[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in source:
            register_parametrization(to_module, name, parametrization, unsafe=source.unsafe)
        target = to_module.parametrizations[name]  # type: ignore[attr-defined]
        for kept in [*source._parameter_names, *source._buffer_names]:
            setattr(target, kept, getattr(source, kept))
    return to_module
