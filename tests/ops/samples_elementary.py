"""Samples of the elementary functions beyond the everyday ones: inverse, hyperbolic, gamma, of several forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ops.samples import FLOATS, INTEGERS, Op, array, booleans, call, floats, integers
from ops.samples_pointwise import ALL, FLOATING_OR_NOT, INF, NAN, NUMBERS, SPECIAL, binary, positive, unary

erfc = np.vectorize(math.erfc, otypes=[float])
lgamma = np.vectorize(math.lgamma, otypes=[float])

UNARY = [
    unary("log10", np.log10, 0.1, 4.0, FLOATING_OR_NOT),
    unary("asin", np.arcsin, -0.95, 0.95),
    unary("acos", np.arccos, -0.95, 0.95),
    unary("atan", np.arctan, dtypes=FLOATING_OR_NOT),
    unary("sinh", np.sinh, dtypes=FLOATING_OR_NOT),
    unary("cosh", np.cosh, dtypes=FLOATING_OR_NOT),
    unary("asinh", np.arcsinh, dtypes=FLOATING_OR_NOT),
    unary("acosh", np.arccosh, 1.1, 5.0),
    unary("atanh", np.arctanh, -0.9, 0.9),
    unary("sinc", np.sinc, dtypes=FLOATING_OR_NOT, special=False),
    unary("deg2rad", np.deg2rad, -180.0, 180.0, FLOATING_OR_NOT),
    unary("rad2deg", np.rad2deg, dtypes=FLOATING_OR_NOT, special=False),
    unary("logit", lambda x: np.log(x / (1 - x)), 0.1, 0.9),
    unary("erfc", erfc, -3.0, 3.0),
    unary("lgamma", lgamma, 0.3, 6.0, special=False),
    # Gradients are PyTorch's polygamma, which is good to 1e-8 alone.
    Op("digamma", [call(floats(4, 3, low=0.3, high=9)), call(integers(3, low=1))], gradient=False),
    Op("erfinv", [call(floats(4, 3, low=-0.99, high=0.99, dtype=d)) for d in FLOATS]),
    Op("i0", [call(floats(4, 3, low=-9, high=9)), call(floats(3, dtype="float64"))], second=False),
    Op("polygamma", [call(n, floats(7, low=0.6, high=9)) for n in (0, 2, 3)], gradient=False, ulps=4.0),
    unary("sgn", np.sign, dtypes=(*NUMBERS,), special=False),
    unary("signbit", np.signbit, dtypes=NUMBERS, gradient=False),
    unary("isposinf", np.isposinf, gradient=False),
    unary("isneginf", np.isneginf, gradient=False),
    unary("isreal", np.isreal, gradient=False),
    unary("frac", lambda x: x - np.trunc(x), -5.0, 5.0, special=False),
    unary("positive", np.positive, dtypes=NUMBERS),
    Op("positive", [call(integers(3)), call(floats(0, 2))], np.positive),
    Op("logit", [call(array([-1.0, 0.05, 0.5, 0.97, 2.0]), 0.1), call(array([0.2, 0.4]), eps=1e-6)]),
    Op("sign", [call(booleans(4))], gradient=False),
    Op(
        "nan_to_num",
        [call(floats(4)), call(array([-2.0, NAN, INF, -INF, 0.0], "float64"))]
        + [call(array([-2.0, NAN, INF, -INF, 0.0], d), 7.0, 3.0, -4) for d in FLOATS]
        + [call(array(SPECIAL), nan=2.0, posinf=3.0, neginf=-4), call(integers(3))],
    ),
    Op("frexp", [call(array([0.0, -0.0, 1.0, -3.5, 1e-40, 3e38, 0.5, 0.49999997, INF, -INF, NAN], grad=False))]),
    Op("frexp", [call(floats(4, 3, dtype=d)) for d in FLOATS], second=False),
]

BINARY = [
    binary("hypot", np.hypot, dtypes=FLOATS, numbers=()),
    binary("copysign", np.copysign, dtypes=NUMBERS, numbers=(3, -1.5), special=False),
    binary("fmax", np.fmax, dtypes=ALL, numbers=()),
    binary("fmin", np.fmin, dtypes=ALL, numbers=()),
    binary("logaddexp", np.logaddexp, dtypes=FLOATS, numbers=()),
    binary("logaddexp2", np.logaddexp2, dtypes=FLOATS, numbers=()),
    positive(
        "xlogy",
        lambda a, b: np.where(np.equal(a, 0), 0.0, a * np.log(np.asarray(b, float))),
        numbers=(3, 1.5),
        special=False,
    ),
    Op("xlogy", [call(2.5, floats(3, low=0.5)), call(array([0.0, 0.0, 1.0]), array([0.0, 2.0, 0.5]))]),
    Op(
        "nextafter",
        [
            call(array(SPECIAL, d, grad=False), array([b] * len(SPECIAL), d, grad=False))
            for d in ("float64",)
            for b in (0.0, 2.0, -INF, NAN)
        ],
        gradient=False,
    ),
    Op("heaviside", [call(array([-1.5, 0.0, 2.0, NAN], grad=False), array([0.5], grad=False))]),
    Op("heaviside", [call(integers(5), integers(5))], gradient=False),
    Op(
        "ldexp",
        [
            call(floats(4), integers(4, low=0)),
            call(floats(3, dtype="float16"), integers(3, low=0)),
            call(floats(3), floats()),
        ],
    ),
    Op("rsub", [call(floats(4, 3), floats(3)), call(integers(4), 3, alpha=2), call(floats(2), 1.5)]),
    Op(
        "float_power",
        [
            call(floats(4, 3, low=0.2), floats(3)),
            call(integers(4), 2),
            call(2, floats(3)),
            call(floats(3), -1.0),
            call(floats(3, low=0.5, dtype="float16"), 0.5),
            call(integers(3, low=1), integers(3)),
        ],
    ),
    *(
        Op(
            name,
            [call(integers(6, dtype=d, low=-9, high=40), integers(6, dtype=d, low=-9, high=40)) for d in INTEGERS]
            + [call(integers(4, 3), integers(3)), call(array([0, 0, 7], "int64"), array([0, 5, 0], "int64"))],
            getattr(np, name),
        )
        for name in ("gcd", "lcm")
    ),
    *(
        Op(
            name,
            [call(integers(6, dtype=d, low=-9, high=40), integers(6, dtype=d, low=0, high=6)) for d in INTEGERS]
            + [call(integers(4), 2), call(array([5, -5, 1], "int32"), array([40, 40, 32], "int32"))],
        )
        for name in ("bitwise_left_shift", "bitwise_right_shift")
    ),
    Op("Tensor.__lshift__", [call(integers(4), 2), call(integers(4), integers(4, low=0))]),
    Op("Tensor.__rshift__", [call(integers(4), 2), call(integers(4), integers(4, low=0))]),
    Op(
        "isclose",
        [
            call(array([1.0, 1.0, INF, NAN, 0.0]), array([1.0 + 1e-6, 1.1, INF, NAN, 1e-9]), equal_nan=nan)
            for nan in (False, True)
        ]
        + [
            call(integers(5), integers(5), rtol=0.5),
            call(booleans(4), booleans(4)),
            call(floats(2, 3), floats(3), 1, 0.5),
        ],
        gradient=False,
    ),
    Op("fmax", [call(floats(3), floats(3)), call(array([1.0, 2.0, NAN, NAN, 3.0]), array([1.0, NAN, 5.0, NAN, 4.0]))]),
    Op("fmin", [call(floats(3), floats(3)), call(array([1.0, 2.0, NAN, NAN, 3.0]), array([1.0, NAN, 5.0, NAN, 4.0]))]),
    Op("atan2", [call(floats(3), floats(3)), call(array([0.0, 1.0, 0.0]), array([0.0, 0.0, -1.0]))], second=False),
    Op("Tensor.clamp", [call(floats(4, 3), floats(3, low=-1, high=0), None), call(integers(4), integers(4), None)]),
]


def aliases(*pairs: tuple[str, Any]) -> list[Op]:
    comparisons = ("greater", "greater_equal", "less", "less_equal", "not_equal")
    return [Op(name, [call(*inputs)], gradient=name not in comparisons) for name, inputs in pairs]


ONE, TWO = (floats(3, low=0.2, high=0.8),), (floats(3), floats(3, low=0.5))
ALIASES = aliases(
    *(
        (name, ONE)
        for name in (
            "absolute",
            "negative",
            "arcsin",
            "arccos",
            "arctan",
            "arcsinh",
            "arctanh",
            "fix",
            "Tensor.absolute",
            "Tensor.arcsin",
        )
    ),
    *(
        (name, TWO)
        for name in (
            "multiply",
            "subtract",
            "divide",
            "true_divide",
            "greater",
            "greater_equal",
            "less",
            "less_equal",
            "not_equal",
            "arctan2",
            "Tensor.multiply",
            "Tensor.true_divide",
        )
    ),
    ("arccosh", (floats(3, low=1.5, high=3),)),
    ("clip", (floats(3), -0.5, 0.5)),
)

OPS: list[Op] = [*UNARY, *BINARY, *ALIASES]
