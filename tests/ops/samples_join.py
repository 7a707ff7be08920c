"""Samples of the ops that copy: joining, repeating, flipping, converting."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.samples import DTYPES, LAYOUTS, Op, array, call, floats, integers, of_dtype

X = [floats(5, 3, 4, layout=layout) for layout in (*LAYOUTS, "expanded")]


def tile(x: Any, *repeats: Any) -> Any:
    return np.tile(x, repeats[0] if len(repeats) == 1 and not isinstance(repeats[0], int) else repeats)


OPS: list[Op] = [
    Op(
        "cat",
        [call([floats(2, 3, layout=a), floats(4, 3, layout=b)]) for a in LAYOUTS for b in LAYOUTS]
        + [call([floats(2, 3), floats(2, 1), floats(2, 0)], d) for d in (1, -1)]
        + [call((floats(3), floats(2)), dim=0), call([floats(2, 3, 4)] * 3, 1), call([floats(3)])]
        + [
            call([floats(2), integers(3)]),
            call([integers(2, dtype="int8"), integers(3)]),
            call([floats(2, dtype="float16"), floats(3)]),
        ]
        + [call([of_dtype(d, 2, 3), of_dtype(d, 2, 2)], dim=-1) for d in DTYPES],
        lambda tensors, dim=0: np.concatenate(tensors, dim),
    ),
    Op("cat", [call([floats(0), floats(2, 3)])], lambda tensors: tensors[1]),
    Op(
        "stack",
        [call([floats(5, 3, layout=a), floats(5, 3)], d) for a in LAYOUTS for d in (0, 1, 2, -1, -3)]
        + [call([floats(), floats()]), call([floats(0), floats(0)], dim=1), call((integers(2), floats(2)))],
        lambda tensors, dim=0: np.stack(tensors, dim),
    ),
    Op(
        "flip",
        [call(x, d) for x in X for d in ((0,), (0, 2), (-1,), (0, 1, 2), ())]
        + [call(floats(0, 3), (0,)), call(floats(), ())],
        lambda x, dims: np.flip(x, dims),
    ),
    Op(
        "Tensor.flip",
        [call(X[0], 0), call(X[0], -1, 0), call(X[0], [1])],
        lambda x, *d: np.flip(x, d[0] if isinstance(d[0], list) else d),
    ),
    Op(
        "Tensor.repeat",
        [call(x, 2, 1, 3) for x in X]
        + [call(floats(3), 2), call(floats(3), 4, 2), call(floats(3), (2, 2)), call(floats(), 3), call(floats(3), 0)]
        + [call(floats(2, 3), 1, 2, 2)],
        tile,
    ),
    Op(
        "clone",
        [call(x) for x in X] + [call(of_dtype(d, 3)) for d in DTYPES] + [call(floats(0)), call(floats())],
        np.copy,
    ),
    Op("Tensor.contiguous", [call(x) for x in X], np.copy),
    Op("detach", [call(floats(3))], np.copy, gradient=False),
    *(
        Op(
            f"Tensor.{name}",
            [call(of_dtype(d, 3, 4, layout="sliced")) for d in DTYPES],
            lambda x, to=to: np.asarray(x).astype(to),
            gradient=name == "double",
        )
        for name, to in {"double": "f8", "float": "f4", "long": "i8", "int": "i4", "bool": "?", "half": "f2"}.items()
    ),
    Op("Tensor.bfloat16", [call(of_dtype(d, 3, 4, layout="sliced", low=-4, high=4)) for d in DTYPES], gradient=False),
    Op(
        "Tensor.to", [call(of_dtype(a, 3, low=0, high=9), f"dtype:{b}") for a in DTYPES for b in DTYPES], gradient=False
    ),
    Op(
        "Tensor.to",
        [
            call(floats(3, dtype="float64"), dtype="dtype:float64"),
            call(floats(3, dtype="float64"), "cpu"),
            call(integers(3), "cpu", "dtype:float64"),
            call(floats(3, dtype="float64"), device="cpu"),
            call(floats(3), floats(2, dtype="float64", grad=False)),
            call(floats(3), "dtype:float64", copy=True),
        ],
        lambda x, *_, **__: np.asarray(x, float),
        second=False,
    ),
    Op("Tensor.type_as", [call(integers(3), floats(1, grad=False))], lambda x, y: np.asarray(x, float)),
    # What doesn't fit an integer is cut off toward zero where it does fit.
    Op("Tensor.long", [call(array([1.9, -1.9, 0.5, -0.5, 2**40], grad=False))], lambda x: np.trunc(x).astype(np.int64)),
]
