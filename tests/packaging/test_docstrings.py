"""All that is public says what it is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import hotloop


def public_modules() -> list[str]:
    names = ["hotloop"]
    for module in pkgutil.walk_packages(hotloop.__path__, "hotloop."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            names.append(module.name)
    return names


def public_names(module: ModuleType) -> list[str]:
    return list(getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")]))


def own(value: object) -> bool:
    return str(getattr(value, "__module__", "")).split(".")[0] == "hotloop"


def members(cls: type) -> list[tuple[str, object]]:
    """What a class itself defines and shows: methods and properties, not fields, nor what it inherits or overrides."""
    inherited = {name for base in cls.__mro__[1:] for name in vars(base)} | set(getattr(cls, "__annotations__", ()))
    return [
        (name, value)
        for name, value in vars(cls).items()
        if not name.startswith("_")
        and name not in inherited
        and (callable(value) or isinstance(value, property | staticmethod | classmethod))
    ]


def undocumented(value: object) -> bool:
    return not (inspect.getdoc(value) or "").strip()


@pytest.mark.parametrize("name", public_modules())
def test_docstrings(name):
    module = importlib.import_module(name)
    bare = [name] if undocumented(module) else []
    for public in public_names(module):
        value = getattr(module, public)
        if not own(value) or not (inspect.isroutine(value) or inspect.isclass(value)):
            continue
        if undocumented(value):
            bare.append(f"{name}.{public}")
        if inspect.isclass(value) and not issubclass(value, BaseException):
            bare += [f"{name}.{public}.{member}" for member, inner in members(value) if undocumented(inner)]
    assert not bare, "\n".join(bare)


@pytest.mark.parametrize("name", public_modules())
def test_public_names_exist(name):
    module = importlib.import_module(name)
    missing = [public for public in getattr(module, "__all__", []) if not hasattr(module, public)]
    assert not missing, missing
