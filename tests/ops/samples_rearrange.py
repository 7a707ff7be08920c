"""Samples of joining, splitting, padding, turning and of writing into a part."""

from __future__ import annotations

import numpy as np

from ops.samples import DTYPES, LAYOUTS, Input, Op, array, booleans, call, floats, integers, of_dtype

X = [floats(5, 3, 4, layout=layout) for layout in (*LAYOUTS, "expanded")]
MIXED = [floats(), floats(2), floats(2, 3), floats(2, 3, 1)]


def index(*shape: int, below: int) -> Input:
    return integers(*shape, low=0, high=below)


def permutation(n: int, take: int) -> Input:
    return array(np.random.default_rng(n).permutation(n)[:take], "int64")


JOINS = [
    Op("hstack", [call([x, x]) for x in X] + [call([floats(2), floats(3)]), call([floats(), floats(2)])]),
    Op("vstack", [call([x, x]) for x in X] + [call([floats(3), floats(2, 3)]), call([floats(), floats()])]),
    Op("row_stack", [call((floats(3), floats(3)))]),
    Op("dstack", [call([x, x]) for x in X] + [call([floats(3), floats(3)]), call([floats(2, 3), floats(2, 3, 2)])]),
    Op("column_stack", [call([floats(3), floats(3, 2)]), call([floats(), floats(1, 2)]), call([X[1], X[0]])]),
    Op("block_diag", [call(floats(2, 3), floats(2), floats()), call(integers(2, 2), floats(1, 2)), call(floats(0, 2))]),
    *(Op(f"atleast_{n}d", [call(x) for x in MIXED] + [call(*MIXED), call(MIXED[:2])]) for n in (1, 2, 3)),
    Op(
        "tensor_split",
        [call(x, n, d) for x in X[:4] for n, d in [(2, 0), (3, -1), (7, 1)]]
        + [call(floats(7), [2, 5]), call(floats(7), (5, 2, 9)), call(floats(3, 7), [-2], dim=1)],
    ),
    Op("hsplit", [call(floats(4, 6), 3), call(floats(6), [1, 4])]),
    Op("vsplit", [call(floats(4, 6), 2), call(floats(4, 6), [3])]),
    Op("dsplit", [call(floats(2, 3, 4), 2)]),
    Op("broadcast_tensors", [call(floats(3, 1), floats(2)), call(floats(), floats(2, 2), floats(1))]),
    Op(
        "meshgrid",
        [call(floats(3), floats(4), indexing=i) for i in ("ij", "xy")]
        + [call(floats(2), floats(), floats(3), indexing=i) for i in ("ij", "xy")],
    ),
    Op("cartesian_prod", [call(floats(3), floats(4)), call(integers(2), integers(3), integers(2)), call(floats(3))]),
    Op(
        "combinations",
        [call(floats(5), r, w) for r in (1, 2, 3) for w in (False, True)] + [call(floats(2), 3), call(integers(4))],
    ),
]

TURNS = [
    Op(
        "tile",
        [call(x, (2, 1, 3)) for x in X] + [call(floats(3), (2, 2)), call(floats(2, 3), (2,)), call(floats(), (3,))],
    ),
    Op("Tensor.tile", [call(floats(2, 3), 2), call(floats(2, 3), 2, 1, 2)]),
    Op("fliplr", [call(x) for x in X]),
    Op("flipud", [call(x) for x in X] + [call(floats(3))]),
    Op(
        "rot90",
        [call(x, k, d) for x in X[:4] for k in (-1, 0, 1, 2, 3, 5) for d in ([0, 1], [2, 0])] + [call(floats(2, 3))],
    ),
    Op(
        "repeat_interleave",
        [call(x, 2, d) for x in X for d in (None, 0, 1, -1)]
        + [call(floats(3, 2), array([1, 0, 3], "int64"), 0), call(floats(3), array([2, 1, 0], "int32"))]
        + [call(floats(3, 2), array([2], "int64"), dim=1), call(array([1, 0, 3], "int64")), call(floats(), 3)]
        + [call(floats(3), 2, output_size=6)],
    ),
    *(
        Op(
            name,
            [
                call(3, 4),
                call(4, 3, 1),
                call(4, 3, -2),
                call(0, 3),
                call(3, 3, offset=9),
                call(2, 2, 0, dtype="dtype:int32"),
            ],
        )
        for name in ("tril_indices", "triu_indices")
    ),
    Op(
        "diag",
        [call(floats(4), k) for k in (-2, 0, 1)]
        + [call(floats(4, 3, layout=a), k) for a in LAYOUTS for k in (-1, 0, 2, 5)]
        + [call(floats(0)), call(integers(3))],
    ),
    Op(
        "diag_embed",
        [call(x, k) for x in X for k in (-1, 0, 2)] + [call(floats(2, 3), 0, 0, 2), call(floats(2, 3), dim1=2, dim2=0)],
    ),
    Op("diagflat", [call(floats(2, 2)), call(floats(3), -1), call(floats())]),
    Op("trace", [call(floats(4, 4, layout=a)) for a in LAYOUTS] + [call(floats(3, 5)), call(integers(3, 3))], length=4),
    Op("linalg.diagonal", [call(X[0]), call(X[1], offset=1), call(X[0], offset=-1, dim1=0, dim2=1)]),
    Op(
        "nn.functional.pad",
        [call(x, (1, 2)) for x in X]
        + [call(X[0], p, value=1.5) for p in [(0, 0, 2, 1), (1, 0, 0, 1, 2, 2), (-1, 2), (1, -2, -1, 0), ()]]
        + [call(of_dtype(d, 3), (1, 1)) for d in DTYPES]
        + [
            call(floats(*shape, layout=a), pad, mode=mode)
            for mode in ("reflect", "replicate", "circular")
            for a in ("contiguous", "transposed")
            for shape, pad in [
                ((2, 3, 5), (2, 1)),
                ((3, 5), (0, 3)),
                ((2, 3, 4, 5), (1, 2, 3, 0)),
                ((3, 4, 5), (1, 2, 0, 2)),
                ((2, 3, 4, 3, 5), (2, 1, 1, 1, 3, 2)),
            ]
        ]
        + [call(floats(2, 3, 5), (-1, 2), mode=m) for m in ("reflect", "replicate", "circular")],
    ),
]

PARTS = [
    Op("select_scatter", [call(x, floats(5, 4), 1, i) for x in X for i in (0, -1)]),
    Op("slice_scatter", [call(x, floats(5, 2, 4), 1, 1, 3) for x in X] + [call(floats(6), floats(3), step=2)]),
    Op("diagonal_scatter", [call(floats(4, 4), floats(4)), call(floats(3, 5), floats(3), 1), call(X[0], floats(4, 3))]),
    Op(
        "index_copy",
        [call(x, 1, permutation(3, 2), floats(5, 2, 4)) for x in X[:4]]
        + [call(x, -1, permutation(4, 4), floats(5, 3, 4, layout="transposed")) for x in X[:4]]
        + [
            call(integers(5), 0, array([4, 0], "int64"), integers(2)),
            call(floats(), 0, array([0], "int64"), floats(1)),
        ],
    ),
    Op(
        "index_fill",
        [call(x, 1, array([2, 0, 2], "int64"), 2.5) for x in X]
        + [call(floats(5), 0, array([1], "int64"), floats()), call(integers(4, 3), -1, array(1, "int64"), 7)],
    ),
    Op(
        "masked_scatter",
        [call(x, booleans(5, 3, 4), floats(60)) for x in X]
        + [call(floats(4, 3), booleans(3), floats(4, 4)), call(integers(5), booleans(5), integers(5))],
    ),
    Op(
        "take",
        [call(x, index(3, 2, below=60)) for x in X]
        + [call(floats(2, 3), array([[-1, 0], [5, -6]], "int64"))]
        + [call(floats(4), index(0, below=4)), call(floats(), array(0, "int64"))],
    ),
    Op(
        "take_along_dim",
        [call(x, index(5, 6, 4, below=3), 1) for x in X]
        + [call(floats(5, 3), index(1, 4, below=3), 1), call(floats(1, 3), index(5, 2, below=3), dim=-1)]
        + [call(floats(2, 3), index(4, below=6))],
    ),
    Op(
        "Tensor.put",
        [call(x, permutation(60, 7), floats(7)) for x in X]
        + [call(floats(2, 3), index(9, below=6), floats(9), accumulate=True)],
        length=9,
    ),
    *(
        Op(
            "scatter_reduce",
            [
                call(x, d, index(*s, below=n), floats(*s), r, include_self=b)
                for x in (X[0], X[1])
                for d, n, s in [(0, 5, (7, 3, 4)), (-1, 4, (5, 2, 6))]
                for b in (True, False)
            ]
            + [call(integers(4), 0, index(9, below=4), integers(9), reduce=r)]
            + [
                call(floats(5, dtype=d), 0, index(3, below=5), floats(3, dtype=d), r)
                for d in ("float16", "bfloat16")
                if r != "mean"  # whose sum has been rounded
            ],
            length=9,
            ulps=8,
            second=r in ("sum", "mean"),
        )
        for r in ("sum", "prod", "mean", "amax", "amin")
    ),
    Op(
        "scatter_reduce",
        [
            call(
                array([0.0, 2.0, 3.0]),
                0,
                array([0, 1, 1, 2, 2, 2], "int64"),
                array([2.0, 0.0, 3.0, 0.0, 0.0, 1.0]),
                "prod",
            ),
            call(array([3.0, 2.0, 5.0]), 0, array([0, 1, 1, 2], "int64"), array([3.0, 4.0, 4.0, 1.0]), "amax"),
        ],
        second=False,
    ),
    Op(
        "scatter",
        [call(floats(5), 0, permutation(5, 3), value=2.0, reduce=r) for r in ("add", "multiply")],
        gradient=False,
    ),
    *(
        Op(
            "index_reduce",
            [
                call(
                    x, d, index(6, below=n), floats(*(6 if i == d % 3 else s for i, s in enumerate((5, 3, 4)))), r, **k
                )
                for x in (X[0], X[1])
                for d, n in [(0, 5), (-1, 4)]
                for k in ({}, {"include_self": False})
            ],
            length=9,
            ulps=8,
            second=r == "mean",
        )
        for r in ("prod", "mean", "amax", "amin")
    ),
    Op(
        "index_add",
        [call(integers(5), 0, index(3, below=5), integers(3), alpha=2), call(floats(), 0, index(1, below=1), floats())],
    ),
    Op("split_with_sizes", [call(floats(5, 2), [2, 3]), call(floats(2, 5), [4, 0, 1], dim=-1)]),
    Op(
        "Tensor.sum_to_size", [call(floats(4, 3), 3), call(floats(4, 3), 4, 1), call(floats(2, 4, 3), (1, 3))], length=8
    ),
    Op("concat", [call([floats(2, 3), floats(1, 3)])]),
    Op("adjoint", [call(floats(2, 3, 4))]),
    Op("argwhere", [call(integers(4, 5, low=0, high=2)), call(array(1.0, grad=False))], gradient=False),
    Op(
        "nonzero",
        [call(integers(4, 5, low=0, high=2), as_tuple=True), call(array(1.0, grad=False), as_tuple=True)],
        gradient=False,
    ),
]

OPS: list[Op] = [*JOINS, *TURNS, *PARTS]
