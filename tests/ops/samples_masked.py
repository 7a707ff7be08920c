"""Samples of hotloop.masked: reductions over what a mask keeps, some of it nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.samples import INTEGERS, Op, Sample, array, booleans, call, floats, integers

X = floats(4, 5, dtype="float64")
MASK = array(np.arange(20).reshape(4, 5) % 3 != 0, "bool")
HOLED = array(np.arange(20).reshape(4, 5) >= 10, "bool")  # of two rows nothing is left
ROW = array([True, False, True, True, False], "bool")


def reductions(**kwargs: Any) -> list[Sample]:
    return [
        call(X, mask=MASK, **kwargs),
        call(X, 1, mask=MASK, keepdim=True, **kwargs),
        call(X, (0, -1), mask=ROW, **kwargs),
        call(floats(2, 3, 4, layout="transposed"), (0, 2), mask=booleans(3, 4), **kwargs),
        call(X, 0, **kwargs),
        call(floats(), mask=array(True, "bool"), **kwargs),
    ]


WHOLE = [call(integers(3, 4, dtype=d), 1, mask=booleans(3, 4)) for d in INTEGERS]
OPS = [
    Op(
        "masked.sum",
        [*reductions(), *WHOLE, call(X, 1, mask=HOLED)],
        length=24,
    ),
    Op("masked.prod", [*reductions(), *WHOLE, call(X, 1, mask=HOLED)], length=24),
    *(Op(f"masked.{name}", [*reductions(), *WHOLE, call(X, 1, mask=HOLED)]) for name in ("amax", "amin")),
    *(
        Op(f"masked.{name}", [call(X, d, mask=MASK, keepdim=k) for d, k in ((None, False), (0, True), (1, False))])
        for name in ("argmax", "argmin")
    ),
    Op("masked.mean", [*reductions(), call(X, 1, mask=HOLED)], length=24, ulps=4),
    Op(
        "masked.var",
        [*reductions(), *WHOLE, call(X, 1, False, mask=MASK), call(X, 1, correction=2, mask=MASK)],
        length=24,
    ),
    Op("masked.std", [*reductions(), call(X, 1, True, mask=MASK)], length=24, ulps=4),
    Op(
        "masked.norm",
        [call(X, p, 1, mask=MASK) for p in (2.0, 1.0, 3.0, float("inf"), float("-inf"))] + [call(X, mask=ROW)],
        length=24,
        ulps=8,
    ),
    Op("masked.logsumexp", [*reductions(), call(X, 1, mask=HOLED)], length=24, ulps=4, second=False),
    Op("masked.median", [call(X, 1, mask=MASK), call(X, 0, mask=ROW, keepdim=True), call(X, 1, mask=HOLED)]),
    *(Op(f"masked.{name}", [call(X, d, mask=MASK) for d in (0, -1)], length=5) for name in ("cumsum", "cumprod")),
    *(
        Op(f"masked.{name}", [call(X, d, mask=MASK) for d in (0, 1)], length=5, ulps=4, gradient=name != "log_softmax")
        for name in ("softmax", "log_softmax", "softmin")
    ),
    *(
        Op(f"masked.{name}", [call(X, 1, mask=HOLED)], length=5, ulps=4, gradient=False)
        for name in ("softmax", "log_softmax", "softmin")
    ),
    Op("masked.normalize", [call(X, 2.0, 1, mask=MASK), call(X, 1.0, 0, mask=ROW)], length=5, ulps=4),
    Op(
        "masked.logaddexp",
        [call(X, floats(4, 5, dtype="float64"), input_mask=MASK, other_mask=array(~MASK.values, "bool"))],
        ulps=4,
        second=False,
    ),
]
