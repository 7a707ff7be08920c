"""Pointwise ops: values against float64 NumPy in every dtype, and the same bits from every layout and thread count."""

from __future__ import annotations

import math

import numpy as np
import pytest

import hotloop
from hotloop.nn import functional as F
from support.kernels import (
    DTYPES,
    FLOATS,
    INTEGERS,
    LAYOUTS,
    bits,
    for_each_thread_count,
    generator,
    numbers,
    round_to,
    tensor,
    values,
)
from support.tolerance import assert_close

erfc = np.vectorize(math.erfc, otypes=[np.float64])


def sigmoid(x):
    return np.where(x < 0, np.exp(-np.abs(x)), 1) / (1 + np.exp(-np.abs(x)))


def normal_cdf(x):
    return erfc(-x / math.sqrt(2)) / 2


def density(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


# float32 is within 2, by test_vector_math.py; the constants of float64 are rounded to it.
def gelu_tanh(x):
    x = np.asarray(x, dtype=np.longdouble)
    return (x * sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))).astype(np.float64)


def softplus(x):
    return np.where(x > 20, x, np.log1p(np.exp(np.minimum(x, 20))))


# The call, its oracle, and units in the last place that float32 and float64 may err.
UNARY = {
    "neg": (lambda a: -a, np.negative, 0),
    "abs": (hotloop.abs, np.abs, 0),
    "sign": (hotloop.sign, lambda a: np.where(np.isnan(a), 0, np.sign(a)), 0),
    "square": (hotloop.square, np.square, 1),
    "relu": (hotloop.relu, lambda a: np.where(a < 0, 0, a), 0),
    "floor": (hotloop.floor, np.floor, 0),
    "ceil": (hotloop.ceil, np.ceil, 0),
    "round": (hotloop.round, np.rint, 0),
    "trunc": (hotloop.trunc, np.trunc, 0),
    "clamp": (lambda a: a.clamp(-2, 3), lambda a: np.clip(a, -2, 3), 0),
    "pow_scalar": (lambda a: a**3, lambda a: a**3, 2),
    "silu": (F.silu, lambda a: np.where(a == -np.inf, np.nan, a * sigmoid(a)), 3),
    "gelu_tanh": (lambda a: F.gelu(a, approximate="tanh"), lambda a: gelu_tanh(a), 12),
    "softplus": (F.softplus, softplus, 3),
    "log_sigmoid": (F.logsigmoid, lambda a: np.minimum(a, 0) - np.log1p(np.exp(-np.abs(a))), 3),
}
BINARY = {
    "add": (hotloop.add, np.add, 1),
    "sub": (hotloop.sub, np.subtract, 1),
    "mul": (hotloop.mul, np.multiply, 1),
    "div": (hotloop.div, np.divide, 1),
    "maximum": (hotloop.maximum, np.maximum, 0),
    "minimum": (hotloop.minimum, np.minimum, 0),
    "fmod": (hotloop.fmod, np.fmod, 0),
    "remainder": (hotloop.remainder, np.remainder, 1),
    "floor_divide": (hotloop.floor_divide, np.floor_divide, 0),
    "atan2": (hotloop.atan2, np.arctan2, 3),
    "pow": (hotloop.pow, np.power, 2),
}
COMPARISONS = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
}
FLOAT_ONLY = {"silu", "gelu_tanh", "softplus", "log_sigmoid", "div", "atan2"}
LENGTH = 777  # several vectors and a tail of every instruction set's


def units(name: str, allowed: float) -> float:
    """16-bit floats are rounded once from float32."""
    return max(allowed, 0.001) if name in ("float32", "float64") else max(1.0, allowed / 2**13)


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("op", UNARY)
def test_unary_floats(kernels, op, name):
    call, oracle, allowed = UNARY[op]
    x = numbers((LENGTH,), name, op, special=True)
    got = call(tensor(x, name))
    kernels.ran()
    with np.errstate(all="ignore"):
        # A result below the smallest normal number has fewer digits.
        assert_close(values(got), oracle(x), name, ulps=units(name, allowed), reduction_length=2, magnitude=1e-36)


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("op", BINARY)
def test_binary_floats(kernels, op, name):
    call, oracle, allowed = BINARY[op]
    x, y = (numbers((LENGTH,), name, op, k, special=True) for k in range(2))
    result = call(tensor(x, name), tensor(y, name))
    kernels.ran()
    got = values(result)
    with np.errstate(all="ignore"):
        exact = oracle(x, y)
    if op in ("remainder", "floor_divide"):  # NumPy goes by way of a rounded quotient where b is infinite or tiny
        plain = np.isfinite(x) & np.isfinite(y) & (np.abs(y) > 1e-3)
        got, exact = got[plain], exact[plain]
    assert_close(got, exact, name, ulps=units(name, allowed))


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("op", [op for op in UNARY if op not in FLOAT_ONLY])
def test_unary_integers(kernels, op, name):
    call, oracle, _ = UNARY[op]
    x = numbers((LENGTH,), name, op)
    if op == "clamp" and name == "uint8":
        call, oracle = lambda a: a.clamp(5, 70), lambda a: np.clip(a, 5, 70)
    got = call(tensor(x, name))
    kernels.ran()
    with np.errstate(all="ignore"):
        assert_close(values(got), oracle(x).astype(name))


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("op", [op for op in BINARY if op not in FLOAT_ONLY])
def test_binary_integers(kernels, op, name):
    call, oracle, _ = BINARY[op]
    x, y = (numbers((LENGTH,), name, op, k) for k in range(2))
    if op == "pow":
        y = y % 5
    if op in ("floor_divide", "remainder", "fmod"):
        y[y == 0] = 1  # refused, by test_an_integer_divided_by_zero_raises
    got = call(tensor(x, name), tensor(y, name))
    kernels.ran()
    with np.errstate(all="ignore"):
        assert_close(values(got), oracle(x, y).astype(name))


@pytest.mark.parametrize("name", ["int8", "int32", "int64"])
def test_integer_division_never_traps(kernels, name):
    lowest = np.iinfo(name).min
    x, y = tensor(np.full(37, lowest), name), tensor(np.full(37, -1), name)
    for op in (hotloop.floor_divide, hotloop.remainder, hotloop.fmod):
        got = values(op(x, y))
        kernels.ran()
        assert_close(got, np.full(37, lowest if op is hotloop.floor_divide else 0).astype(name))


@pytest.mark.parametrize("name", INTEGERS)
def test_integer_division_is_exact_over_the_whole_range(kernels, name):
    """Quotients next to whole numbers too, of numbers at which a float type no longer holds every integer."""
    limits = np.iinfo(name)
    rng = generator(name)
    n = 20_000
    y = rng.integers(limits.min, limits.max, n, dtype=name, endpoint=True) >> rng.integers(0, limits.bits, n)
    y[y == 0] = 3
    whole = rng.integers(limits.min, limits.max, n, dtype=name, endpoint=True) // y
    with np.errstate(over="ignore"):
        x = (whole * y + rng.integers(-1, 2, n)).astype(name)
    exact = [(int(a), int(b)) for a, b in zip(x, y, strict=True)]
    given = tensor(x, name), tensor(y, name)
    for op, oracle in (
        (hotloop.floor_divide, lambda a, b: a // b),
        (hotloop.remainder, lambda a, b: a % b),
        (hotloop.fmod, lambda a, b: abs(a) % abs(b) * (1 if a >= 0 else -1)),
        (hotloop.gcd, math.gcd),
    ):
        got = values(op(*given))
        kernels.ran()
        wanted = np.array([oracle(a, b) for a, b in exact], object)
        np.testing.assert_array_equal(got, (wanted & (2**limits.bits - 1)).astype(f"uint{limits.bits}").view(name))


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("op", ["floor_divide", "remainder", "fmod"])
def test_an_integer_divided_by_zero_raises(op, name):
    x = hotloop.ones(3, 4, dtype=getattr(hotloop, name))
    holed = x.clone()
    holed[2, 1] = 0
    for divisor in (0, holed, holed.t().contiguous().t(), holed[:, 1:2]):
        with pytest.raises(RuntimeError, match=f"{op}: ZeroDivisionError"):
            getattr(x, op)(divisor)
    before = x.clone()
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        getattr(x, op + "_")(holed)
    assert hotloop.equal(x, before)
    assert getattr(x[:0], op)(0).shape == (0, 4)


@pytest.mark.parametrize("name", DTYPES)
def test_comparisons(kernels, name):
    x, y = (numbers((LENGTH,), name, k, special=True) for k in range(2))
    y = np.where(np.arange(LENGTH) % 3 == 0, x, y)
    for op, oracle in COMPARISONS.items():
        got = getattr(hotloop, op)(tensor(x, name), tensor(y, name))
        kernels.ran()
        assert_close(values(got), oracle(x, y), name=op)


@pytest.mark.parametrize("name", ["bool", *INTEGERS])
def test_bits(kernels, name):
    x, y = (numbers((LENGTH,), name, k) for k in range(2))
    a, b = tensor(x, name), tensor(y, name)
    pairs = {"and": (a & b, x & y), "or": (a | b, x | y), "xor": (a ^ b, x ^ y), "not": (~a, ~x)}
    kernels.ran()
    for op, (got, expected) in pairs.items():
        assert_close(values(got), expected, name=op)


@pytest.mark.parametrize("name", FLOATS)
def test_predicates(kernels, name):
    x = numbers((LENGTH,), name, special=True)
    for op in ("isnan", "isinf", "isfinite"):
        got = getattr(hotloop, op)(tensor(x, name))
        kernels.ran()
        assert_close(values(got), getattr(np, op)(x), name=op)


@pytest.mark.parametrize("name", FLOATS)
def test_three_operands(kernels, name):
    x, y, z = (numbers((LENGTH,), name, k) for k in range(3))
    a, b, c = (tensor(v, name) for v in (x, y, z))
    cases = {
        "addcmul": (hotloop.addcmul(a, b, c, value=0.5), x + 0.5 * y * z, np.abs(x) + np.abs(y * z)),
        "addcdiv": (hotloop.addcdiv(a, b, c, value=0.5), x + 0.5 * y / z, np.abs(x) + np.abs(y / z)),
        "lerp": (hotloop.lerp(a, b, c), x + z * (y - x), (np.abs(x) + np.abs(y)) * (1 + np.abs(z))),
        "clamp": (a.clamp(b, c), np.minimum(np.maximum(x, y), z), 0 * x),
    }
    kernels.ran()
    for op, (got, expected, magnitude) in cases.items():
        assert_close(values(got), expected, name, reduction_length=3, magnitude=magnitude, name=op)


@pytest.mark.parametrize("name", DTYPES)
def test_where_moves_bits(kernels, name):
    x, y = (numbers((LENGTH,), name, k, special=True) for k in range(2))
    condition = numbers((LENGTH,), "bool")
    got = hotloop.where(hotloop.from_numpy(condition), tensor(x, name), tensor(y, name))
    kernels.ran()
    assert bits(got) == np.where(condition, x, y).tobytes()


# Backward rows: the forward op, its derivative by (x, the forward pass's rounded result), and the terms' magnitudes.
DERIVATIVES = {
    "relu": (hotloop.relu, lambda x, y: np.where(x > 0, 1.0, 0.0), lambda x: 0 * x),
    "sigmoid": (hotloop.sigmoid, lambda x, y: (1 - y) * y, lambda x: 0 * x),
    "tanh": (hotloop.tanh, lambda x, y: (1 - y) * (1 + y), lambda x: 0 * x),
    "silu": (
        F.silu,
        lambda x, y: sigmoid(x) * (1 + x * sigmoid(-x)),
        lambda x: sigmoid(x) * (1 + np.abs(x) * sigmoid(-x)),
    ),
    "gelu": (F.gelu, lambda x, y: normal_cdf(x) + x * density(x), lambda x: normal_cdf(x) + np.abs(x) * density(x)),
    "softplus": (F.softplus, lambda x, y: sigmoid(x), sigmoid),
}


@pytest.mark.parametrize("name", ["float32", "float64"])
@pytest.mark.parametrize("op", DERIVATIVES)
def test_backward_rows(kernels, op, name):
    forward, derivative, magnitude = DERIVATIVES[op]
    x, grad = numbers((LENGTH,), name, op), numbers((LENGTH,), name, op, "grad")
    leaf = tensor(x, name).requires_grad_()
    out = forward(leaf)
    out.backward(tensor(grad, name))
    kernels.ran()
    expected, terms = grad * derivative(x, values(out)), np.abs(grad) * magnitude(x)
    assert_close(values(leaf.grad), expected, name, ulps=3, reduction_length=8, magnitude=terms)


@pytest.mark.parametrize("name", ["float32", "int8", "float64", "float16", "bool"])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(23, 130), (300, 7), (133, 71), (5, 9, 33), (0, 5), (1, 1)], ids=str)
def test_layouts_change_no_bit(kernels, name, layout, shape):
    def make(size):
        x = numbers(size, name, size, special=True)
        return x.astype(name)

    x, y = LAYOUTS[layout](shape, make), make(shape)
    a, b = hotloop.from_numpy(x), hotloop.from_numpy(y)
    a_dense, b_dense = hotloop.from_numpy(x.copy()), hotloop.from_numpy(y)
    for call in (
        hotloop.maximum,
        hotloop.eq,
        lambda p, q: hotloop.maximum(q, p),
        lambda p, q: hotloop.where(q != 0, p, q),
    ):
        got = call(a, b)
        kernels.ran()
        assert bits(got) == bits(call(a_dense, b_dense))


@pytest.mark.parametrize("layout", ["dense", "offset", "transposed", "stepped", "negative"])
def test_in_place_in_any_layout(kernels, layout):
    shape = (37, 53)
    x = LAYOUTS[layout](shape, lambda size: numbers(size, "float32", size).astype(np.float32))
    y = numbers(shape, "float32", "other").astype(np.float32)
    expected = x.astype(np.float64) * y
    base = x.base if x.base is not None else x
    around = base.copy()
    a = hotloop.from_numpy(x)
    a.mul_(hotloop.from_numpy(y))
    kernels.ran()
    assert bits(a) == round_to(expected, "float32").tobytes()
    x[...] = 0
    untouched = base != 0
    assert np.array_equal(base[untouched], around[untouched]), "wrote outside the view"


@pytest.mark.usefixtures("threads")
def test_bits_for_any_number_of_threads(vectors):
    x, y = (hotloop.from_numpy(numbers((701, 503), "float32", k).astype(np.float32)) for k in range(2))
    for call in (
        lambda: x.exp(),
        lambda: x * y,
        lambda: x.T + y.T,
        lambda: x + y[:, :1],
        lambda: F.gelu(x),
        lambda: x < y,
    ):
        for_each_thread_count(vectors, call)


@pytest.mark.parametrize("length", [*range(1, 35), 63, 64, 65])
def test_every_tail(vectors, length):
    x = numbers((length,), "float32", length)
    buffer = np.full(length + 2, 9.0, np.float32)
    buffer[1:-1] = x
    hotloop.from_numpy(buffer)[1:-1].exp_()
    vectors.ran()
    assert_close(buffer[1:-1], np.exp(x), ulps=2)
    assert buffer[0] == buffer[-1] == 9.0


def test_a_row_alone_has_the_bits_of_its_batch(vectors):
    x = hotloop.from_numpy(numbers((33, 67), "float32").astype(np.float32))
    for op in (hotloop.exp, hotloop.tanh, F.gelu, hotloop.sin, lambda a: a**2.5):
        whole = op(x)
        vectors.ran()
        assert all(bits(op(x[i])) == bits(whole[i]) for i in range(33))
