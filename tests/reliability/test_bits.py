"""The same bits: run after run, for any number of threads, and whatever batch a sample rides in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import hotloop
from hotloop import nn
from reliability.families import bits, families

FAMILIES = families()


@pytest.fixture
def threads() -> Iterator[None]:
    before = hotloop.get_num_threads()
    yield
    hotloop.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("name", FAMILIES)
def test_same_bits_for_any_number_of_threads(name):
    hotloop.set_num_threads(1)
    expected = bits(FAMILIES[name]())
    for count in (1, 2, 3, 8):
        hotloop.set_num_threads(count)
        for run in range(2):
            assert bits(FAMILIES[name]()) == expected, f"{count} threads, run {run}"


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 8, 33, 100])
def test_a_sample_does_not_depend_on_its_batch(rows):
    hotloop.manual_seed(0)
    model = nn.Sequential(nn.Linear(129, 257), nn.GELU(), nn.LayerNorm(257), nn.Linear(257, 67), nn.Softmax(dim=-1))
    x = hotloop.randn(100, 129)
    with hotloop.no_grad():
        assert bits(model(x[:rows])) == bits(model(x)[:rows])
        assert bits(model(x[-rows:])) == bits(model(x)[-rows:])
