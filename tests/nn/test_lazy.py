"""Layers that wait for their first input."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

import hotloop
from hotloop import nn

pytestmark = pytest.mark.every_device


def test_a_lazy_linear_becomes_linear() -> None:
    layer = nn.LazyLinear(4)
    assert repr(layer) == "LazyLinear(in_features=0, out_features=4, bias=True)"
    assert isinstance(layer.weight, nn.UninitializedParameter)
    assert layer.has_uninitialized_params()
    weight = layer.weight
    assert layer(hotloop.ones(2, 7)).shape == (2, 4)
    assert type(layer) is nn.Linear
    assert layer.in_features == 7
    assert layer.weight is weight
    assert type(weight) is nn.Parameter
    assert weight.shape == (4, 7)
    assert 0 < weight.detach().abs().max().item() <= 7**-0.5
    layer(hotloop.ones(1, 7)).sum().backward()
    assert weight.grad is not None
    assert "bias" not in dict(nn.LazyLinear(4, bias=False).named_parameters())


NORMS = {
    "LazyBatchNorm1d": (2, 3, 4),
    "LazyBatchNorm2d": (2, 3, 4, 4),
    "LazyBatchNorm3d": (2, 3, 2, 2, 2),
    "LazyInstanceNorm1d": (2, 3, 4),
    "LazyInstanceNorm2d": (2, 3, 4, 4),
    "LazyInstanceNorm3d": (2, 3, 2, 2, 2),
}


@pytest.mark.parametrize("name", NORMS)
def test_lazy_norms(name: str) -> None:
    layer, plain = getattr(nn, name)(eps=1e-3), getattr(nn, name.removeprefix("Lazy"))
    x = hotloop.randn(*NORMS[name])
    twin = plain(3, 1e-3, affine=True, track_running_stats=True)
    assert hotloop.equal(layer(x), twin(x))
    assert type(layer) is plain
    assert repr(layer) == repr(twin)
    assert list(layer.state_dict()) == list(twin.state_dict())
    assert hotloop.equal(layer.running_var, twin.running_var)


def test_shapes_may_come_from_a_state_dict() -> None:
    for lazy, plain, x in (
        (nn.LazyLinear(4), nn.Linear(7, 4), hotloop.ones(2, 7)),
        (nn.LazyBatchNorm1d(), nn.BatchNorm1d(7), hotloop.randn(3, 7)),
    ):
        lazy.load_state_dict(plain.state_dict())
        assert not lazy.has_uninitialized_params()
        assert hotloop.equal(lazy.eval()(x), plain.eval()(x))
        assert repr(lazy) == repr(plain)


def test_a_lazy_model_is_copied_and_saved() -> None:
    model = nn.Sequential(nn.LazyLinear(3), nn.ReLU(), nn.LazyLinear(2))
    state = model.state_dict()
    assert isinstance(state["0.weight"], nn.UninitializedParameter)
    twin = copy.deepcopy(model)
    twin.load_state_dict(state)
    assert twin(hotloop.ones(1, 5)).shape == (1, 2)
    assert model[0].has_uninitialized_params()
    weight = pickle.loads(pickle.dumps(model[0].weight))
    assert isinstance(weight, nn.UninitializedParameter)
    assert model.double()(hotloop.ones(1, 5, dtype=hotloop.float64)).dtype is hotloop.float64


class Forgetful(nn.lazy.LazyModuleMixin, nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.UninitializedParameter()

    def initialize_parameters(self, input: Any) -> None:
        pass


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: nn.UninitializedParameter().shape, "Can't access the shape of an uninitialized parameter"),
        (lambda: Forgetful()(hotloop.ones(1)), "module Forgetful has not been fully initialized"),
        (lambda: nn.Linear(2, 2).load_state_dict(nn.LazyLinear(2).state_dict()), "Can't access the shape"),
    ],
)
def test_messages(act: Any, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        act()
    assert repr(nn.UninitializedParameter()) == "<UninitializedParameter>"
    assert repr(nn.UninitializedBuffer()) == "<UninitializedBuffer>"


def test_counts_of_batches_are_on_the_layers_device() -> None:
    device = hotloop.device("cuda" if hotloop.cuda.is_available() else "cpu")
    assert nn.BatchNorm1d(2, device=device).num_batches_tracked.device.type == device.type
