"""Every sample of every op: values, dtypes, shapes, gradients and second gradients."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import hotloop
from ops import (
    samples_activation,
    samples_elementary,
    samples_index,
    samples_join,
    samples_masked,
    samples_matmul,
    samples_nn,
    samples_order,
    samples_parity,
    samples_pointwise,
    samples_rearrange,
    samples_reduce,
    samples_special,
    samples_view,
)
from ops.oracle import Differentiated, assert_same_gradients, assert_values, double, inputs_of, run, torch_values
from ops.samples import Op, Sample, map_inputs, parameters
from support.tolerance import dtype_name

pytestmark = pytest.mark.every_device

OPS = [
    *samples_pointwise.OPS,
    *samples_elementary.OPS,
    *samples_activation.OPS,
    *samples_reduce.OPS,
    *samples_nn.OPS,
    *samples_matmul.OPS,
    *samples_view.OPS,
    *samples_join.OPS,
    *samples_index.OPS,
    *samples_order.OPS,
    *samples_rearrange.OPS,
    *samples_parity.OPS,
    *samples_masked.OPS,
    *samples_special.OPS,
]
PAIRS, NAMES = parameters(OPS)
NUMPY = [(pair, name) for pair, name in zip(PAIRS, NAMES, strict=True) if pair[0].numpy]
GRADIENTS = [
    (pair, name)
    for pair, name in zip(PAIRS, NAMES, strict=True)
    if pair[0].gradient and any(x.differentiable for x in inputs_of(pair[1]))
]


@pytest.fixture(scope="module")
def torch() -> Any:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # said once: index_reduce is in beta
        torch.zeros(1).index_reduce(0, torch.zeros(1, dtype=torch.int64), torch.ones(1), "prod")
    return torch


@pytest.mark.parametrize(("op", "sample"), [p for p, _ in NUMPY], ids=[n for _, n in NUMPY])
def test_values_are_numpys(op: Op, sample: Sample) -> None:
    assert op.numpy is not None
    got = run(op, sample, lambda x: x.hotloop(), hotloop)
    args, kwargs = map_inputs((sample.args, sample.kwargs), lambda x: x.numpy())
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's, of means of nothing
        wanted = op.numpy(*args, **kwargs)
    assert_values(op, got, list(wanted) if isinstance(wanted, (tuple, list)) else [wanted], "against NumPy")


@pytest.mark.parametrize(("op", "sample"), PAIRS, ids=NAMES)
def test_results_are_pytorchs(op: Op, sample: Sample, torch: Any) -> None:
    got = run(op, sample, lambda x: x.hotloop(), hotloop)
    same, exact = torch_values(op, sample, torch)
    assert [dtype_name(g.dtype) for g in got] == [dtype_name(s.dtype) for s in same]
    assert [tuple(g.shape) for g in got] == [tuple(s.shape) for s in same]
    assert_values(op, got, exact, "against PyTorch")


@pytest.mark.parametrize(("op", "sample"), [p for p, _ in GRADIENTS], ids=[n for _, n in GRADIENTS])
def test_gradients_are_pytorchs(op: Op, sample: Sample, torch: Any) -> None:
    got, wanted = (Differentiated(op, sample, library, second=False) for library in (hotloop, torch))
    assert_same_gradients(op, got.first, wanted.first, "gradient")
    if not op.second:
        return
    got, wanted = (Differentiated(op, sample, library, second=True) for library in (hotloop, torch))
    assert_same_gradients(op, got.first, wanted.first, "gradient that is recorded")
    zeros = [None] * len(got.second or wanted.second or [])
    assert_same_gradients(op, got.second or zeros, wanted.second or zeros, "second gradient")


def small_sample(op: Op) -> Sample | None:
    """A sample whose gradient is worth finite differences: of few elements, but of some."""
    for sample in op.samples:
        sizes = [x.values.size for x in inputs_of(sample) if x.differentiable]
        if sizes and 1 < sum(sizes) <= 64:
            return sample
    return None


SMALL = [(op, s) for op in OPS if op.gradient and (s := small_sample(op)) is not None]


@pytest.mark.parametrize(("op", "sample"), SMALL, ids=[f"{op.name}-{i}" for i, (op, _) in enumerate(SMALL)])
def test_gradients_are_finite_differences(op: Op, sample: Sample) -> None:
    leaves = [x.hotloop("float64").contiguous().clone().requires_grad_() for x in inputs_of(sample) if x.differentiable]

    def of_leaves(*values: hotloop.Tensor) -> Any:
        rest = iter(values)
        return tuple(
            r for r in run(op, sample, lambda x: next(rest) if x.differentiable else x.hotloop(double(x)), hotloop)
        )

    assert hotloop.autograd.gradcheck(of_leaves, leaves)
    if op.second:
        assert hotloop.autograd.gradgradcheck(of_leaves, leaves)
