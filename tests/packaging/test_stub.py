"""python/hotloop/_core.pyi says what the module has: it is what tools/make_stub.py writes from it."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import hotloop
from support.tree import ROOT

STUB = Path(hotloop.__file__).parent / "_core.pyi"


def generated() -> str:
    specification = importlib.util.spec_from_file_location("make_stub", ROOT / "tools" / "make_stub.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return str(module.stub())


def declarations(text: str) -> set[str]:
    """Each declaration of a stub on a line of its own, however the file is formatted."""
    found = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}: {ast.unparse(member)}" for member in node.body}
        else:
            found.add(ast.unparse(node))
    return found


def test_the_stub_is_what_the_module_has():
    real, written = declarations(generated()), declarations(STUB.read_text())
    assert real - written == set(), "in the module, not in the stub: run python tools/make_stub.py"
    assert written - real == set(), "in the stub, not in the module: run python tools/make_stub.py"
