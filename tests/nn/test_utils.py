"""nn.utils: clipping of gradients, parameters as one vector."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn
from hotloop.nn import utils
from support.torch_peer import assert_same, to_torch, torch

pytestmark = pytest.mark.every_device

SHAPES = [(3, 4), (5,), (), (0,)]


def parameters() -> tuple[list[Any], list[Any]]:
    """The same parameters and gradients in both libraries; one more has no gradient."""
    rng = np.random.default_rng(0)
    ours, theirs = [], []
    for shape in SHAPES:
        ours.append(nn.Parameter(hotloop.zeros(shape, dtype=hotloop.float64)))
        ours[-1].grad = hotloop.tensor(rng.normal(size=shape), dtype=hotloop.float64)
        theirs.append(torch.nn.Parameter(to_torch(ours[-1])))
        theirs[-1].grad = to_torch(ours[-1].grad)
    ours.append(nn.Parameter(hotloop.zeros(1)))
    theirs.append(torch.nn.Parameter(torch.zeros(1)))
    return ours, theirs


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.0, math.inf])
@pytest.mark.parametrize("max_norm", [0.5, 100.0])
def test_clip_grad_norm(norm_type: float, max_norm: float) -> None:
    ours, theirs = parameters()
    if norm_type == math.inf:  # which an empty tensor has none of
        del ours[3], theirs[3]
    expected = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    total = utils.clip_grad_norm_(iter(ours), max_norm, norm_type)
    assert_same(total, expected, "norm")
    for mine, other in zip(ours[:-1], theirs[:-1], strict=True):
        assert_same(mine.grad, other.grad, "gradient")
    assert ours[-1].grad is None


def test_clip_grad_norm_of_what_is_not_finite() -> None:
    param = nn.Parameter(hotloop.zeros(2))
    param.grad = hotloop.tensor([1.0, math.inf])
    with pytest.raises(
        RuntimeError, match=r"The total norm of order 2.0 for gradients from `parameters` is non-finite"
    ):
        utils.clip_grad_norm_(param, 1.0, error_if_nonfinite=True)
    assert utils.clip_grad_norm_(param, 1.0).item() == math.inf
    assert utils.clip_grad_norm_([nn.Parameter(hotloop.zeros(2))], 1.0).item() == 0


def test_clip_grad_value() -> None:
    ours, theirs = parameters()
    torch.nn.utils.clip_grad_value_(theirs, 0.3)
    utils.clip_grad_value_(ours, 0.3)
    for mine, other in zip(ours[:-1], theirs[:-1], strict=True):
        assert_same(mine.grad, other.grad, "gradient", rtol=0)


def test_parameters_as_a_vector() -> None:
    layer = nn.Linear(3, 2)
    vector = utils.parameters_to_vector(layer.parameters())
    assert vector.shape == (8,)
    vector.sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.sum().item() == 6
    weight = layer.weight
    utils.vector_to_parameters(hotloop.arange(8.0), layer.parameters())
    assert layer.weight is weight
    np.testing.assert_array_equal(weight.detach().numpy(force=True), np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(layer.bias.detach().numpy(force=True), [6, 7])  # type: ignore[union-attr]
    with pytest.raises(TypeError, match=r"expected hotloop.Tensor, but got: list"):
        utils.vector_to_parameters([1.0], layer.parameters())  # type: ignore[arg-type]
