"""The measuring loop against a clock that obeys: what is planted is found, and what is not is not."""

import gc
import itertools

import pytest

from hotloop.bench.statistics import estimate, judge, ratio
from hotloop.bench.timing import EFFORTS, FEWEST_UNDISTURBED, Effort, Subject, Timer
from support.clock import FakeMachine

EFFORT = Effort(sample_seconds=1e-3, row_seconds=0.1, min_rounds=5, max_rounds=25)


def test_samples_are_long_enough_and_times_are_exact():
    machine = FakeMachine()
    subjects = [Subject("quick", [machine.call(1e-6)]), Subject("slow", [machine.call(0.02)])]
    machine.timer().interleave(subjects, EFFORT)
    quick, slow = subjects
    assert quick.count >= 500
    assert slow.count == 1
    assert quick.seconds == pytest.approx([1e-6] * len(quick.seconds))
    assert slow.seconds == pytest.approx([0.02] * len(slow.seconds))
    assert len(quick.seconds) == len(slow.seconds) == EFFORT.min_rounds  # the budget buys fewer


def test_rounds_are_bounded():
    machine = FakeMachine()
    subject = Subject("quick", [machine.call(1e-6)])
    machine.timer().interleave([subject], EFFORT)
    assert len(subject.seconds) == EFFORT.max_rounds


def test_the_loops_own_time_is_taken_off():
    ticks = itertools.count()
    machine = FakeMachine()

    def clock():
        return machine.now + 1e-7 * next(ticks)  # every look at the clock costs

    timer = Timer(clock, clock, lambda: 0, lambda: 0.0)
    assert timer.overhead == pytest.approx(1e-7 / 2000)
    assert timer.sample(machine.call(1e-3), 100)[0] == pytest.approx(1e-3 + 1e-9 - timer.overhead, rel=1e-9)


def test_subjects_take_turns_and_begin_in_turn():
    machine, order = FakeMachine(), []

    def named(name):
        work = machine.call(1.0)
        return lambda: (order.append(name), work())

    subjects = [Subject(name, [named(name)]) for name in "abc"]
    timer = machine.timer()
    timer.interleave(subjects, Effort(1e-3, 1e-3, 3, 3))
    assert "".join(order[-9:]) == "abcbcacab"


def test_every_round_runs_the_next_input_set():
    machine, seen = FakeMachine(), []
    work = machine.call(1.0)

    def numbered(i):
        return lambda: (seen.append(i), work(), i)[-1]

    subject = Subject("s", [numbered(0), numbered(1)])
    machine.timer().interleave([subject], Effort(1e-3, 1e-3, 4, 4))
    assert seen[-4:] == [0, 1, 0, 1]
    assert subject.results == {0: 0, 1: 1}


def test_before_is_called_and_not_timed():
    machine, calls = FakeMachine(), []

    def before():
        machine.now += 5.0
        calls.append(1)

    subject = Subject("s", [machine.call(1e-3)], before)
    machine.timer().interleave([subject], EFFORT)
    assert subject.seconds == pytest.approx([1e-3] * len(subject.seconds))
    assert len(calls) == len(subject.seconds) + 1


def test_rounds_that_lost_the_processor_are_left_out():
    machine, count = FakeMachine(), itertools.count()
    taken = 0

    def disturbed(seconds, every):
        def call():
            nonlocal taken
            machine.now += seconds
            if next(count) % every == 0:
                machine.now += 10 * seconds
                taken += 1

        return call

    timer = Timer(machine.clock, machine.clock, lambda: taken, lambda: 0.0)
    effort = Effort(1e-3, 1e-3, 20, 20)
    subject = Subject("s", [disturbed(1.0, 3)])
    probed = timer.interleave([subject], effort, lambda: 0.5)
    assert FEWEST_UNDISTURBED <= len(subject.seconds) < 20
    assert subject.seconds == pytest.approx([1.0] * len(subject.seconds))
    assert len(probed) == len(subject.seconds)
    always = Subject("always", [disturbed(1.0, 1)])
    timer.interleave([always], effort)
    assert len(always.seconds) == 20  # nothing better is to be had


@pytest.mark.parametrize(("threads", "expected"), [(1, 1e-3), (2, 4e-3)])
def test_time_spent_ready_but_not_running_is_taken_off(threads, expected):
    machine, waited = FakeMachine(), 0.0

    def call():
        nonlocal waited
        machine.now += 4e-3  # 1 ms of work, 3 ms in which others ran
        waited += 3e-3

    timer = Timer(machine.clock, lambda: machine.now / 4, lambda: 0, lambda: waited)
    subject = Subject("s", [call])
    timer.interleave([subject], EFFORT, threads=threads)
    assert subject.seconds == pytest.approx([expected] * len(subject.seconds), rel=1e-4)


def test_no_more_is_taken_off_than_the_time_in_which_nothing_ran():
    machine = FakeMachine()
    timer = Timer(machine.clock, lambda: 0.9 * machine.now, lambda: 0, lambda: 5.0 * machine.now)
    subject = Subject("s", [machine.call(1e-3)])
    timer.interleave([subject], EFFORT)
    assert subject.seconds == pytest.approx([0.9e-3] * len(subject.seconds), rel=1e-4)


def test_cpu_share_tells_how_many_cores_were_busy():
    machine = FakeMachine()
    timer = Timer(machine.clock, lambda: 2.0 * machine.now, lambda: 0, lambda: 0.0)
    subject = Subject("two threads", [machine.call(1e-3)])
    timer.interleave([subject], EFFORT)
    assert subject.cpu_share == pytest.approx(2.0)


def test_no_collection_while_the_clock_runs():
    machine, states = FakeMachine(), []
    work = machine.call(1e-3)
    machine.timer().interleave([Subject("s", [lambda: (states.append(gc.isenabled()), work())])], EFFORT)
    assert gc.isenabled()
    assert not any(states)


def measured(machine, seconds):
    """One row of a run: the subject's times and the probe's."""
    subject = Subject("s", [machine.call(seconds)])
    probed = machine.timer().interleave([subject], EFFORTS["standard"], machine.probe(0.5 * seconds))
    return estimate(subject.seconds), ratio(subject.seconds, probed)


@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_a_planted_slowdown_of_ten_percent_is_found(noise):
    found = 0
    for seed in range(60):
        machine = FakeMachine(seed, noise)
        found += judge(measured(machine, 1e-3)[0], measured(machine, 1.1e-3)[0], 0.05) == "SLOWER"
    assert found >= 57  # 95 %


@pytest.mark.parametrize("noise", [0.01, 0.03])
def test_a_thing_is_never_slower_than_itself(noise):
    for seed in range(60):
        machine = FakeMachine(seed, noise)
        assert judge(measured(machine, 1e-3)[0], measured(machine, 1e-3)[0], 0.05) in ("SAME", "AMBIGUOUS")


def test_drift_that_hits_both_cancels_in_the_ratio():
    machine = FakeMachine(7, 0.01)
    drifting = itertools.count()

    def slowed(call):
        def run():
            machine.slowdown = 1.0 + 0.5 * ((next(drifting) // 40) % 2)
            return call()

        return run

    pair = [Subject(name, [slowed(machine.call(seconds))]) for name, seconds in (("a", 1e-3), ("b", 1.1e-3))]
    machine.timer().interleave(pair, EFFORT)
    assert ratio(pair[1].seconds, pair[0].seconds).median == pytest.approx(1.1, rel=0.03)
