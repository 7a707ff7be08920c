"""``hotloop bench --device cuda``: rows are checked; on the emulator no speed is shown."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from hotloop import cuda
from hotloop.bench import gpu
from hotloop.bench.accuracy import Accuracy
from hotloop.bench.session import Options

needs_gpu = pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU: {cuda.why_not()}")


@pytest.mark.skipif(cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_command_says_why():
    done = subprocess.run(
        [sys.executable, "-m", "hotloop.bench", "--device=cuda", "--quick"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "--device cuda: " + cuda.why_not() in done.stderr


@pytest.mark.every_device
@needs_gpu
def test_a_run_checks_every_family(tmp_path):
    out, path = io.StringIO(), tmp_path / "gpu.json"
    options = Options(tier="quick", peers=(), json_path=os.fspath(path), device="cuda")
    result, code = gpu.run(options, out)
    assert code == 0
    assert json.loads(path.read_text())["rows"] == json.loads(json.dumps(result["rows"]))
    assert {row["family"] for row in result["rows"]} == set(gpu.FAMILIES)
    assert all(row["kernel"].endswith("_sm80") and not row["wrong"] for row in result["rows"])
    text = out.getvalue()
    if gpu.is_emulated():
        assert "no speed is shown" in text
        assert all(row["time"] is None for row in result["rows"])
        assert "GB/s" not in text
        assert "FLOP/s" not in text
    else:
        assert all(row["time"] is not None and row["roof"] < 1.05 for row in result["rows"])


@pytest.mark.every_device
@needs_gpu
def test_rows_are_named_and_chosen():
    assert [case.name for case in gpu.select(["matmul"], "bfloat16/NN", "standard")] != []
    with pytest.raises(ValueError, match="select: family is 'scaling'; on a GPU, one of matmul"):
        gpu.select(["scaling"], "", "quick")
    with pytest.raises(ValueError, match="no row of this run matches 'nothing'"):
        gpu.run(Options(pattern="nothing", device="cuda"), io.StringIO())


@pytest.mark.every_device
@needs_gpu
def test_a_wrong_result_is_flagged(monkeypatch):
    def broken(family: str, rows: int, columns: int) -> list[Any]:
        (case,) = [case for case in sized(family, rows, columns) if case.op == "sum"]
        prepare = case.prepare

        def prepared(loaded: Any) -> Any:
            trials = prepare(loaded)
            right = trials["hotloop"].calls
            trials["hotloop"] = type(trials["hotloop"])(
                [lambda call=call: call() + 1 for call in right], trials["hotloop"].checks
            )
            return trials

        return [type(case)(**{**case.__dict__, "prepare": prepared})]

    sized = gpu.tensors.sized
    monkeypatch.setattr(gpu.tensors, "sized", broken)
    out = io.StringIO()
    _, code = gpu.run(Options(families=("reduction",), peers=(), device="cuda"), out)
    assert code == 1
    assert "WRONG" in out.getvalue()


@pytest.mark.every_device
@needs_gpu
def test_samples_come_from_events_of_every_library():
    calls: list[str] = []
    flushed: list[int] = []
    found = gpu.timed(
        {"a": [lambda: calls.append("a0"), lambda: calls.append("a1")], "b": [lambda: calls.append("b0")]},
        3,
        lambda: flushed.append(1),
    )
    assert {name: len(samples) for name, samples in found.items()} == {"a": 3, "b": 3}
    assert all(sample > 0 for samples in found.values() for sample in samples)
    assert calls == ["a0", "a1", "b0", "a0", "b0", "b0", "a1", "a0", "b0"]  # warmed up, then turn by turn
    assert len(flushed) == 6


@pytest.mark.every_device
@needs_gpu
def test_small_work_is_timed_call_after_call():
    calls: list[str] = []
    found = gpu.timed_by_host({"a": [lambda: calls.append("a")], "b": [lambda: calls.append("b")]}, 3)
    assert {name: len(samples) for name, samples in found.items()} == {"a": 3, "b": 3}
    assert all(sample > 0 for samples in found.values() for sample in samples)
    turns = [(name, len(list(run))) for name, run in itertools.groupby(calls)]
    assert turns == [("b", 20), ("a", 40), ("b", 40), ("a", 40), ("b", 20)]  # of four rounds, the first to warm up


@pytest.mark.every_device
@needs_gpu
@pytest.mark.parametrize("family", ["optimizer", "small"])
def test_what_is_wrong_in_the_end_is_flagged(family):
    case = next(case for case in gpu.select([family], "adamw|train_step", "quick"))
    ceilings = gpu.Ceilings(1e9, dict.fromkeys(("float32", "float64"), 1e9))
    loaded = gpu.load(())
    right = gpu.measure(case, loaded, 2, ceilings, lambda: None)
    assert not right.wrong
    assert right.time is not None

    def prepared(loaded: Any) -> Any:
        ((name, trial),) = case.prepare(loaded).items()
        assert trial.check_timed is not None
        return {name: dataclasses.replace(trial, check_timed=lambda _: Accuracy(1.0, 2.0))}

    wrong = gpu.measure(dataclasses.replace(case, prepare=prepared), loaded, 2, ceilings, lambda: None)
    assert wrong.wrong
    assert "WRONG" in gpu.line(wrong)
