"""PyTorch as the oracle of layers and optimizers: values carried across, and results compared in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop

torch: Any = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")


def to_torch(tensor: hotloop.Tensor, requires_grad: bool = False) -> Any:
    """A copy of a tensor in PyTorch."""
    return torch.from_numpy(tensor.detach().cpu().numpy().copy()).requires_grad_(requires_grad)


def to_hotloop(tensor: Any, requires_grad: bool = False) -> hotloop.Tensor:
    """A copy of a PyTorch tensor, on the device that tests run on."""
    copy = hotloop.from_numpy(tensor.detach().numpy().copy()).to(hotloop.get_default_device())
    return copy.requires_grad_(requires_grad)


def convert(state: Any, convert_tensor: Any) -> Any:
    """A nest of dicts, lists and tuples with each tensor converted."""
    if isinstance(state, dict):
        return {key: convert(value, convert_tensor) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(convert(value, convert_tensor) for value in state)
    return convert_tensor(state) if hasattr(state, "detach") else state


def assert_same(actual: Any, expected: Any, name: str = "result", rtol: float = 1e-11) -> None:
    """Asserts that a hotloop tensor has a PyTorch tensor's shape and, to rounding in float64, its values."""
    got, wanted = actual.detach().cpu().numpy(), expected.detach().numpy()
    assert got.shape == wanted.shape, f"{name}: shape {got.shape}, expected {wanted.shape}"
    assert got.dtype == wanted.dtype, f"{name}: {got.dtype}, expected {wanted.dtype}"
    np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol, err_msg=name)
