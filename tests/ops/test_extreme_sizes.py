"""Sizes, strides and bounds near the ends of int64: refused or right, never wrapped round into bounds."""

from __future__ import annotations

import pytest

import hotloop

LARGEST = 2**63 - 1


def ones(n: int) -> hotloop.Tensor:
    """n ones in the memory of one."""
    return hotloop.ones(1).expand(n)


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda: hotloop.cat([ones(2**61)] * 8), ValueError, "cat: dimension 0 has more elements than 63 bits"),
        (lambda: hotloop.ones(4).as_strided((2**62,), (2**62,)), RuntimeError, "as_strided: .* reach outside"),
        (lambda: hotloop.ones(4).as_strided((2,), (2**62,), 2**62), RuntimeError, "as_strided: .* reach outside"),
        (lambda: hotloop.ones(4).as_strided((1,), (1,), -LARGEST), RuntimeError, "as_strided: .* reach outside"),
        (
            lambda: hotloop.ones(4).split([LARGEST, LARGEST, 6]),
            RuntimeError,
            "split_sizes sum to more than 63 bits can count",
        ),
    ],
)
def test_refused(act, error, message):
    with pytest.raises(error, match=message):
        act()


def test_right():
    assert [part.tolist() for part in hotloop.ones(2).chunk(LARGEST)] == [[1.0], [1.0]]
    assert hotloop.arange(-(2**63), LARGEST, 2**62).tolist() == [-(2**63), -(2**62), 0, 2**62]
    assert hotloop.arange(LARGEST, -(2**63), -LARGEST).tolist() == [LARGEST, 0, -LARGEST]
    assert hotloop.arange(0, 10, LARGEST).tolist() == [0]
    assert hotloop.arange(10, 0, -(2**63)).tolist() == [10]
