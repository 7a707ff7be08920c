"""In-place forms: the same result as the op, written over the tensor's own memory, whatever its layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop
from ops.samples import LAYOUTS, floats

UNARY = [
    "neg", "abs", "sign", "square", "reciprocal", "sqrt", "rsqrt", "exp", "exp2", "expm1", "log", "log2", "log1p",
    "sin", "cos", "tan", "erf", "floor", "ceil", "round", "trunc", "relu", "sigmoid", "tanh", "silu",
    "log10", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "erfc", "erfinv", "lgamma", "digamma",
    "i0", "frac", "sinc", "deg2rad", "rad2deg", "sgn", "logit", "nan_to_num", "logical_not", "absolute", "arcsin",
]  # fmt: skip
BINARY = ["add", "sub", "mul", "div", "floor_divide", "remainder", "fmod", "pow", "maximum", "minimum", "atan2"]
BINARY += ["hypot", "copysign", "fmax", "fmin", "xlogy", "ldexp", "nextafter", "true_divide"]
TENSORS_ONLY = ["maximum", "minimum", "atan2", "logical_and", "logical_or", "logical_xor", "hypot", "xlogy"]
TENSORS_ONLY += ["fmax", "fmin", "ldexp", "nextafter"]
COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor"]


def check(name: str, x: hotloop.Tensor, *args: Any, **kwargs: Any) -> None:
    wanted = getattr(x.clone(), name)(*args, **kwargs).to(x.dtype)
    at, version, strides = x.data_ptr(), x._version, x.stride()
    result = getattr(x, f"{name}_")(*args, **kwargs)
    assert result is x
    assert (x.data_ptr(), x.stride()) == (at, strides)
    assert x._version == version + 1
    np.testing.assert_array_equal(x.numpy(), wanted.numpy())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", UNARY)
def test_unary(name: str, layout: str) -> None:
    check(name, floats(4, 3, low=0.2, layout=layout).hotloop())


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", BINARY + COMPARISONS)
def test_binary(name: str, layout: str) -> None:
    for other in (floats(4, 3, low=0.2), floats(3, low=0.2), floats(4, 1, low=0.2), floats(low=0.2)):
        check(name, floats(4, 3, low=0.2, layout=layout).hotloop(), other.hotloop())
    if name not in TENSORS_ONLY:
        check(name, floats(4, 3, low=0.2, layout=layout).hotloop(), 2)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_rest(layout: str) -> None:
    def x() -> hotloop.Tensor:
        return floats(4, 3, layout=layout).hotloop()

    check("clamp", x(), -0.5, 0.5)
    check("clamp", x(), min=0.0)
    check("add", x(), x(), alpha=3)
    check("sub", x(), 2, alpha=0.5)
    check("masked_fill", x(), hotloop.tensor([True, False, True]), 7.0)
    index = hotloop.tensor([[0, 1, 1], [3, 0, 2]])
    check("scatter", x(), 0, index, hotloop.ones(2, 3))
    check("scatter", x(), 0, index, 2.0)
    check("scatter_add", x(), 0, index, hotloop.ones(2, 3))
    check("index_add", x(), 1, hotloop.tensor([0, 0]), hotloop.ones(4, 2), alpha=2)
    y = x()
    assert y.zero_() is y
    assert not y.any()
    assert y.fill_(3).fill_(2.5).eq(2.5).all()
    assert y.copy_(hotloop.arange(3)).tolist() == [[0, 1, 2]] * 4


def test_an_operand_may_be_the_tensor_itself() -> None:
    x = hotloop.arange(6, dtype=hotloop.float32)
    x.add_(x)
    assert x.tolist() == [0, 2, 4, 6, 8, 10]
    x[1:3].mul_(x[1:3])
    assert x.tolist() == [0, 4, 16, 6, 8, 10]


def test_an_operand_with_gaps_is_read_as_it_was() -> None:
    m = hotloop.arange(70 * 70).reshape(70, 70)
    wanted = m + m[:, :1]
    m += m[:, :1]
    assert m.equal(wanted)
    wanted = m[:, 1:] - m[:, :-1]
    m[:, 1:].sub_(m[:, :-1])
    assert m[:, 1:].equal(wanted)
    x = hotloop.arange(1000)
    wanted = x[:300] + x[:900:3]
    x[:300].add_(x[:900:3])
    assert x[:300].equal(wanted)


def test_gradients_go_through_an_in_place_op() -> None:
    for name, args, slope in [
        ("mul_", (3.0,), 3.0),
        ("neg_", (), -1.0),
        ("add_", (1.0,), 1.0),
        ("masked_fill_", (hotloop.tensor(True), 0.0), 0.0),
    ]:
        leaf = hotloop.ones(3, requires_grad=True)
        x = leaf * 1.0
        getattr(x, name)(*args)
        (grad,) = hotloop.autograd.grad(x.sum(), leaf)
        assert grad.tolist() == [slope] * 3, name


def test_what_can_not_be_written_over() -> None:
    with pytest.raises(RuntimeError, match=r"add_.*shape.*\[4, 3\].*\[3\]|\[3\].*\[4, 3\]"):
        hotloop.ones(3).add_(hotloop.ones(4, 3))
    with pytest.raises(RuntimeError, match="add_: result type float32 can't be cast to the desired output type int64"):
        hotloop.ones(3, dtype=hotloop.int64).add_(1.5)
    with pytest.raises(RuntimeError, match="exp_: result type float32 can't be cast to the desired output type int64"):
        hotloop.ones(3, dtype=hotloop.int64).exp_()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        hotloop.ones(3, requires_grad=True).mul_(2)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda x: x.fill_(300), "fill_: value 300 cannot be converted to type uint8 without overflow"),
        (lambda x: x.fill_(float("nan")), "fill_: value nan cannot be converted to type uint8 without overflow"),
        (lambda x: x.__setitem__(0, -256), "fill_: value -256 cannot be converted to type uint8 without overflow"),
        (lambda x: hotloop.full((2,), 256, dtype=x.dtype), "value 256 cannot be converted to type uint8"),
        (lambda x: x.masked_fill(x > 0, 1e9), "masked_fill: value 1e.09 cannot be converted to type uint8"),
        (lambda x: x.pow_(-1), "pow_: Integers to negative integer powers are not allowed"),
    ],
)
def test_numbers_that_the_dtype_cannot_hold(act, message):
    x = hotloop.ones(2, dtype=hotloop.uint8)
    with pytest.raises(RuntimeError, match=message):
        act(x)
    assert x.tolist() == [1, 1]
    assert x.fill_(-255).tolist() == [1, 1]  # the negatives of what it holds wrap round
