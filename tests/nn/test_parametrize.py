"""Parametrizations, and the normalisations made of them: against PyTorch where it is installed."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import Tensor, nn
from hotloop.nn.utils import parametrizations, parametrize

pytestmark = pytest.mark.every_device


class Symmetric(nn.Module):
    """The upper triangle and its mirror image."""

    def forward(self, x: Tensor) -> Tensor:
        return x.triu() + x.triu(1).t()

    def right_inverse(self, x: Tensor) -> Tensor:
        return x.triu()


class Doubled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Product(nn.Module):
    """Of two factors."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a * b

    def right_inverse(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, hotloop.ones_like(x)


class Flat(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(-1)


def test_a_parametrized_weight_is_computed_from_its_original() -> None:
    layer = nn.Linear(3, 3)
    before = layer.weight.detach().clone()
    parameter = layer.weight
    assert parametrize.register_parametrization(layer, "weight", Symmetric()) is layer
    assert parametrize.is_parametrized(layer)
    assert parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    assert isinstance(layer, nn.Linear)
    assert type(layer).__name__ == "ParametrizedLinear"
    assert layer.parametrizations.weight.original is parameter
    assert hotloop.equal(layer.weight, layer.weight.t())
    assert hotloop.equal(layer.weight.triu(), before.triu())
    assert [name for name, _ in layer.named_parameters()] == ["bias", "parametrizations.weight.original"]
    layer(hotloop.ones(1, 3)).sum().backward()
    assert parameter.grad is not None
    assert hotloop.equal(parameter.grad, parameter.grad.triu())


def test_parametrizations_come_on_top_of_each_other() -> None:
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    symmetric = layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Doubled())
    assert hotloop.equal(layer.weight, symmetric * 2)
    assert len(layer.parametrizations.weight) == 2
    with pytest.raises(RuntimeError, match="Doubled does not implement right_inverse"):
        layer.weight = hotloop.ones(3, 3)


def test_assigning_goes_by_the_right_inverse() -> None:
    layer = nn.Linear(2, 2)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    layer.weight = hotloop.tensor([[1.0, 2.0], [2.0, 3.0]])
    assert layer.parametrizations.weight.original.tolist() == [[1.0, 2.0], [0.0, 3.0]]
    assert layer.weight.tolist() == [[1.0, 2.0], [2.0, 3.0]]


def test_several_originals() -> None:
    layer = nn.Linear(2, 2)
    before = layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Product())
    assert sorted(dict(layer.named_parameters())) == [
        "bias",
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
    ]
    assert hotloop.equal(layer.weight, before)
    with pytest.raises(ValueError, match="sequence of tensors"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert isinstance(layer.weight, nn.Parameter)
    assert hotloop.equal(layer.weight, before)


@pytest.mark.parametrize("keep", [True, False])
def test_removing(keep: bool) -> None:
    layer = nn.Linear(3, 3)
    parameter, before = layer.weight, layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Doubled())
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=keep)
    assert type(layer) is nn.Linear
    assert layer.weight is parameter
    assert hotloop.equal(layer.weight, before * 2 if keep else before)
    assert sorted(dict(layer.named_parameters())) == ["bias", "weight"]
    assert not hasattr(layer, "parametrizations")


def test_a_buffer_may_be_parametrized() -> None:
    norm = nn.BatchNorm1d(2)
    parametrize.register_parametrization(norm, "running_mean", Doubled())
    assert "parametrizations.running_mean.original" in norm.state_dict()
    assert norm.running_mean.tolist() == [0.0, 0.0]


def test_cached_values_are_computed_once() -> None:
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    assert layer.weight is not layer.weight
    with parametrize.cached():
        first = layer.weight
        with parametrize.cached():
            assert layer.weight is first
        assert layer.weight is first
    assert layer.weight is not first


def test_copies_are_modules_of_their_own() -> None:
    layer = nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    twin = copy.deepcopy(layer)
    with hotloop.no_grad():
        twin.parametrizations.weight.original.zero_()
    assert twin.weight.count_nonzero() == 0
    assert layer.weight.count_nonzero() > 0
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(layer)
    other = nn.Linear(3, 3)
    parametrize.register_parametrization(other, "weight", Symmetric())
    other.load_state_dict(layer.state_dict())
    assert hotloop.equal(other.weight, layer.weight)


def test_transferring() -> None:
    layer, other = nn.Linear(3, 3), nn.Linear(3, 3)
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.transfer_parametrizations_and_params(layer, other)
    assert hotloop.equal(other.weight, layer.weight)
    assert other.parametrizations.weight.original is layer.parametrizations.weight.original


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda m: parametrize.register_parametrization(m, "scale", Doubled()), ValueError, "name 'scale'"),
        (lambda m: parametrize.register_parametrization(m, "weight", Flat()), ValueError, "may not change the shape"),
        (lambda m: parametrize.remove_parametrizations(m, "weight"), ValueError, "does not have a parametrization"),
        (lambda m: parametrize.ParametrizationList([], m.weight), ValueError, "one or more modules"),
        (lambda m: parametrizations.spectral_norm(m, "scale"), ValueError, "no parameter or buffer with name 'scale'"),
        (lambda m: parametrizations.spectral_norm(m, n_power_iterations=0), ValueError, "to be positive"),
        (lambda m: parametrizations.spectral_norm(m, dim=5), IndexError, "Dimension out of range"),
        (lambda m: nn.utils.remove_weight_norm(m), ValueError, "weight_norm of 'weight' not found"),
        (lambda m: nn.utils.weight_norm(nn.utils.weight_norm(m)), RuntimeError, "two weight_norm hooks"),
        (lambda m: nn.utils.spectral_norm(m, n_power_iterations=0), ValueError, "to be positive"),
    ],
)
def test_what_is_refused(act: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        act(nn.Linear(3, 2))


def peers(kind: str, **options: Any) -> tuple[Any, Any, Any]:
    """A normed linear layer here and in PyTorch, of the same state."""
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    made = []
    for lib in (hotloop, torch):
        utils = lib.nn.utils.parametrizations if kind.startswith("new") else lib.nn.utils
        made.append(getattr(utils, kind.split()[1])(lib.nn.Linear(4, 3).double(), **options))
    mine, theirs = made
    assert list(mine.state_dict()) == list(theirs.state_dict())
    mine.load_state_dict({k: hotloop.tensor(v.numpy(force=True)) for k, v in theirs.state_dict().items()})
    return mine, theirs, torch


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("new weight_norm", {}),
        ("new weight_norm", {"dim": 1}),
        ("new weight_norm", {"dim": None}),
        ("old weight_norm", {}),
        ("old weight_norm", {"dim": None}),
        ("new spectral_norm", {}),
        ("new spectral_norm", {"n_power_iterations": 3, "dim": 1}),
        ("new spectral_norm", {"name": "bias"}),
        ("old spectral_norm", {}),
        ("old spectral_norm", {"n_power_iterations": 2}),
    ],
)
def test_normed_weights_are_pytorchs(kind: str, options: dict[str, Any], training: bool) -> None:
    mine, theirs, torch = peers(kind, **options)
    x = np.random.default_rng(1).standard_normal((5, 4))
    for module, lib in ((mine, hotloop), (theirs, torch)):
        module.train(training)
        for _ in range(2):
            (module(lib.tensor(x)) ** 2).sum().backward()
    for (name, got), (_, wanted) in zip(mine.named_parameters(), theirs.named_parameters(), strict=True):
        np.testing.assert_allclose(
            got.grad.numpy(force=True), wanted.grad.numpy(force=True), rtol=1e-9, atol=1e-11, err_msg=name
        )
    for (name, got), (_, wanted) in zip(mine.named_buffers(), theirs.named_buffers(), strict=True):
        np.testing.assert_allclose(got.numpy(force=True), wanted.numpy(force=True), rtol=1e-9, err_msg=name)


def test_a_spectral_norm_is_one() -> None:
    layer = parametrizations.spectral_norm(nn.Linear(6, 5), n_power_iterations=30)
    layer(hotloop.ones(1, 6))
    assert abs(np.linalg.norm(layer.weight.detach().numpy(force=True), 2) - 1) < 1e-4


@pytest.mark.parametrize("kind", ["weight_norm", "spectral_norm"])
def test_removing_hooks_keeps_the_weight(kind: str) -> None:
    layer = getattr(nn.utils, kind)(nn.Linear(3, 2))
    layer.eval()(hotloop.ones(1, 3))
    before = layer.weight.detach().clone()
    getattr(nn.utils, f"remove_{kind}")(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    np.testing.assert_allclose(layer.weight.detach().numpy(force=True), before.numpy(force=True), rtol=1e-6)


def test_the_state_of_an_old_weight_norm_is_taken() -> None:
    old, new = nn.utils.weight_norm(nn.Linear(3, 2)), parametrizations.weight_norm(nn.Linear(3, 2))
    new.load_state_dict(old.state_dict())
    assert hotloop.equal(new.weight, old.weight)
