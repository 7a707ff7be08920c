"""Every op, forward and backward, is captured and replayed with the eager numbers, but for those named here."""

from __future__ import annotations

from typing import Any

import pytest

import hotloop
from hotloop import cuda
from ops.oracle import run
from ops.samples import Op, Sample, map_inputs
from ops.test_ops import OPS

pytestmark = [
    pytest.mark.every_device,
    pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU: {cuda.why_not()}"),
]

SAMPLES = 6  # of an op
# What has to ask the GPU, or to take a tensor to the host, in the samples that are captured here.
WAITS = {
    "Tensor.to": "a copy to the host",
    "argwhere": "how many there are",
    "bincount": "the largest number",
    "combinations": "how many there are",
    "cov": "whether weights are negative, as PyTorch does",
    "histc": "the range, where none is given",
    "histogram": "the range, and NumPy",
    "linalg.inv": "NumPy's LAPACK",
    "linalg.matrix_norm": "NumPy's LAPACK",
    "linalg.matrix_power": "the inverse, by NumPy's LAPACK",
    "linalg.svdvals": "NumPy's LAPACK",
    "matrix_exp": "how large the matrix is",
    "nn.functional.one_hot": "the number of classes, where none is given",
    "nonzero": "how many there are",
    "norm": "NumPy's LAPACK",
    "unique": "how many there are",
    "unique_consecutive": "how many there are",
}


class Case:
    """A sample's tensors on the GPU, and what they give."""

    def __init__(self, op: Op, sample: Sample) -> None:
        self._op, self._sample = op, sample
        self._tensors: list[Any] = []
        map_inputs((sample.args, sample.kwargs), self._make)

    def _make(self, x: Any) -> None:
        made = x.hotloop().to("cuda").detach()
        self._tensors.append(made.requires_grad_() if x.differentiable and self._op.gradient else made)

    def results(self) -> list[Any]:
        """Of the op and, where it has one, of its gradient."""
        tensors = iter(self._tensors)
        outputs = run(self._op, self._sample, lambda _: next(tensors), hotloop)
        recorded = [o for o in outputs if isinstance(o, hotloop.Tensor) and o.requires_grad]
        leaves = [t for t in self._tensors if t.requires_grad]
        if not recorded or not leaves:
            return outputs
        weights = [hotloop.ones_like(o.detach()) for o in recorded]
        return [*outputs, *hotloop.autograd.grad(recorded, leaves, weights, allow_unused=True)]


def on_host(results: list[Any]) -> list[Any]:
    return [repr(r.detach().cpu().tolist()) if isinstance(r, hotloop.Tensor) else r for r in results]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotloop.cuda.gc.collect", lambda: 0)  # before each capture: most of the time of tiny ones


def waits(op: Op, sample: Sample) -> bool:
    """Captures the sample, and compares with what it gives eagerly; whether it could not be captured."""
    wanted = on_host(Case(op, sample).results())
    case, graph = Case(op, sample), cuda.CUDAGraph()
    try:
        with cuda.graph(graph):
            results = case.results()
    except RuntimeError as e:
        if "while a CUDA graph is captured" not in str(e):
            raise
        return True
    graph.replay()
    assert on_host(results) == wanted
    return False


@pytest.mark.parametrize("op", OPS, ids=[op.name for op in OPS])
def test_every_op_is_captured(op: Op) -> None:
    for sample in op.samples[:SAMPLES]:
        assert not waits(op, sample) or op.name in WAITS, "it asks the GPU, and isn't said to"


@pytest.mark.parametrize("name", WAITS)
def test_what_is_said_to_wait_does(name: str) -> None:
    assert any(waits(op, sample) for op in OPS if op.name == name for sample in op.samples)
