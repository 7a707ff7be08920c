"""Every allocation of every family fails once: MemoryError, nothing leaked, and the next call is right."""

from __future__ import annotations

import gc

import pytest

import hotloop
from hotloop import _core, nn, optim
from hotloop.nn import functional as F
from reliability.families import bits, families

FAMILIES = families()
MOST_ALLOCATIONS = 2000


@pytest.mark.parametrize("name", FAMILIES)
def test_each_allocation_may_fail(name):
    call = FAMILIES[name]
    expected = bits(call())
    gc.collect()
    before = hotloop.memory_stats()["allocated_bytes"]
    for n in range(1, MOST_ALLOCATIONS):
        _core._fail_allocation_after(n)
        try:
            result = call()
        except MemoryError as error:
            _core._fail_allocation_after(0)
            assert "bytes" in str(error)
            del error
        else:
            _core._fail_allocation_after(0)
            break  # it needs fewer than n allocations: each has failed once
        assert hotloop.memory_stats()["allocated_bytes"] == before, f"leaked where allocation {n} failed"
    else:
        pytest.fail(f"more than {MOST_ALLOCATIONS} allocations")
    assert n > 1, "it allocates nothing: no failure was tried"
    assert bits(result) == expected
    del result
    assert bits(call()) == expected


OPTIMIZERS = {
    "adamw": lambda parameters: optim.AdamW(parameters, lr=1e-2, amsgrad=True),
    "sgd": lambda parameters: optim.SGD(parameters, lr=1e-2, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_step_that_failed_can_be_taken_again(name):
    def start():
        hotloop.manual_seed(0)
        model = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 3))
        return model, OPTIMIZERS[name](model.parameters()), hotloop.randn(8, 20), hotloop.arange(8) % 3

    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()

    def parameters(model, *_):
        return bits(tuple(model.parameters()))

    state = start()
    step(*state)
    expected = parameters(*state)
    failures = 0
    for n in range(1, MOST_ALLOCATIONS):
        state = start()
        _core._fail_allocation_after(n)
        try:
            step(*state)
        except MemoryError:
            _core._fail_allocation_after(0)
            failures += 1
            step(*state)
            assert parameters(*state) == expected, f"allocation {n} failed, and the step after it differs"
        else:
            _core._fail_allocation_after(0)
            assert parameters(*state) == expected
            break
    assert failures > 3
