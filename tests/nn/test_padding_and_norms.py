"""Padding layers, the norms over batches, instances, groups and channels, and buffers by assignment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn
from hotloop.nn import functional as F
from support.torch_peer import assert_same, convert, to_hotloop, torch

pytestmark = pytest.mark.every_device

rng = np.random.default_rng(5)

PADS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "constant 1d": (lambda n: n.ConstantPad1d((1, 2), 3.5), (2, 3, 4)),
    "constant 2d": (lambda n: n.ConstantPad2d(1, -1.0), (3, 4, 5)),
    "constant 3d": (lambda n: n.ConstantPad3d((1, 0, 2, 1, 0, 3), 2.0), (2, 3, 2, 3, 4)),
    "zero 1d": (lambda n: n.ZeroPad1d((2, -1)), (2, 3, 4)),
    "zero 2d": (lambda n: n.ZeroPad2d((1, 2, 3, 0)), (2, 3, 4, 5)),
    "zero 3d": (lambda n: n.ZeroPad3d(1), (2, 3, 2, 3, 4)),
    "reflection 1d": (lambda n: n.ReflectionPad1d((2, 1)), (3, 4)),
    "reflection 2d": (lambda n: n.ReflectionPad2d((1, 2, 0, 1)), (2, 3, 4, 5)),
    "reflection 3d": (lambda n: n.ReflectionPad3d(1), (2, 3, 2, 3, 4)),
    "replication 1d": (lambda n: n.ReplicationPad1d(3), (2, 3, 4)),
    "replication 2d": (lambda n: n.ReplicationPad2d((0, 1, 2, 3)), (3, 4, 5)),
    "replication 3d": (lambda n: n.ReplicationPad3d(2), (2, 3, 2, 3, 4)),
    "circular 1d": (lambda n: n.CircularPad1d((2, 1)), (2, 3, 4)),
    "circular 2d": (lambda n: n.CircularPad2d(1), (3, 4, 5)),
    "circular 3d": (lambda n: n.CircularPad3d((1, 1, 0, 2, 1, 0)), (2, 3, 2, 3, 4)),
}
NORMS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "batch 1d": (lambda n: n.BatchNorm1d(4), (5, 4)),
    "batch 1d, lines": (lambda n: n.BatchNorm1d(4, eps=1e-3, momentum=0.3), (5, 4, 3)),
    "batch 2d": (lambda n: n.BatchNorm2d(3, bias=False), (2, 3, 4, 5)),
    "batch 3d": (lambda n: n.BatchNorm3d(3, affine=False), (2, 3, 2, 3, 4)),
    "batch, all batches": (lambda n: n.BatchNorm1d(4, momentum=None), (5, 4)),
    "batch, untracked": (lambda n: n.BatchNorm2d(3, track_running_stats=False), (2, 3, 4, 5)),
    "instance 1d": (lambda n: n.InstanceNorm1d(4), (5, 4, 3)),
    "instance 1d, no batch": (lambda n: n.InstanceNorm1d(4, affine=True), (4, 3)),
    "instance 2d": (lambda n: n.InstanceNorm2d(3, affine=True, track_running_stats=True), (2, 3, 4, 5)),
    "instance 3d": (lambda n: n.InstanceNorm3d(3, eps=0.1), (2, 3, 2, 3, 4)),
    "group": (lambda n: n.GroupNorm(2, 4), (5, 4)),
    "group of images": (lambda n: n.GroupNorm(3, 6, eps=1e-2, bias=False), (2, 6, 3, 2)),
    "group of one": (lambda n: n.GroupNorm(1, 4, affine=False), (5, 4, 3)),
    "rms": (lambda n: n.RMSNorm(7), (5, 7)),
    "rms of two dims": (lambda n: n.RMSNorm((3, 7), eps=0.1), (5, 3, 7)),
    "rms without weight": (lambda n: n.RMSNorm(7, elementwise_affine=False), (2, 5, 7)),
    "local response": (lambda n: n.LocalResponseNorm(2), (2, 5, 4)),
    "wide local response": (lambda n: n.LocalResponseNorm(5, alpha=0.5, beta=0.5, k=2.0), (2, 7, 3, 2)),
}


def pair(make: Callable[[Any], Any]) -> tuple[Any, Any]:
    theirs = make(torch.nn).double()
    for p in theirs.parameters():
        p.data += torch.from_numpy(np.array(rng.normal(size=p.shape)))
    ours = make(nn).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(convert(dict(theirs.state_dict()), to_hotloop))
    assert repr(ours) == repr(theirs)
    return ours, theirs


def compare(ours: Any, theirs: Any, values: np.ndarray) -> None:
    """Results, gradients and second gradients."""
    x, y = hotloop.tensor(values).requires_grad_(), torch.tensor(values).requires_grad_()
    out, expected = ours(x), theirs(y)
    assert_same(out, expected)
    weights = np.random.default_rng(1).normal(size=values.shape)
    leaves = [x, *ours.parameters()], [y, *theirs.parameters()]
    firsts = [
        lib.autograd.grad((result**3).sum(), inputs, create_graph=True)
        for lib, result, inputs in ((hotloop, out, leaves[0]), (torch, expected, leaves[1]))
    ]
    for got, wanted in zip(*firsts, strict=True):
        assert_same(got, wanted, rtol=1e-9)
    (firsts[0][0] * hotloop.tensor(weights)).sum().backward()
    (firsts[1][0] * torch.tensor(weights)).sum().backward()
    assert_same(x.grad, y.grad, rtol=1e-8)


@pytest.mark.parametrize(("make", "shape"), PADS.values(), ids=PADS)
def test_padding(make: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    compare(*pair(make), rng.normal(size=shape))


@pytest.mark.parametrize(("make", "shape"), NORMS.values(), ids=NORMS)
def test_norms(make: Callable[[Any], Any], shape: tuple[int, ...]) -> None:
    ours, theirs = pair(make)
    compare(ours, theirs, rng.normal(size=shape))
    compare(ours, theirs, rng.normal(size=shape) + 1.0)
    for key, value in theirs.state_dict().items():
        assert_same(ours.state_dict()[key], value, key)
    compare(ours.eval(), theirs.eval(), rng.normal(size=shape))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
def test_narrow_dtypes_are_computed_in_float32(dtype: str) -> None:
    values = rng.normal(size=(6, 4, 5))
    for name, extra in (("batch_norm", (None, None, None, None, True)), ("group_norm", (2,)), ("rms_norm", ((5,),))):
        x = hotloop.tensor(values).to(getattr(hotloop, dtype))
        got = getattr(F, name)(x, *extra)
        assert got.dtype is getattr(hotloop, dtype)
        exact = getattr(torch.nn.functional, name)(torch.from_numpy(x.double().numpy(force=True)), *extra)
        rounding = {"bfloat16": 2.0**-8, "float16": 2.0**-11, "float32": 1e-6}[dtype]
        np.testing.assert_allclose(
            got.double().numpy(force=True), exact.numpy(force=True), rtol=2 * rounding, atol=1e-5
        )


REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda lib: lib.nn.BatchNorm1d(3)(lib.ones(2, 3, 4, 5)), r"expected 2D or 3D input \(got 4D input\)"),
    (lambda lib: lib.nn.BatchNorm2d(3)(lib.ones(2, 3)), r"expected 4D input \(got 2D input\)"),
    (lambda lib: lib.nn.BatchNorm1d(3)(lib.ones(1, 3)), "Expected more than 1 value per channel when training"),
    (
        lambda lib: lib.nn.functional.batch_norm(lib.ones(2, 3), None, None),
        "running_mean must be defined in evaluation mode",
    ),
    (
        lambda lib: lib.nn.functional.batch_norm(lib.ones(2, 3), lib.ones(2), lib.ones(3)),
        "running_mean should contain 3 elements not 2",
    ),
    (
        lambda lib: lib.nn.functional.batch_norm(lib.ones(2, 3), lib.ones(3), lib.ones(3), lib.ones(2)),
        "weight should contain 3 elements not 2",
    ),
    (lambda lib: lib.nn.InstanceNorm1d(3)(lib.ones(2, 3, 1)), "Expected more than 1 spatial element when training"),
    (
        lambda lib: lib.nn.InstanceNorm1d(4, affine=True)(lib.ones(2, 3, 4)),
        r"expected input's size at dim=1 to match num_features \(4\), but got: 3",
    ),
    (lambda lib: lib.nn.GroupNorm(2, 3), r"num_channels \(3\) must be divisible by num_groups \(2\)"),
    (
        lambda lib: lib.nn.functional.group_norm(lib.ones(2, 3, 4), 2),
        "Expected number of channels in input to be divisible by num_groups",
    ),
    (lambda lib: lib.nn.functional.group_norm(lib.ones(3), 1), "Expected at least 2 dimensions for input tensor"),
    (lambda lib: lib.nn.functional.rms_norm(lib.ones(2, 4), (3,)), r"Given normalized_shape=\[3\]"),
    (lambda lib: lib.nn.functional.local_response_norm(lib.ones(2, 3), 2), "Expected 3D or higher dimensionality"),
    (lambda lib: lib.nn.CircularPad1d(1)(lib.ones(3)), r"expected 2D or 3D input \(got 1D input\)"),
]


@pytest.mark.parametrize("lib", [hotloop, torch], ids=["hotloop", "torch"])
@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_refusals(call: Callable[[Any], Any], message: str, lib: Any) -> None:
    with pytest.raises((RuntimeError, ValueError), match=message):
        call(lib)


@pytest.mark.parametrize("lib", [hotloop, torch], ids=["hotloop", "torch"])
def test_buffers_by_assignment(lib: Any) -> None:
    module = lib.nn.Module()
    module.kept = lib.nn.Buffer(lib.ones(2))
    module.passing = lib.nn.Buffer(lib.zeros(1), persistent=False)
    assert [name for name, _ in module.named_buffers()] == ["kept", "passing"]
    assert list(module.state_dict()) == ["kept"]
    assert not list(module.parameters())
    module.kept = lib.full((2,), 3.0)  # any tensor goes in its place
    assert module.state_dict()["kept"].tolist() == [3.0, 3.0]
