"""How tensors print: PyTorch's text, where it is installed, and the same text written out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import hotloop


@pytest.fixture(autouse=True)
def default_options() -> Iterator[None]:
    yield
    hotloop.set_printoptions(profile="default")


CASES: list[tuple[Any, str]] = [
    (3.5, "tensor(3.5000)"),
    (7, "tensor(7)"),
    (True, "tensor(True)"),
    ([1.0, 2.0], "tensor([1., 2.])"),
    ([1.0, 2.5], "tensor([1.0000, 2.5000])"),
    ([1e-5, 1.0], "tensor([1.0000e-05, 1.0000e+00])"),
    ([float("nan"), 1.0], "tensor([nan, 1.])"),
    ([-1, 20, 3], "tensor([-1, 20,  3])"),
    ([[True, False], [False, True]], "tensor([[ True, False],\n        [False,  True]])"),
    ([], "tensor([])"),
    ([[], []], "tensor([], size=(2, 0))"),
    ([[[1], [2]], [[3], [4]]], "tensor([[[1],\n         [2]],\n\n        [[3],\n         [4]]])"),
]


@pytest.mark.parametrize(("data", "text"), CASES, ids=[text for _, text in CASES])
def test_text(data: Any, text: str) -> None:
    assert repr(hotloop.tensor(data)) == str(hotloop.tensor(data)) == text


def test_what_else_matters_stands_behind() -> None:
    x = hotloop.ones(2, requires_grad=True)
    assert repr(x) == "tensor([1., 1.], requires_grad=True)"
    assert repr(x + 1) == "tensor([2., 2.], grad_fn=<AddBackward0>)"
    assert repr(x.detach().double()) == "tensor([1., 1.], dtype=hotloop.float64)"
    assert repr(hotloop.zeros(0, dtype=hotloop.int64)) == "tensor([], dtype=hotloop.int64)"
    long = hotloop.full((2, 9), 1.25, dtype=hotloop.float64, requires_grad=True)
    assert repr(long).splitlines()[-1] == "       dtype=hotloop.float64, requires_grad=True)"


def test_long_tensors_show_their_edges() -> None:
    x = hotloop.arange(1001)
    assert repr(x) == "tensor([   0,    1,    2,  ...,  998,  999, 1000])"
    lines = repr(hotloop.zeros(40, 40)).splitlines()
    assert lines[0] == "tensor([[0., 0., 0.,  ..., 0., 0., 0.],"
    assert lines[3] == "        ...,"
    assert len(lines) == 7
    assert len(repr(hotloop.arange(1000)).splitlines()) > 50


def test_options() -> None:
    x = hotloop.tensor([1.0, 2.5, 1234.5678])
    hotloop.set_printoptions(precision=2, sci_mode=False)
    assert repr(x) == "tensor([   1.00,    2.50, 1234.57])"
    hotloop.set_printoptions(sci_mode=True)
    assert repr(x) == "tensor([1.00e+00, 2.50e+00, 1.23e+03])"
    hotloop.set_printoptions(threshold=4, edgeitems=1)
    assert repr(hotloop.arange(9)) == "tensor([0, ..., 8])" or repr(hotloop.arange(9)) == "tensor([0,  ..., 8])"
    hotloop.set_printoptions(profile="full", linewidth=20)
    assert repr(hotloop.arange(6)).splitlines() == ["tensor([0, 1, 2, 3,", "        4, 5])"]
    with pytest.raises(ValueError, match="profile must be one of default, short, full, got 'long'"):
        hotloop.set_printoptions(profile="long")


def test_printing_leaves_no_trace() -> None:
    x = hotloop.ones(3, requires_grad=True)
    y = x * 2
    repr(y)
    y.sum().backward()
    assert x.grad.tolist() == [2, 2, 2]


@pytest.mark.parametrize("seed", range(40))
def test_pytorch_prints_the_same(seed: int) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(seed)
    shape = tuple(rng.choice([1, 2, 3, 7, 20, 40], rng.integers(0, 4)))
    scale = 10.0 ** rng.integers(-6, 9)
    arrays = [
        rng.standard_normal(shape) * scale,
        (rng.standard_normal(shape) * scale).astype(np.float32),
        rng.standard_normal(shape).astype(np.float16),
        rng.integers(-1000, 1000, shape),
        rng.integers(-5, 1000, shape).astype(np.float32),
        rng.integers(0, 2, shape).astype(bool),
        np.where(rng.random(shape) < 0.3, np.inf, rng.standard_normal(shape)),
    ]
    for array in arrays:
        array = np.asarray(array)
        expected = repr(torch.from_numpy(array)).replace("torch.", "hotloop.")
        got = repr(hotloop.from_numpy(array))
        # "hotloop." is longer than "torch.": a line may break before it that did not before.
        assert " ".join(got.split()) == " ".join(expected.split())
