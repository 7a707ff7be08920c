"""README.md and docs/ run as written."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from support.tree import ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[Path, int, str]]:
    """Each fenced block of a language in the documents: its file, its line and its text."""
    found = []
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = path.read_text()
        for match in BLOCK.finditer(text):
            if match[1] == language:
                found.append((path, text.count("\n", 0, match.start(2)) + 1, match[2]))
    return found


def where(value: object) -> str:
    return value.name if isinstance(value, Path) else str(value) if isinstance(value, int) else ""


@pytest.mark.parametrize(("path", "line", "code"), blocks("python"), ids=where)
def test_python_blocks_run(path, line, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(compile("\n" * (line - 1) + code, str(path), "exec"), {"__name__": "__main__"})


def test_the_two_commands_are_on_the_first_screen():
    first_screen = "\n".join((ROOT / "README.md").read_text().splitlines()[:30])
    assert 'pip install ".[cli]" && hotloop train mlp' in first_screen
    assert 'pip install ".[test]" && pytest' in first_screen


def hotloop_commands() -> list[str]:
    """Every `hotloop <command>` that a shell block of the documents shows."""
    shown = {match for _, _, text in blocks("sh") for match in re.findall(r"\bhotloop ([a-z]+)", text)}
    return sorted(shown)


@pytest.mark.parametrize("command", hotloop_commands())
def test_commands_exist(command):
    result = subprocess.run([sys.executable, "-m", "hotloop", command, "--help"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_files_that_documents_name_exist():
    missing = []
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]:
        prose = re.sub(
            r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL
        )  # C++'s [](...) are no links
        for target in re.findall(r"\]\(([^)#:]+)\)", prose):
            if not (path.parent / target).exists():
                missing.append(f"{path.name}: {target}")
    assert not missing, "\n".join(missing)
