"""`hotloop bench` and `hotloop info` as they are called."""

import argparse
import json
import subprocess
import sys

import pytest

import hotloop
from hotloop import _core
from hotloop.bench.arguments import add_arguments, command_line, options_of
from hotloop.bench.libraries import environment
from hotloop.bench.session import EXIT_NOISY, Options
from hotloop.cli import info


def parse(*words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return options_of(parser.parse_args(words))


@pytest.mark.parametrize(
    "options",
    [
        Options(),
        Options(("matmul", "small"), r"^a|-b", "quick", 2, ("numpy",), "out.json"),
        Options(tier="full", peers=()),
    ],
)
def test_the_childs_command_line_says_the_same(options):
    assert parse(*command_line(options)) == options


@pytest.mark.parametrize("words", [["--threads=0"], ["--peers=tinygrad"], ["--quick", "--full"], ["--filter=("]])
def test_bad_options_are_usage_errors(words, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(*words)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def measure(*words):
    return subprocess.run(
        [sys.executable, "-m", "hotloop.bench", *words],
        env=environment(1),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_run_from_end_to_end(tmp_path):
    path = tmp_path / "run.json"
    done = measure("small", "--quick", "--filter=add|inference/", "--peers=numpy", f"--json={path}")
    assert done.returncode in (0, EXIT_NOISY), done.stdout + done.stderr
    run = json.loads(path.read_text())
    assert (run["schema"], run["version"], run["threads"]) == ("hotloop-bench", 1, 1)
    assert run["environment_set"] is True
    add, inference = run["rows"]
    assert add["name"] == "small/add/8x8/float32"
    assert add["flag"] == inference["flag"] == ""
    assert add["kernel"]
    assert add["time"]["low"] <= add["time"]["median"] <= add["time"]["high"]
    assert 0 < add["roof"]["median"] < 1.05
    assert set(add["ratios"]) == {"numpy"}
    assert inference["error_of_bound"] <= 1.0
    assert {peak["name"] for peak in run["peaks"]} >= {
        "float32",
        "float64",
        "bfloat16",
        "read L1",
        "copy DRAM",
    }
    assert run["summary"]["families"]["small"]["rows"] == 2
    for part in ("peak of 1 thread", "null test", add["name"], "geometric mean"):
        assert part in done.stdout


def test_rows_are_listed_with_their_reasons():
    done = measure("matmul", "--list", "--quick")
    assert done.returncode == 0
    assert "matmul/matmul/17x33x65/float32/NN" in done.stdout
    assert "odd everywhere, small" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [(["matmal"], "family is 'matmal'"), (["--filter=nothing"], "no row of this run matches 'nothing'")],
)
def test_what_cannot_be_measured_is_a_usage_error(words, message):
    done = measure(*words)
    assert done.returncode == 2
    assert message in done.stderr


def test_info_as_text_and_as_json(capsys):
    assert info.run(argparse.Namespace(json=True)) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["hotloop"] == hotloop.__version__
    assert found["cpu"]["instruction_set"] == _core.active_isa()
    assert found["threads"]["used"] == hotloop.get_num_threads()
    assert found["gpu"]["available"] is hotloop.cuda.is_available()
    assert info.run(argparse.Namespace(json=False)) == 0
    text = capsys.readouterr().out
    for part in (found["cpu"]["model"], found["cpu"]["instruction_set"], found["build"]["compiler"], "gpu"):
        assert part in text


def test_info_tells_a_cap(isa, capsys):
    info.run(argparse.Namespace(json=False))
    text = capsys.readouterr().out
    assert ("capped" in text) == (isa != _core.detected_isa())
