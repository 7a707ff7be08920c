"""Samples of the pointwise ops: each in every layout, broadcast, empty, 0-d, and at the values where it is special."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ops.samples import FLOATS, INTEGERS, LAYOUTS, Op, Sample, array, booleans, call, floats, integers, of_dtype

NUMBERS = (*FLOATS, *INTEGERS)
INF, NAN = math.inf, math.nan
SPECIAL = [0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1e-30, -1e-30, 88.0, -104.0, 3e38]


def erf(x: Any) -> Any:
    return np.vectorize(math.erf, otypes=[float])(x)


def sigmoid(x: Any) -> Any:
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def layouts(dtype: str = "float32", **bounds: Any) -> list[Any]:
    """One input in each layout, then an expanded, an empty and a 0-d one."""
    inputs = [of_dtype(dtype, 5, 3, 4, layout=layout, **bounds) for layout in LAYOUTS]
    return [
        *inputs,
        of_dtype(dtype, 3, 4, layout="expanded", **bounds),
        of_dtype(dtype, 0, 3, **bounds),
        of_dtype(dtype, **bounds),
    ]


def unary(
    name: str,
    numpy: Callable[..., Any],
    low: float = -2.0,
    high: float = 2.0,
    dtypes: tuple[str, ...] = FLOATS,
    special: bool = True,
    **options: Any,
) -> Op:
    """Samples of a function of one tensor within [low, high]."""
    samples = [call(x) for x in layouts(low=low, high=high)]
    samples += [call(of_dtype(dtype, 37, low=low, high=high)) for dtype in dtypes if dtype != "float32"]
    if special:
        samples += [call(array(SPECIAL, dtype, grad=False)) for dtype in ("float32", "float64")]
    if dtypes is NUMBERS:
        return Op(name, samples, numpy, **options)
    return Op(name, samples, lambda x: numpy(np.asarray(x, float)), **options)


FLOATING_OR_NOT = (*FLOATS, *INTEGERS, "bool")  # integers are converted to the default dtype first

UNARY = [
    unary("neg", np.negative, dtypes=NUMBERS),
    unary("abs", np.abs, dtypes=NUMBERS),
    unary("sign", np.sign, dtypes=NUMBERS, special=False),
    unary("square", np.square, dtypes=NUMBERS),
    unary("reciprocal", lambda x: 1.0 / x, 0.5, 2.0, FLOATS),
    unary("sqrt", np.sqrt, 0.1, 4.0, FLOATING_OR_NOT),
    unary("rsqrt", lambda x: 1 / np.sqrt(x), 0.5, 4.0, FLOATS),
    unary("exp", np.exp, dtypes=FLOATING_OR_NOT),
    unary("exp2", np.exp2, dtypes=FLOATING_OR_NOT),
    unary("expm1", np.expm1, dtypes=FLOATING_OR_NOT),
    unary("log", np.log, 0.1, 4.0, FLOATING_OR_NOT),
    unary("log2", np.log2, 0.1, 4.0, FLOATING_OR_NOT),
    unary("log1p", np.log1p, -0.9, 4.0),
    unary("sin", np.sin, -9.0, 9.0, FLOATING_OR_NOT),
    unary("cos", np.cos, -9.0, 9.0, FLOATING_OR_NOT),
    unary("tan", np.tan, -1.0, 1.0, special=False),
    unary("erf", erf),
    unary("floor", np.floor, -5.0, 5.0, NUMBERS, special=False),
    unary("ceil", np.ceil, -5.0, 5.0, NUMBERS, special=False),
    unary("round", np.round, -5.0, 5.0, NUMBERS, special=False),
    unary("trunc", np.trunc, -5.0, 5.0, NUMBERS, special=False),
    unary("relu", lambda x: np.where(np.isnan(x), x, np.maximum(x, 0)), dtypes=NUMBERS),
    unary("sigmoid", sigmoid, dtypes=FLOATING_OR_NOT),
    unary("tanh", np.tanh, dtypes=FLOATING_OR_NOT),
    unary("nn.functional.silu", lambda x: x * sigmoid(x), special=False),
    unary("nn.functional.gelu", lambda x: x * 0.5 * (1 + erf(x / math.sqrt(2))), special=False),
    unary("nn.functional.logsigmoid", lambda x: np.minimum(x, 0) - np.log1p(np.exp(-np.abs(x))), -9.0, 9.0),
    Op(
        "nn.functional.gelu",
        [call(x, approximate="tanh") for x in layouts()]
        + [call(floats(9, dtype=d), approximate="tanh") for d in FLOATS],
        lambda x, approximate: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        ulps=4.0,
    ),
    Op(
        "nn.functional.softplus",
        [call(x) for x in layouts()]
        + [call(floats(9, low=-9, high=30), beta=b, threshold=t) for b in (0.5, 2.0) for t in (5, 20)]
        + [call(floats(9, dtype="float64"), 3, threshold=2)],
        lambda x, beta=1, threshold=20: np.where(beta * x > threshold, x, np.log1p(np.exp(beta * x)) / beta),
    ),
    unary("isnan", np.isnan, dtypes=FLOATING_OR_NOT, gradient=False),
    unary("isinf", np.isinf, dtypes=FLOATING_OR_NOT, gradient=False),
    unary("isfinite", np.isfinite, dtypes=FLOATING_OR_NOT, gradient=False),
    unary("logical_not", np.logical_not, dtypes=FLOATING_OR_NOT, gradient=False),
    Op("bitwise_not", [call(integers(4, 3, dtype=d)) for d in INTEGERS] + [call(booleans(7))], np.invert),
]

SHAPES = [
    ((4, 3), (4, 3)),
    ((4, 3), (3,)),
    ((4, 1), (1, 3)),
    ((2, 1, 5), (3, 1)),
    ((4, 3), ()),
    ((), (4, 3)),
    ((), ()),
    ((0, 3), (3,)),
    ((0, 1), (1, 3)),
    ((1,), (0,)),
    ((70, 65), (70, 65)),
    ((2, 3, 4, 5), (3, 1, 5)),
]


def binary(
    name: str,
    numpy: Callable[..., Any],
    low: float = -2.0,
    high: float = 2.0,
    dtypes: tuple[str, ...] = NUMBERS,
    numbers: tuple[Any, ...] = (3, 1.5, True),
    special: bool = True,
    floating: bool = True,
    **options: Any,
) -> Op:
    """Samples of a function of two broadcast tensors."""
    main = "float32" if floating else "int64"
    make: Callable[..., Any] = lambda *shape, **k: of_dtype(k.pop("dtype", main), *shape, low=low, high=high, **k)  # noqa: E731
    samples = [call(make(*a), make(*b)) for a, b in SHAPES]
    samples += [call(make(4, 3, layout=a), make(4, 3, layout=b)) for a in LAYOUTS for b in (*LAYOUTS, "expanded")]
    samples += [call(make(4, 3, layout=a), make(3, layout=a)) for a in LAYOUTS]
    samples += [call(make(11, dtype=d), make(11, dtype=d)) for d in dtypes if d != main]
    samples += [call(make(3, 4), n) for n in numbers] + [call(make(3, 4), other=n) for n in numbers[:1]]
    samples += [call(input=make(2), other=make(2))]
    if special:
        a, b = (x.reshape(-1) for x in np.meshgrid(SPECIAL, SPECIAL))
        samples += [call(array(a, grad=False), array(b, grad=False))]
    return Op(name, samples, lambda input, other: numpy(input, other), **options)


def positive(name: str, numpy: Callable[..., Any], **options: Any) -> Op:
    return binary(name, numpy, 1.0, 5.0, **options)


def floor_divide(a: Any, b: Any) -> Any:
    return np.floor_divide(a, b)


ALL = (*NUMBERS, "bool")
BINARY = [
    binary("add", np.add, dtypes=ALL),
    binary("sub", np.subtract, numbers=(3, 1.5)),
    binary("mul", np.multiply, dtypes=ALL),
    positive("div", np.true_divide, dtypes=ALL),
    positive("floor_divide", floor_divide, special=False, gradient=False),
    positive("remainder", np.remainder, special=False),
    positive("fmod", np.fmod, special=False),
    binary("maximum", np.maximum, dtypes=ALL, numbers=()),
    binary("minimum", np.minimum, dtypes=ALL, numbers=()),
    positive("atan2", np.arctan2, numbers=(), dtypes=FLOATS),
    *(
        binary(
            name,
            getattr(
                np,
                {
                    "eq": "equal",
                    "ne": "not_equal",
                    "lt": "less",
                    "le": "less_equal",
                    "gt": "greater",
                    "ge": "greater_equal",
                }.get(name, name),
            ),
            dtypes=ALL,
            numbers=() if "logical" in name else (0, 1.5, True),
            gradient=False,
        )
        for name in ("eq", "ne", "lt", "le", "gt", "ge", "logical_and", "logical_or", "logical_xor")
    ),
    *(
        binary(
            name,
            getattr(np, name),
            dtypes=("int32", "int8", "uint8", "bool"),
            numbers=(3,),
            special=False,
            floating=False,
        )
        for name in ("bitwise_and", "bitwise_or", "bitwise_xor")
    ),
    # Rounded down and with the sign of the divisor, for every pair of signs.
    Op(
        "floor_divide",
        [
            call(array([7, -7, 7, -7, 6, 0], d, grad=False), array([2, 2, -2, -2, 3, 5], d, grad=False))
            for d in ("float32", "int64", "int8")
        ],
        np.floor_divide,
        gradient=False,
    ),
    Op(
        "remainder",
        [
            call(array([7, -7, 7, -7, 6, 0], d, grad=False), array([2, 2, -2, -2, 3, 5], d, grad=False))
            for d in ("float32", "int64", "int8")
        ]
        + [call(5, integers(4, low=1)), call(array([5.5, -5.5]), -2), call(array([5.5, -5.5]), 0.7)],
        np.remainder,
    ),
    Op(
        "fmod",
        [
            call(array([7, -7, 7, -7, 6, 0], d, grad=False), array([2, 2, -2, -2, 3, 5], d, grad=False))
            for d in ("float32", "int64", "int8")
        ],
        np.fmod,
    ),
    Op(
        "add",
        [
            call(floats(4, 3), floats(3), alpha=2.5),
            call(floats(4), 2, alpha=3),
            call(integers(4), integers(4), alpha=3),
        ],
        lambda a, b, alpha: a + alpha * b,
    ),
    Op(
        "sub",
        [
            call(floats(4, 3), floats(3), alpha=2.5),
            call(floats(4), 2, alpha=3),
            call(integers(4), integers(4), alpha=3),
        ],
        lambda a, b, alpha: a - alpha * b,
    ),
    Op(
        "div",
        [
            call(x, y, rounding_mode=mode)
            for mode in ("trunc", "floor")
            for x, y in [
                (array([7, -7, 7, -7]), array([2, 2, -2, -2])),
                (array([7, -7, 7, -7], "int64"), array([2, 2, -2, -2], "int64")),
                (array([7, -7, 7, -7], "int32"), 2),
                (array([2**62 + 1, -7], "int64"), array([2, 2], "int64")),
            ]
        ],
        lambda a, b, rounding_mode: (
            np.floor_divide(a, b)
            if rounding_mode == "floor"
            else np.where(np.sign(a) * np.sign(b) < 0, -(np.abs(a) // np.abs(b)), np.abs(a) // np.abs(b))
        ),
    ),
    Op(
        "pow",
        [call(floats(4, 3, low=0.5), floats(3)), call(floats(4, 3, low=0.2, layout="transposed"), floats(4, 1))]
        + [call(floats(5, low=-3, high=3, dtype=d), e) for d in FLOATS for e in (0, 1, 2, 3, 4, -1, -2)]
        + [call(floats(5, low=0.3, high=3), e) for e in (0.5, -0.5, 2.5, 0.0, 1.0, -1.0)]
        + [call(integers(5, dtype=d), e) for d in ("int64", "int32") for e in (0, 1, 2, 3, 5)]
        + [call(integers(5, low=1), 0.5), call(integers(5, low=1), -1.5), call(2, floats(4)), call(2.0, integers(4))]
        + [call(2, integers(4, low=0)), call(integers(5), integers(5, low=0)), call(array([0.0, 2.0]), 2)]
        + [
            call(array([0.0, 2.0, 0.0], grad=False), array([0.0, 0.0, 2.0], grad=False)),
            call(array([-2.0, -3.0], grad=False), array([3.0, 2.0])),
        ],
        lambda a, b: (
            np.power(np.asarray(a, np.float64), b)
            if np.asarray(b).dtype.kind == "f"
            else np.power(a, np.asarray(b))
            if np.asarray(a).dtype.kind != "f"
            else np.power(a, np.asarray(b, float))
        ),
        ulps=4.0,
    ),
]


def clamp(x: Any, min: Any = None, max: Any = None) -> Any:
    return (
        np.clip(x, -INF if min is None else min, INF if max is None else max)
        if x.dtype.kind == "f"
        else np.clip(x, x.min() if min is None else min, x.max() if max is None else max)
    )


TERNARY = [
    Op(
        "clamp",
        [call(x, -0.5, 1.0) for x in layouts()]
        + [
            call(floats(9), min=0.0),
            call(floats(9), max=0.5),
            call(floats(9), 0, 1),
            call(floats(9, dtype="float16"), -1, 1),
        ]
        + [
            call(integers(9), -1, 2),
            call(integers(9), min=-1),
            call(integers(9), -0.5, 1.5),
            call(integers(9, dtype="int8"), max=1),
        ]
        + [call(floats(4, 3), floats(3, low=-1, high=0), floats(4, 1, low=0.1)), call(floats(4, 3), min=floats(3))]
        + [
            call(floats(4, 3), max=floats(4, 1)),
            call(floats(5), 2.0, 1.0),
            call(array([NAN, INF, -INF], grad=False), -1, 1),
        ]
        + [call(array([-1.0, 0.0, 1.0]), -1, 1)],
        clamp,
    ),
    Op(
        "lerp",
        [
            call(floats(4, 3), floats(3), 0.3),
            call(floats(4, 3), floats(4, 1), floats(3)),
            call(floats(3), floats(3), 0.9),
        ]
        + [call(floats(9, dtype=d), floats(9, dtype=d), 0.25) for d in FLOATS]
        + [call(floats(4, 3, layout="transposed"), floats(4, 3, layout="sliced"), floats(4, 3))],
        lambda a, b, w: a + w * (b - a),
    ),
    Op(
        "addcmul",
        [
            call(floats(4, 3), floats(3), floats(4, 1)),
            call(floats(4, 3), floats(4, 3), floats(4, 3), value=0.3),
            call(integers(4), integers(4), integers(4), value=2),
            call(floats(4, 3, layout="sliced"), floats(3), floats()),
        ],
        lambda a, b, c, value=1: a + value * b * c,
    ),
    Op(
        "addcdiv",
        [
            call(floats(4, 3), floats(3), floats(4, 1, low=1)),
            call(floats(4, 3), floats(4, 3), floats(4, 3, low=1), value=0.3),
        ],
        lambda a, b, c, value=1: a + value * b / c,
    ),
    Op(
        "where",
        [
            call(booleans(4, 3), floats(4, 3), floats(3)),
            call(booleans(3), floats(4, 1), floats()),
            call(booleans(), floats(2), floats(2)),
        ]
        + [
            call(booleans(4, 3, layout=a), floats(4, 3, layout=b), floats(4, 3, layout=a))
            for a in LAYOUTS
            for b in LAYOUTS
        ]
        + [call(booleans(4), floats(4), 0), call(booleans(4), 1.5, floats(4)), call(booleans(4), integers(4), 2.5)]
        + [call(booleans(9), of_dtype(d, 9), of_dtype(d, 9)) for d in ALL]
        + [
            call(booleans(4), integers(4, dtype="int32"), floats(4)),
            call(booleans(4), 1, 2),
            call(booleans(4), 1.0, 2.0),
        ]
        + [call(booleans(0, 3), floats(0, 3), floats(3)), call(booleans(3), array([NAN, 1.0, INF]), 0.0)],
        np.where,
    ),
    Op(
        "Tensor.where",
        [call(floats(4, 3), booleans(4, 3), 0.0), call(floats(4, 3), booleans(3), floats(4, 1))],
        lambda a, c, b: np.where(c, a, b),
    ),
]

OPS: list[Op] = [*UNARY, *BINARY, *TERNARY]
__all__ = ["OPS", "Sample"]
