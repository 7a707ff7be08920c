"""Saving over a file: kills, full disks and failing calls leave the old file whole and nothing beside it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import hotloop

HERE = Path(__file__).parent


def test_200_kills_lose_nothing(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, HERE / "kill_during_save.py", tmp_path / "t", "200"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 50, "the children were killed before they saved anything"
    assert hotloop.load(tmp_path / "t")["step"] == int(run.stdout)


@pytest.mark.parametrize("call", ["fsync", "replace", "open", "fdopen"])
def test_failing_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    path = tmp_path / "t"
    hotloop.save({"n": 1}, path)

    def full(*arguments: Any, **options: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(OSError, match="No space left on device"):
            hotloop.save({"n": 2}, path)
    assert hotloop.load(path) == {"n": 1}
    assert os.listdir(tmp_path) == ["t"]


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        hotloop.save({"n": 2}, tmp_path / "t")
    assert os.listdir(tmp_path) == []


def test_a_file_system_that_is_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "hotloop-test", disk], capture_output=True, text=True, check=False
    )
    if mount.returncode != 0:
        pytest.skip(f"cannot mount a small file system here: {mount.stderr.strip()}")
    try:
        path = disk / "t"
        hotloop.save({"x": hotloop.ones(20_000)}, path)
        with pytest.raises(OSError, match="No space left on device"):
            hotloop.save({"x": hotloop.ones(60_000)}, path)
        assert os.listdir(disk) == ["t"]
        assert hotloop.load(path)["x"].sum().item() == 20_000
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    script = f"""
import os, resource, signal
import hotloop
path = {str(tmp_path / "t")!r}
hotloop.save({{"n": 1}}, path)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    hotloop.save({{"x": hotloop.ones(100_000)}}, path)
except OSError as error:
    assert "File too large" in str(error), error
else:
    raise AssertionError("saved more than the limit")
assert hotloop.load(path) == {{"n": 1}}
assert os.listdir(os.path.dirname(path)) == ["t"]
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_no_pickle_anywhere() -> None:
    """Files can hold no code: nothing in the package can run any."""
    import ast

    forbidden = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle"}
    package = Path(hotloop.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").split(".")[0]}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                names = {node.func.id} & {"eval", "exec"}
            else:
                continue
            assert not names & (forbidden | {"eval", "exec"}), f"{path}:{node.lineno}"
