"""The source tree as tests see it."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE_SUFFIXES = {".py", ".pyi", ".cpp", ".h", ".cu", ".cuh", ".cmake"}


@cache
def tracked_files() -> tuple[Path, ...]:
    """All files of the project: those git knows, or, outside a checkout, those of the source folders."""
    try:
        listing = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.split("\0")
        return tuple(path for name in listing if name and (path := ROOT / name).is_file())
    except (OSError, subprocess.CalledProcessError):
        folders = ("csrc", "python", "tests", "benchmarks", "examples", "docs", "cmake")
        return tuple(path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file())


def source_files(*suffixes: str) -> list[Path]:
    """Tracked source files, of all languages or of the suffixes given."""
    wanted = set(suffixes) or SOURCE_SUFFIXES
    return [path for path in tracked_files() if path.suffix in wanted]
