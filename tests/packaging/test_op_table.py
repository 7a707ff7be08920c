"""docs/ops.md says what the records say, and no op errs more than it says there."""

from __future__ import annotations

import re
import sys

import pytest

import hotloop
from hotloop import _core
from support.tree import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import make_op_table
from op_samples import OpSample, op_samples

SAMPLES = list(op_samples())
LINE = re.compile(r"^\| `(\w+)` \|(.*)\|$", re.MULTILINE)


@pytest.fixture(scope="module")
def table() -> dict[str, list[str]]:
    """The cells of each op's line."""
    text = make_op_table.DOCUMENT.read_text()
    return {name: [cell.strip() for cell in cells.split("|")] for name, cells in LINE.findall(text)}


def test_every_record_has_a_line(table):
    assert [sample.name for sample in SAMPLES] == list(table), "run python tools/make_op_table.py"


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_line_is_true(table, sample: OpSample):
    devices, dtypes, gradient, error, _ = table[sample.name]
    assert devices == ", ".join(sample.record["devices"])
    assert dtypes == make_op_table.dtypes_of(sample)
    assert gradient == make_op_table.gradient_of(sample)
    measured = make_op_table.error_of(sample, seeds=1, isas=[_core.active_isa()])
    assert (measured is None) == (error == "")
    if measured is not None:
        assert measured <= float(error), f"{sample.name} errs by {measured} units in the last place"


def test_the_shares_of_the_roofline_are_those_measured(table):
    shares = make_op_table.newest("ops")["ops"]
    assert {name: cells[4] for name, cells in table.items()} == {
        name: f"{shares[name]:.0%}" if name in shares else "" for name in table
    }


def test_the_sweep_over_all_inputs_keeps_the_bound():
    text = make_op_table.DOCUMENT.read_text()
    swept = make_op_table.newest("float32")["functions"]
    assert {"exp", "log", "tanh", "sigmoid", "erf", "gelu", "sin", "cos", "pow"} <= set(swept)
    for name, one in swept.items():
        assert one["worst_ulp"] <= 2.0, name
        assert f"| {name} | `{one['kernel']}` |" in text, name
        assert f"| {one['worst_ulp']:.3f} |" in text, name


def test_every_record_of_the_sources_is_listed():
    listed = {record["name"] for record in _core.op_records()}
    for path in sorted((ROOT / "csrc" / "ops").glob("*.cpp")):
        text = path.read_text()
        defined = set(re.findall(r"^const OpRecord (\w+_op)\b", text, re.MULTILINE))
        defined |= set(re.findall(r"(?:^const OpRecord .*?, )(\w+_op) =", text, re.MULTILINE))
        in_list = set(re.findall(r"&(\w+_op)\b", text[text.find("_records() {") :]))
        assert defined == in_list, f"{path.name}: its records and those that it lists differ"
    assert {"matmul", "add", "pad"} <= listed


def test_a_row_runs_by_its_name():
    x = hotloop.tensor([1.0, 2.0])
    assert hotloop.equal(_core.run_pointwise("add", [x, x]), x + x)
    with pytest.raises(ValueError, match="add: expected 2 inputs, got 1"):
        _core.run_pointwise("add", [x])
    with pytest.raises(ValueError, match="no_such: no pointwise op has this name"):
        _core.run_pointwise("no_such", [x])
    with pytest.raises(TypeError, match="exp: not implemented for dtype int64"):
        _core.run_pointwise("exp", [hotloop.tensor([1])])
