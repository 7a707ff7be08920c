"""csrc/README.md as a lint: who may include whom, and that no inline function leaves its instruction set."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from support.tree import ROOT, source_files

CSRC = ROOT / "csrc"
LAYERS = ("bindings", "autograd", "program", "profile", "ops", "dispatch", "kernels", "core")  # top to bottom

# Standard headers with nothing in them that a kernel could instantiate as a linked function.
PLAIN_STD_HEADERS = {"cfloat", "climits", "cstddef", "cstdint", "immintrin.h", "limits", "type_traits"}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def includes(path: Path) -> list[tuple[bool, str]]:
    """Each include of a file: whether it is a project header, and its path below csrc or its name."""
    found = []
    for quote, name in INCLUDE.findall(path.read_text()):
        own = quote == '"'
        if own and (path.parent / name).is_file():
            name = str((path.parent / name).resolve().relative_to(CSRC))
        found.append((own, name))
    return found


def sources() -> list[Path]:
    return [path for path in source_files(".h", ".cpp", ".cu", ".cuh") if CSRC in path.parents]


def layer(name: str) -> str:
    return name.split("/", 1)[0]


def kernel_folder(name: str) -> str:
    """``kernels/args``, ``kernels/reference``, ``kernels/cpu/<isa>``, ``kernels/cuda/<arch>``."""
    parts = name.split("/")
    return "/".join(parts[: 3 if parts[1] in ("cpu", "cuda") else 2])


def may_include(path: str, header: str) -> bool:
    mine, theirs = layer(path), layer(header)
    if mine == "include" or theirs not in LAYERS:
        return mine == theirs or header.startswith("hotloop/")
    if mine != theirs:
        return LAYERS.index(mine) < LAYERS.index(theirs)
    if mine != "kernels":
        return True
    folder, wanted = kernel_folder(path), kernel_folder(header)
    allowed = {folder, "kernels/args"}
    if folder.startswith("kernels/cpu/"):
        allowed.add("kernels/cpu/common")
    if folder.startswith("kernels/cuda/sm"):
        allowed.add("kernels/cuda/common")
    if folder == "kernels/cuda/common":
        allowed.add("kernels/cuda/emulator")
    return wanted in allowed


@pytest.mark.parametrize(
    ("path", "header", "allowed"),
    [
        ("ops/conv.cpp", "dispatch/conv.h", True),
        ("ops/conv.cpp", "autograd/tape.h", False),
        ("core/memory.cpp", "kernels/args/matmul.h", False),
        ("kernels/cpu/avx2/matmul.cpp", "kernels/cpu/common/matmul.h", True),
        ("kernels/cpu/avx2/matmul.cpp", "kernels/cpu/avx512/matmul.h", False),
        ("kernels/reference/matmul.cpp", "kernels/cpu/common/vec.h", False),
        ("kernels/args/matmul.h", "core/dtype.h", True),
        ("kernels/cuda/sm80/matmul.cu", "kernels/cuda/common/ptx.h", True),
        ("kernels/cuda/sm80/matmul.cu", "kernels/cuda/emulator/ptx.h", False),
        ("kernels/cuda/common/ptx.h", "kernels/cuda/emulator/ptx.h", True),
        ("kernels/cuda/emulator/ptx.h", "kernels/cuda/common/device.h", False),
    ],
)
def test_the_rule_itself(path, header, allowed):
    assert may_include(path, header) is allowed


def test_folders_include_only_what_is_below_them():
    wrong = []
    for path in sources():
        name = str(path.relative_to(CSRC))
        wrong += [
            f"csrc/{name} includes {header}" for own, header in includes(path) if own and not may_include(name, header)
        ]
    assert not wrong, "\n".join(wrong)


def test_project_headers_exist():
    missing = [
        f"{path.relative_to(ROOT)}: {header}"
        for path in sources()
        for own, header in includes(path)
        if own and not (CSRC / header).is_file()
    ]
    assert not missing, "\n".join(missing)


def test_cpu_kernels_include_no_standard_header_with_inline_functions():
    wrong = [
        f"{path.relative_to(ROOT)}: <{header}>"
        for path in sources()
        if "kernels/cpu" in str(path.relative_to(CSRC))
        for own, header in includes(path)
        if not own and header not in PLAIN_STD_HEADERS
    ]
    assert not wrong, "\n".join(wrong)


def isa_objects() -> dict[str, list[Path]]:
    """The object files of each instruction set's folder in the newest build of this checkout."""
    archives = sorted(ROOT.glob("build/*/csrc/libhotloop_core.a"), key=lambda path: path.stat().st_mtime)
    if not archives:
        return {}
    folders = archives[-1].parent.glob("CMakeFiles/kernels_*.dir/kernels/cpu/*")
    return {folder.name: sorted(folder.glob("*.o")) for folder in folders}


def test_isa_objects_share_no_inline_function():
    """A weak symbol is an inline function or template that the linker keeps one copy of: were it outside its own
    namespace, the copy kept could be the AVX-512 one on a machine without it."""
    if shutil.which("nm") is None:
        pytest.skip("nm (binutils) is not installed")
    objects = isa_objects()
    if not objects:
        pytest.skip("no build of this checkout below build/")
    wrong = []
    for isa, paths in objects.items():
        own = re.compile(rf"_Z[A-Z]*?N[KVrRO]*7hotloop{len(isa)}{isa}")
        for path in paths:
            listing = subprocess.run(["nm", "--defined-only", path], check=True, capture_output=True, text=True).stdout
            for _, kind, symbol in (line.split(maxsplit=2) for line in listing.splitlines()):
                if kind in "WVu" and not own.match(symbol) and symbol != "DW.ref.__gxx_personality_v0":
                    wrong.append(f"{isa}/{path.name}: {symbol}")
    assert not wrong, "\n".join(wrong)
