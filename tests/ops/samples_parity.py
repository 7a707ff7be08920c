"""Samples of forms that PyTorch's own have: rarer arguments and dtypes, and kin, of ops that stand elsewhere."""

from __future__ import annotations

import numpy as np

from ops.samples import Op, array, booleans, call, floats, integers

ZEROS = array([[0.0, 2.0, 3.0], [0.0, 0.0, 1.5], [1.0, 2.0, -3.0]], "float64")  # none, one, two zeros in a line
POINTS = array([[0.0, 1.0], [2.0, 1.5], [0.0, 1.0], [-1.0, 3.0]], "float64")  # two of them the same

X = floats(4, 5)

OPS: list[Op] = [
    Op(
        "add",
        [call(booleans(4), booleans(4), alpha=a) for a in (True, False)]
        + [call(integers(3), integers(3), alpha=-2), call(floats(2, 3), floats(3), alpha=3)],
    ),
    Op("sub", [call(integers(3), 5, alpha=2), call(floats(2, 3), integers(3), alpha=0.5)]),
    Op("square", [call(booleans(5)), call(integers(5, dtype="int8"))]),
    Op("addr", [call(booleans(4, 3), booleans(4), booleans(3), beta=b, alpha=a) for a, b in ((1, 1), (0, 1), (1, 0))]),
    Op("prod", [call(ZEROS), call(ZEROS, 1), call(ZEROS, 0, True), call(floats(2, 3, 4, dtype="float64"), -2)]),
    Op("cumsum", [call(integers(3, 4, dtype="int32"), 1, dtype="dtype:int32")]),
    Op("cumprod", [call(integers(5, dtype="uint8"), 0, dtype="dtype:uint8")]),
    Op(
        "cov",
        [
            call(floats(3, 5, dtype="float64"), aweights=floats(5, dtype="float64", low=0.1, high=1.0)),
            call(
                floats(2, 4, dtype="float64"),
                correction=0,
                fweights=array([1, 3, 2, 2], "int64"),
                aweights=floats(4, dtype="float64", low=0.1, high=1.0),
            ),
        ],
    ),
    Op("nn.functional.pdist", [call(POINTS, p) for p in (0.0, 1.0, 1.5, 2.0, 3.0, float("inf"))], second=False),
    Op("pdist", [call(floats(n, 3)) for n in (0, 1, 2, 7)], gradient=False),
    Op(  # PyTorch gives its input the gradient of what was replaced
        "as_strided_scatter",
        [call(floats(4, 4), floats(2, 2), (2, 2), (4, 2), 1), call(floats(3, layout="sliced"), floats(2), (2,), (2,))],
        gradient=False,
    ),
    Op("mvlgamma", [call(floats(5, low=2.0, high=6.0), p) for p in (1, 2, 4)], ulps=64),
    Op(
        "linalg.matrix_norm",
        [
            call(floats(0, 3), 1),
            call(floats(2, 3, 0), float("inf"), keepdim=True),
            *(call(floats(3, 4), order) for order in ("nuc", 2, -2)),
            *(call(floats(4, 2, 3), order, (0, -1), keepdim=True) for order in ("nuc", 2, -2)),
        ],
        length=16,
        ulps=64,
    ),
    Op("linalg.svdvals", [call(floats(3, 4)), call(floats(2, 4, 3)), call(floats(0, 3))], length=16, ulps=64),
    Op("linalg.inv", [call(floats(3, 3)), call(floats(2, 1, 1)), call(floats(0, 2, 2))], length=16, ulps=64),
    Op("norm", [call(floats(3, 4), "nuc"), call(floats(2, 3, 4), "nuc", (0, 2), True)], length=16, ulps=64),
    Op("linalg.matrix_power", [call(floats(3, 3), -1), call(floats(2, 2, 2), -3)], length=16, ulps=64),
    Op("linalg.vector_norm", [call(array([0.0, 1.0, -2.0], "float64"), p) for p in (-1.0, -2.0, 2.5)], second=False),
    Op("einsum", [call("bik,j->bij", integers(1, 2, 3, dtype="int32"), integers(3, dtype="int32"))]),
    Op("tensordot", [call(integers(1, 1, 1, dtype="uint8"), integers(2, 1, 2, dtype="uint8"), [[0, 1], [2, 0]])]),
    Op("gradient", [call(floats(n, 4, low=-9, high=9), edge_order=o) for n, o in ((2, 1), (3, 1), (3, 2), (6, 2))]),
    Op(
        "gradient",
        [
            call(floats(5, 4), spacing=(array([0.0, 1.0, 1.5, 4.0, 9.0]), array([0.5, 1.0, 3.0, 4.0])), edge_order=2),
            call(floats(5, 4, 3), spacing=2.0, dim=(0, -1)),
            call(integers(6), dim=0),
        ],
    ),
    Op(
        "histogram",
        [
            call(floats(50), 7),
            call(floats(50), 4, range=(-1.0, 1.0), density=True),
            call(floats(5, 6), array([-1.0, 0.0, 0.25, 1.5]), weight=floats(5, 6, low=0.5, high=1.0)),
            call(array([1.0, 1.0, 1.0]), 4),
        ],
        gradient=False,
    ),
    Op("unravel_index", [call(integers(4, 3, low=0, high=24), (2, 3, 4)), call(integers(3, low=0, high=5), 5)]),
    Op(
        "special.entr",
        [
            call(
                array([-1.0, 0.0, 0.5, 1.0, np.inf, np.nan]),
            )
        ],
        gradient=False,
    ),
    Op("special.ndtr", [call(floats(30, low=-5, high=5))], ulps=16),
    Op("special.ndtri", [call(floats(30, dtype="float64", low=0.05, high=0.95))], ulps=64),
    Op(
        "matrix_exp",
        [call(floats(*s, dtype="float64", high=h)) for s, h in (((3, 3), 2), ((2, 4, 4), 9), ((0, 0), 1))],
        ulps=512,
    ),
    Op("fill", [call(X, 2.5), call(X, floats()), call(integers(3), 7)]),
    Op("constant_pad_nd", [call(X, (1, 2), 3.0), call(X, (-1, 0, 2, 1))]),
    Op(
        "nonzero_static",
        [call(ZEROS, size=n, fill_value=f) for n, f in ((0, -1), (3, -1), (40, 7))] + [call(floats(), size=2)],
        gradient=False,
    ),
    Op("alias_copy", [call(X)]),
    Op("as_strided_copy", [call(X, (2, 2), (1, 2), 1)]),
    Op("detach_copy", [call(X)], gradient=False),
    Op("diagonal_copy", [call(X), call(X, 1, 1, 0)]),
    Op("expand_copy", [call(floats(3, 1), (2, 3, 4)), call(X, (-1, 5))]),
    Op("permute_copy", [call(X, (1, 0))]),
    Op("select_copy", [call(X, 1, -1)]),
    Op("slice_copy", [call(X, 1, 1, 4, 2), call(X, -1, -2)]),
    Op("split_copy", [call(X, 2, 1)]),
    Op("split_with_sizes_copy", [call(X, (1, 4), 1)]),
    Op("squeeze_copy", [call(floats(1, 3, 1)), call(floats(1, 3, 1), 0), call(floats(1, 3, 1), (0, 2))]),
    Op("t_copy", [call(X)]),
    Op("transpose_copy", [call(X, 0, -1)]),
    Op("unbind_copy", [call(X), call(X, 1)]),
    Op("unfold_copy", [call(X, 1, 3, 1)]),
    Op("unsqueeze_copy", [call(X, -1)]),
    Op("view_copy", [call(X, (5, 4))]),
    Op("unsafe_chunk", [call(X, 3, 1)]),
    Op("unsafe_split", [call(X, 2), call(X, 3, 1)]),
    Op("unsafe_split_with_sizes", [call(X, (1, 4), 1)]),
    Op("bernoulli", [call(array([0.0, 1.0, 1.0]))], gradient=False),
]
