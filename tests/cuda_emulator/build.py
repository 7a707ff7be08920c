"""Builds programs over the emulator with the host compiler alone: no CMake, no CUDA, no GPU."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "csrc"
HERE = Path(__file__).resolve().parent

# Of core, what the emulator and launches need; and what core/gpu.h does, for kernels that take scratch memory.
CORE = ("parallel", "error", "half", "cpu_count")
RUNTIME = ("gpu", "capture", "pinned", "random", "host_lock", "memory")
FLAGS = ("-std=gnu++20", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fwrapv")


def kernel_options() -> list[str]:
    """How CUDA sources are compiled for the emulator: as the build's own CMake says."""
    text = (ROOT / "cmake" / "cuda_emulator.cmake").read_text()
    found = re.search(r"set\(HOTLOOP_EMULATED_KERNEL_OPTIONS\s+([^)]+)\)", text)
    assert found, "cmake/cuda_emulator.cmake has no HOTLOOP_EMULATED_KERNEL_OPTIONS"
    return found.group(1).split()


class BuildError(Exception):
    """What the compiler said."""


class Build:
    """Compiles into one folder; objects of the emulator are made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._emulator: list[Path] | None = None
        self._runtime: list[Path] | None = None

    def compile(self, source: Path, *, kernel: bool = False, first: Path | None = None) -> Path:
        """One object; headers below ``first`` are taken instead of those of the tree."""
        includes = [*([first] if first else []), CSRC, HERE, HERE / "mutants", ROOT / "tests" / "core"]
        out = self.folder / (f"{source.stem}-{abs(hash((source, first, kernel)))}.o")
        options = [*kernel_options(), "-DHOTLOOP_EMULATE=1"] if kernel else ["-O2", "-g1"]
        golden = f'-DHOTLOOP_GOLDEN="{HERE / "golden"}"'
        self._run("g++", *FLAGS, golden, *(f"-I{path}" for path in includes), *options, "-c", source, "-o", out)
        return out

    def emulator(self) -> list[Path]:
        if self._emulator is None:
            sources = [p for p in sorted((CSRC / "kernels/cuda/emulator").glob("*.cpp")) if p.name != "driver.cpp"]
            self._emulator = self.compile_all([*sources, *(CSRC / "core" / f"{name}.cpp" for name in CORE)])
        return self._emulator

    def runtime(self) -> list[Path]:
        if self._runtime is None:
            driver = CSRC / "kernels/cuda/emulator/driver.cpp"
            self._runtime = self.compile_all([driver, *(CSRC / "core" / f"{name}.cpp" for name in RUNTIME)])
        return self._runtime

    def compile_all(self, sources: list[Path], *, kernel: bool = False) -> list[Path]:
        with ThreadPoolExecutor(cpu_count()) as pool:
            return list(pool.map(lambda source: self.compile(source, kernel=kernel), sources))

    def link(self, name: str, objects: list[Path], *, runtime: bool = False) -> Path:
        out = self.folder / name
        self._run(
            "g++", *objects, *(self.runtime() if runtime else ()), *self.emulator(), "-o", out, "-lpthread", "-ldl"
        )
        return out

    @staticmethod
    def _run(*command: object) -> None:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        if done.returncode != 0:
            raise BuildError(done.stderr)
