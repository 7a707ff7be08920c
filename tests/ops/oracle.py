"""Runs a sample and says whether hotloop's results are those of PyTorch or of NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

import hotloop
from ops.samples import FLOATS, Input, Op, Sample, map_dtypes, map_inputs
from support.tolerance import assert_close, dtype_name


def run(op: Op, sample: Sample, to_tensor: Any, library: Any) -> list[Any]:
    """The op's results as a list. `to_tensor` makes an Input the library's tensor."""
    args, kwargs = map_dtypes(map_inputs((sample.args, sample.kwargs), to_tensor), library)
    return results_of(op.find(library)(*args, **kwargs))


def results_of(result: Any) -> list[Any]:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def inputs_of(sample: Sample) -> list[Input]:
    found: list[Input] = []
    map_inputs((sample.args, sample.kwargs), found.append)
    return found


def assert_values(op: Op, got: list[Any], wanted: list[np.ndarray], what: str) -> None:
    """Within the bound of hotloop's dtype; `wanted` holds float64, integers or booleans."""
    assert len(got) == len(wanted), f"{what}: {len(got)} results, expected {len(wanted)}"
    for i, (g, w) in enumerate(zip(got, wanted, strict=True)):
        w = np.asarray(w)
        name = f"{op.name} {what} {i}"
        if dtype_name(g.dtype) not in FLOATS:
            np.testing.assert_array_equal(g.cpu().numpy(), w, err_msg=name)
            continue
        w = w.astype(np.float64)
        finite = np.abs(w[np.isfinite(w)])
        magnitude = max(1.0, float(finite.max())) if finite.size else 1.0
        assert_close(g, w, reduction_length=max(2, op.length), magnitude=magnitude, ulps=op.ulps, name=name)


def double(x: Input) -> str:
    return "float64" if x.dtype in FLOATS else x.dtype


def torch_values(op: Op, sample: Sample, torch: Any) -> tuple[list[Any], list[np.ndarray]]:
    """PyTorch's results in the sample's dtypes, for dtype and shape, and in float64, for the values."""
    same = run(op, sample, lambda x: x.torch(torch), torch)
    exact = run(op, sample, lambda x: x.torch(torch, double(x)), torch)
    if any(str(v).startswith("dtype:") for v in (*sample.args, *sample.kwargs.values())):
        exact = same  # the dtype asked for wins over float64
    return same, [t.detach().double().numpy() if t.is_floating_point() else t.numpy() for t in exact]


class Differentiated:
    """Results, first and second gradients of a sample in one library, all in float64."""

    def __init__(self, op: Op, sample: Sample, library: Any, second: bool) -> None:
        torch_like = library is not hotloop
        self.leaves: list[Any] = []

        def leaf(x: Input) -> Any:
            tensor = x.torch(library, double(x)) if torch_like else x.hotloop(double(x))
            if x.differentiable:
                tensor = tensor.detach().requires_grad_(True)
                self.leaves.append(tensor)
            return tensor

        def constant(values: np.ndarray) -> Any:
            return library.tensor(values).requires_grad_(second)

        outputs = [o for o in run(op, sample, leaf, library) if o.requires_grad]
        rng = np.random.default_rng(7)
        grads = [constant(rng.standard_normal(tuple(o.shape))) for o in outputs]
        first = library.autograd.grad(
            outputs, self.leaves, grads, create_graph=second, retain_graph=True, allow_unused=True
        )
        self.first = [None if g is None else g.detach().numpy(force=True) for g in first]
        self.second: list[np.ndarray | None] | None = None
        if not second:
            return
        kept = [g for g in first if g is not None and g.requires_grad]
        if not kept:
            return
        weights = [library.tensor(rng.standard_normal(tuple(g.shape))) for g in first if g is not None]
        weights = [w for w, g in zip(weights, (g for g in first if g is not None), strict=True) if g.requires_grad]
        again = library.autograd.grad(kept, [*self.leaves, *grads], weights, allow_unused=True)
        self.second = [None if g is None else g.detach().numpy(force=True) for g in again]


def assert_same_gradients(op: Op, got: list[Any], wanted: list[Any], what: str) -> None:
    """Equal to rounding in float64; no gradient is a gradient of zeros."""
    assert len(got) == len(wanted)
    for i, (g, w) in enumerate(zip(got, wanted, strict=True)):
        if g is None and w is None:
            continue
        g = np.zeros_like(w) if g is None else g
        w = np.zeros_like(g) if w is None else w
        assert g.shape == w.shape, f"{op.name} {what} {i}: shape {g.shape}, expected {w.shape}"
        scale = max(1.0, float(np.abs(w[np.isfinite(w)]).max(initial=0.0)))
        np.testing.assert_allclose(g, w, rtol=1e-9, atol=1e-11 * scale, err_msg=f"{op.name} {what} {i}")
