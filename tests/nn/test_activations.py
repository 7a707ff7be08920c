"""Every activation layer against PyTorch: values, gradients, repr, in place and not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn
from support.torch_peer import assert_same, convert, to_hotloop, torch

pytestmark = pytest.mark.every_device

LAYERS: dict[str, Callable[[Any], Any]] = {
    "threshold": lambda n: n.Threshold(0.1, 20),
    "relu6": lambda n: n.ReLU6(),
    "hardtanh": lambda n: n.Hardtanh(-0.5, 0.7),
    "hardtanh by default": lambda n: n.Hardtanh(),
    "hardsigmoid": lambda n: n.Hardsigmoid(),
    "hardswish": lambda n: n.Hardswish(),
    "mish": lambda n: n.Mish(),
    "elu": lambda n: n.ELU(0.7),
    "celu": lambda n: n.CELU(0.7),
    "selu": lambda n: n.SELU(),
    "leaky relu": lambda n: n.LeakyReLU(0.2),
    "rrelu at rest": lambda n: n.RReLU(0.1, 0.3).eval(),
    "prelu": lambda n: n.PReLU(),
    "prelu of channels": lambda n: n.PReLU(4, 0.1),
    "hardshrink": lambda n: n.Hardshrink(0.3),
    "softshrink": lambda n: n.Softshrink(0.3),
    "tanhshrink": lambda n: n.Tanhshrink(),
    "softsign": lambda n: n.Softsign(),
    "log sigmoid": lambda n: n.LogSigmoid(),
    "softplus": lambda n: n.Softplus(2.0, 1.5),
    "glu": lambda n: n.GLU(),
    "glu of the first": lambda n: n.GLU(1),
    "softmin": lambda n: n.Softmin(1),
    "softmax of channels": lambda n: n.Softmax2d(),
}
IN_PLACE: dict[str, Callable[[Any], Any]] = {
    "threshold": lambda n: n.Threshold(0.1, 20, True),
    "relu6": lambda n: n.ReLU6(True),
    "hardtanh": lambda n: n.Hardtanh(-0.5, 0.7, True),
    "hardsigmoid": lambda n: n.Hardsigmoid(True),
    "hardswish": lambda n: n.Hardswish(True),
    "mish": lambda n: n.Mish(True),
    "elu": lambda n: n.ELU(0.7, True),
    "celu": lambda n: n.CELU(0.7, True),
    "selu": lambda n: n.SELU(True),
    "leaky relu": lambda n: n.LeakyReLU(0.2, True),
}


def pair(make: Callable[[Any], Any]) -> tuple[Any, Any]:
    theirs, ours = make(torch.nn).double(), make(nn).double()
    ours.load_state_dict(convert(dict(theirs.state_dict()), to_hotloop))
    assert repr(ours) == repr(theirs)
    return ours, theirs


# Whose constants are float32's in PyTorch.
ROUGH = ("hardsigmoid", "celu")


def compare(ours: Any, theirs: Any, x: Any, between: Callable[[Any], Any] = lambda t: t, rtol: float = 1e-10) -> None:
    other = torch.tensor(x).requires_grad_()
    mine = to_hotloop(other, requires_grad=True)
    out, expected = ours(between(mine)), theirs(between(other))
    assert_same(out, expected, rtol=rtol)
    grad = np.random.default_rng(1).normal(size=tuple(expected.shape))
    out.backward(hotloop.tensor(grad))
    expected.backward(torch.tensor(grad))
    assert_same(mine.grad, other.grad, "gradient", rtol=rtol)
    for (key, a), (_, b) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert_same(a.grad, b.grad, key, rtol=rtol)


@pytest.mark.parametrize("name", LAYERS)
def test_against_torch(name: str) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4, 2, 6)) * 2
    compare(*pair(LAYERS[name]), x, rtol=1e-7 if name in ROUGH else 1e-10)


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place(name: str) -> None:
    ours, theirs = pair(IN_PLACE[name])
    x = np.random.default_rng(0).normal(size=(3, 4)) * 2
    compare(ours, theirs, x, lambda t: t * 1.5, rtol=1e-7 if name in ROUGH else 1e-10)
    y = hotloop.tensor(x)
    assert ours(y) is y


def test_random_slopes() -> None:
    hotloop.manual_seed(0)
    layer = nn.RReLU(0.1, 0.3)
    x = hotloop.full((100, 50), -1.0).requires_grad_()
    out = layer(x)
    slopes = -out.detach().numpy(force=True)
    assert 0.1 <= slopes.min() < 0.102
    assert 0.298 < slopes.max() <= 0.3
    out.sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(force=True), slopes, rtol=1e-6)


def test_dims_that_are_left_out() -> None:
    for kind in ("Softmax", "Softmin", "LogSoftmax"):
        with pytest.warns(UserWarning, match="Implicit dimension choice"):
            out = getattr(nn, kind)()(hotloop.ones(2, 3))
        assert_same(out, getattr(torch.nn, kind)(1)(torch.ones(2, 3)), rtol=1e-6)
    with pytest.raises(ValueError, match="expected input to be 3D or 4D, got 2D instead"):
        nn.Softmax2d()(hotloop.ones(2, 3))
    with pytest.raises(ValueError, match="max_val must be larger than min_val"):
        nn.Hardtanh(1.0, 1.0)
