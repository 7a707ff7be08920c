"""Two runs beside each other: verdicts, the table, and exit codes of the command."""

import argparse
import copy
import json

import pytest

from hotloop.bench.compare import compare, exit_code, table
from hotloop.bench.document import SCHEMA, VERSION, read, write
from hotloop.cli import bench


def interval(median, width=0.01):
    low, high = median * (1 - width), median * (1 + width)
    return {"median": median, "low": low, "high": high, "p10": low, "p90": high, "n": 11}


def row(name, seconds=1e-3, roof=0.5, width=0.01, flag="", kernel="fast_avx2"):
    return {
        "name": name,
        "flag": flag,
        "kernel": kernel,
        "bound": "compute",
        "time": None if flag else interval(seconds, width),
        "roof": None if flag else interval(roof, width),
    }


def document(*rows):
    return {"schema": SCHEMA, "version": VERSION, "rows": list(rows)}


def verdict(old, new):
    (change,) = compare(document(old), document(new))
    return change.verdict


def test_the_same_run_is_the_same():
    run = document(row("a"), row("b", flag="WRONG"))
    changes = compare(run, copy.deepcopy(run))
    assert [change.verdict for change in changes] == ["SAME", "SAME"]
    assert exit_code(changes) == 0


def test_slower_and_faster_beyond_the_noise():
    assert verdict(row("a"), row("a", 1.1e-3, 0.5 / 1.1)) == "SLOWER"
    assert verdict(row("a"), row("a", 0.9e-3, 0.5 / 0.9)) == "FASTER"
    assert verdict(row("a"), row("a", 1.04e-3, 0.5 / 1.04)) == "SAME"


def test_overlapping_intervals_decide_nothing():
    assert verdict(row("a", width=0.1), row("a", 1.1e-3, 0.5 / 1.1, width=0.1)) == "AMBIGUOUS"


def test_a_slower_machine_is_not_a_slower_kernel():
    (change,) = compare(document(row("a")), document(row("a", 1.5e-3, 0.5)))
    assert change.verdict == "AMBIGUOUS"
    assert change.note == "SAME against the roofline"


def test_rows_that_broke_mended_came_and_went():
    old = document(row("broke"), row("mended", flag="WRONG"), row("gone"))
    new = document(row("broke", flag="IMPOSSIBLE"), row("mended"), row("new"))
    changes = {change.name: change for change in compare(old, new)}
    assert {name: change.verdict for name, change in changes.items()} == {
        "broke": "BROKEN",
        "mended": "MENDED",
        "new": "NEW",
        "gone": "GONE",
    }
    assert changes["broke"].note == "flagged IMPOSSIBLE"
    assert exit_code(list(changes.values())) == 1
    assert exit_code([changes["mended"], changes["new"], changes["gone"]]) == 0


def test_another_kernel_is_told():
    (change,) = compare(document(row("a")), document(row("a", 2e-3, 0.25, kernel="reference")))
    assert change.note == "kernel fast_avx2 -> reference"


def test_the_table_shows_what_changed_and_counts_all():
    old = document(row("steady"), row("slow", 5e-6))
    text = table(compare(old, document(row("steady"), row("slow", 7.5e-6, 0.5 / 1.5))))
    assert "| slow | 5 us | 7.5 us | 1.500 | SLOWER |  |" in text
    assert "| steady" not in text
    assert text.endswith("1 SAME, 1 SLOWER")


def command(*paths, threshold=0.05):
    return bench.run(argparse.Namespace(families=["compare", *map(str, paths)], threshold=threshold))


@pytest.fixture
def files(tmp_path):
    def save(name, *rows):
        write(tmp_path / name, document(*rows))
        return tmp_path / name

    return save


def test_exit_codes_of_the_command(files, tmp_path, capsys):
    old = files("old.json", row("a"))
    assert command(old, files("same.json", row("a"))) == 0
    assert command(old, files("faster.json", row("a", 0.5e-3, 1.0))) == 0
    slower = files("slower.json", row("a", 1.2e-3, 0.5 / 1.2))
    assert command(old, slower) == 1
    assert command(old, slower, threshold=0.3) == 0
    assert command(old, files("wrong.json", row("a", flag="WRONG"))) == 1
    capsys.readouterr()
    assert command(old) == 2
    assert "compare: 1 files given; two are wanted" in capsys.readouterr().err
    assert command(old, tmp_path / "none.json") == 2
    assert "none.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("[]", 'no benchmark results: "schema": "hotloop-bench" is wanted'),
        (json.dumps({"schema": "other"}), "no benchmark results"),
        (json.dumps({"schema": SCHEMA, "version": 99}), "schema version is 99; 1 is wanted"),
    ],
)
def test_files_of_another_kind_are_refused(tmp_path, content, message):
    path = tmp_path / "file.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        read(path)
    assert command(path, path) == 2


def test_written_whole_and_read_back(tmp_path):
    path = tmp_path / "run.json"
    write(path, document(row("a")))
    assert read(path) == document(row("a"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.json"]
