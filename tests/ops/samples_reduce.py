"""Samples of the reductions: every set of dims, with and without keepdim, over every layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ops.samples import FLOATS, INTEGERS, LAYOUTS, Op, array, booleans, call, floats, integers, of_dtype

DIMS: list[Any] = [None, 0, 1, 2, -1, (0, 1), (0, 2), (1, 2), (-1, 0), (0, 1, 2), [1]]


def axis(dim: Any) -> Any:
    return tuple(dim) if isinstance(dim, list) else None if dim == () else dim


def reduction(
    name: str,
    numpy: Callable[..., Any],
    integer: bool = True,
    extra: tuple[Any, ...] = (),
    dims: list[Any] = DIMS,
    empty: bool = True,
    length: int = 200,
    **options: Any,
) -> Op:
    """`numpy(x, axis, keepdims)` computes it."""
    samples = [call(floats(5, 3, 4)), call(floats())]
    samples += [call(floats(5, 3, 4), d) for d in dims if d is not None]
    samples += [call(floats(5, 3, 4), dim=d, keepdim=True) for d in dims if d is not None]
    samples += [
        call(floats(5, 3, 4, layout=layout), d)
        for layout in (*LAYOUTS, "expanded")
        for d in (1, -1, (0, 2))
        if d in dims
    ]
    samples += [call(floats(), -1), call(floats(1, 1), 0), call(floats(67, 130), 0), call(floats(67, 130), 1)]
    samples += [call(floats(130, 67, layout="transposed"), 0)]
    samples += [call(of_dtype(d, 40, 3), 0) for d in FLOATS if d != "float32"]
    if integer:
        samples += [call(of_dtype(d, 7, 3), 1) for d in (*INTEGERS, "bool")]
    if empty:
        samples += [call(floats(0, 3)), call(floats(0, 3), 0), call(floats(3, 0), 1)]
        samples += [call(floats(2, 0, 3), (0, 2))] if (0, 2) in dims else []
    samples += [call(floats(0, 3), 1), *extra]
    return Op(
        name,
        samples,
        lambda input, dim=None, keepdim=False, **k: numpy(
            input, axis=axis(dim) if np.ndim(input) else None, keepdims=keepdim, **k
        ),
        length=length,
        **options,
    )


def logsumexp(x: Any, axis: Any, keepdims: bool) -> Any:
    x = np.asarray(x, float)
    if x.size == 0 or axis is None:
        return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis) if x.ndim else total


def with_dtype(f: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's f in the dtype that integers and booleans are added up in."""

    def wrapped(x: Any, axis: Any, keepdims: bool, dtype: str | None = None) -> Any:
        x = np.asarray(x)
        if dtype is not None:
            x = x.astype("float64" if "float" in dtype else dtype.removeprefix("dtype:"))
        return f(x.astype(np.int64) if x.dtype.kind in "iub" else x, axis=axis, keepdims=keepdims)

    return wrapped


def vector_norm(x: Any, p: float = 2.0, dim: Any = None, keepdim: bool = False) -> Any:
    x = np.abs(np.asarray(x, float))
    how = {"axis": axis(dim), "keepdims": keepdim}
    if p in (np.inf, -np.inf):
        return (np.max if p > 0 else np.min)(x, **how)
    if p == 0:
        return np.sum(x != 0, **how).astype(float)
    return np.sum(x**p, **how) ** (1 / p)


def moment(f: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(
        x: Any, dim: Any = None, unbiased: bool = True, keepdim: bool = False, *, correction: float | None = None
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        ddof = (1 if unbiased else 0) if correction is None else correction
        return f(x, axis=axis(dim), ddof=ddof, keepdims=keepdim)

    return wrapped


MOMENTS = [
    *(call(floats(5, 3, 4, layout=layout), d) for layout in LAYOUTS for d in (1, (0, 2), -1)),
    *(
        call(floats(5, 3, 4), d, correction=c, keepdim=k)
        for d in (0, None, (1, 2))
        for c in (0, 1, 2)
        for k in (True, False)
    ),
    *(call(floats(50, 3, dtype=d), 0) for d in FLOATS),
    *(call(floats(6, 2), dim=1, unbiased=u) for u in (True, False)),
    call(floats(5, 3)),
    call(floats(5, 3), 0, False),
    call(floats(5, 3), False),
    call(array(np.linspace(1e4, 1e4 + 1, 64)), 0, correction=0),
]


def indices(x: Any, dim: int | None = None, keepdim: bool = False, which: Callable[..., Any] = np.argmax) -> Any:
    return which(x, axis=dim, keepdims=keepdim)


def extreme(values: Callable[..., Any], arg: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return values(x)
        if isinstance(dim, np.ndarray):
            return (np.maximum if values is np.max else np.minimum)(x, dim)
        if x.ndim == 0:
            return x, np.zeros((), np.int64)
        return values(x, axis=dim, keepdims=keepdim), arg(x, axis=dim, keepdims=keepdim)

    return wrapped


ONE_DIM: list[Any] = [None, 0, 1, 2, -1]
TIES = array([[1, 3, 3], [2, 2, 0]])
NANS = array([[1, np.nan, 3], [np.nan, np.nan, 0], [-np.inf, 1, np.inf]], grad=False)
DTYPED = (
    call(integers(4, 3), 0, dtype="dtype:float32"),
    call(integers(4, 3), dtype="dtype:int32"),
    call(floats(4, 3, dtype="float16", grad=False), 1, dtype="dtype:float32"),
    call(booleans(4, 3), 0, dtype="dtype:float64"),
)

OPS: list[Op] = [
    reduction("sum", with_dtype(np.sum), extra=(*DTYPED, call(NANS, 0), call(floats(300, 300, low=0.0)))),
    reduction("mean", with_dtype(np.mean), integer=False, extra=(DTYPED[0], DTYPED[2], call(NANS, 0))),
    reduction(
        "prod",
        with_dtype(np.prod),
        dims=[*ONE_DIM[1:]],
        extra=(DTYPED[0], call(array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0]], grad=False), 1)),
    ),
    reduction("amax", np.max, empty=False, extra=(call(TIES, 1), call(TIES), call(NANS, 1))),
    reduction("amin", np.min, empty=False, extra=(call(TIES, 1), call(TIES), call(NANS, 1))),
    reduction(
        "any",
        lambda x, axis, keepdims: np.any(x, axis=axis, keepdims=keepdims),
        extra=(call(floats(4, 3)),),
        gradient=False,
    ),
    reduction(
        "all",
        lambda x, axis, keepdims: np.all(x, axis=axis, keepdims=keepdims),
        extra=(call(floats(4, 3)),),
        gradient=False,
    ),
    Op(
        "logsumexp",
        [call(floats(5, 3, 4, layout=layout), d) for layout in LAYOUTS for d in (0, -1, (0, 2))]
        + [call(floats(5, 3), 1, keepdim=True), call(array([[1e4, -1e4], [-np.inf, -np.inf]], grad=False), 1)]
        + [call(floats(9, dtype=d), 0) for d in FLOATS]
        + [call(integers(5), 0), call(floats(0, 3), 1), call(array([np.inf, 1.0], grad=False), 0)],
        lambda x, dim, keepdim=False: logsumexp(x, axis(dim), keepdim),
        length=20,
    ),
    Op("var", [*MOMENTS, call(floats(4, 3, layout="expanded"), 0)], moment(np.var), length=64, ulps=8),
    Op("std", MOMENTS, moment(np.std), length=64, ulps=8),
    Op(
        "var_mean",
        [call(floats(5, 3, 4), d, correction=c) for d in (0, None, (1, 2)) for c in (0, 1)]
        + [call(floats(5, 3), 1, keepdim=True)],
        lambda x, dim, correction=1, keepdim=False: (
            np.var(x, axis=dim, ddof=correction, keepdims=keepdim),
            np.mean(x, axis=dim, keepdims=keepdim),
        ),
        length=64,
    ),
    Op(
        "norm",
        [call(floats(5, 3, 4, layout=layout), 2, d) for layout in LAYOUTS for d in (None, 0, (1, 2))]
        + [
            call(floats(5, 3, low=0.5), p, 1, keepdim=k)
            for p in (0, 1, 2.0, 3, 0.5, np.inf, -np.inf)
            for k in (True, False)
        ]
        + [call(floats(5, 3)), call(floats(5, 3), dim=0), call(floats(7, dtype="float16")), call(floats(), 2)],
        vector_norm,
        length=64,
        ulps=4,
    ),
    *(
        Op(
            name,
            [call(floats(5, 3, 4, layout=layout), d) for layout in (*LAYOUTS, "expanded") for d in (0, 1, -1)]
            + [
                call(floats(5, 3), dim=0, keepdim=True),
                call(floats(5, 3)),
                call(TIES, 1),
                call(TIES, 0),
                call(NANS, 1),
                call(NANS),
            ]
            + [call(of_dtype(d, 9, 3), 0) for d in (*FLOATS[1:], *INTEGERS)]
            + [call(floats(70, 90), 0), call(floats()), call(floats(), 0)],
            lambda x, dim=None, keepdim=False, which=which: (
                np.zeros((), int) if x.ndim == 0 else which(x, axis=dim, keepdims=keepdim)
            ),
            gradient=False,
        )
        for name, which in (("argmax", np.argmax), ("argmin", np.argmin))
    ),
    *(
        Op(
            name,
            [call(floats(5, 3, 4, layout=layout), d) for layout in (*LAYOUTS, "expanded") for d in (0, 1, -1)]
            + [call(floats(5, 3), dim=0, keepdim=True), call(floats(5, 3)), call(TIES, 1), call(TIES), call(NANS, 1)]
            + [call(of_dtype(d, 9, 3), 0) for d in (*FLOATS[1:], *INTEGERS, "bool")]
            + [call(floats(4, 3), floats(3)), call(floats(), 0)],
            extreme(values, which),
        )
        for name, values, which in (("max", np.max, np.argmax), ("min", np.min, np.argmin))
    ),
    Op(
        "cumsum",
        [call(floats(5, 3, 4, layout=layout), d) for layout in (*LAYOUTS, "expanded") for d in (0, 1, -1)]
        + [call(of_dtype(d, 9, 3), 0) for d in (*FLOATS[1:], *INTEGERS, "bool")]
        + [
            call(floats(), 0),
            call(floats(0, 3), 0),
            call(floats(3, 0), 0),
            call(floats(200), dim=0),
            call(integers(5), 0, dtype="dtype:float32"),
        ],
        lambda x, dim=0, dtype=None: np.cumsum(
            np.asarray(x) if x.dtype.kind == "f" else np.asarray(x).astype(np.int64), axis=dim if x.ndim else None
        ).reshape(x.shape),
        length=200,
    ),
]
