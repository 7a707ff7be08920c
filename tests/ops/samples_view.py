"""Samples of the views, and that they are views: negative dims, dims of size 1 and 0, every layout they start from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ops.samples import LAYOUTS, Op, call, floats, integers


def unfold(x: Any, dimension: int, size: int, step: int) -> Any:
    if x.ndim == 0:
        return x.reshape(1)[:size]
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=dimension)
    axis = dimension % x.ndim
    return windows[(slice(None),) * axis + (slice(None, None, step),)]


def split(x: Any, size: Any, dim: int = 0) -> Any:
    n = x.shape[dim]
    sizes = size if isinstance(size, (list, tuple)) else [min(size, n - at) for at in range(0, n, size)] or [0]
    return np.split(x, np.cumsum(sizes)[:-1], dim)


def chunk(x: Any, chunks: int, dim: int = 0) -> Any:
    return split(x, -(-x.shape[dim] // chunks), dim)


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    if x.ndim == 0:
        return x.reshape(1)
    start, end = start_dim % x.ndim, end_dim % x.ndim
    return x.reshape(*x.shape[:start], int(np.prod(x.shape[start : end + 1])), *x.shape[end + 1 :])


def unflatten(x: Any, dim: int, sizes: Any) -> Any:
    axis = dim % x.ndim
    return x.reshape(*x.shape[:axis], *sizes, *x.shape[axis + 1 :])


def sizes_of(sizes: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(sizes[0]) if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes


def expand(x: Any, *sizes: Any) -> Any:
    wanted = list(sizes_of(sizes))
    lead = len(wanted) - x.ndim
    return np.broadcast_to(x, [x.shape[i - lead] if s == -1 else s for i, s in enumerate(wanted)])


def squeeze(x: Any, dim: Any = None) -> Any:
    dims = range(x.ndim) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    return np.squeeze(x, tuple(d for d in dims if x.ndim and x.shape[d] == 1))


def narrow(x: Any, dim: int, start: int, length: int) -> Any:
    return np.take(x, np.arange(length) + start, axis=dim)


X = [floats(5, 3, 4, layout=layout) for layout in LAYOUTS]

OPS: list[Op] = [
    Op(
        "reshape",
        [call(x, s) for x in X for s in [(60,), (5, 12), (15, 4), (-1, 2), (5, 1, 3, 4, 1), (3, 5, 4)]]
        + [
            call(floats(6), (2, 3)),
            call(floats(6), [3, -1]),
            call(floats(0, 3), (3, 0)),
            call(floats(1), ()),
            call(floats(), (1,)),
        ]
        + [
            call(floats(2, 0), (-1, 5)),
            call(floats(4, 4, layout="expanded"), (16,)),
            call(floats(6), shape=(3, 2)),
            call(floats(), (-1,)),
        ],
        lambda x, *s, shape=None: x.reshape(sizes_of(s) if shape is None else shape),
    ),
    Op(
        "Tensor.reshape",
        [call(x, *s) for x in X for s in [(60,), (5, 12), (-1, 2)]] + [call(floats(6), (2, 3)), call(floats(1), ())],
        lambda x, *s: x.reshape(sizes_of(s)),
    ),
    Op(
        "Tensor.view",
        [call(floats(5, 3, 4), *s) for s in [(60,), (5, 12), (-1, 2), (5, 1, 3, 4, 1)]]
        + [call(floats(6), (2, 3)), call(floats(0, 3), 3, 0), call(X[2], 5, 3, 2, 2), call(X[1], 5, 1, 3, 4)],
        lambda x, *s: x.reshape(sizes_of(s)),
    ),
    Op("Tensor.view_as", [call(floats(6, 2), floats(3, 4, grad=False))], lambda x, y: x.reshape(y.shape)),
    Op("Tensor.reshape_as", [call(x, floats(6, 10, grad=False)) for x in X], lambda x, y: x.reshape(y.shape)),
    Op(
        "permute",
        [call(x, (2, 0, 1)) for x in X]
        + [call(X[0], (-1, 0, -2)), call(floats(), ()), call(floats(2, 3), dims=(1, 0)), call(floats(0, 2), (1, 0))],
        lambda x, dims: np.transpose(x, dims),
    ),
    Op(
        "Tensor.permute",
        [call(X[0], 1, 2, 0), call(X[0], (1, 2, 0)), call(X[1], -1, -2, -3)],
        lambda x, *d: np.transpose(x, sizes_of(d)),
    ),
    Op(
        "transpose",
        [call(x, 0, 2) for x in X]
        + [call(X[0], -1, 1), call(X[0], 1, 1), call(floats(), 0, -1), call(X[0], dim0=0, dim1=1)],
        lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1) if x.ndim else x,
    ),
    Op("t", [call(floats(3, 4)), call(floats(3)), call(floats()), call(floats(3, 4, layout="sliced"))], np.transpose),
    Op(
        "movedim",
        [call(x, 0, 2) for x in X]
        + [call(X[0], -1, 0), call(X[0], (0, 1), (1, 2)), call(X[0], (-1, 0), (0, -1)), call(X[0], 1, 1)],
        np.moveaxis,
    ),
    Op(
        "Tensor.expand",
        [
            call(floats(3, 1), 3, 4),
            call(floats(3, 1), -1, 4),
            call(floats(1, 3), 2, 5, 3),
            call(floats(), 2, 3),
            call(floats(1), 0),
            call(floats(3, 1), (2, 3, 4)),
            call(floats(4, 3, layout="transposed"), 2, -1, -1),
            call(floats(3, 1), 3, 1),
        ],
        expand,
    ),
    Op(
        "broadcast_to",
        [call(floats(3, 1), (2, 3, 4)), call(floats(), (2,)), call(floats(1), size=(3,))],
        lambda x, size: np.broadcast_to(x, size),
    ),
    Op("Tensor.expand_as", [call(floats(3, 1), floats(3, 4, grad=False))], lambda x, y: np.broadcast_to(x, y.shape)),
    Op(
        "unsqueeze",
        [call(x, d) for x in X for d in (0, 1, 3, -1, -4)] + [call(floats(), 0), call(floats(2), dim=-1)],
        lambda x, dim: np.expand_dims(x, dim),
    ),
    Op(
        "squeeze",
        [call(floats(1, 3, 1, layout=a), *d) for a in LAYOUTS for d in [(), (0,), (-1,), (1,), ((0, 2),), ((0, 1),)]]
        + [call(floats()), call(floats(), 0), call(floats(1, 1), dim=0), call(floats(1, 0, 1))],
        squeeze,
    ),
    Op(
        "flatten",
        [call(x, *d) for x in X for d in [(), (1,), (0, 1), (-2, -1), (1, 1)]]
        + [call(floats()), call(floats(0, 3), 0), call(X[0], start_dim=1, end_dim=2)],
        flatten,
    ),
    Op("unflatten", [call(x, d, s) for x in X for d, s in [(0, (5, 1)), (-1, (2, 2)), (2, (1, 4, 1))]], unflatten),
    Op("unflatten", [call(X[0], -1, (2, -1))], lambda x, dim, sizes: x.reshape(5, 3, 2, 2)),
    Op(
        "narrow",
        [call(x, d, s, n) for x in X for d, s, n in [(0, 1, 3), (-1, 0, 4), (1, 2, 1), (1, 3, 0), (2, 1, 2)]]
        + [call(X[0], dim=0, start=1, length=2)],
        narrow,
    ),
    Op("narrow", [call(X[0], 0, -2, 2)], lambda x, dim, start, length: x[3:]),
    Op(
        "select",
        [call(x, d, i) for x in X for d, i in [(0, 1), (-1, -1), (1, 2), (0, -5)]] + [call(X[0], dim=1, index=0)],
        lambda x, dim, index: np.take(x, index, axis=dim),
    ),
    Op(
        "Tensor.unfold",
        [call(floats(10), 0, n, s) for n, s in [(3, 1), (3, 2), (2, 3), (10, 1), (4, 4)]]
        + [call(x, 1, 2, 1) for x in X]
        + [call(X[0], -1, 3, 2)],
        unfold,
    ),
    Op(
        "diagonal",
        [call(x, *a) for x in X for a in [(), (1,), (-1,), (0, 1, 2), (0, -2, -1), (1, 2, 0), (9,), (-9,)]]
        + [call(floats(0, 3)), call(floats(4, 4), offset=2)],
        lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2),
    ),
    Op(
        "split",
        [
            call(x, n, d)
            for x in X
            for n, d in [(2, 0), (5, 0), (9, 0), (1, 1), (3, -1), ([1, 3], 2), ([0, 5], 0), ([1, 1, 1], 1)]
        ]
        + [call(floats(0, 3), 2), call(floats(4), 2), call(floats(5), [2, 3]), call(floats(5), (2, 3))],
        split,
    ),
    Op(
        "chunk",
        [call(x, n, d) for x in X for n, d in [(2, 0), (3, 0), (4, -1), (9, 1)]]
        + [call(floats(7), 3), call(floats(7), chunks=2)],
        chunk,
    ),
    Op(
        "unbind",
        [call(x, d) for x in X for d in (0, 1, -1)] + [call(floats(3)), call(floats(2, 0), 0)],
        lambda x, dim=0: list(np.moveaxis(x, dim, 0)),
    ),
    Op(
        "as_strided",
        [
            call(floats(12), (3, 2), (4, 1)),
            call(floats(12), (3, 2), (4, 1), 1),
            call(floats(12), (2, 3), (0, 2)),
            call(floats(5), (), (), 2),
            call(floats(6), (3, 2), (2, 1)),
            call(floats(4, 3), (2, 2), (3, 1), 2),
            call(integers(4), (0, 2), (1, 1)),
        ],
        lambda x, size, stride, offset=0: np.lib.stride_tricks.as_strided(
            x.reshape(-1)[offset:], size, [s * x.itemsize for s in stride]
        ),
    ),
    Op(
        "as_strided",
        [call(floats(6), (4, 3), (1, 1))],
        lambda x, size, stride: np.lib.stride_tricks.sliding_window_view(x, 3),
    ),
]
