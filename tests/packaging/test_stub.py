"""python/hotloop/_core.pyi against the module it describes: the same names, no fewer and no more."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import hotloop
from hotloop import _core

STUB = Path(hotloop.__file__).parent / "_core.pyi"
# Python gives these to every class; a stub names them only where it has more to say than `object` says.
UNIVERSAL = set(dir(object)) | {"__module__", "__dict__", "__weakref__", "__annotations__", "__match_args__"}


def declared(body: list[ast.stmt]) -> dict[str, ast.stmt]:
    """The names that a stub's module or class declares."""
    names: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names[node.target.id] = node
        elif isinstance(node, ast.Assign):
            names.update((target.id, node) for target in node.targets if isinstance(target, ast.Name))
    return names


STUB_NAMES = declared(ast.parse(STUB.read_text()).body)


def shown(names: list[str]) -> set[str]:
    """Without what pybind11 keeps for itself."""
    return {name for name in names if not name.startswith(("__pybind11", "_pybind11"))}


def test_module_and_stub_name_the_same():
    machinery = {"__doc__", "__file__", "__loader__", "__name__", "__package__", "__spec__"}
    real = shown(dir(_core)) - machinery
    stub = {name for name in STUB_NAMES if not _is_alias(STUB_NAMES[name])}
    assert real - stub == set(), "in the module, not in the stub"
    assert stub - real == set(), "in the stub, not in the module"


def _is_alias(node: ast.stmt) -> bool:
    """`X: TypeAlias = ...` and `T = TypeVar(...)` exist for the type checker alone."""
    if isinstance(node, ast.AnnAssign):
        return ast.unparse(node.annotation).endswith("TypeAlias")
    return isinstance(node, ast.Assign)


@pytest.mark.parametrize("name", sorted(name for name, node in STUB_NAMES.items() if isinstance(node, ast.ClassDef)))
def test_classes_have_the_same_members(name):
    node = STUB_NAMES[name]
    assert isinstance(node, ast.ClassDef)
    real = shown(list(vars(getattr(_core, name)))) - UNIVERSAL
    stub = set(declared(node.body)) - UNIVERSAL
    assert real - stub == set(), "in the class, not in the stub"
    assert stub - real == set(), "in the stub, not in the class"


@pytest.mark.parametrize("name", sorted(name for name, node in STUB_NAMES.items() if isinstance(node, ast.FunctionDef)))
def test_functions_are_callable(name):
    assert inspect.isroutine(getattr(_core, name))
