"""`hotloop train` and `hotloop predict` from end to end, and what the command line refuses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import hotloop
from hotloop import cli, train


def run(directory: Path, *arguments: str, prelude: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as it runs where no terminal is."""
    script = f"import sys\n{prelude}\nfrom hotloop.cli import main\nsys.exit(main({list(arguments)!r}))"
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(Path(hotloop.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A directory where the default training ran, and what it printed."""
    directory = tmp_path_factory.mktemp("trained")
    result = run(directory, "train", "mlp")
    assert result.returncode == 0, result.stderr
    return directory, result.stdout


def test_training_reaches_97_percent_and_says_so(trained: tuple[Path, str]) -> None:
    directory, printed = trained
    parameters, seconds, accuracy, files = printed.strip().splitlines()[-4:]
    assert parameters == "parameters  85,002"
    assert re.fullmatch(r"time        [\d.]+ s \(40 epochs, [\d,]+ samples/s\)", seconds)
    found = re.fullmatch(r"accuracy    ([\d.]+)% of 359 held-out digits", accuracy)
    assert found is not None
    assert float(found[1]) >= 97
    assert files.startswith("files       runs/mlp/: model.safetensors, history.csv, config.json")

    history = train.History.read(directory / "runs/mlp/history.csv")
    assert len(history) == 40
    assert history.rows[-1].val_accuracy == pytest.approx(float(found[1]) / 100, abs=1e-4)
    assert json.loads((directory / "runs/mlp/config.json").read_text())["sizes"] == [64, 256, 256, 10]
    state = hotloop.load(directory / "runs/mlp/model.safetensors")
    assert sum(tensor.numel() for tensor in state.values()) == 85_002


def test_curves_are_drawn(trained: tuple[Path, str]) -> None:
    pytest.importorskip("matplotlib", reason="draws with matplotlib, which is not installed")
    assert (trained[0] / "runs/mlp/curves.png").read_bytes().startswith(b"\x89PNG")


def test_predict_finds_the_same_accuracy(trained: tuple[Path, str]) -> None:
    directory, printed = trained
    result = run(directory, "predict", "runs/mlp")
    assert result.returncode == 0, result.stderr
    accuracy = re.search(r"accuracy +([\d.]+%) of 359", printed)
    again = re.search(r"accuracy +([\d.]+%) of 359", result.stdout)
    assert accuracy is not None
    assert again is not None
    assert again[1] == accuracy[1]
    assert result.stdout.count("█") > 50
    two = run(directory, "predict", "runs/mlp", "--count", "2").stdout
    assert len(two.splitlines()) == len(result.stdout.splitlines()) - 10, "a row of pictures less"


def test_a_seed_gives_the_same_model(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert run(tmp_path, "train", "mlp", "--epochs", "1", "--seed", "5", "--name", name).returncode == 0
    first, second = (hotloop.load(tmp_path / "runs" / name / "model.safetensors") for name in ("a", "b"))
    assert all((first[key] == second[key]).all().item() for key in first)


def test_without_the_extra(tmp_path: Path) -> None:
    missing = "sys.modules['rich'] = sys.modules['matplotlib'] = None"
    result = run(tmp_path, "train", "mlp", "--epochs", "2", "--name", "plain", prelude=missing)
    assert result.returncode == 0, result.stderr
    assert "epoch 2/2  loss" in result.stdout
    assert 'no curves.png: drawing pictures needs matplotlib: pip install "hotloop[cli]"' in result.stdout
    assert not (tmp_path / "runs/plain/curves.png").exists()
    result = run(tmp_path, "predict", "runs/plain", prelude=missing)
    assert result.returncode == 0, result.stderr
    assert 'no picture: drawing pictures needs matplotlib: pip install "hotloop[cli]"' in result.stdout


def test_runs_that_cannot_be_loaded(trained: tuple[Path, str], tmp_path: Path) -> None:
    result = run(tmp_path, "predict", "nowhere")
    assert result.returncode == 2
    assert result.stderr.startswith("hotloop predict: nowhere holds no run that can be loaded: ")
    source = trained[0] / "runs/mlp"
    (tmp_path / "config.json").write_text((source / "config.json").read_text())
    data = bytearray((source / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(data)
    result = run(tmp_path, "predict", ".")
    assert result.returncode == 2
    assert "its checksum does not match" in result.stderr
    (tmp_path / "config.json").write_text('{"model": "transformer"}')
    assert "model is 'transformer'; 'mlp' is known" in run(tmp_path, "predict", ".").stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: command"),
        (["fly"], "invalid choice: 'fly'"),
        (["train"], "the following arguments are required: model"),
        (["train", "mlp", "--epochs", "0"], "argument --epochs: 0 is not a positive whole number"),
        (["train", "mlp", "--epochs", "x"], "argument --epochs: x is not a positive whole number"),
        (["train", "mlp", "--lr", "x"], "argument --lr: x is not a positive finite number"),
        (["train", "mlp", "--lr", "inf"], "argument --lr: inf is not a positive finite number"),
        (["predict", "runs/mlp", "--count", "-3"], "'-3': a count of digits, 0 or more, is wanted"),
        (["predict"], "the following arguments are required: run"),
    ],
)
def test_the_command_line_is_checked(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as info:
        cli.main(arguments)
    assert info.value.code == 2
    assert message in capsys.readouterr().err


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, wanted in [
        (["--version"], f"hotloop {hotloop.__version__}"),
        (["--help"], "classify held-out data with a model that was trained"),
        (["train", "mlp", "--help"], "--epochs"),
    ]:
        with pytest.raises(SystemExit) as info:
            cli.main(arguments)
        assert info.value.code == 0
        assert wanted in capsys.readouterr().out
