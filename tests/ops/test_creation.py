"""Tensors made from sizes and numbers: values and dtypes against NumPy and PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import hotloop
from ops.samples import DTYPES
from support.tolerance import dtype_name

RANGES = [(5,), (2, 5), (2, 9, 3), (5, 2, -1), (0,), (3, 3), (1.5,), (0.0, 1.0, 0.1), (1, 0, -0.25), (5.0,)]
CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    *(("arange", a, {}) for a in RANGES),
    ("arange", (1000,), {}),
    ("arange", (0, 1, 0.001), {}),
    ("arange", (), {"end": 5, "start": 1}),
    *(("linspace", a, {}) for a in [(0, 1, 5), (1, -1, 7), (2, 2, 3), (0, 1, 1), (0, 1, 0), (-1e6, 1e6, 1001)]),
    *(("eye", a, {}) for a in [(3,), (3, 5), (5, 3), (0,), (2, 0)]),
    *(("zeros", a, {}) for a in [((),), (3,), (2, 3), ((2, 3),), ([2, 0],), (0,)]),
    *(("ones", a, {}) for a in [((),), (3,), (2, 3), ((2, 3),)]),
    ("zeros", (), {"size": (2, 3)}),
    *(("full", a, {}) for a in [((2, 3), 7), ((2,), 1.5), ((), True), ((3,), -math.inf), ([2], 2**40)]),
    *(("arange", (5,), {"dtype": d}) for d in DTYPES if d != "bool"),
    *(("linspace", (0, 10, 11), {"dtype": d}) for d in DTYPES if d != "bool"),
    *(("zeros", (3,), {"dtype": d}) for d in DTYPES),
    *(("ones", (3,), {"dtype": d}) for d in DTYPES),
    *(("full", ((3,), 3), {"dtype": d}) for d in DTYPES),
    *(("eye", (3,), {"dtype": d}) for d in DTYPES),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS)
def test_results_are_pytorchs(name: str, args: Any, kwargs: Any) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    got, wanted = (
        getattr(library, name)(*args, **{k: getattr(library, v) if k == "dtype" else v for k, v in kwargs.items()})
        for library in (hotloop, torch)
    )
    assert dtype_name(got.dtype) == dtype_name(wanted.dtype)
    assert got.shape == tuple(wanted.shape)
    np.testing.assert_allclose(got.double().numpy(), wanted.double().numpy(), rtol=3e-7, atol=1e-7)


def test_values_without_pytorch() -> None:
    np.testing.assert_array_equal(hotloop.arange(2, 9, 3).numpy(), np.arange(2, 9, 3))
    np.testing.assert_array_equal(hotloop.eye(2, 3).numpy(), np.eye(2, 3))
    np.testing.assert_array_equal(hotloop.full((2, 2), 1.5).numpy(), np.full((2, 2), 1.5))
    x = hotloop.linspace(-3, 7, 1001, dtype=hotloop.float64).numpy()
    np.testing.assert_allclose(x, np.linspace(-3, 7, 1001), rtol=0, atol=1e-14)
    assert (x[0], x[-1]) == (-3, 7)
    x = hotloop.arange(0, 100, 0.1, dtype=hotloop.float64).numpy()
    np.testing.assert_allclose(x, np.arange(0, 100, 0.1), rtol=1e-15)


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "empty_like", "rand_like", "randn_like"])
def test_likes_take_shape_and_dtype(name: str) -> None:
    x = hotloop.zeros(2, 3, dtype=hotloop.float64)
    like = getattr(hotloop, name)
    assert (like(x).shape, like(x).dtype) == ((2, 3), hotloop.float64)
    assert like(x, dtype=hotloop.float16).dtype is hotloop.float16
    y = like(x, requires_grad=True)
    assert y.requires_grad
    assert y.is_leaf
    assert not like(x.requires_grad_()).requires_grad


def test_full_like_and_the_new_forms() -> None:
    x = hotloop.zeros(2, 3, dtype=hotloop.float64)
    assert hotloop.full_like(x, 7).tolist() == [[7.0] * 3] * 2
    assert hotloop.full_like(x, 7, dtype=hotloop.int32).dtype is hotloop.int32
    assert x.new_zeros(2).dtype is hotloop.float64
    assert x.new_ones((2, 2)).tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert x.new_full((2,), 3.5).tolist() == [3.5, 3.5]
    assert x.new_empty(4, dtype=hotloop.int64).dtype is hotloop.int64
    assert hotloop.ones(3, requires_grad=True).requires_grad


MESSAGES = [
    (lambda: hotloop.zeros(2, -3), RuntimeError, r"zeros: .*negative dimension -3: \[2, -3\]"),
    (lambda: hotloop.empty(-1), RuntimeError, r"empty: .*negative dimension -1"),
    (lambda: hotloop.ones("3"), TypeError, r"ones\(\): argument 'size' .*must be int"),
    (lambda: hotloop.zeros(2, dtype="float32"), TypeError, r"zeros\(\): argument 'dtype'.*not str"),
    (lambda: hotloop.arange(0, 5, 0), RuntimeError, "arange.*step.*zero"),
    (lambda: hotloop.arange(0, 5, -1), RuntimeError, "arange"),
    (lambda: hotloop.linspace(0, 1, -2), RuntimeError, "linspace.*-2"),
    (lambda: hotloop.eye(-1), RuntimeError, "eye.*-1"),
    (lambda: hotloop.full((2,)), TypeError, r"full\(\) missing required argument 'fill_value'"),
    (lambda: hotloop.zeros(2, device="tpu"), RuntimeError, "device: expected 'cpu', 'cuda' or 'cuda:N', got 'tpu'"),
    (lambda: hotloop.zeros(2, color="red"), TypeError, r"zeros\(\) got an unexpected keyword argument 'color'"),
    (lambda: hotloop.ones(2, dtype=hotloop.int64, requires_grad=True), RuntimeError, "floating point"),
]


@pytest.mark.parametrize(("act", "error", "message"), MESSAGES)
def test_messages(act: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        act()
