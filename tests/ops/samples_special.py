"""Samples of torch.special's functions that are rows of their own; test_special.py has them in float64, by SciPy."""

from __future__ import annotations

import numpy as np

from ops.samples import Input, Op, array, call, floats, integers

RIGHT = [floats(60, low=0.001, high=2.5), floats(60, low=1.5, high=60), floats(5, low=-3, high=-0.1)]  # NaN
EVERYWHERE = [floats(60, low=-9, high=9), floats(60, low=-30, high=30), integers(5)]


def calls(inputs: list[Input]) -> list:
    return [call(x) for x in inputs]


DEGREES = integers(60, low=-1, high=14)
HIGH = integers(60, low=9, high=60)
WITHIN = floats(60, dtype="float64", low=-1, high=1)
BEYOND = floats(60, dtype="float64", low=-3, high=3)
ENDS = array([1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 0.0, 0.5], "float64")
POLYNOMIALS = [
    call(WITHIN, DEGREES),
    call(WITHIN, HIGH),
    call(BEYOND, DEGREES),
    call(ENDS, array([3, 3, 4, 4, -1, 12, 0, 1], "int64")),
    call(floats(3, 1), integers(1, 8, low=0, high=9)),
    call(WITHIN, 5),
    call(1.5, DEGREES),
]
CORNERS = array([0, 0, 1, -1, 1, np.inf, 2, np.inf], "float64")
ABOVE_ZERO = floats(60, dtype="float64", low=0.01, high=40)
OPS = [
    *(
        Op(f"special.{name}", calls(EVERYWHERE), ulps=64, gradient=False)
        for name in ("airy_ai", "bessel_j0", "bessel_j1", "spherical_bessel_j0")
    ),
    *(
        Op(f"special.{name}", calls(RIGHT), ulps=64, gradient=False)
        for name in (
            "bessel_y0",
            "bessel_y1",
            "modified_bessel_k0",
            "modified_bessel_k1",
            "scaled_modified_bessel_k0",
            "scaled_modified_bessel_k1",
        )
    ),
    *(Op(f"special.modified_bessel_{name}", [call(floats(20))], ulps=64, gradient=False) for name in ("i0", "i1")),
    *(
        Op(f"special.{name}", [*calls(EVERYWHERE), call(floats(9, dtype="bfloat16"))], ulps=64)
        for name in ("i0e", "i1e")
    ),
    *(
        Op(f"special.{name}", [call(floats(60, dtype=d, low=-8, high=20)) for d in ("float64", "float32")], ulps=64)
        for name in ("erfcx", "log_ndtr")
    ),
    Op("special.log_ndtr", [call(floats(30, dtype="float64", low=-200, high=-20))], ulps=64, second=False),
    Op(
        "special.zeta",
        [
            call(floats(60, dtype="float64", low=1.01, high=30), ABOVE_ZERO),
            call(floats(60, low=0.5, high=9), floats(60, low=0.1, high=9)),
            call(array([1, 0.5, 3, 3, 2.5, np.nan, 2], "float64"), array([2, 2, -2.5, -2, -0.5, 1, 1e9], "float64")),
            call(3.0, ABOVE_ZERO),
        ],
        ulps=64,
        gradient=False,
    ),
    *(
        Op(
            name,
            [
                call(floats(60, low=0.01, high=20), floats(60, low=0.01, high=20)),
                call(floats(60, low=0.001, high=2), floats(60, low=0.001, high=2)),
                call(CORNERS, array([0, 1, 0, 1, -1, 2, np.inf, np.inf], "float64")),
            ],
            ulps=64,
            gradient=False,
        )
        for name in ("igamma", "igammac", "special.gammainc", "special.gammaincc")
    ),
    *(
        Op(f"special.chebyshev_polynomial_{kind}", POLYNOMIALS, length=60, ulps=256, gradient=False)
        for kind in ("t", "u", "v", "w")
    ),
    *(
        Op(
            f"special.shifted_chebyshev_polynomial_{kind}",
            [call(floats(60, dtype="float64", low=0, high=1), n) for n in (DEGREES, HIGH)] + [call(0.75, DEGREES)],
            length=60,
            ulps=256,
            gradient=False,
        )
        for kind in ("t", "u", "v", "w")
    ),
    *(
        Op(f"special.{name}", POLYNOMIALS, length=60, ulps=64, gradient=False)
        for name in ("laguerre_polynomial_l", "legendre_polynomial_p")
    ),
    *(
        Op(
            f"special.hermite_polynomial_{name}",
            POLYNOMIALS,
            length=60,
            ulps=64,
            gradient=False,
        )
        for name in ("h", "he")
    ),
    *(
        Op(
            name,
            [call(floats(6, dtype="float64", low=2, high=5, grad=False), floats(6, dtype="float64", low=1))],
        )
        for name in ("igamma", "igammac", "special.zeta")
    ),
    Op("nextafter", [call(array([1.0, 2.0, 0.0], "float64"), array([3.0, 1.0, 0.0], "float64"))], gradient=False),
]
