"""Functions of one number against float64 (float32) and long double (float64), in units in the last place."""

from __future__ import annotations

import math

import numpy as np
import pytest

import hotloop
from hotloop.bench.accuracy import FORMATS, ulp
from hotloop.nn import functional as F
from support.kernels import generator, values

erf = np.vectorize(math.erf, otypes=[np.float64])
erfc = np.vectorize(math.erfc, otypes=[np.float64])


def lgamma(x):
    return math.lgamma(x) if x > 0 or x % 1 else math.inf


def sigmoid(x):
    return np.where(x < 0, np.exp(-np.abs(x)), 1) / (1 + np.exp(-np.abs(x)))


def gelu_tanh(x):
    x = x.astype(np.longdouble)
    return (x * sigmoid(2 * np.sqrt(2 / np.longdouble(math.pi)) * (x + 0.044715 * x**3))).astype(np.float64)


def logit(x):
    return np.where(np.abs(x - 0.5) < 0.25, 2 * np.arctanh(2 * x - 1), np.log(x / (1 - x)))


CALLS = {"silu": F.silu, "gelu_tanh": lambda x: F.gelu(x, approximate="tanh")}

# Oracle, and units in the last place that float32 and float64 may err; None where NumPy has no oracle good enough.
FUNCTIONS = {
    "exp": (np.exp, 1.2, 1.2),
    "exp2": (np.exp2, 1.2, 1.2),
    "expm1": (np.expm1, 2.0, 2.0),
    "log": (np.log, 1.5, 1.5),
    "log2": (np.log2, 2.0, 2.0),
    "log10": (np.log10, 1.5, 2.0),
    "log1p": (np.log1p, 2.0, 2.0),
    "sigmoid": (sigmoid, 2.0, 2.5),
    "silu": (lambda x: np.where(x == -np.inf, np.nan, x * sigmoid(x)), 1.8, None),
    "gelu_tanh": (gelu_tanh, 2.0, None),
    "logit": (logit, 1.8, None),
    "tanh": (np.tanh, 1.4, 1.9),
    "sinh": (np.sinh, 1.7, 1.7),
    "cosh": (np.cosh, 1.5, 1.5),
    "asinh": (np.arcsinh, 0.51, 1.9),
    "acosh": (np.arccosh, 0.51, 2.1),
    "atanh": (np.arctanh, 1.8, 1.8),
    "sin": (np.sin, 2.0, 2.0),
    "cos": (np.cos, 2.0, 2.0),
    "tan": (np.tan, 1.9, 2.9),
    "asin": (np.arcsin, 2.01, 2.0),
    "acos": (np.arccos, 1.2, 1.2),
    "atan": (np.arctan, 1.7, 1.9),
    "erf": (erf, 2.0, None),
    "erfc": (erfc, 2.0, None),
    "lgamma": (np.vectorize(lgamma, otypes=[np.float64]), 0.6, None),
    "sqrt": (np.sqrt, 0.5001, 0.5001),
    "rsqrt": (lambda x: 1 / np.sqrt(x), 1.6, 1.6),
    "reciprocal": (lambda x: 1 / x, 0.5001, 0.5001),
}
EDGES = [0, -0.0, 1, -1, 0.5, 2, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1.1754944e-38, 3.4028235e38, -3.4028235e38]
EDGES += [88.72283, 88.72284, -87.33655, -103.97, -104, 128, -126, -149, -150, 0.625, 0.95, 4, 16, -17, 5e-8, -5e-8]
EDGES += [1.5707964, 3.1415927, 131072, 131073, 1e10, -1e30, 0.70710677, 0.7071068, 709.78, -745.1, 1e300, -1e-310]


def inputs(dtype: str, count: int) -> np.ndarray:
    """Every exponent and both signs alike, the stretches where functions bend, and the edges of their ranges."""
    rng = generator(dtype, "vector math")
    raw = rng.integers(0, 2 ** (32 if dtype == "float32" else 64), count, dtype=np.uint64)
    anywhere = raw.astype(np.uint32).view(np.float32) if dtype == "float32" else raw.view(np.float64)
    parts = [anywhere, rng.uniform(-20, 20, count), rng.uniform(-1.5, 1.5, count), rng.uniform(0.4, 1.6, count)]
    parts += [rng.uniform(-110, 110, count), np.array(EDGES)]
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return np.concatenate(parts).astype(dtype)


def errors(got: np.ndarray, exact: np.ndarray, dtype: str) -> np.ndarray:
    """In units in the last place; subnormal ones count as the smallest normal's."""
    form = FORMATS[dtype]
    with np.errstate(invalid="ignore", over="ignore"):
        rounded = np.asarray(exact, np.float64)
        unit = np.maximum(ulp(rounded, dtype), form.smallest)
        error = np.abs(np.asarray(np.asarray(got, exact.dtype) - exact, np.float64)) / unit
        overflows = np.isinf(got) & (np.abs(exact) > form.largest) & (np.sign(got) == np.sign(exact))
    same = (got == exact) | (np.isnan(got) & np.isnan(rounded)) | overflows
    error = np.where(same, 0.0, error)
    signs_differ = (got == 0) & (exact == 0) & (np.signbit(got) != np.signbit(exact))
    return np.where(np.isnan(error) | signs_differ, np.inf, error)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32(kernels, name, request):
    oracle, allowed, _ = FUNCTIONS[name]
    x = inputs("float32", 4000 if request.config.getoption("--tier") == "quick" else 1_000_000)
    got = (CALLS.get(name) or getattr(hotloop, name))(hotloop.from_numpy(x))
    kernels.ran()
    with np.errstate(all="ignore"):
        exact = oracle(x.astype(np.float64))
    error = errors(values(got), exact, "float32")
    worst = int(np.argmax(error))
    assert error[worst] <= allowed, f"{name}({x[worst]!r}) is {values(got)[worst]!r}, not {exact[worst]!r}"


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double is no wider than double here")
@pytest.mark.parametrize("name", [name for name, (_, _, allowed) in FUNCTIONS.items() if allowed is not None])
def test_float64(kernels, name, request):
    oracle, _, allowed = FUNCTIONS[name]
    x = inputs("float64", 2000 if request.config.getoption("--tier") == "quick" else 200_000)
    if name in ("sin", "cos", "tan"):  # past 1e5 the oracle itself errs
        x = x[~(np.abs(x) > 1e5) | ~np.isfinite(x)]
    got = getattr(hotloop, name)(hotloop.from_numpy(x))
    kernels.ran()
    with np.errstate(all="ignore"):
        exact = oracle(x.astype(np.longdouble))
    error = errors(values(got), exact, "float64")
    worst = int(np.argmax(error))
    assert error[worst] <= allowed, f"{name}({x[worst]!r}) is {values(got)[worst]!r}, not {exact[worst]!r}"


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_large_angles_in_float64(kernels, name):
    x = np.array([1e22, 1e300, 2.0**1000, 5e15, 3e9])
    got = values(getattr(hotloop, name)(hotloop.from_numpy(x)))
    kernels.ran()
    exact = {"sin": np.sin, "cos": np.cos, "tan": np.tan}[name](x)  # the C library reduces exactly
    assert np.max(errors(got, exact, "float64")) <= 4.0


def test_gelu_keeps_its_digits_on_the_left(kernels):
    # Where 1 + erf would cancel.
    x = np.linspace(-12.0, 6.0, 20001, dtype=np.float32)
    got = values(F.gelu(hotloop.from_numpy(x)))
    kernels.ran()
    wide = x.astype(np.float64)
    exact = wide * erfc(-wide / math.sqrt(2)) / 2
    assert np.max(errors(got, exact, "float32")) <= 2.0


def test_pow(kernels):
    rng = generator("pow")
    base = np.concatenate([np.exp(rng.normal(0, 2, 8000)), rng.uniform(0.5, 2, 8000), -rng.uniform(0, 4, 8000)])
    exponent = np.concatenate([rng.uniform(-30, 30, 16000), rng.integers(-8, 9, 8000)])
    edges = np.array(EDGES[:14])
    base = np.concatenate([base, np.repeat(edges, len(edges))]).astype(np.float32)
    exponent = np.concatenate([exponent, np.tile(edges, len(edges))]).astype(np.float32)
    got = values(hotloop.pow(hotloop.from_numpy(base), hotloop.from_numpy(exponent)))
    kernels.ran()
    with np.errstate(all="ignore"):
        exact = np.power(base.astype(np.float64), exponent.astype(np.float64))
    error = errors(got, exact, "float32")
    worst = int(np.argmax(error))
    assert error[worst] <= 2.0, f"pow({base[worst]!r}, {exponent[worst]!r}) is {got[worst]!r}, not {exact[worst]!r}"
