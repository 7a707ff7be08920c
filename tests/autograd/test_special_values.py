"""Derivatives far out: where a factor grows and another vanishes, their product is zero and not NaN."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import hotloop
from hotloop import Tensor
from hotloop.autograd import grad, gradcheck
from hotloop.nn import functional as F

pytestmark = pytest.mark.every_device

FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], float, float]] = {  # with their slopes at -inf and inf
    "gelu": (F.gelu, 0, 1),
    "gelu tanh": (lambda x: F.gelu(x, approximate="tanh"), 0, 1),
    "silu": (F.silu, 0, 1),
    "softplus": (F.softplus, 0, 1),
    "softplus beta": (lambda x: F.softplus(x, 3.0, 10.0), 0, 1),
    "logsigmoid": (F.logsigmoid, 1, 0),
    "sigmoid": (hotloop.sigmoid, 0, 0),
    "tanh": (hotloop.tanh, 0, 0),
    "erf": (hotloop.erf, 0, 0),
    "relu": (hotloop.relu, 0, 1),
}
FAR = [np.inf, 3e38, 1e20, 1e10, 2000.0]
SMOOTH = ["gelu", "gelu tanh", "silu", "softplus", "logsigmoid", "sigmoid", "tanh", "erf"]


def derivatives(f: Callable[[Tensor], Tensor], x: Tensor, orders: int) -> list[Tensor]:
    results, y = [], f(x)
    for _ in range(orders):
        if not y.requires_grad:  # constant
            break
        (y,) = grad(y.sum(), x, create_graph=True)
        results.append(y.detach())
    return results


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_far_out(name: str, dtype: str, isa: str) -> None:
    f, at_minus_infinity, at_infinity = FUNCTIONS[name]
    x = hotloop.tensor([-v for v in FAR] + FAR).to(getattr(hotloop, dtype)).requires_grad_()
    first, *higher = (d.double().tolist() for d in derivatives(f, x, 4))
    assert first == [at_minus_infinity] * len(FAR) + [at_infinity] * len(FAR)
    for order, values in enumerate(higher, 2):
        assert values == [0.0] * (2 * len(FAR)), f"derivative {order}"


@pytest.mark.parametrize("name", SMOOTH)
def test_nan_stays(name: str) -> None:
    x = hotloop.tensor([np.nan, np.nan]).requires_grad_()
    orders = derivatives(FUNCTIONS[name][0], x, 4)
    assert all(np.isnan(d.numpy(force=True)).all() for d in orders)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("order", [2, 3])
def test_higher_derivatives_are_finite_differences(name: str, order: int) -> None:
    x = hotloop.linspace(-5.0, 5.0, 21, dtype=hotloop.float64).requires_grad_()

    def derivative(x: Tensor) -> Tensor:
        with hotloop.enable_grad():  # finite differences are taken without
            y = FUNCTIONS[name][0](x)
            for _ in range(order):
                (y,) = grad(y.sum(), x, create_graph=True)
        return y

    assert gradcheck(derivative, (x,))


def test_gelu_tanh_in_float64_where_it_underflows() -> None:
    # GELU'(x) by tanh at -17: the sum cancels to s(v) (1 + x v' t), far below float64's epsilon but not zero.
    x = hotloop.tensor([-17.0, -16.0], dtype=hotloop.float64).requires_grad_()
    k1, k3 = 1.5957691216057308, 0.07135481627260025
    v = x.detach().numpy(force=True) * (k1 + k3 * x.detach().numpy(force=True) ** 2)
    expected = np.exp(v) * (1 + x.detach().numpy(force=True) * (k1 + 3 * k3 * x.detach().numpy(force=True) ** 2))
    (first,) = grad(F.gelu(x, approximate="tanh").sum(), x)
    np.testing.assert_allclose(first.numpy(force=True), expected, rtol=1e-10)
