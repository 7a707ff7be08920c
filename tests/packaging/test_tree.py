"""Rules that every file of the tree keeps."""

from __future__ import annotations

import ast
from pathlib import Path

from support.tree import ROOT, source_files

PACKAGE = ROOT / "python" / "hotloop"
LONGEST_FILE = 800  # lines; split by op, then direction, then dtype
# What runs code that a file carries.
CODE_LOADERS = {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}


def test_no_file_is_too_long():
    written = (path for path in source_files() if path.name != "_core.pyi")  # which tools/make_stub.py writes
    lengths = {path: len(path.read_text().splitlines()) for path in written}
    too_long = [f"{path.relative_to(ROOT)}: {n} lines" for path, n in lengths.items() if n > LONGEST_FILE]
    assert not too_long, "\n".join(too_long)


def code_loading(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("eval", "exec"):
            found.append(f"{path}:{node.lineno}: {node.func.id}()")
            continue
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle" and not _is_false(node.value):
            found.append(f"{path}:{node.value.lineno}: allow_pickle")
            continue
        else:
            continue
        found += [f"{path}:{node.lineno}: {name}" for name in names if name.split(".")[0] in CODE_LOADERS]
    return found


def _is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def test_the_package_loads_no_code_from_files():
    found = [line for path in PACKAGE.rglob("*.py") for line in code_loading(path)]
    assert not found, "\n".join(found)


def test_the_scan_sees_code_loading(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("import pickle\nfrom dill import load\neval('1')\nnp.load(f, allow_pickle=True)\n")
    assert len(code_loading(bad)) == 4
