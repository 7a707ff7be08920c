"""The benchmark tried with planted cheats: each is flagged and prints no speed."""

from functools import partial

import numpy as np
import pytest

from hotloop.bench.accuracy import Accuracy, Reference
from hotloop.bench.case import Case, Trial
from hotloop.bench.document import row_record
from hotloop.bench.report import row_heads, row_line, summary, summary_text
from hotloop.bench.roofline import Work
from hotloop.bench.runner import NullTest, Runner, null_test, select
from hotloop.bench.timing import EFFORTS, Effort
from support.clock import FakeMachine

INPUTS = [np.arange(4.0), np.arange(4.0) + 10.0]
ROOF_SECONDS = 1e-4
EFFORT = Effort(1e-3, 0.05, 5, 15)


class FakeRoof:
    """A ceiling of 0.1 ms on the fake machine."""

    binds = "compute"
    kernel = "fake"

    def __init__(self, machine, disturbed=1.0):
        self.seconds = machine.probe(ROOF_SECONDS * disturbed)

    def least_seconds(self):
        return ROOF_SECONDS


def doubled(inputs):
    return Reference(2.0 * inputs, "float64").compare


def run(trials, disturbed=1.0, **attributes):
    """Runs the planted trials of "double every element" as one case on a fake machine."""
    machine = FakeMachine(3, 0.02)
    case = Case(
        "test",
        "double",
        "4",
        "float64",
        "",
        Work(4e6, 0.0, 0.0, "float64"),
        lambda _: trials(machine),
        **attributes,
    )
    return Runner({}, 1, EFFORT, machine.timer(), lambda work, threads: FakeRoof(machine, disturbed)).run(case)


def trial(machine, seconds, results=None):
    results = [2.0 * inputs for inputs in INPUTS] if results is None else results
    return Trial([machine.call(seconds, result) for result in results], [doubled(inputs) for inputs in INPUTS])


def test_an_honest_row():
    row = run(
        lambda machine: {
            "hotloop": trial(machine, 2e-4),
            "torch": trial(machine, 4e-4),
            "numpy": trial(machine, 3e-4),
        },
        targets={"torch": 2.5, "best": 1.2, "roof": 0.4, "jax": 1.0},
    )
    assert row.flag == ""
    assert row.time.median == pytest.approx(2e-4, rel=0.05)
    assert row.roof.median == pytest.approx(0.5, rel=0.05)
    assert row.ratios["torch"].median == pytest.approx(2.0, rel=0.05)
    assert row.best.median == pytest.approx(1.5, rel=0.05)
    assert row.rate == pytest.approx(20.0, rel=0.05)  # 4e6 in 0.2 ms
    reached = row.reached()
    assert set(reached) == {"torch", "best", "roof"}  # JAX was not there
    assert [got >= want for want, got in (reached["torch"], reached["best"], reached["roof"])] == [
        False,
        True,
        True,
    ]
    assert "torch 2.0" in row_line(row)
    assert "< 2.5" in row_line(row)


def assert_prints_no_speed(row):
    assert row.time is None
    assert row.rate is None
    record = row_record(row)
    assert (record["time"], record["rate"], record["roof"], record["ratios"]) == (None, None, None, {})
    line = row_line(row)
    assert row.flag in line
    assert not any(unit in line for unit in ("FLOP/s", "GB/s", " us", " ms", " ns", "%"))


def test_a_wrong_result_is_flagged():
    wrong = [2.0 * inputs + np.array([0.0, 0.0, 0.0, 1e-9]) for inputs in INPUTS]
    row = run(lambda machine: {"hotloop": trial(machine, 2e-4, wrong), "torch": trial(machine, 4e-4)})
    assert row.flag == "WRONG"
    assert row.error_of_bound > 1e3
    assert_prints_no_speed(row)


@pytest.mark.parametrize("result", [np.full(4, np.nan), np.zeros(3), np.zeros((1, 4))])
def test_a_result_of_another_kind_is_flagged(result):
    row = run(lambda machine: {"hotloop": trial(machine, 2e-4, [result, result])})
    assert row.flag == "WRONG"
    assert_prints_no_speed(row)


def test_doing_nothing_is_flagged():
    stale = [2.0 * INPUTS[0]] * 2  # the result of the first input set, whatever is asked
    row = run(lambda machine: {"hotloop": trial(machine, 2e-4, stale)})
    assert row.flag == "WRONG"
    assert_prints_no_speed(row)


def test_a_cached_result_is_flagged():
    row = run(lambda machine: {"hotloop": trial(machine, 1e-6), "torch": trial(machine, 4e-4)})
    assert row.flag == "IMPOSSIBLE"
    assert_prints_no_speed(row)


def test_right_at_first_and_wrong_when_timed_is_flagged():
    calls = iter(range(10**9))

    def prepare(machine):
        work = machine.call(2e-4)

        def call():
            work()
            return 2.0 * INPUTS[0] if next(calls) == 0 else np.zeros(4)

        return {"hotloop": Trial([call], [doubled(INPUTS[0])])}

    row = run(prepare)
    assert row.flag == "WRONG"
    assert_prints_no_speed(row)


def test_check_timed_judges_timed_results():
    broken = Accuracy(1.0, 2.0)

    def prepare(machine):
        honest = trial(machine, 2e-4)
        return {"hotloop": Trial(honest.calls, honest.checks, lambda result: broken)}

    assert run(prepare).flag == "WRONG"


def test_a_wrong_peer_is_no_peer():
    wrong = [inputs + 1.0 for inputs in INPUTS]
    row = run(lambda machine: {"hotloop": trial(machine, 2e-4), "torch": trial(machine, 1e-5, wrong)})
    assert row.flag == ""
    assert row.wrong_peers == ["torch"]
    assert row.ratios == {}
    assert "torch wrong" in row_line(row)


def test_slightly_above_the_roof_is_noise_and_well_above_is_not():
    assert run(lambda machine: {"hotloop": trial(machine, ROOF_SECONDS / 1.02)}).flag == ""
    assert run(lambda machine: {"hotloop": trial(machine, ROOF_SECONDS / 1.2)}).flag == "IMPOSSIBLE"


def test_a_disturbed_probe_makes_nothing_impossible():
    row = run(lambda machine: {"hotloop": trial(machine, 2e-4)}, disturbed=3.0)
    assert row.flag == ""
    assert row.roof.median == pytest.approx(0.5, rel=0.05)  # of the probe's best window
    assert run(lambda machine: {"hotloop": trial(machine, 1e-6)}, disturbed=3.0).flag == "IMPOSSIBLE"


def test_more_cores_than_given_are_told():
    row = run(lambda machine: {"hotloop": trial(machine, 2e-4), "jax": trial(machine, 4e-4)})
    row.peer_cpu_shares["jax"] = 1.9
    assert "jax kept 1.9 cores busy" in row_line(row)


def test_a_target_of_more_threads_counts_where_the_machine_can():
    row = run(
        lambda machine: {"hotloop": trial(machine, 2e-4), "1 thread": trial(machine, 3e-4)},
        targets={"1 thread": 1.8},
    )
    assert row.reached()["1 thread"][0] == 1.8
    row.peak_speedup = 1.6
    assert row.reached() == {}


def test_summary_counts_rows_targets_and_flags():
    def pair(machine, ours, theirs):
        return {"hotloop": trial(machine, ours), "torch": trial(machine, theirs)}

    rows = [
        run(partial(pair, ours=2e-4, theirs=4e-4), targets={"torch": 1.0}),
        run(partial(pair, ours=2e-4, theirs=1.6e-4), targets={"torch": 1.0}),
        run(lambda machine: {"hotloop": trial(machine, 1e-6)}),
    ]
    found = summary(rows)
    assert found["families"]["test"]["rows"] == 3
    assert found["families"]["test"]["geometric_mean"]["torch"] == pytest.approx(1.6**0.5, rel=0.05)
    assert found["families"]["test"]["below_one"]["torch"] == [rows[1].name]
    assert (found["targets"], found["targets_reached"]) == (2, 1)
    assert found["flagged"] == {rows[2].name: "IMPOSSIBLE"}
    assert "targets reached: 1 of 2" in summary_text(found)
    assert row_heads().split()[0] == "row"


def test_null_test_on_a_quiet_and_on_a_noisy_host():
    for noise, noisy in ((0.005, False), (0.5, True)):
        machine = FakeMachine(0, noise)
        found = null_test(machine.timer(), EFFORTS["quick"], [machine.call(1e-4), machine.call(1e-3)], repeats=10)
        assert len(found.strays) == 20
        assert found.noisy is noisy
    assert NullTest([0.001] * 19 + [0.2]).noisy is False
    assert NullTest([0.001] * 18 + [0.2] * 2).noisy is True


def test_select_names_what_is_wrong():
    with pytest.raises(ValueError, match=r"family is 'matmal'; one of matmul, small, .* is wanted"):
        select(["matmal"], "", "quick")
    with pytest.raises(ValueError, match="tier is 'fast'; one of quick, standard, full is wanted"):
        select([], "", "fast")
