"""Samples of the matrix products: every number of dims, broadcast batches, every layout of both factors, empty sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.samples import FLOATS, INTEGERS, LAYOUTS, Op, call, floats, integers, of_dtype

SHAPES = [
    ((3,), (3,)),
    ((3,), (3, 4)),
    ((4, 3), (3,)),
    ((4, 3), (3, 5)),
    ((1, 1), (1, 1)),
    ((1, 300), (300, 1)),
    ((65, 33), (33, 70)),
    ((2, 4, 3), (3,)),
    ((3,), (2, 3, 4)),
    ((2, 4, 3), (3, 5)),
    ((4, 3), (2, 3, 5)),
    ((2, 4, 3), (2, 3, 5)),
    ((1, 4, 3), (2, 3, 5)),
    ((2, 4, 3), (1, 3, 5)),
    ((6, 1, 4, 3), (2, 3, 5)),
    ((6, 1, 4, 3), (1, 2, 3, 5)),
    ((2, 3, 1, 2, 4, 3), (3, 5, 1, 3, 2)),
    ((2, 4, 3), (6, 1, 3, 5)),
    ((3, 2, 4, 3), (3,)),
    ((0, 3), (3, 4)),
    ((4, 3), (3, 0)),
    ((4, 0), (0, 5)),
    ((2, 4, 0), (2, 0, 5)),
    ((0, 4, 3), (3, 5)),
    ((0, 4, 3), (1, 3, 5)),
    ((0,), (0,)),
]


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    out = x @ weight.T
    return out if bias is None else out + bias


def addmm(x: Any, a: Any, b: Any, beta: float = 1, alpha: float = 1) -> Any:
    return (0 if beta == 0 else beta * x) + alpha * (a @ b)


OPS: list[Op] = [
    Op(
        "matmul",
        [call(floats(*a), floats(*b)) for a, b in SHAPES]
        + [
            call(floats(7, 9, layout=a), floats(9, 5, layout=b))
            for a in (*LAYOUTS, "expanded")
            for b in (*LAYOUTS, "expanded")
        ]
        + [call(floats(2, 7, 9, layout=a), floats(2, 9, 5, layout=b)) for a in (*LAYOUTS, "expanded") for b in LAYOUTS]
        + [call(floats(2, 3, 7, 9, layout=a), floats(9, 5, layout=a)) for a in LAYOUTS]
        + [call(floats(9, layout=a), floats(9, 5, layout=a)) for a in LAYOUTS]
        + [
            call(of_dtype(d, *a), of_dtype(d, *b))
            for d in (*FLOATS, *INTEGERS)
            for a, b in [((7, 9), (9, 5)), ((2, 7, 9), (2, 9, 5)), ((9,), (9,))]
        ]
        + [call(floats(40, 80, dtype=d), floats(80, 50, dtype=d)) for d in FLOATS]
        + [call(input=floats(3, 4), other=floats(4, 5))],
        lambda input, other: np.matmul(input, other),
        length=300,
    ),
    Op(
        "mm",
        [call(floats(7, 9, layout=a), mat2=floats(9, 5)) for a in LAYOUTS] + [call(integers(3, 4), integers(4, 2))],
        lambda input, mat2: input @ mat2,
        length=9,
    ),
    Op(
        "bmm",
        [call(floats(3, 7, 9, layout=a), floats(3, 9, 5, layout=a)) for a in LAYOUTS]
        + [call(floats(0, 2, 3), floats(0, 3, 2))],
        np.matmul,
        length=9,
    ),
    Op(
        "mv",
        [call(floats(7, 9, layout=a), floats(9, layout=a)) for a in LAYOUTS] + [call(floats(3, 0), floats(0))],
        np.matmul,
        length=9,
    ),
    Op(
        "dot",
        [call(floats(9, layout=a), floats(9, layout=a)) for a in (*LAYOUTS, "expanded")]
        + [call(floats(0), floats(0)), call(integers(4), integers(4))],
        np.dot,
        length=9,
    ),
    Op(
        "outer",
        [call(floats(3, layout=a), floats(4)) for a in LAYOUTS]
        + [call(floats(3), integers(4)), call(floats(0), floats(4)), call(floats(2), vec2=floats(2))],
        lambda input, vec2: np.outer(input, vec2),
    ),
    Op(
        "addmm",
        [call(floats(*shape), floats(4, 3), floats(3, 5)) for shape in [(4, 5), (5,), (4, 1), (1, 5), (), (1,)]]
        + [
            call(floats(4, 5, layout=a), floats(4, 3, layout=a), floats(3, 5, layout=a), beta=0.5, alpha=2)
            for a in LAYOUTS
        ]
        + [
            call(floats(4, 5), floats(4, 3), floats(3, 5), alpha=-1.5),
            call(floats(4, 5), floats(4, 0), floats(0, 5), beta=2),
        ]
        + [call(integers(4, 5), integers(4, 3), integers(3, 5), beta=2, alpha=3)]
        + [call(floats(4, 5, dtype=d), floats(4, 3, dtype=d), floats(3, 5, dtype=d), beta=0.5) for d in FLOATS],
        addmm,
        length=9,
    ),
    Op(
        "baddbmm",
        [
            call(floats(*shape), floats(2, 4, 3), floats(2, 3, 5), beta=0.5, alpha=2)
            for shape in [(2, 4, 5), (4, 5), (2, 1, 5), (5,), ()]
        ]
        + [call(floats(2, 4, 5, layout=a), floats(2, 4, 3, layout=a), floats(2, 3, 5, layout=a)) for a in LAYOUTS],
        addmm,
        length=9,
    ),
    Op(
        "nn.functional.linear",
        [call(floats(*x), floats(5, 3), floats(5)) for x in [(4, 3), (3,), (2, 4, 3), (2, 1, 4, 3), (0, 3), (1, 3)]]
        + [call(floats(*x), floats(5, 3)) for x in [(4, 3), (3,), (2, 4, 3)]]
        + [
            call(floats(4, 3), floats(3)),
            call(floats(2, 4, 3), floats(3), floats()),
            call(floats(4, 0), floats(5, 0), floats(5)),
        ]
        + [
            call(floats(6, 3, layout=a), floats(5, 3, layout=b), floats(5, layout=a))
            for a in (*LAYOUTS, "expanded")
            for b in LAYOUTS
        ]
        + [call(floats(2, 6, 3, layout=a), floats(5, 3, layout=a), bias=None) for a in LAYOUTS]
        + [call(floats(6, 30, dtype=d), floats(5, 30, dtype=d), floats(5, dtype=d)) for d in FLOATS]
        + [call(input=floats(4, 3), weight=floats(5, 3), bias=floats(5))],
        lambda input, weight, bias=None: linear(input, weight, bias),
        length=30,
    ),
    *(
        Op("einsum", [call(equation, *(floats(*shape, layout=a) for shape in shapes)) for a in LAYOUTS[:2]], length=20)
        for equation, *shapes in [
            ("ij,jk->ik", (4, 3), (3, 5)),
            ("ij,jk", (4, 3), (3, 5)),
            ("bij,bjk->bik", (2, 4, 3), (2, 3, 5)),
            ("bij,bkj->bki", (2, 4, 3), (2, 5, 3)),
            ("i,j->ji", (4,), (3,)),
            ("ij->ji", (4, 3)),
            ("ij->", (4, 3)),
            ("ii->i", (4, 4)),
            ("bii", (2, 3, 3)),
            ("...ij,...jk->...ik", (2, 4, 3), (3, 5)),
            ("i...,i...->...", (4, 3, 2), (4, 2)),
            ("bn,anm,bm->ba", (2, 4), (5, 4, 3), (2, 3)),
            ("ij,ij,ij->i", (3, 4), (3, 4), (1, 4)),
            ("bhqd, bhkd -> bhqk", (2, 2, 3, 4), (2, 2, 5, 4)),
            ("ij,k->j", (3, 4), (2,)),
            ("aij,jb->iab", (2, 0, 3), (3, 2)),
        ]
    ),
    Op("einsum", [call("ij,jk->ik", [floats(4, 3), floats(3, 5)])], length=3),
    Op(
        "tensordot",
        [call(floats(4, 3, 2), floats(3, 2, 5))]
        + [call(floats(3, 4, 5), floats(4, 3, 2, layout=a), dims=([1, 0], [0, 1])) for a in LAYOUTS]
        + [
            call(floats(4), floats(3), 0),
            call(floats(4, 3), floats(3, 2), 1),
            call(floats(2, 3), floats(4, 3), ([-1], [-1])),
        ],
        length=20,
    ),
    Op("inner", [call(floats(3), floats(3)), call(floats(2, 3), floats(4, 3)), call(floats(), floats(2, 3))], length=3),
    Op("vdot", [call(floats(5), floats(5))], length=5),
    Op("ger", [call(floats(3), floats(4))]),
    Op(
        "kron",
        [
            call(floats(2, 3), floats(4, 2)),
            call(floats(3), floats(2, 2)),
            call(floats(), floats(3)),
            call(integers(2), integers(2)),
        ],
    ),
    Op(
        "cross",
        [call(floats(4, 3, layout=a), floats(4, 3), 1) for a in LAYOUTS]
        + [call(floats(3, 4), floats(3, 4), dim=0), call(floats(3, 3), floats(3, 3), -1)],
        length=2,
    ),
    Op("linalg.cross", [call(floats(4, 3), floats(1, 3)), call(floats(3, 4), floats(3, 4), dim=0)], length=2),
    Op(
        "matrix_power",
        [call(floats(3, 3), n) for n in (1, 2, 3, 5)] + [call(floats(2, 3, 3, grad=False), 0)],
        length=100,
        ulps=16,
    ),
    Op(
        "linalg.multi_dot",
        [call([floats(2, 5), floats(5, 3), floats(3, 4)]), call([floats(5), floats(5, 3), floats(3)])],
        length=30,
        ulps=8,
    ),
    Op(
        "vander",
        [call(floats(4)), call(floats(4), 3, increasing=True), call(integers(3), N=2), call(floats(3), 0)],
        gradient=False,
        ulps=8,
    ),
    Op(
        "addmv",
        [
            call(floats(4), floats(4, 3), floats(3), beta=0.5, alpha=2),
            call(floats(), floats(4, 3), floats(3)),
            call(integers(4), integers(4, 3), integers(3), alpha=2),
        ],
        length=4,
        ulps=4,
    ),
    Op(
        "addr",
        [call(floats(4, 3), floats(4), floats(3), beta=0.5, alpha=2), call(floats(3), floats(4), floats(3))],
        length=2,
        ulps=4,
    ),
    Op(
        "addbmm",
        [
            call(floats(4, 5), floats(2, 4, 3), floats(2, 3, 5), beta=0.5, alpha=2),
            call(floats(5), floats(2, 4, 3), floats(2, 3, 5)),
        ],
        length=7,
        ulps=4,
    ),
]
