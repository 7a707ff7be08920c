"""Writes python/hotloop/_core.pyi from the built module: `python tools/make_stub.py`.

A function's signature is the first line of its docstring, in the module as in the stub; what has no docstring to say
its type (properties, operators) is in the tables below. tests/packaging/test_stub.py compares the file with the module.
"""

from __future__ import annotations

import re
import types
from pathlib import Path

from hotloop import _core

STUB = Path(__file__).resolve().parents[1] / "python" / "hotloop" / "_core.pyi"

HEADER = '''\
"""The compiled part of hotloop. Written by tools/make_stub.py; change the bindings, not this file."""

import builtins
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy
from hotloop._types import MinAndMax, ValuesAndIndices
from typing_extensions import Buffer

Number: TypeAlias = builtins.bool | int | float
# Tensor has methods and properties of these names.
_device: TypeAlias = device
_dtype: TypeAlias = dtype
_layout: TypeAlias = layout

'''

PROPERTIES = {
    "H": "Tensor",
    "T": "Tensor",
    "__array_interface__": "dict[str, Any]",
    "__cuda_array_interface__": "dict[str, Any]",
    "__array_priority__": "float",
    "_base": "Tensor | None",
    "_version": "int",
    "bytes": "float",
    "cuda_stream": "int",
    "data": "Tensor",
    "device": "device",
    "device_index": "int",
    "dtype": "dtype",
    "flops": "float",
    "grad": "Tensor | None",
    "grad_fn": "Node | None",
    "in_features": "int",
    "index": "int | None",
    "is_complex": "bool",
    "is_cpu": "bool",
    "is_cuda": "bool",
    "is_floating_point": "bool",
    "is_leaf": "bool",
    "itemsize": "int",
    "kernel": "str",
    "layout": "_layout",
    "mH": "Tensor",
    "mT": "Tensor",
    "nbytes": "int",
    "ndim": "int",
    "next_functions": "tuple[tuple[Node | None, int], ...]",
    "out_features": "int",
    "requires_grad": "bool",
    "retains_grad": "bool",
    "shape": "tuple[int, ...]",
    "type": "str",
    "variable": "Tensor",
}
WRITABLE = {"data", "grad", "requires_grad"}

BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor", "lshift", "rshift"]
OPERATORS = {
    **{
        f"__{side}{name}__": "(self, other: Tensor | Number, /) -> Tensor" for name in BINARY for side in ("", "r", "i")
    },
    **{f"__{name}__": "(self, other: Any, /) -> Tensor" for name in ("lt", "le", "gt", "ge")},
    # Elementwise, where object's own would be a bool.
    **{f"__{name}__": "(self, other: Any, /) -> Tensor" for name in ("eq", "ne")},
    **{f"__{name}__": "(self) -> Tensor" for name in ("neg", "pos", "abs", "invert")},
    "__bool__": "(self) -> bool",
    "__float__": "(self) -> float",
    "__int__": "(self) -> int",
    "__index__": "(self) -> int",
    "__len__": "(self) -> int",
    "__hash__": "(self) -> int",
    "__repr__": "(self) -> str",
    "__iter__": "(self) -> Iterator[Tensor]",
    "__contains__": "(self, element: Any, /) -> bool",
    "__getitem__": "(self, index: Any, /) -> Tensor",
    "__delitem__": "(self, index: Any, /) -> None",
    "__setitem__": "(self, index: Any, value: Any, /) -> None",
}
# Every class has these; a stub names them only where they mean something else than for `object`.
UNIVERSAL = set(dir(object)) | {"__annotations__", "__module__", "__dict__", "__weakref__"}
SIGNATURE = re.compile(r"^(\w+)(\(.*\) -> .+)$")


def signatures(name: str, doc: str | None) -> list[str]:
    """The signatures that a docstring gives, one for each overload."""
    found = [match for line in (doc or "").splitlines() if (match := SIGNATURE.match(re.sub(r"^\d+\. ", "", line)))]
    return [_plain(match[2]) for match in found if match[1] == name]


# What pybind11 and C++ write, as Python's type checkers read it.
SPELLINGS = {
    r"hotloop\.(_core\.)?": "",
    r"typing\.SupportsInt \| typing\.SupportsIndex": "int",
    r"typing_extensions\.": "",
    r"collections\.abc\.": "",
    r"\bSequence\b(?!\[)": "Sequence[Any]",
    r"\bndarray\b(?!:)": "ndarray[Any, Any]",
    r"\b(list|type)\b(?![\[:])": r"\1[Any]",
    r"\bdict\b(?!\[)": "dict[str, Any]",
    r"\btuple\b(?!\[)": "tuple[Any, ...]",
    r"\*args(?=[,)])": "*args: object",
    r"-> object": "-> Any",
    r"\*(\w+): int": r"*\1: int | Sequence[int]",
}


def _plain(text: str) -> str:
    for written, meant in SPELLINGS.items():
        text = re.sub(written, meant, text)
    return text


def _unshadowed(line: str, members: set[str]) -> str:
    """A line among whose names (of a class, of the module) are some that hide the types of the same name."""
    for name in members & {"bool", "bytes", "float", "int"}:
        line = re.sub(rf"(?<![\w.]){name}(?!\w|\(|: (?!\.))", f"builtins.{name}", line)
    for name in members & {"device", "dtype", "layout"} if line.startswith(" ") else ():
        line = re.sub(rf"(?<![\w. ]){name}(?!\w|\(|: (?!\.))|(?<=[:>|] ){name}(?!\w|\(|: (?!\.))", f"_{name}", line)
    return line


def function(name: str, doc: str | None, indent: str = "", method: bool = False, static: bool = False) -> list[str]:
    """The lines that declare a function or method."""
    given = signatures(name, doc) or ([OPERATORS[name]] if name in OPERATORS else [])
    if not given:
        raise SystemExit(f"{name}: its docstring does not begin with a signature, and no table has it")
    lines = []
    for signature in given:
        if method and not static:
            signature = re.sub(r"^\(\w+(: [^,()\[\]]+)?(?=[,)])", "(self", signature)
        if len(given) > 1:
            lines.append(f"{indent}@typing.overload")
        if static:
            lines.append(f"{indent}@staticmethod")
        ignore = "  # type: ignore[override]" if name in ("__eq__", "__ne__") and "Tensor" in signature else ""
        lines.append(f"{indent}def {name}{signature}: ...{ignore}")
    return lines


def klass(name: str, value: type) -> list[str]:
    """The lines that declare a class."""
    bases = [base.__name__ for base in value.__bases__] if issubclass(value, BaseException) else []
    lines = [f"class {name}({', '.join(bases)}):" if bases else f"class {name}:"]
    own = {
        member: inner
        for member, inner in vars(value).items()
        if not member.startswith(("__pybind11", "_pybind11")) and (member not in UNIVERSAL or member in _meant(value))
    }
    for member, inner in sorted(own.items()):
        if isinstance(inner, types.GetSetDescriptorType | types.MemberDescriptorType | property):
            lines += [f"    @property\n    def {member}(self) -> {PROPERTIES[member]}: ..."]
            if member in WRITABLE:
                lines += [f"    @{member}.setter\n    def {member}(self, value: {PROPERTIES[member]}) -> None: ..."]
        elif isinstance(inner, staticmethod):
            lines += function(member, inner.__func__.__doc__, "    ", static=True)
        elif inner is None:
            lines.append(f"    {member}: None  # type: ignore[assignment]")
        elif callable(inner):
            lines += function(member, inner.__doc__, "    ", method=True)
        else:
            lines.append(f"    {member}: {type(inner).__name__}")
    return [_unshadowed(line, set(own) | set(vars(_core))) for line in lines] if own else [*lines, "    ..."]


def _meant(value: type) -> set[str]:
    """Names of `object` whose meaning this class changes in a way that types show."""
    changed = {"__init__"} if signatures("__init__", value.__init__.__doc__) else set()
    if value is _core.Tensor:
        changed |= {"__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"}
    return changed


def stub() -> str:
    """The text of the stub."""
    machinery = {"__doc__", "__file__", "__loader__", "__name__", "__package__", "__spec__"}
    values = {name: value for name, value in sorted(vars(_core).items()) if name not in machinery}
    classes = {name: value for name, value in values.items() if isinstance(value, type)}
    constants = {name: value for name, value in values.items() if name not in classes and not callable(value)}
    lines = [HEADER.rstrip("\n"), ""]
    lines += [f"{name}: {type(value).__name__}" for name, value in constants.items()]
    for name, value in classes.items():
        lines += ["", *klass(name, value)]
    lines.append("")
    for name, value in values.items():
        if name not in classes and name not in constants:
            lines += [_unshadowed(line, set(values)) for line in function(name, value.__doc__)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    STUB.write_text(stub())
