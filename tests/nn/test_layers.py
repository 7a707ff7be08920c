"""Layers against PyTorch: values, gradients, state_dict both ways, repr; and what their constructors refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn
from support.torch_peer import assert_same, convert, to_hotloop, to_torch, torch

pytestmark = pytest.mark.every_device

# A layer made from either library's nn, and the shape of its input.
LAYERS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "linear": (lambda n: n.Linear(5, 3), (4, 5)),
    "linear of a vector": (lambda n: n.Linear(5, 3), (5,)),
    "linear of a sequence": (lambda n: n.Linear(5, 3, bias=False), (2, 3, 5)),
    "linear of nothing": (lambda n: n.Linear(5, 3), (0, 5)),
    "identity": (lambda n: n.Identity(3, unused=True), (4, 5)),
    "flatten": (lambda n: n.Flatten(), (2, 3, 4)),
    "flatten some": (lambda n: n.Flatten(0, 1), (2, 3, 4)),
    "unflatten": (lambda n: n.Unflatten(1, (2, -1)), (3, 6, 2)),
    "unflatten the last": (lambda n: n.Unflatten(-1, (2, 3)), (2, 6)),
    "layer norm": (lambda n: n.LayerNorm(6), (3, 6)),
    "layer norm of two dims": (lambda n: n.LayerNorm((2, 3), eps=1e-3), (4, 2, 3)),
    "layer norm without bias": (lambda n: n.LayerNorm(6, bias=False), (3, 6)),
    "layer norm without affine": (lambda n: n.LayerNorm(6, elementwise_affine=False), (3, 6)),
    "relu": (lambda n: n.ReLU(), (3, 4)),
    "gelu": (lambda n: n.GELU(), (3, 4)),
    "gelu tanh": (lambda n: n.GELU(approximate="tanh"), (3, 4)),
    "silu": (lambda n: n.SiLU(), (3, 4)),
    "tanh": (lambda n: n.Tanh(), (3, 4)),
    "sigmoid": (lambda n: n.Sigmoid(), (3, 4)),
    "softmax": (lambda n: n.Softmax(dim=1), (3, 4)),
    "softmax of the first": (lambda n: n.Softmax(0), (3, 4)),
    "log softmax": (lambda n: n.LogSoftmax(dim=-1), (3, 4)),
    "dropout at rest": (lambda n: n.Dropout(0.3).eval(), (3, 4)),
    "mlp": (lambda n: n.Sequential(n.Linear(4, 8), n.GELU(), n.LayerNorm(8), n.Linear(8, 2)), (3, 4)),
}


def pair(make: Callable[[Any], Any]) -> tuple[Any, Any]:
    """The layer in both libraries with the same random parameters, in float64."""
    theirs = make(torch.nn).double()
    generator = torch.Generator().manual_seed(1)
    for param in theirs.parameters():
        param.data = torch.randn(param.shape, generator=generator, dtype=torch.float64)
    ours = make(nn).double()
    ours.load_state_dict(convert(dict(theirs.state_dict()), to_hotloop))
    return ours, theirs


@pytest.mark.parametrize("name", LAYERS)
def test_values_and_gradients(name: str) -> None:
    make, shape = LAYERS[name]
    ours, theirs = pair(make)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=shape)).requires_grad_()
    expected = theirs(x)
    grad = torch.from_numpy(np.random.default_rng(1).normal(size=tuple(expected.shape)))
    expected.backward(grad)

    mine = to_hotloop(x, requires_grad=True)
    out = ours(mine)
    assert_same(out, expected, "output")
    out.backward(to_hotloop(grad))
    assert_same(mine.grad, x.grad, "gradient of the input")
    for (key, param), (_, other) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert_same(param.grad, other.grad, f"gradient of {key}")


@pytest.mark.parametrize("name", LAYERS)
def test_state_goes_both_ways_and_repr_is_the_same(name: str) -> None:
    make, _ = LAYERS[name]
    ours, theirs = pair(make)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    fresh = make(torch.nn).double()
    fresh.load_state_dict(convert(dict(ours.state_dict()), to_torch))
    for key, value in ours.state_dict().items():
        assert_same(value, fresh.state_dict()[key], key, rtol=0)


def test_float32_is_the_default() -> None:
    layer = nn.Linear(3, 2)
    assert layer.weight.dtype is hotloop.float32
    assert layer(hotloop.ones(1, 3)).dtype is hotloop.float32
    assert nn.Linear(3, 2, dtype=hotloop.float64).bias.dtype is hotloop.float64  # type: ignore[union-attr]
    assert nn.LayerNorm(3, device="cpu", dtype=hotloop.float64).weight.dtype is hotloop.float64  # type: ignore[union-attr]


@pytest.mark.parametrize("padding_idx", [None, 2, -1])
def test_embedding(padding_idx: int | None) -> None:
    ours, theirs = pair(lambda n: n.Embedding(5, 3, padding_idx=padding_idx))
    assert repr(ours) == repr(theirs)
    index = torch.tensor([[0, 2, 4], [2, 2, 1]])
    grad = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 3)))
    expected = theirs(index)
    expected.backward(grad)
    out = ours(to_hotloop(index))
    assert_same(out, expected, "rows")
    out.backward(to_hotloop(grad))
    assert_same(ours.weight.grad, theirs.weight.grad, "gradient of the table")


def test_embedding_settings() -> None:
    table = nn.Embedding(4, 2, padding_idx=-2)
    assert table.padding_idx == 2
    assert table.weight[2].abs().sum().item() == 0
    assert table.weight[3].abs().sum().item() > 0
    with pytest.raises(ValueError, match=r"padding_idx must lie within num_embeddings=4, got 4"):
        nn.Embedding(4, 2, padding_idx=4)
    weight = hotloop.randn(3, 2)
    frozen = nn.Embedding.from_pretrained(weight)
    assert not frozen.weight.requires_grad
    weight[1, 0] = 7.0
    assert frozen(hotloop.tensor([1]))[0, 0].item() == 7
    assert nn.Embedding.from_pretrained(weight, freeze=False).weight.requires_grad
    with pytest.raises(ValueError, match=r"embeddings must be 2-dimensional, got shape \(3,\)"):
        nn.Embedding.from_pretrained(hotloop.zeros(3))


def test_dropout_drops_and_scales() -> None:
    hotloop.manual_seed(0)
    layer = nn.Dropout(0.25)
    x = hotloop.ones(200, 500).requires_grad_()
    out = layer(x)
    values = out.detach().numpy(force=True)
    np.testing.assert_allclose(np.unique(values), [0, 1 / 0.75], rtol=1e-6)
    assert abs((values == 0).mean() - 0.25) < 5 * (0.25 * 0.75 / values.size) ** 0.5
    out.sum().backward()
    assert x.grad is not None
    np.testing.assert_array_equal(x.grad.numpy(force=True), values)
    hotloop.manual_seed(0)
    np.testing.assert_array_equal(layer(x).detach().numpy(force=True), values)
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match=r"dropout probability has to be between 0 and 1, but got 1.5"):
        nn.Dropout(1.5)


@pytest.mark.parametrize("make", [lambda n: n.ReLU(inplace=True), lambda n: n.SiLU(inplace=True)])
def test_activations_in_place(make: Callable[[Any], Any]) -> None:
    ours, theirs = make(nn), make(torch.nn)
    assert repr(ours) == repr(theirs)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(3, 4))).requires_grad_()
    y = x * 2
    theirs(y).sum().backward()
    mine = to_hotloop(x, requires_grad=True)
    twice = mine * 2
    assert ours(twice) is twice
    twice.sum().backward()
    assert_same(twice, y, "values")
    assert_same(mine.grad, x.grad, "gradient")


def test_dropout_in_place() -> None:
    hotloop.manual_seed(0)
    x = hotloop.ones(50, 50)
    assert nn.Dropout(0.5, inplace=True)(x) is x
    assert sorted(set(x.numpy(force=True).ravel().tolist())) == [0, 2]


def test_unflatten_refuses() -> None:
    with pytest.raises(TypeError, match=r"dim must be an int, got str"):
        nn.Unflatten("features", (2, 3))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"unflattened_size must be a sequence of ints, got 6"):
        nn.Unflatten(1, 6)  # type: ignore[arg-type]
    with pytest.raises(IndexError, match=r"dim 3 is out of range for an input of shape \(2, 6\)"):
        nn.Unflatten(3, (2, 3))(hotloop.zeros(2, 6))


# A loss made from either library's nn, and what its target is.
LOSSES: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "mse": (lambda n, t: n.MSELoss(), "values"),
    "mse none": (lambda n, t: n.MSELoss(reduction="none"), "values"),
    "l1 sum": (lambda n, t: n.L1Loss(reduction="sum"), "values"),
    "cross entropy": (lambda n, t: n.CrossEntropyLoss(), "classes"),
    "cross entropy weighted": (lambda n, t: n.CrossEntropyLoss(t([1.0, 2, 3, 0.5])), "classes"),
    "cross entropy ignoring": (lambda n, t: n.CrossEntropyLoss(ignore_index=1, reduction="sum"), "classes"),
    "cross entropy smoothed": (lambda n, t: n.CrossEntropyLoss(label_smoothing=0.2), "classes"),
    "cross entropy none": (lambda n, t: n.CrossEntropyLoss(reduction="none"), "classes"),
    "cross entropy of probabilities": (lambda n, t: n.CrossEntropyLoss(), "probabilities"),
    "nll": (lambda n, t: n.NLLLoss(t([1.0, 2, 3, 0.5]), ignore_index=2), "classes"),
    "bce": (lambda n, t: n.BCEWithLogitsLoss(), "probabilities"),
    "bce weighted": (
        lambda n, t: n.BCEWithLogitsLoss(t([1.0, 2, 3, 4]), reduction="sum", pos_weight=t([2.0, 1, 1, 3])),
        "probabilities",
    ),
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    make, kind = LOSSES[name]
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(6, 4))).requires_grad_()
    target = {
        "values": torch.from_numpy(rng.normal(size=(6, 4))),
        "classes": torch.from_numpy(rng.integers(0, 4, 6)),
        "probabilities": torch.from_numpy(rng.dirichlet(np.ones(4), 6)),
    }[kind]
    theirs = make(torch.nn, lambda values: torch.tensor(values, dtype=torch.float64))
    ours = make(nn, lambda values: hotloop.tensor(values, dtype=hotloop.float64))
    assert repr(ours) == repr(theirs)
    expected = theirs(logits, target)
    expected.sum().backward()
    mine = to_hotloop(logits, requires_grad=True)
    out = ours(mine, to_hotloop(target))
    assert_same(out, expected, "loss")
    out.sum().backward()
    assert_same(mine.grad, logits.grad, "gradient")
    assert list(ours.state_dict()) == list(theirs.state_dict())
