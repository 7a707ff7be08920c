"""What a module owns, and how to walk over it.

Parameters, buffers and child modules live in the instance's ``__dict__`` like any other attribute, so that reading
``self.weight`` is one dict look-up. Beside them stand three tables of names, in order of registration; they alone say
which attributes are registered, and hold no values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping
from typing import Any, TypeVar

from hotloop._core import Tensor
from hotloop.nn.parameter import Buffer, Parameter

_T = TypeVar("_T")
_Self = TypeVar("_Self", bound="ModuleTree")


class Registered(MutableMapping[str, Any]):
    """A live view of one of a module's tables: name -> registered value."""

    __slots__ = ("_attributes", "_names", "_register")

    def __init__(self, attributes: dict[str, Any], names: dict[str, Any], register: Callable[[str, Any], None]) -> None:
        self._attributes = attributes
        self._names = names
        self._register = register

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self._attributes[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self._register(name, value)

    def __delitem__(self, name: str) -> None:
        del self._names[name]
        del self._attributes[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))


class ModuleTree:
    """Registration of parameters, buffers and children, and the walks over a tree of modules."""

    training: bool
    _parameter_names: dict[str, None]
    _buffer_names: dict[str, bool]  # name -> is it part of the state dict
    _module_names: dict[str, None]

    def __init__(self) -> None:
        attributes = self.__dict__
        attributes["training"] = True
        attributes["_parameter_names"] = {}
        attributes["_buffer_names"] = {}
        attributes["_module_names"] = {}

    # -- registration

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter, or with None the name of one that is absent (a layer without bias)."""
        names = self._table("_parameter_names", "parameter")
        self._check_name(name, "parameter", names)
        if param is not None:
            if not isinstance(param, Parameter):
                raise TypeError(
                    f"cannot assign '{_typename(param)}' object to parameter '{name}' "
                    "(hotloop.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                    "forward() method."
                )
        self._place(name, param, names, None)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that is state but no parameter; with ``persistent`` it is part of the state dict."""
        names = self._table("_buffer_names", "buffer")
        self._check_name(name, "buffer", names)
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_typename(tensor)}' object to buffer '{name}' (hotloop Tensor or None required)"
            )
        self._place(name, tensor, names, persistent)

    def add_module(self, name: str, module: ModuleTree | None) -> None:
        """Adds a child module, or with None the name of one that is absent."""
        names = self._table("_module_names", "module")
        if module is not None and not isinstance(module, ModuleTree):
            raise TypeError(f"{_typename(module)} is not a Module subclass")
        self._check_name(name, "module", names)
        self._place(name, module, names, None)

    def register_module(self, name: str, module: ModuleTree | None) -> None:
        """The same as ``add_module``."""
        self.add_module(name, module)

    def _table(self, table: str, kind: str) -> dict[str, Any]:
        try:
            names: dict[str, Any] = self.__dict__[table]
        except KeyError:
            raise AttributeError(f"cannot assign {kind} before Module.__init__() call") from None
        return names

    def _check_name(self, name: str, kind: str, names: dict[str, Any]) -> None:
        if not isinstance(name, str):
            raise TypeError(f"{kind} name should be a string. Got {_typename(name)}")
        if name not in names and hasattr(self, name):
            raise KeyError(f"attribute '{name}' already exists")
        if "." in name:
            raise KeyError(f'{kind} name can\'t contain "."' + (f", got: {name}" if kind == "module" else ""))
        if name == "":
            raise KeyError(f'{kind} name can\'t be empty string ""')

    def _place(self, name: str, value: Any, names: dict[str, Any], entry: bool | None) -> None:
        names[name] = entry
        self.__dict__[name] = value

    # -- attributes

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._table("_parameter_names", "parameters")
            self._forget(name, but="_parameter_names")
            self.register_parameter(name, value)
        elif isinstance(value, ModuleTree):
            names = self._table("_module_names", "module")
            if name in self._parameter_names:
                raise _wrong_kind(value, "parameter", name, "hotloop.nn.Parameter")
            self._forget(name, but="_module_names")
            self._place(name, value, names, None)
        elif isinstance(value, Buffer):
            self._table("_buffer_names", "buffer")
            self._forget(name, but="_buffer_names")
            self.register_buffer(name, value, value.persistent)
        else:
            self._set_other(name, value)

    def _set_other(self, name: str, value: Any) -> None:
        """Assigns what is neither a parameter nor a module; registered names take only their kind, or None."""
        attributes = self.__dict__
        if name in attributes.get("_parameter_names", ()):
            if value is not None:
                raise _wrong_kind(value, "parameter", name, "hotloop.nn.Parameter")
            attributes[name] = None
        elif name in attributes.get("_module_names", ()):
            if value is not None:
                raise _wrong_kind(value, "child module", name, "hotloop.nn.Module")
            attributes[name] = None
        elif name in attributes.get("_buffer_names", ()):
            if value is not None and not isinstance(value, Tensor):
                raise _wrong_kind(value, "buffer", name, "hotloop.Tensor")
            attributes[name] = value
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        for table in ("_parameter_names", "_buffer_names", "_module_names"):
            self.__dict__.get(table, {}).pop(name, None)

    def _forget(self, name: str, but: str) -> None:
        """Drops an attribute of another kind, so that ``name`` can be registered."""
        if name in self.__dict__[but]:
            return
        self.__dict__.pop(name, None)
        for table in ("_parameter_names", "_buffer_names", "_module_names"):
            self.__dict__[table].pop(name, None)

    @property
    def _parameters(self) -> Registered:
        return Registered(self.__dict__, self._parameter_names, self.register_parameter)

    @property
    def _buffers(self) -> Registered:
        return Registered(self.__dict__, self._buffer_names, self._replace_buffer)

    @property
    def _modules(self) -> Registered:
        return Registered(self.__dict__, self._module_names, self.add_module)

    def _replace_buffer(self, name: str, tensor: Tensor | None) -> None:
        self.register_buffer(name, tensor, self._buffer_names.get(name, True))

    # -- walks

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """Every module of the tree with its path, this one first under ``prefix``."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name in self._module_names:
            child = self.__dict__[name]
            if child is not None:
                yield from child.named_modules(memo, _join(prefix, name), remove_duplicate)

    def modules(self) -> Iterator[Any]:
        """Every module of the tree once, this one first."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """The immediate children, each once, with their names."""
        seen = set()
        for name in self._module_names:
            child = self.__dict__[name]
            if child is not None and child not in seen:
                seen.add(child)
                yield name, child

    def children(self) -> Iterator[Any]:
        """The immediate children, each once."""
        return (child for _, child in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """The parameters with their paths; with ``remove_duplicate`` a shared one comes once."""
        return self._named_members("_parameter_names", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once: what an optimizer takes."""
        return (param for _, param in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """The buffers with their paths; with ``remove_duplicate`` a shared one comes once."""
        return self._named_members("_buffer_names", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named_members(
        self, table: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        owners: Iterable[tuple[str, Any]] = [(prefix, self)]
        if recurse:
            owners = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        for path, module in owners:
            attributes = module.__dict__
            for name in attributes[table]:
                member = attributes[name]
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield _join(path, name), member

    def apply(self: _Self, fn: Callable[[Any], Any]) -> _Self:
        """Calls ``fn`` on every module of the tree, children first; to initialise, for one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # -- by path

    def get_submodule(self, target: str) -> Any:
        """The module at a path such as ``"encoder.layers.0"``; this one at ``""``."""
        module: ModuleTree = self
        for name in target.split(".") if target else ():
            module = module._member(name)
            if not isinstance(module, ModuleTree):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target: str, module: ModuleTree, strict: bool = False) -> None:
        """Puts ``module`` at a path; with ``strict`` only in place of another."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, ModuleTree):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if (strict or hasattr(parent, name)) and not isinstance(parent._member(name), ModuleTree):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path such as ``"encoder.weight"``."""
        path, _, name = target.rpartition(".")
        param = self.get_submodule(path)._member(name)
        if not isinstance(param, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return param

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path such as ``"norm.running_mean"``."""
        path, _, name = target.rpartition(".")
        owner = self.get_submodule(path)
        buffer = owner._member(name)
        if name not in owner._buffer_names:
            raise AttributeError(f"`{name}` is not a buffer")
        tensor: Tensor = buffer
        return tensor

    def _member(self, name: str) -> Any:
        if not hasattr(self, name):
            raise AttributeError(f"{self._get_name()} has no attribute `{name}`")
        return getattr(self, name)

    def _get_name(self) -> str:
        return type(self).__name__


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _typename(value: object) -> str:
    cls = type(value)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def _wrong_kind(value: object, kind: str, name: str, wanted: str) -> TypeError:
    return TypeError(f"cannot assign '{_typename(value)}' as {kind} '{name}' ({wanted} or None expected)")
