"""What the tables of samples can't say of activations: random ones, in-place forms, and messages."""

from __future__ import annotations

import math

import numpy as np
import pytest

import hotloop
from hotloop.nn import functional as F

ENDS = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-45, -1e-45, 1.1754944e-38, 3.4028235e38]
IN_PLACE = [
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "selu",
    "celu",
    "silu",
    "mish",
    "hardswish",
    "hardsigmoid",
    "hardtanh",
]


@pytest.mark.parametrize("name", IN_PLACE)
def test_inplace_writes_over_the_input_and_keeps_its_gradient(name: str) -> None:
    function = getattr(F, name)
    leaf = hotloop.linspace(-4, 4, 15).requires_grad_()
    function(leaf).square().sum().backward()
    wanted, leaf.grad = leaf.grad, None
    x = leaf * 1.0
    result = function(x, inplace=True)
    assert result is x
    np.testing.assert_array_equal(x.detach().numpy(), function(leaf.detach()).numpy())
    result.square().sum().backward()
    assert wanted is not None
    assert leaf.grad is not None
    np.testing.assert_array_equal(leaf.grad.numpy(), wanted.numpy())


@pytest.mark.parametrize("name", ["elu_", "selu_", "celu_", "leaky_relu_", "hardtanh_", "relu_", "rrelu_"])
def test_in_place_forms_have_names(name: str) -> None:
    x = hotloop.linspace(-4, 4, 15)
    wanted = getattr(F, name.removesuffix("_"))(x)
    assert getattr(F, name)(x) is x
    assert x.equal(wanted)


def test_threshold_in_place() -> None:
    x = hotloop.tensor([1.0, 2.0, 3.0])
    assert F.threshold_(x, 2.0, -1.0) is x
    assert F.threshold(hotloop.tensor([1.0, 5.0]), 2.0, 0.0, inplace=True).tolist() == [0, 5]
    assert x.tolist() == [-1, -1, 3]


def test_rrelu_draws_slopes_in_training_only() -> None:
    hotloop.manual_seed(3)
    x = hotloop.full((4000,), -1.0)
    slopes = -F.rrelu(x, 0.25, 0.5, training=True)
    assert 0.25 <= float(slopes.min()) < 0.251
    assert 0.499 < float(slopes.max()) <= 0.5
    assert F.rrelu(x, 0.25, 0.5).eq(-0.375).all()
    assert F.rrelu(-x, 0.25, 0.5, training=True).eq(1).all()
    leaf = hotloop.full((5,), -2.0, requires_grad=True)
    out = F.rrelu(leaf, 0.25, 0.5, training=True)
    out.sum().backward()
    assert leaf.grad is not None
    np.testing.assert_allclose(leaf.grad.numpy(), out.detach().numpy() / -2.0, rtol=1e-6)


def test_gumbel_softmax_draws_by_probability() -> None:
    hotloop.manual_seed(5)
    p = hotloop.tensor([0.1, 0.2, 0.7])
    logits = p.log().expand(20000, 3)
    hard = F.gumbel_softmax(logits, tau=0.5, hard=True)
    assert hard.sum(1).eq(1).all()
    assert ((hard == 0) | (hard == 1)).all()
    np.testing.assert_allclose(hard.mean(0).numpy(), p.numpy(), atol=0.02)
    soft = F.gumbel_softmax(logits, dim=0)
    np.testing.assert_allclose(soft.sum(0).numpy(), 1, rtol=1e-3)


def test_hard_gumbel_softmax_has_the_gradient_of_the_soft_one() -> None:
    gradients = []
    for hard in (False, True):
        hotloop.manual_seed(7)
        leaf = hotloop.tensor([[0.3, -1.0, 2.0]], requires_grad=True)
        (F.gumbel_softmax(leaf, hard=hard) * hotloop.tensor([1.0, 2.0, 3.0])).sum().backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad.numpy())
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-6)


def test_hardsigmoid_gradient() -> None:
    x = hotloop.tensor([-3.5, -3.0, -1.0, 0.0, 2.9, 3.0, 4.0], dtype=hotloop.float64, requires_grad=True)
    F.hardsigmoid(x).sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), [0, 0, 1 / 6, 1 / 6, 1 / 6, 0, 0])


def test_digamma_and_polygamma_gradients() -> None:
    x = hotloop.tensor([0.3, 1.7, 4.0, 12.5, -0.4, -2.3], dtype=hotloop.float64, requires_grad=True)
    assert hotloop.autograd.gradcheck(hotloop.digamma, [x])
    assert hotloop.autograd.gradgradcheck(hotloop.digamma, [x])
    assert hotloop.autograd.gradgradcheck(hotloop.lgamma, [x])
    # pi^2 / 6 and twice Apery's constant
    at_one = [hotloop.polygamma(n, hotloop.ones((), dtype=hotloop.float64)).item() for n in (1, 2)]
    np.testing.assert_allclose(at_one, [1.6449340668482264, -2.4041138063191885], rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_nan_to_num_ends_at_the_dtypes_own_range(dtype: str) -> None:
    limits = hotloop.finfo(getattr(hotloop, dtype))
    x = hotloop.tensor([math.nan, math.inf, -math.inf, 2.0], dtype=getattr(hotloop, dtype))
    assert x.nan_to_num().tolist() == [0.0, limits.max, limits.min, 2.0]
    assert x.nan_to_num_(1.0) is x
    assert x.tolist() == [1.0, limits.max, limits.min, 2.0]


def test_nextafter_steps_by_float32s_bits() -> None:
    a, b = (g.astype(np.float32).reshape(-1) for g in np.meshgrid(ENDS, ENDS))
    with np.errstate(all="ignore"):
        wanted = np.nextafter(a, b)
    got = hotloop.nextafter(hotloop.from_numpy(a), hotloop.from_numpy(b)).numpy()
    np.testing.assert_array_equal(got, wanted)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(wanted))


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda x: F.glu(x), RuntimeError, "glu: Halving dimension must be even, but dimension 1 is size 3"),
        (lambda x: F.glu(x.sum()), RuntimeError, "glu: does not support 0-dimensional tensors"),
        (lambda x: F.glu(x, 2), IndexError, "glu: .*2"),
        (lambda x: F.hardtanh(x, 2, 1), ValueError, "hardtanh: min_val cannot be greater than max_val, got 2 and 1"),
        (lambda x: F.softshrink(x, -1), RuntimeError, "softshrink: lambda must be greater or equal to 0, .* -1"),
        (lambda x: F.celu(x, 0), RuntimeError, "celu: alpha must not be 0"),
        (lambda x: F.rrelu(x, 2, 1), RuntimeError, "rrelu: lower must not be greater than upper, got 2 and 1"),
        (lambda x: F.prelu(x, x[0, :2]), RuntimeError, "prelu: weight .* each of the 3 channels, got 2"),
        (lambda x: F.prelu(x, x), RuntimeError, r"prelu: weight must have 0 or 1 dims, got shape \[2, 3\]"),
        (lambda x: F.prelu(x, x[0].double()), RuntimeError, "prelu: .* one dtype, got float32 and float64"),
        (lambda x: F.gelu(x, "sigmoid"), RuntimeError, "gelu: approximate .* none or tanh, got 'sigmoid'"),
        (lambda x: hotloop.isclose(x, x.double()), RuntimeError, "isclose: .* one dtype, got float32 and float64"),
        (lambda x: hotloop.isclose(x, x, -1), RuntimeError, "isclose: rtol and atol must not be negative, got -1"),
        (lambda x: hotloop.heaviside(x, x.double()), RuntimeError, "heaviside: .* one dtype, got float32 and float64"),
        (lambda x: hotloop.polygamma(-1, x), RuntimeError, "polygamma: n must not be negative, got -1"),
        (lambda x: x << 1, TypeError, "bitwise_left_shift: not implemented for dtype float32"),
        (lambda x: hotloop.gcd(x, x), TypeError, "gcd: not implemented for dtype float32"),
        (lambda x: x.float_power_(2), RuntimeError, "float_power_: the base must be float64, .* got float32"),
        (lambda x: x.long().sinc_(), RuntimeError, "sinc_: result type float32 can't be cast to .* int64"),
        (lambda x: x.long().asin_(), RuntimeError, "asin_: result type float32 can't be cast to .* int64"),
        (
            lambda x: x[0].fmax_(x + 1),
            RuntimeError,
            r"fmax_: output with shape \[3\] doesn't match the broadcast shape",
        ),
        (lambda x: hotloop.frexp(x.long()), RuntimeError, "frexp: expected a floating-point input, got int64"),
    ],
)
def test_messages(act, error, message) -> None:
    with pytest.raises(error, match=message):
        act(hotloop.tensor([[0.5, -1.0, 2.0], [3.0, 0.0, 1.0]]))
