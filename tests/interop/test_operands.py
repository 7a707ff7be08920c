"""NumPy arrays and numbers as operands: an op of a tensor gives a tensor, as in PyTorch."""

from __future__ import annotations

import operator

import numpy as np
import pytest

import hotloop
from hotloop import Tensor

ARRAY = np.array([1.0, 2.0])


@pytest.mark.parametrize(
    "op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.eq, operator.lt]
)
def test_an_array_beside_a_tensor(op):
    x = hotloop.tensor([3.0, 2.0], requires_grad=True)
    result = op(x, ARRAY)
    assert isinstance(result, Tensor)
    assert result.tolist() == op(np.array([3.0, 2.0]), ARRAY).tolist()
    assert result.dtype == (hotloop.bool if op in (operator.eq, operator.lt) else hotloop.float64)


def test_comparing_with_labels():
    labels = np.array([1, 0, 2])
    assert (hotloop.tensor([1, 1, 2]) == labels).tolist() == [True, False, True]
    assert (hotloop.tensor([1, 1, 2]) != labels).sum().item() == 1


def test_products_and_in_place():
    x = hotloop.ones(2, 2)
    assert (x @ np.ones(2, np.float32)).tolist() == [2.0, 2.0]
    x += np.ones((2, 2), np.float32)
    assert x.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    weights = hotloop.ones(2, requires_grad=True)
    (weights * ARRAY.astype(np.float32)).sum().backward()
    assert weights.grad is not None
    assert weights.grad.tolist() == [1.0, 2.0]


def test_arrays_that_no_tensor_can_hold():
    with pytest.raises(TypeError, match=r"an operator: can't take a numpy\.ndarray of dtype complex128"):
        hotloop.ones(2) + np.ones(2, complex)


@pytest.mark.parametrize(
    "call",
    [
        lambda x, n: hotloop.mul(x, n),
        lambda x, n: x.clone().add_(n),
        lambda x, n: x.clamp(n, n),
        lambda x, n: x.masked_fill(x > 0, n),
        lambda x, n: hotloop.where(x > 5, x, n),
    ],
)
@pytest.mark.parametrize("number", [np.float32(2.5), np.float64(2.5), np.int64(2), np.float16(2.5)])
def test_numpy_numbers_are_numbers(call, number):
    x = hotloop.ones(2)
    result = call(x, number)
    assert result.dtype == hotloop.float32
    assert result.tolist() == call(x, number.item()).tolist()
