"""The shared object: what it exports, what it needs, how large it is."""

from __future__ import annotations

import importlib.metadata
import io
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

import hotloop
from hotloop import _core

# GPU code comes on top, where it was built.
HAS_GPU_CODE = _core.build_info()["cuda"].startswith("CUDA ")
MOST_WHEEL_BYTES = (40 if HAS_GPU_CODE else 5) * 2**20
MOST_INSTALLED_BYTES = (45 if HAS_GPU_CODE else 15) * 2**20
SYSTEM_LIBRARIES = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libstdc++.so.6"}
SYSTEM_LIBRARIES |= {"libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def tool(name: str, *arguments: str) -> str:
    if shutil.which(name) is None:
        pytest.skip(f"{name} (binutils) is not installed")
    return subprocess.run([name, *arguments, str(_core.__file__)], check=True, capture_output=True, text=True).stdout


def test_only_the_init_function_is_exported():
    symbols = [line.split()[-1] for line in tool("nm", "-D", "--defined-only").splitlines()]
    assert symbols == ["PyInit__core"]


def test_nothing_of_pybind11_is_left_undefined():
    # It is all headers: what no file defined would end the process when first called.
    assert [line for line in tool("nm", "-DC", "--undefined-only").splitlines() if "pybind11" in line] == []


def test_no_openmp_and_no_blas_is_linked():
    needed = set(re.findall(r"\(NEEDED\).*\[(.+?)\]", tool("readelf", "-d")))
    assert needed <= SYSTEM_LIBRARIES, needed - SYSTEM_LIBRARIES


def distribution() -> importlib.metadata.Distribution:
    try:
        return importlib.metadata.distribution("hotloop")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("hotloop is not installed: it is imported from a build tree")


def test_sizes():
    files = [Path(file.locate()) for file in distribution().files or []]
    files = [file for file in files if file.suffix != ".pyc" and file.is_file()]
    if not any(file.name == Path(_core.__file__).name for file in files):
        pytest.skip("hotloop is not installed as a wheel here (an editable or in-tree build)")
    assert sum(file.stat().st_size for file in files) <= MOST_INSTALLED_BYTES
    # A wheel is these files, deflated.
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file)
    assert wheel.tell() <= MOST_WHEEL_BYTES


def test_the_package_is_typed():
    assert (Path(hotloop.__file__).parent / "py.typed").is_file()


def test_version_is_the_installed_one():
    assert hotloop.__version__ == distribution().version
