"""Initial values: distributions and their parameters, structure, reproducibility, errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn
from hotloop.nn import init

pytestmark = pytest.mark.every_device


def draw(fill: Callable[[hotloop.Tensor], Any], *shape: int) -> np.ndarray[Any, Any]:
    hotloop.manual_seed(0)
    tensor = hotloop.empty(*shape).requires_grad_()
    assert fill(tensor) is tensor
    assert tensor.is_leaf
    return tensor.detach().numpy(force=True).astype(np.float64)


def assert_moments(values: np.ndarray[Any, Any], mean: float, std: float) -> None:
    """Mean and standard deviation within five standard errors (those of a kurtosis of 3 at most)."""
    n = values.size
    assert abs(values.mean() - mean) < 5 * std / math.sqrt(n)
    assert abs(values.std() - std) < 5 * std / math.sqrt(2 * n)


FAN_IN, FAN_OUT = 300 * 2, 200 * 2  # of a weight (200, 300, 2)
DISTRIBUTIONS: list[tuple[str, Callable[[Any], Any], str, float]] = [
    ("uniform", lambda t: init.uniform_(t, -2, 2), "uniform", 2.0),
    ("normal", lambda t: init.normal_(t, 0, 3), "normal", 3.0),
    ("xavier uniform", lambda t: init.xavier_uniform_(t, 2), "uniform", 2 * math.sqrt(6 / (FAN_IN + FAN_OUT))),
    ("xavier normal", init.xavier_normal_, "normal", math.sqrt(2 / (FAN_IN + FAN_OUT))),
    ("kaiming uniform", lambda t: init.kaiming_uniform_(t, a=math.sqrt(5)), "uniform", 1 / math.sqrt(FAN_IN)),
    ("kaiming normal", lambda t: init.kaiming_normal_(t, nonlinearity="relu"), "normal", math.sqrt(2 / FAN_IN)),
    ("kaiming out", lambda t: init.kaiming_normal_(t, mode="fan_out"), "normal", math.sqrt(2 / 1.0 / FAN_OUT)),
]


@pytest.mark.parametrize(("name", "fill", "kind", "size"), DISTRIBUTIONS, ids=[row[0] for row in DISTRIBUTIONS])
def test_distributions(name: str, fill: Callable[[Any], Any], kind: str, size: float) -> None:
    values = draw(fill, 200, 300, 2)
    if kind == "uniform":
        assert_moments(values, 0, size / math.sqrt(3))
        assert 0.999 * size < np.abs(values).max() <= size * (1 + 1e-6)
    else:
        assert_moments(values, 0, size)
        assert 4 * size < np.abs(values).max() < 6.5 * size
    np.testing.assert_array_equal(values, draw(fill, 200, 300, 2))


def test_a_generator_of_its_own() -> None:
    first = init.normal_(hotloop.empty(9), generator=hotloop.Generator().manual_seed(3)).numpy(force=True)
    hotloop.manual_seed(1)
    second = init.normal_(hotloop.empty(9), generator=hotloop.Generator().manual_seed(3)).numpy(force=True)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [(0.0, 1.0, -2.0, 2.0), (0.0, 0.02, -2.0, 2.0), (1.0, 2.0, 0.5, 1.0), (0.0, 1.0, 3.0, 30.0), (5.0, 1.0, -1.0, 2.0)],
)
def test_trunc_normal_against_its_density(mean: float, std: float, a: float, b: float) -> None:
    values = draw(lambda t: init.trunc_normal_(t, mean, std, a, b), 40_000)
    assert values.min() >= a
    assert values.max() <= b
    # The moments of the density, by summation over the stretch where it is not negligible.
    grid = np.linspace(max(a, mean - 9 * std), min(b, mean + 9 * std, max(a, mean) + 9 * std), 200_001)
    density = np.exp(-0.5 * ((grid - mean) / std) ** 2 + 0.5 * ((np.clip(mean, a, b) - mean) / std) ** 2)
    density /= density.sum()
    expected_mean = (grid * density).sum()
    expected_std = math.sqrt((grid**2 * density).sum() - expected_mean**2)
    assert abs(values.mean() - expected_mean) < 5 * expected_std / math.sqrt(values.size)
    assert abs(values.std() - expected_std) < 10 * expected_std / math.sqrt(values.size)


def test_constants() -> None:
    assert (draw(lambda t: init.constant_(t, 3.5), 4) == 3.5).all()
    assert (draw(init.ones_, 4) == 1).all()
    assert (draw(init.zeros_, 4) == 0).all()
    np.testing.assert_array_equal(draw(init.eye_, 3, 5), np.eye(3, 5))


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (7, 3, 5)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    matrix = draw(lambda t: init.orthogonal_(t, gain=2), *shape).reshape(shape[0], -1) / 2
    gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-6)


def test_orthogonal_matrices_are_drawn_uniformly() -> None:
    # Without the signs of R, the diagonal of Q is of one sign.
    diagonals = [draw(init.orthogonal_, 8, 8).diagonal()]
    for _ in range(30):
        diagonals.append(init.orthogonal_(hotloop.empty(8, 8)).numpy(force=True).diagonal())
    assert 0.3 < (np.array(diagonals) > 0).mean() < 0.7


def test_dirac_passes_channels_on() -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    for shape, groups in [((4, 3, 3), 1), ((2, 4, 3, 5), 1), ((6, 2, 3, 3, 3), 3)]:
        expected = torch.nn.init.dirac_(torch.empty(*shape), groups)
        np.testing.assert_array_equal(draw(lambda t, g=groups: init.dirac_(t, g), *shape), expected.numpy(force=True))


def test_sparse() -> None:
    values = draw(lambda t: init.sparse_(t, 0.34, std=2), 50, 40)
    assert ((values == 0).sum(axis=0) == 17).all()
    assert_moments(values[values != 0], 0, 2)
    assert len({tuple(column) for column in (values == 0).T}) > 30


@pytest.mark.parametrize(
    "arguments",
    [
        ("linear",),
        ("conv2d",),
        ("conv_transpose3d",),
        ("sigmoid",),
        ("tanh",),
        ("relu",),
        ("leaky_relu",),
        ("leaky_relu", 0.2),
        ("leaky_relu", 3),
        ("selu",),
    ],
)
def test_gains(arguments: tuple[Any, ...]) -> None:
    torch = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    assert init.calculate_gain(*arguments) == pytest.approx(torch.nn.init.calculate_gain(*arguments), rel=1e-15)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"Unsupported nonlinearity step"):
        init.calculate_gain("step")
    with pytest.raises(ValueError, match=r"negative_slope True not a valid number"):
        init.calculate_gain("leaky_relu", True)
    with pytest.raises(ValueError, match=r"Fan in and fan out can not be computed for tensor with fewer than 2 dim"):
        init.xavier_normal_(hotloop.empty(3))
    with pytest.raises(ValueError, match=r"Mode fan not supported, please use one of \['fan_in', 'fan_out'\]"):
        init.kaiming_normal_(hotloop.empty(3, 3), mode="fan")
    with pytest.raises(ValueError, match=r"Only tensors with 2 dimensions are supported"):
        init.eye_(hotloop.empty(3))
    with pytest.raises(ValueError, match=r"Only tensors with 2 dimensions are supported"):
        init.sparse_(hotloop.empty(3), 0.5)
    with pytest.raises(ValueError, match=r"Only tensors with 2 or more dimensions are supported"):
        init.orthogonal_(hotloop.empty(3))
    with pytest.raises(ValueError, match=r"Only tensors with 3, 4, or 5 dimensions are supported"):
        init.dirac_(hotloop.empty(3, 3))
    with pytest.raises(ValueError, match=r"dim 0 must be divisible by groups"):
        init.dirac_(hotloop.empty(3, 3, 3), groups=2)
    with pytest.raises(ValueError, match=r"a must be less than b, got a=1.0 and b=1.0"):
        init.trunc_normal_(hotloop.empty(3), a=1.0, b=1.0)
    with pytest.warns(UserWarning, match=r"Initializing zero-element tensors is a no-op"):
        init.kaiming_uniform_(hotloop.empty(0, 3))


def test_linear_starts_as_pytorchs_does() -> None:
    hotloop.manual_seed(0)
    layer = nn.Linear(400, 300)
    assert layer.bias is not None
    for values in (layer.weight.detach().numpy(force=True), layer.bias.detach().numpy(force=True)):
        assert_moments(values.astype(np.float64), 0, 0.05 / math.sqrt(3))
        assert 0.98 * 0.05 < np.abs(values).max() <= 0.05 * (1 + 1e-6)
    with pytest.warns(UserWarning, match=r"zero-element"):
        assert nn.Linear(0, 3).bias.abs().sum().item() == 0  # type: ignore[union-attr]
