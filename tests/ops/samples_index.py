"""Samples of the ops that address elements by index tensors, masks and triangles."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.samples import DTYPES, LAYOUTS, Input, Op, array, booleans, call, floats, integers, of_dtype


def index(*shape: int, below: int, dtype: str = "int64", layout: str = "contiguous") -> Input:
    return integers(*shape, low=0, high=below, dtype=dtype, layout=layout)


def permuted(*shape: int, below: int) -> Input:
    """Indices of which no two along dim 0 are equal."""
    rng = np.random.default_rng(3)
    return array(
        rng.permuted(
            np.broadcast_to(np.arange(below)[(...,) + (None,) * (len(shape) - 1)], (below, *shape[1:])), axis=0
        )[: shape[0]],
        "int64",
    )


def scatter(x: Any, dim: int, idx: Any, src: Any, add: bool = False) -> Any:
    out = np.array(x)
    if out.ndim == 0:
        return out + src if add else np.asarray(src) + 0 * out
    where = list(np.indices(idx.shape))
    where[dim] = idx
    values = np.asarray(src)[tuple(slice(n) for n in idx.shape)] if np.ndim(src) else src
    if add:
        np.add.at(out, tuple(where), values)
    else:
        out[tuple(where)] = values
    return out


def index_add(x: Any, dim: int, idx: Any, source: Any, alpha: float = 1) -> Any:
    out = np.array(x)
    np.add.at(np.moveaxis(out, dim, 0), idx, alpha * np.moveaxis(source, dim, 0))
    return out


def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    return np.where(mask, np.asarray(value).astype(x.dtype), x)


def one_hot(x: Any, num_classes: int = -1) -> Any:
    return np.eye(num_classes if num_classes > 0 else int(x.max()) + 1, dtype=np.int64)[x]


X = [floats(5, 3, 4, layout=layout) for layout in LAYOUTS]

OPS: list[Op] = [
    Op(
        "index_select",
        [call(x, d, index(6, below=n)) for x in X for d, n in [(0, 5), (1, 3), (-1, 4)]]
        + [call(x, 1, index(4, below=3, layout="sliced")) for x in X]
        + [call(of_dtype(d, 5, 3), 0, index(4, below=5)) for d in DTYPES]
        + [
            call(floats(5), 0, index(below=5)),
            call(floats(5, 3), dim=0, index=index(2, below=5, dtype="int32")),
            call(floats(5, 3), 0, index(0, below=5)),
        ]
        + [call(floats(), 0, array([0], "int64"))],
        lambda x, dim, index: np.asarray(x if x.ndim == 0 else np.take(x, np.atleast_1d(index), axis=dim)),
    ),
    Op(
        "index_add",
        [
            call(x, d, index(6, below=n), floats(*(6 if i == d % 3 else s for i, s in enumerate((5, 3, 4)))))
            for x in X
            for d, n in [(0, 5), (1, 3), (-1, 4)]
        ]
        + [
            call(integers(5, 3), 0, index(4, below=5), integers(4, 3)),
            call(floats(5), 0, index(9, below=5), floats(9), alpha=0.5),
        ]
        + [
            call(floats(5, 3), 0, index(0, below=5), floats(0, 3)),
            call(floats(5, 3), 1, index(2, below=3, dtype="int32"), floats(5, 2, layout="transposed")),
        ],
        index_add,
        length=9,
    ),
    Op(
        "gather",
        [
            call(x, d, index(*s, below=n))
            for x in X
            for d, n, s in [(0, 5, (7, 3, 4)), (1, 3, (5, 6, 4)), (-1, 4, (5, 3, 9)), (0, 5, (2, 1, 3))]
        ]
        + [call(x, 1, index(5, 3, 4, below=3, layout="transposed")) for x in X]
        + [call(of_dtype(d, 5, 3), 0, index(4, 2, below=5)) for d in DTYPES]
        + [
            call(floats(5), 0, index(0, below=5)),
            call(floats(), 0, array(0, "int64")),
            call(floats(4), dim=0, index=index(3, below=4)),
        ],
        lambda x, dim, index: (
            x
            if x.ndim == 0
            else x[tuple(index if i == dim % x.ndim else g for i, g in enumerate(np.indices(index.shape)))]
        ),
    ),
    Op(
        "scatter",
        [call(x, 0, permuted(4, 3, 4, below=5), floats(4, 3, 4)) for x in X]
        + [
            call(floats(5, 3), 0, permuted(3, 2, below=5), floats(4, 3, grad=False)),
            call(floats(5, 3), 0, permuted(3, 3, below=5), 2.5),
        ]
        + [call(floats(5), 0, index(0, below=5), floats(0)), call(integers(5), 0, permuted(2, below=5), integers(2))]
        + [
            call(floats(5), dim=0, index=permuted(2, below=5), src=floats(2)),
            call(integers(5), 0, permuted(2, below=5), 7),
        ],
        lambda x, dim, index, src: scatter(x, dim, index, src),
    ),
    Op(
        "scatter",
        [call(floats(5), 0, permuted(2, below=5), value=3.0)],
        lambda x, dim, index, value: scatter(x, dim, index, value),
    ),
    Op(
        "scatter_add",
        [call(x, 1, index(5, 6, 4, below=3), floats(5, 6, 4)) for x in X]
        + [
            call(floats(5, 3), 0, index(3, 2, below=5), floats(4, 3, grad=False)),
            call(integers(5), 0, index(9, below=5), integers(9)),
        ]
        + [
            call(floats(5, dtype="bfloat16"), 0, index(3, below=5), floats(3, dtype="bfloat16")),
            call(floats(), 0, array(0, "int64"), floats()),
        ],
        lambda x, dim, index, src: scatter(x, dim, index, src, add=True),
        length=9,
    ),
    Op(
        "nn.functional.embedding",
        [call(index(*s, below=7, dtype=d), floats(7, 4)) for s in [(), (3,), (2, 5)] for d in ("int64", "int32")]
        + [call(index(*s, below=7), floats(7, 4, grad=False)) for s in [(0,), (2, 0)]]
        + [call(index(6, below=7, layout=a), floats(7, 4, layout=a)) for a in LAYOUTS]
        + [call(index(20, below=7), floats(7, 4), padding_idx=p) for p in (0, 3, -1)]
        + [call(index(20, below=7), floats(7, 4, dtype="float16")), call(input=index(2, below=7), weight=floats(7, 1))],
        lambda input, weight, padding_idx=None: weight[input],
    ),
    Op(
        "masked_fill",
        [call(x, booleans(5, 3, 4, layout=a), -1.5) for x in X for a in LAYOUTS]
        + [
            call(floats(4, 3), booleans(3), float("-inf")),
            call(floats(3), booleans(4, 3), 0),
            call(floats(4, 3), booleans(4, 1), floats()),
        ]
        + [call(of_dtype(d, 9), booleans(9), 1) for d in DTYPES]
        + [call(floats(3), mask=booleans(3), value=2)],
        lambda x, mask, value: masked_fill(x, mask, value),
    ),
    Op(
        "nn.functional.one_hot",
        [
            call(index(3, 2, below=4), 6),
            call(array([0, 3, 1], "int64")),
            call(index(2, below=3), num_classes=5),
            call(index(0, below=3), 4),
            call(array(2, "int64"), 4),
        ],
        one_hot,
    ),
    Op(
        "nonzero",
        [call(of_dtype(d, 5, 3, 4)) for d in DTYPES]
        + [call(integers(9, 40, low=-1, high=1, layout=a)) for a in LAYOUTS]
        + [
            call(floats(0, 3)),
            call(array(1.0, grad=False)),
            call(array(0.0, grad=False)),
            call(booleans(5000)),
            call(array([np.nan, 0.0, -0.0], grad=False)),
        ],
        lambda x: np.argwhere(x),
        gradient=False,
    ),
    *(
        Op(
            name,
            [call(floats(4, 5, layout=a), k) for a in LAYOUTS for k in (-9, -1, 0, 2, 9)]
            + [call(floats(2, 3, 3)), call(floats(3, 0)), call(floats(3, 3), diagonal=1)]
            + [call(of_dtype(d, 3, 4)) for d in DTYPES]
            + [call(array([[np.nan, np.inf], [np.inf, np.nan]], grad=False))],
            f,
        )
        for name, f in (
            ("tril", lambda x, diagonal=0: np.tril(x, diagonal)),
            ("triu", lambda x, diagonal=0: np.triu(x, diagonal)),
        )
    ),
]
