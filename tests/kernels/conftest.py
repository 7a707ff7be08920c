"""What the kernel tests share: every test runs on the naive reference and on each instruction set."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import hotloop
from hotloop import _core
from support.kernels import Kernels, kernel_sets


def kept_to(name: str) -> Iterator[Kernels]:
    before = _core.active_isa()
    _core.cap_isa(name)
    hotloop.zeros(1) + 1.0  # ops on no elements run no kernel: the last that ran is one of these all the same
    yield Kernels(name)
    _core.cap_isa(before)


@pytest.fixture(params=kernel_sets())
def kernels(request: pytest.FixtureRequest) -> Iterator[Kernels]:
    """Keeps dispatch to the reference, or to one instruction set."""
    yield from kept_to(request.param)


@pytest.fixture(params=[name for name in kernel_sets() if name != "reference"])
def vectors(request: pytest.FixtureRequest) -> Iterator[Kernels]:
    """Keeps dispatch to one instruction set."""
    yield from kept_to(request.param)


@pytest.fixture
def threads() -> Iterator[None]:
    """Puts the number of threads back."""
    before = hotloop.get_num_threads()
    yield
    hotloop.set_num_threads(before)
