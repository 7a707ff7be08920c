"""HOTLOOP_CUDA is honest: it takes four values, and says what each could give."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hotloop import _core
from support.tree import ROOT

CMAKE = shutil.which("cmake")


def configure(folder: Path, mode: str, **environment: str) -> subprocess.CompletedProcess[str]:
    if CMAKE is None:
        pytest.skip("cmake is not installed")
    script = folder / "CMakeLists.txt"
    script.write_text(
        "cmake_minimum_required(VERSION 3.24)\nproject(probe LANGUAGES NONE)\n"
        f'include("{ROOT}/cmake/cuda.cmake")\nmessage(STATUS "kernels: ${{HOTLOOP_CUDA_KERNELS}}")\n'
    )
    command = [CMAKE, "-S", str(folder), "-B", str(folder / "build"), f"-DHOTLOOP_CUDA={mode}"]
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment})


@pytest.mark.parametrize(
    ("mode", "status", "kernels"),
    [
        ("off", "not built (HOTLOOP_CUDA=off)", "FALSE"),
        ("emulate", "emulated on the CPU, for tests", "TRUE"),
    ],
)
def test_modes_say_what_was_built(tmp_path, mode, status, kernels):
    result = configure(tmp_path, mode)
    assert result.returncode == 0, result.stderr
    assert f"GPU code: {status}" in result.stdout
    assert f"kernels: {kernels}" in result.stdout


def test_auto_builds_for_the_gpu_where_nvcc_is(tmp_path):
    result = configure(tmp_path, "auto")
    assert result.returncode == 0, result.stderr
    if "-- GPU code: CUDA " in result.stdout:
        assert "kernels: TRUE" in result.stdout
    else:
        assert "GPU code: not built (HOTLOOP_CUDA=auto, no nvcc found)" in result.stdout
        assert "kernels: FALSE" in result.stdout


def test_unknown_mode_is_refused(tmp_path):
    result = configure(tmp_path, "yes")
    assert result.returncode != 0
    assert "HOTLOOP_CUDA=yes: one of auto, on, off, emulate" in result.stderr


def test_on_needs_a_compiler(tmp_path):
    broken = tmp_path / "cuda" / "bin" / "nvcc"
    broken.parent.mkdir(parents=True)
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    result = configure(tmp_path, "on", CUDA_HOME=str(tmp_path / "cuda"), PATH=f"{broken.parent}:{os.environ['PATH']}")
    assert result.returncode != 0
    assert "HOTLOOP_CUDA=on needs CUDA's compiler: nvcc found, but it does not run" in " ".join(result.stderr.split())


def test_the_library_knows_how_it_was_built():
    info = _core.build_info()
    assert info["cuda"].startswith(("not built (", "emulated", "CUDA "))
    assert "baseline" in info["instruction_sets"].split()
