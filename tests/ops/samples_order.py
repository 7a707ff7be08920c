"""Samples of running results, sorting, order statistics, sets and counts."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.samples import FLOATS, INTEGERS, LAYOUTS, Input, Op, Sample, array, booleans, call, floats, integers, of_dtype

X = [floats(5, 3, 4, layout=layout) for layout in (*LAYOUTS, "expanded")]
NANS = array([[1, np.nan, 3, -1], [np.nan, np.nan, 0, 2], [-np.inf, 1, np.inf, 1], [0.0, -0.0, 0.0, -1]], grad=False)
ZEROS = array([[2.0, 0.0, 3.0, 1.5], [0.0, 1.0, 0.0, 2.0], [1.0, 2.0, 3.0, 0.5]])


def distinct(*shape: int, dtype: str = "float32", layout: str = "contiguous") -> Input:
    """No two elements alike, so that there is one order."""
    n = int(np.prod(shape))
    values = np.random.default_rng(n).permutation(n).reshape(shape) - n // 2
    return array(values / 8 if dtype in FLOATS else values, dtype, layout)


def along(*extra: Any, dims: tuple[int, ...] = (0, 1, -1), **kwargs: Any) -> list[Sample]:
    """Every layout, along every dim; `extra` comes before the dim."""
    inputs = [distinct(5, 3, 4, layout=layout) for layout in LAYOUTS]
    return [call(x, *extra, dim=d, **kwargs) for x in inputs for d in dims]


SCANNED = [call(x, d) for x in X for d in (0, 1, -1)] + [
    call(floats(), 0),
    call(floats(0, 3), 0),
    call(floats(3, 0), 0),
]
LONG = [call(floats(2, 70), 1), call(floats(70, 9), 0), call(floats(300), dim=0), call(floats(1, 9, 2), 1)]
DTYPED = [call(of_dtype(d, 9, 3), 0) for d in (*FLOATS[1:], *INTEGERS, "bool")]

SCANS = [
    Op(
        "cumprod",
        [
            *SCANNED,
            *LONG[:2],
            *DTYPED,
            call(ZEROS, 1),
            call(ZEROS, 0),
            call(integers(5), 0, dtype="dtype:float32"),
            call(floats(5, grad=False), 0, dtype="dtype:float64"),
        ],
        length=200,
        ulps=4,
    ),
    Op(
        "logcumsumexp", [*SCANNED, *LONG, *DTYPED[:3], call(NANS, 1), call(array([-1e4, 0, 1e4], "float64"), 0)], ulps=8
    ),
    *(
        Op(
            name,
            [*SCANNED[:-3], *LONG, *DTYPED, call(floats(), 0), call(NANS, 1), call(NANS, 0), call(floats(0, 3), 0)],
        )
        for name in ("cummax", "cummin")
    ),
    Op(
        "diff",
        [call(x) for x in X[:4]]
        + [call(floats(5, 3), 2, 0), call(floats(5, 3), n=1, dim=-1), call(floats(2), 3), call(floats(4), 0)]
        + [call(floats(5), prepend=floats(2), append=floats(1)), call(booleans(6)), call(integers(6), 2)],
    ),
    Op(
        "trapezoid",
        [
            call(floats(5, 3)),
            call(floats(5, 3), dx=0.5, dim=0),
            call(floats(5, 3), floats(3)),
            call(floats(0, grad=False)),
            call(floats(5, 3), floats(5, 3), dim=0),
            call(floats(4, layout="reversed"), floats(4)),
        ],
        length=5,
    ),
    Op(
        "cumulative_trapezoid",
        [call(floats(5, 3)), call(floats(5, 3), dx=0.5, dim=0), call(floats(5, 3), floats(3))],
        length=5,
    ),
]

WHOLE = [distinct(*shape, dtype=d) for d in (*FLOATS[1:], "int64", "int32") for shape in [(7,), (3, 40)]]

SORTS = [
    Op(
        "sort",
        along()
        + [call(x) for x in WHOLE]
        + [call(distinct(40, 3), 0, True), call(distinct(3, 2000)), call(floats()), call(floats(0, 3), 0)]
        + [call(integers(5, 90, dtype=d), dim=1, descending=b, stable=True) for d in INTEGERS for b in (False, True)]
        + [call(booleans(50), stable=True), call(NANS, dim=1, stable=True), call(NANS, dim=0, stable=True)]
        + [call(NANS, dim=1, descending=True, stable=True), call(distinct(20000, dtype="float64"))],
    ),
    Op(
        "argsort",
        [*along(), call(distinct(9), descending=True), call(integers(90), dim=0, stable=True)],
        gradient=False,
    ),
    Op("msort", [call(distinct(6, 3)), call(distinct(6)), call(floats())]),
    Op(
        "topk",
        [call(distinct(5, 30, layout=a), k, largest=b) for a in LAYOUTS for k in (1, 2, 30) for b in (True, False)]
        + [call(distinct(30, 5), 3, 0), call(distinct(2, 3, 4), 2, dim=1), call(floats(), 1), call(floats(4), 0)]
        + [call(distinct(2, 5000, dtype=d), 5) for d in ("float32", "float64", "int64", "int32")]
        + [call(distinct(3000), 300), call(distinct(9), 3, -1, False, True)],
    ),
    Op(
        "kthvalue",
        [call(distinct(5, 9), k, d) for k in (1, 3, 5) for d in (0, 1)]
        + [call(distinct(5, 9, layout="transposed"), 2, keepdim=True), call(floats(), 1), call(distinct(400), 3)],
    ),
    Op(
        "searchsorted",
        [
            call(array(np.arange(n) * 0.5, dtype=d), floats(5, 3, dtype=d, high=9), right=r)
            for n in (1, 2, 9, 64)
            for d in ("float32", "float64")
            for r in (False, True)
        ]
        + [call(array([[1, 3, 5], [0, 2, 2]], "int64"), integers(2, 4, low=0, high=6), right=r) for r in (False, True)]
        + [
            call(array([1, 3, 5], "int64"), integers(11, low=0, high=7), side="right", out_int32=True),
            call(array([5, 1, 3], "int64"), integers(11, low=0, high=7), sorter=array([1, 2, 0], "int64")),
            call(array([1.0, 3, 5]), 3),
            call(array([1.0, 2, np.nan]), array([np.nan, np.inf, 1.5])),
            call(floats(0), floats(3)),
            call(floats(3), floats(0)),
        ],
        gradient=False,
    ),
    Op(
        "bucketize",
        [call(floats(5, 3, layout=a), array([-1.0, 0, 1]), right=r) for a in LAYOUTS for r in (False, True)]
        + [call(integers(9), array([0, 2], "int64"), out_int32=True), call(2.5, array([1.0, 2, 3]))],
        gradient=False,
    ),
]

QS = array([0.0, 0.25, 0.5, 0.9, 1.0], grad=False)

STATISTICS = [
    *(
        Op(
            name,
            [
                *along(),
                *along(keepdim=True, dims=(1,)),
                call(distinct(9)),
                call(distinct(2, 4)),
                call(floats()),
                call(array([[2.0, 3.0, 2.0], [1.0, 2.0, 4.0]], "float64")),  # equal elements share the gradient
                call(distinct(9, dtype="int64")),
                call(distinct(6, 4, dtype="int32"), 0),
                call(floats(), 0),
                call(array([[1, np.nan, 3], [4, 6, 5]], grad=False), 1),
                call(array([1, np.nan, 3], grad=False)),
                call(floats(0, grad=False)),
            ],
        )
        for name in ("median", "nanmedian")
    ),
    Op(
        "quantile",
        [
            call(distinct(5, 9), QS, d, keepdim=k, interpolation=i)
            for d in (None, 0, -1)
            for k in (False, True)
            for i in ("linear", "lower", "higher", "midpoint", "nearest")
        ]
        + [
            call(distinct(5, 9), 0.3),
            call(distinct(5, 9), 0.3, 1),
            call(distinct(2, 3, 4), array(0.4, grad=False), dim=1),
        ]
        + [call(NANS, 0.5, 1), call(floats(), 0.5), call(distinct(4, 3, layout="transposed"), QS, 0)],
    ),
    Op("nanquantile", [call(NANS, 0.4, 1), call(NANS, QS, 0), call(distinct(9), 0.3)]),
    Op(
        "mode",
        [call(array([[3, 1, 3, 2], [2, 2, 2, 2], [1, 4, 0, 4]], d, grad=False), 1) for d in ("float32", "int64")]
        + [call(array([5, 5, 1, 5, 1], "int32")), call(floats()), call(distinct(1, 5), 0, keepdim=True)],
    ),
    Op(
        "aminmax",
        [call(floats(5, 3, 4, layout=a), dim=d) for a in LAYOUTS for d in (0, -1)]
        + [call(floats(5, 3)), call(integers(4, 3), dim=0, keepdim=True), call(floats()), call(floats(), dim=0)],
    ),
    *(
        Op(
            name,
            [call(x, d) for x in X for d in (0, (1, 2), -1)]
            + [call(floats(5, 3)), call(floats(5, 3), 0, True), call(NANS, 1), call(NANS)]
            + ([call(integers(4, 3), 0)] if name == "nansum" else []),
            length=70,
        )
        for name in ("nansum", "nanmean")
    ),
    Op(
        "std_mean",
        [call(floats(5, 3, 4), d, correction=c) for d in (0, None, (1, 2)) for c in (0, 1)],
        length=64,
        ulps=8,
    ),
    *(
        Op(
            name,
            [call(floats(5, 3), False), call(floats(5, 3), 0, True, True), call(floats(5, 3), dim=1, unbiased=False)],
            length=64,
            ulps=8,
        )
        for name in ("var_mean", "std_mean")
    ),
    Op("dist", [call(floats(5, 3), floats(3), p=p) for p in (1, 2, 3.0, float("inf"))], length=15, ulps=8),
    Op(
        "cov",
        [
            call(floats(3, 20)),
            call(floats(9)),
            call(floats(3, 8), correction=0),
            call(integers(2, 9)),
            call(floats(3, 6), fweights=array([1, 2, 3, 1, 2, 1], "int64")),
            call(floats(3, 6), aweights=floats(6, low=0.5, grad=False)),
            call(floats(3, 6), fweights=integers(6, low=1, high=4), aweights=floats(6, low=0.5, grad=False)),
        ],
        length=64,
        ulps=8,
    ),
    Op("corrcoef", [call(floats(3, 20)), call(floats(9, 4, layout="transposed"))], length=64, ulps=16),
    Op(
        "renorm",
        [call(floats(5, 3, 4, layout=a), p, d, 1.5) for a in LAYOUTS for p, d in [(2, 0), (1, 1), (3, -1)]],
        length=64,
        ulps=16,
    ),
    Op(
        "cdist",
        [call(floats(5, 3), floats(4, 3), p=p) for p in (0.0, 1.0, 1.5, 2.0, 3.0, float("inf"))]
        + [call(floats(2, 5, 3), floats(4, 3)), call(floats(0, 3), floats(4, 3)), call(floats(6, 3), floats(5, 3))],
        second=False,  # which PyTorch lacks
        length=64,
        ulps=16,
    ),
    Op(
        "linalg.vector_norm",
        [call(floats(5, 3, 4, low=0.5), o, d) for o in (0, 1, 2, 3.5, float("inf")) for d in (None, 0, (0, 2))]
        + [call(floats(5, 3), keepdim=True), call(floats(4), dtype="dtype:float64"), call(floats())],
        length=64,
        ulps=8,
    ),
    Op(
        "linalg.norm",
        [call(floats(5, 3), o) for o in (None, "fro", 1, -1, float("inf"), -float("inf"))]
        + [call(floats(5), 3), call(floats(2, 5, 3), "fro", (1, 2)), call(floats(2, 5, 3), dim=(0, 1), keepdim=True)]
        + [call(floats(2, 5, 3), 1, (-1, 0), True), call(floats(2, 5, 3))],
        length=64,
        ulps=8,
    ),
]

SETS = [
    Op(
        "unique",
        [call(integers(5, 6, dtype=d), return_inverse=True, return_counts=True) for d in INTEGERS]
        + [call(integers(40)), call(floats(3, 4), return_counts=True), call(booleans(9), return_inverse=True)]
        + [call(integers(20, 2, low=0, high=3), return_inverse=True, return_counts=True, dim=0)]
        + [call(integers(2, 20, low=0, high=3), return_inverse=True, dim=-1), call(integers(0)), call(integers())],
        gradient=False,
    ),
    Op(
        "unique_consecutive",
        [
            call(integers(40, low=0, high=2), return_inverse=True, return_counts=True),
            call(integers(6, 5, low=0, high=2)),
            call(integers(20, 2, low=0, high=2), dim=0, return_counts=True),
            call(integers(0)),
            call(integers()),
        ],
        gradient=False,
    ),
    Op(
        "isin",
        [
            call(integers(5, 6), integers(3)),
            call(floats(5), floats(0)),
            call(integers(9), 2),
            call(1, integers(9)),
            call(integers(9), array([0, 0, 2], "int64"), invert=True),
        ],
        gradient=False,
    ),
    Op(
        "bincount",
        [
            call(integers(40, low=0, high=9)),
            call(integers(4, low=0, high=3, dtype="uint8"), minlength=7),
            call(integers(0, low=0)),
            call(integers(9, low=0, high=4), floats(9, grad=False)),
            call(integers(9, low=0, high=4), weights=integers(9)),
        ],
        gradient=False,
    ),
    Op(
        "histc",
        [
            call(floats(60, grad=False), bins=7),
            call(floats(60, grad=False), 5, -1, 1),
            call(floats(3, grad=False)),
            call(array([1.0, 1.0], grad=False), 4),
        ],
        gradient=False,
    ),
]

OPS: list[Op] = [*SCANS, *SORTS, *STATISTICS, *SETS]
