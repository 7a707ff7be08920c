"""Rarer layers against PyTorch: dropout's kin, bags, bilinear, distances, parameter containers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn
from hotloop.nn import functional as F
from support.torch_peer import assert_same, convert, to_hotloop, torch

pytestmark = pytest.mark.every_device

rng = np.random.default_rng(0)


def compare(ours: Any, theirs: Any, *arguments: Any, rtol: float = 1e-11) -> None:
    """Values and gradients, those of parameters too, of functions or layers of both libraries."""
    mine = [hotloop.tensor(x) for x in arguments]
    others = [torch.tensor(x) for x in arguments]
    for leaves in (mine, others):
        for leaf in leaves:
            leaf.requires_grad_(leaf.is_floating_point())
    out, expected = ours(*mine), theirs(*others)
    assert_same(out, expected, rtol=rtol)
    grad = np.random.default_rng(1).normal(size=tuple(expected.shape))
    out.backward(hotloop.tensor(grad))
    expected.backward(torch.tensor(grad))
    for i, (x, y) in enumerate(zip(mine, others, strict=True)):
        if y.requires_grad:
            assert_same(x.grad, y.grad, f"gradient {i}", rtol=rtol)
    if isinstance(ours, nn.Module):
        for (key, x), (_, y) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
            assert_same(x.grad, y.grad, f"gradient of {key}", rtol=rtol)


def pair(make: Callable[[Any], Any]) -> tuple[Any, Any]:
    theirs = make(torch.nn).double()
    ours = make(nn).double()
    ours.load_state_dict(convert(dict(theirs.state_dict()), to_hotloop))
    assert repr(ours) == repr(theirs)
    return ours, theirs


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("batch", [(5,), (), (2, 3), (0,)])
def test_bilinear(batch: tuple[int, ...], bias: bool) -> None:
    compare(*pair(lambda n: n.Bilinear(3, 4, 2, bias=bias)), rng.normal(size=(*batch, 3)), rng.normal(size=(*batch, 4)))


def test_bilinear_refuses() -> None:
    weight, x = hotloop.zeros(2, 3, 4), hotloop.zeros(5, 3)
    with pytest.raises(RuntimeError, match=r"input batch dimensions do not match"):
        F.bilinear(x, hotloop.zeros(4, 4), weight)
    with pytest.raises(RuntimeError, match=r"expected inputs of last size 3 and 4 for weight"):
        F.bilinear(x, x, weight)
    with pytest.raises(ValueError, match=r"in1_features must be > 0, but got 0"):
        nn.Bilinear(0, 1, 1)


INDEX = np.array([[0, 2, 4, 2], [1, 1, 1, 1], [3, 0, 4, 4]])
FLAT = np.array([0, 2, 4, 2, 1, 1, 3])


@pytest.mark.parametrize("settings", [{}, {"padding_idx": 1}, {"padding_idx": -1}])
@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_embedding_bag(mode: str, settings: dict[str, Any]) -> None:
    compare(*pair(lambda n: n.EmbeddingBag(5, 3, mode=mode, **settings)), INDEX)
    compare(*pair(lambda n: n.EmbeddingBag(5, 3, mode=mode, **settings)), FLAT, np.array([0, 3, 3, 5, 7]))
    last = pair(lambda n: n.EmbeddingBag(5, 3, mode=mode, include_last_offset=True, **settings))
    compare(*last, FLAT, np.array([0, 3, 5]))


def test_embedding_bag_by_frequency() -> None:
    """As looking up and summing do; PyTorch's own bags mix up the counts of the rows."""
    ours, theirs = pair(lambda n: n.EmbeddingBag(5, 3, mode="sum", scale_grad_by_freq=True))
    rows = torch.nn.Embedding(5, 3, scale_grad_by_freq=True, _weight=theirs.weight.detach())
    index = torch.tensor(INDEX)
    rows(index).sum(1).square().sum().backward()
    ours(to_hotloop(index)).square().sum().backward()
    assert_same(ours.weight.grad, rows.weight.grad)
    with pytest.raises(ValueError, match="max mode does not support scaling"):
        F.embedding_bag(to_hotloop(index), ours.weight, mode="max", scale_grad_by_freq=True)


def test_embedding_bag_by_weights() -> None:
    weights = rng.normal(size=INDEX.shape)
    ours, theirs = pair(lambda n: n.EmbeddingBag(5, 3, mode="sum", padding_idx=2))
    compare(lambda i, w: ours(i, per_sample_weights=w), lambda i, w: theirs(i, per_sample_weights=w), INDEX, weights)
    with pytest.raises(NotImplementedError, match="only supported for mode='sum'"):
        F.embedding_bag(hotloop.tensor(INDEX), hotloop.ones(5, 3), per_sample_weights=hotloop.tensor(weights))


@pytest.mark.parametrize("settings", [{"max_norm": 1.0}, {"max_norm": 0.5, "norm_type": 1.0, "padding_idx": 2}])
def test_embeddings_kept_short(settings: dict[str, Any]) -> None:
    for kind in ("Embedding", "EmbeddingBag"):
        ours, theirs = pair(lambda n, kind=kind: getattr(n, kind)(5, 3, **settings))
        compare(ours, theirs, INDEX, rtol=1e-6)  # PyTorch's factors are float32's
        assert_same(ours.weight, theirs.weight, rtol=1e-6)
    compare(*pair(lambda n: n.Embedding(5, 3, scale_grad_by_freq=True)), INDEX)


def test_a_padding_row_is_kept_short_too() -> None:
    tables = [lib.full((4, 3), 3.0) for lib in (hotloop, torch)]
    for lib, table in zip((hotloop, torch), tables, strict=True):
        index, bags = lib.tensor([0, 1, 3]), lib.tensor([0])
        lib.nn.functional.embedding_bag(index, table, bags, max_norm=1.0, padding_idx=0)
    assert_same(*tables, rtol=1e-6)


def test_embedding_bag_refuses() -> None:
    table, index = hotloop.ones(5, 3), hotloop.tensor(FLAT)
    for call, error, message in [
        (lambda: F.embedding_bag(index, table), ValueError, "offsets has to be a 1D Tensor but got None"),
        (lambda: F.embedding_bag(index, table, index.reshape(1, -1)), ValueError, "offsets has to be a 1D Tensor"),
        (lambda: F.embedding_bag(index.cpu(), table.cpu(), index[1:].cpu()), RuntimeError, r"offsets\[0\] has to be 0"),
        (lambda: F.embedding_bag(index.reshape(1, -1), table, index), ValueError, "if input is 2D, then offsets"),
        (lambda: F.embedding_bag(index, table, index[:1], mode="min"), ValueError, "one of sum, mean or max"),
        (lambda: F.embedding_bag(index, table[0], index[:1]), ValueError, "weight has to be a 2D Tensor"),
        (lambda: nn.Embedding(2, 2, _weight=table), ValueError, "Shape of weight does not match"),
    ]:
        with pytest.raises(error, match=message):
            call()  # type: ignore[no-untyped-call]
    if table.is_cuda:  # its offsets are not asked: the kernel reports those out of range
        with pytest.raises(IndexError, match=r"embedding_bag: index .* is out of bounds"):
            F.embedding_bag(index, table, index[1:]).tolist()


@pytest.mark.parametrize("x", [rng.normal(size=(4, 5)), np.zeros((2, 5)), rng.normal(size=(4, 5)) * 1e-10])
def test_distances(x: Any) -> None:
    y = rng.normal(size=x.shape)
    compare(*pair(lambda n: n.CosineSimilarity()), x, y, rtol=1e-9)
    compare(*pair(lambda n: n.CosineSimilarity(0, 1e-3)), x, y, rtol=1e-9)
    compare(F.cosine_similarity, torch.nn.functional.cosine_similarity, x, y[:1], rtol=1e-9)
    for p in (1.0, 2.0, 3.0, math.inf):
        compare(*pair(lambda n, p=p: n.PairwiseDistance(p, keepdim=True)), x, y, rtol=1e-9)
        compare(lambda x, p=p: F.normalize(x, p), lambda x, p=p: torch.nn.functional.normalize(x, p), x, rtol=1e-9)
    compare(F.pairwise_distance, torch.nn.functional.pairwise_distance, x, y[:1], rtol=1e-9)
    compare(lambda x: F.normalize(x, dim=0), lambda x: torch.nn.functional.normalize(x, dim=0), x, rtol=1e-9)


CHANNELS = [
    (nn.Dropout1d, (200, 30, 4), (200, 30)),
    (nn.Dropout1d, (3000, 4), (3000,)),
    (nn.Dropout2d, (200, 30, 3, 2), (200, 30)),
    (nn.Dropout2d, (200, 30, 3), (200, 30)),
    (nn.Dropout3d, (200, 30, 3, 2, 2), (200, 30)),
    (nn.Dropout3d, (3000, 3, 2, 2), (3000,)),
]


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize(("kind", "shape", "channels"), CHANNELS)
def test_whole_channels_drop(kind: Any, shape: tuple[int, ...], channels: tuple[int, ...], inplace: bool) -> None:
    hotloop.manual_seed(0)
    x = hotloop.ones(shape)
    layer = kind(0.25, inplace)
    out = layer(x)
    assert (out is x) == inplace
    values = out.numpy(force=True).reshape(*channels, -1)
    assert (values == values[..., :1]).all()
    np.testing.assert_allclose(np.unique(values), [0, 1 / 0.75], rtol=1e-6)
    n = math.prod(channels)
    assert abs((values[..., 0] == 0).mean() - 0.25) < 5 * (0.25 * 0.75 / n) ** 0.5
    assert layer.eval()(x) is x
    assert repr(layer) == f"{kind.__name__}(p=0.25, inplace={inplace})"


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    hotloop.manual_seed(0)
    x = hotloop.randn(400, 500)
    for layer, channel in ((nn.AlphaDropout(0.3), False), (nn.FeatureAlphaDropout(0.3), True)):
        source = x.reshape(400, 500, 1).expand(400, 500, 2).contiguous() if channel else x
        out = layer(source).numpy(force=True)
        assert abs(out.mean()) < 0.02
        assert abs(out.std() - 1) < 0.02
        dropped = -1.7580993408473766 / math.sqrt((1.7580993408473766**2 * 0.3 + 1) * 0.7)
        dropped += 1.7580993408473766 * 0.3 / math.sqrt((1.7580993408473766**2 * 0.3 + 1) * 0.7)
        share = np.isclose(out, dropped, rtol=1e-5)
        assert abs(share.mean() - 0.3) < 0.01
        if channel:
            assert (share[..., 0] == share[..., 1]).all()
        assert layer.eval()(source) is source
    y = hotloop.ones(3, 4)
    assert F.alpha_dropout(y, 1.0, training=True).abs().sum().item() == 0
    assert F.alpha_dropout(y, 0.5, training=True, inplace=True) is y


def test_dropout_bounds() -> None:
    x = hotloop.ones(3, 4).requires_grad_()
    assert F.dropout(x, 1.0).abs().sum().item() == 0
    F.dropout1d(x, 1.0).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum().item() == 0
    assert F.dropout(x, 0.0) is x
    for function in (F.dropout, F.dropout1d, F.dropout2d, F.dropout3d, F.alpha_dropout, F.feature_alpha_dropout):
        with pytest.raises(ValueError, match=r"has to be between 0 and 1, but got -0.1"):
            function(x, -0.1)
    with pytest.raises(RuntimeError, match=r"dropout1d: Expected 2D or 3D input, but received a 1D input"):
        F.dropout1d(x[0])
    with pytest.raises(RuntimeError, match=r"at least 2 dimensions"):
        F.dropout2d(x[0])


def test_parameter_list() -> None:
    values = [hotloop.ones(2, 3), nn.Parameter(hotloop.zeros(4)), "text"]
    made = nn.ParameterList(values)
    other = torch.nn.ParameterList([torch.ones(2, 3), torch.nn.Parameter(torch.zeros(4)), "text"])
    assert repr(made) == repr(other).replace("torch.float32", "hotloop.float32")
    assert list(made.state_dict()) == list(other.state_dict()) == ["0", "1"]
    assert made[1] is values[1]
    assert made[-1] == "text"
    assert isinstance(made[0], nn.Parameter)
    assert [type(x).__name__ for x in made[:2]] == ["Parameter", "Parameter"]
    made += [hotloop.ones(1)]
    made.append(hotloop.ones(1))[0] = hotloop.zeros(1)
    assert len(made) == 5
    assert made[0].shape == (1,)
    assert len(list(made.parameters())) == 4
    with pytest.raises(IndexError, match="index 5 is out of range"):
        made[5]
    with pytest.raises(TypeError, match="should be called with an iterable, but got Tensor"):
        made.extend(hotloop.ones(2))
    with pytest.raises(RuntimeError, match=r"ParameterList should not be called\."):
        made()


def test_parameter_dict() -> None:
    made = nn.ParameterDict({"b": hotloop.ones(2), "a": nn.Parameter(hotloop.zeros(3))})
    other = torch.nn.ParameterDict({"b": torch.ones(2), "a": torch.nn.Parameter(torch.zeros(3))})
    assert list(made) == list(other) == ["a", "b"]
    assert list(made.state_dict()) == list(other.state_dict())
    assert list(nn.ParameterDict([("b", hotloop.ones(1)), ("a", 3)])) == ["b", "a"]
    made["c"] = 5
    assert list(reversed(made)) == ["c", "b", "a"]
    assert made.setdefault("d", hotloop.ones(1)) is made["d"]
    assert made.get("e") is None
    assert made.popitem()[0] == "d"
    assert made.pop("c") == 5
    assert (made | nn.ParameterDict({"z": hotloop.ones(1)})).keys() == {"a", "b", "z"}
    made |= nn.ParameterDict({"b": hotloop.zeros(7)})
    assert made["b"].shape == (7,)
    assert made.fromkeys(["x", "y"], 1).values() is not None
    assert len(made.copy()) == len(made) == 2
    assert "b" in made
    del made["b"]
    made.clear()
    assert not list(made.parameters())
    for call, error, message in [
        (lambda: made["q"], KeyError, "q"),
        (lambda: made.update(3), TypeError, "should be called with an iterable of key/value pairs, but got int"),
        (lambda: made.update([3]), TypeError, "sequence element #0 should be Iterable; isint"),
        (lambda: made.update([("a",)]), ValueError, "sequence element #0 has length 1; 2 is required"),
        (lambda: made.__setitem__(3, 4), TypeError, "it is not a string"),
        (lambda: made.popitem(), KeyError, "the ParameterDict is empty"),
        (lambda: made(), RuntimeError, "ParameterDict should not be called"),
    ]:
        with pytest.raises(error, match=message):
            call()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("p", [0.5, 1.5, 3.0, 4.0])
def test_norms_at_zero_have_no_gradient(p: float) -> None:
    compare(lambda x: x.norm(p, 1), lambda x: x.norm(p, 1), np.array([[0.0, 0.0, 0.0], [0.0, 1.0, -2.0]]), rtol=1e-9)
