"""A sample call of every op record: what docs/ops.md is measured with, and its test.

A sample makes its inputs from a stream of numbers, so that the same numbers come in every dtype, and calls the op, or
what runs it. Inputs are drawn from where the op is well conditioned: sums are of positive terms, so that an error in
units in the last place means something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import hotloop
from hotloop import _core
from hotloop.nn import functional as F

Tensor = hotloop.Tensor


class Inputs:
    """Tensors of one dtype from a seeded stream, collected; or ``given`` ones in their place.

    Where ``differentiates``, gradients that a sample takes are themselves differentiated.
    """

    def __init__(
        self,
        dtype: hotloop.dtype,
        seed: int = 0,
        rows: int = 33,
        columns: int = 65,
        given: Iterable[Tensor] | None = None,
        differentiates: bool = False,
    ) -> None:
        self.dtype, self.rows, self.columns, self.differentiates = dtype, rows, columns, differentiates
        self.given = iter(given) if given is not None else None
        self.random = np.random.default_rng(seed)
        self.made: list[Tensor] = []

    def __call__(self, low: float = 0.5, high: float = 2.0, shape: tuple[int, ...] | None = None) -> Tensor:
        numbers = self.random.uniform(low, high, shape or (self.rows, self.columns)).astype(np.float32)
        x = next(self.given, None) if self.given else hotloop.from_numpy(numbers).to(self.dtype)
        assert x is not None
        self.made.append(x)
        return x

    def weights(self, out: Tensor) -> Tensor:
        """Constants of an output's shape."""
        return hotloop.from_numpy(self.random.uniform(0.5, 2.0, tuple(out.shape)).astype(np.float32)).to(out.dtype)

    def below(self, limit: int, shape: tuple[int, ...]) -> Tensor:
        """Indices."""
        return hotloop.from_numpy(self.random.integers(0, limit, shape))

    def places(self) -> Tensor:
        """For each row, every column once."""
        orders = [self.random.permutation(self.columns) for _ in range(self.rows)]
        return hotloop.from_numpy(np.array(orders))

    def flags(self) -> Tensor:
        """Booleans of the usual shape."""
        return hotloop.from_numpy(self.random.random((self.rows, self.columns)) < 0.5)


Sample = Callable[[Inputs], Any]


@dataclass(frozen=True)
class OpSample:
    """A record's sample call; ``random``: its result has no error."""

    record: dict[str, Any]
    run: Sample
    random: bool = False

    @property
    def name(self) -> str:
        """The record's name."""
        return str(self.record["name"])


# --- pointwise rows: the range of each input, and the numbers p0 and p1 --------------------------------------------
_Ranges = tuple[tuple[float, float], ...]
_RANGES: dict[str, _Ranges] = {
    **dict.fromkeys(("sqrt", "rsqrt", "log", "log2", "log10", "reciprocal"), ((0.01, 8.0),)),
    **dict.fromkeys(("asin", "acos", "atanh", "erfinv"), ((-0.99, 0.99),)),
    **dict.fromkeys(("gelu_backward", "gelu_tanh_backward", "silu_backward"), ((0.5, 2.0), (0.1, 4.0))),
    "mish_backward": ((0.5, 2.0), (0.1, 4.0)),
    "log1p": ((-0.9, 8.0),),
    "sinc": ((0.05, 0.7),),
    "acosh": ((1.0, 8.0),),
    "logit": ((0.01, 0.4),),
    "lgamma": ((0.1, 20.0),),
    "digamma": ((2.0, 20.0),),
    "polygamma": ((0.1, 20.0),),
    **dict.fromkeys(("bessel_y0", "bessel_y1", "modified_bessel_k0", "modified_bessel_k1"), ((0.1, 8.0),)),
    **dict.fromkeys(("scaled_modified_bessel_k0", "scaled_modified_bessel_k1"), ((0.1, 8.0),)),
    "clamp_min_through": ((0.5, 3.0),),
    "hardswish_backward": ((0.5, 2.0), (-1.0, 4.0)),
    "logit_backward": ((-3.0, 3.0), (0.01, 0.99)),
    "cross_entropy_error": ((0.01, 0.99), (0.0, 1.0)),
    "cross_entropy_error_backward": ((0.5, 2.0), (0.01, 0.99), (1.0, 2.0)),
    "logits_cross_entropy_error": ((0.1, 3.0), (0.0, 1.0)),
    "tan": ((-1.4, 1.4),),
    "gelu_tanh_curvature": ((-1.0, 1.0),),
    "pow_scalar": ((0.1, 4.0),),
    "lerp": ((0.5, 1.0), (1.0, 2.0), (0.0, 1.0)),
}
# Operands that don't cancel: sums and differences of numbers of one sign, far apart.
for _name in ("add", "add_scaled", "addcmul", "addcdiv", "logaddexp", "logaddexp2", "hypot"):
    _RANGES[_name] = ((0.5, 2.0),) * 3
for _name in ("sub", "squared_error", "absolute_error", "huber_error", "smooth_l1_error"):
    _RANGES[_name] = ((3.0, 6.0), (0.5, 1.0))
for _name in ("squared_error_backward", "absolute_error_backward", "huber_error_backward", "smooth_l1_error_backward"):
    _RANGES[_name] = ((0.5, 2.0), (3.0, 6.0), (0.5, 1.0))
for _name in ("pow", "xlogy", "xlog1py", "floor_divide", "fmod", "remainder", "div", "gcd", "lcm"):
    _RANGES[_name] = ((1.0, 6.0), (1.0, 4.0))
for _name in ("zeta", "igamma", "igammac"):
    _RANGES[_name] = ((2.0, 6.0), (1.0, 8.0))
for _name in ("chebyshev_t", "chebyshev_u", "chebyshev_v", "chebyshev_w", "hermite_h", "hermite_he", "legendre_p"):
    _RANGES[_name] = ((1.0, 3.0), (0.0, 9.0))  # where they grow
_RANGES["laguerre_l"] = ((-3.0, -0.1), (0.0, 9.0))
for _name in ("bitwise_left_shift", "bitwise_right_shift"):
    _RANGES[_name] = ((1.0, 90.0), (0.0, 5.0))
_NUMBERS: dict[str, tuple[float, float]] = {
    "pow_scalar": (2.7, 0.0),
    "hermite_h": (128.0, 0.0),
    "hermite_he": (128.0, 0.0),
    "clamp_scalar": (-1.0, 1.0),
    "add_scaled": (0.5, 0.0),
    "addcmul": (0.5, 0.0),
    "addcdiv": (0.5, 0.0),
    "polygamma": (1.0, 0.0),
    "softplus": (1.0, 20.0),
    "softplus_backward": (1.0, 20.0),
    "leaky_relu": (0.01, 0.0),
    "leaky_relu_backward": (0.01, 0.0),
    "elu": (1.0, 1.0),
    "elu_backward": (1.0, 1.0),
    "celu": (1.5, 0.0),
    "hardtanh": (-1.0, 1.0),
    "threshold": (0.1, 2.0),
    "inside_backward": (-1.0, 1.0),
    "hardshrink": (0.5, 0.0),
    "softshrink": (0.5, 0.0),
    "outside_backward": (0.5, 0.0),
    "huber_error": (1.0, 0.0),
    "huber_error_backward": (1.0, 0.0),
    "smooth_l1_error": (1.0, 0.0),
    "smooth_l1_error_backward": (1.0, 0.0),
    "clamp_min_through": (0.1, 0.0),
    "mul_number": (1.25, 0.0),
    "div_number": (1.25, 0.0),
    "nan_to_num": (0.0, 0.0),
}


def _pointwise(name: str, inputs: int) -> Sample:
    ranges = _RANGES.get(name, ((-3.0, 3.0),) * inputs)
    p0, p1 = _NUMBERS.get(name, (0.0, 0.0))

    def run(t: Inputs) -> Tensor:
        if name == "where":
            return _core.run_pointwise(name, [t.flags(), t(), t()])
        operands = [t(*one) for one in ranges[:inputs]]
        return _core.run_pointwise(name, operands, p0, p1)

    return run


# --- all others ----------------------------------------------------------------------------------------------------
def _layer_norm(t: Inputs) -> Tensor:
    return F.layer_norm(t(-2.0, 2.0), (t.columns,), t(shape=(t.columns,)), t(8.0, 9.0, (t.columns,)))


def _batch_norm(t: Inputs, training: bool) -> Tensor:
    exact = hotloop.float64 if t.dtype == hotloop.float64 else hotloop.float32  # of all that is a number a channel
    running = (hotloop.full((t.columns,), value, dtype=exact) for value in (0.25, 0.75))
    return F.batch_norm(t(-2.0, 2.0), *running, training=training)


def _group_norm(t: Inputs) -> Tensor:
    channels = t.columns
    return F.group_norm(t(-2.0, 2.0), 1, t(shape=(channels,)), t(8.0, 9.0, (channels,)))


def _fill(t: Inputs) -> Tensor:
    x = t().clone()
    x[:, 1:] = 3.0
    return x


def _copy(t: Inputs) -> Tensor:
    x = t().clone()
    x[:, 1:] = t()[:, 1:]
    return x


def _with_leaf(call: Callable[..., Any]) -> Sample:
    """The gradient by the one input that ``call`` takes."""

    def run(t: Inputs) -> Tensor:
        x = t()
        with hotloop.enable_grad():
            x.requires_grad_(True)
            out = call(x, t)
            return hotloop.autograd.grad([out], [x], [t.weights(out)], create_graph=t.differentiates)[0]

    return run


def _ctc_loss(x: Tensor, t: Inputs) -> Tensor:
    """One sequence of as many steps as there are rows, and a third as many labels."""
    labels = t.below(t.columns - 1, (t.rows // 3,)) + 1
    return F.ctc_loss(x.log_softmax(1), labels, (t.rows,), (t.rows // 3,), reduction="sum")


def _factors_gradient(t: Inputs) -> Tensor:
    index, weight, factors = t.below(t.rows, (t.rows, 4)), t(), t(shape=(t.rows, 4))
    with hotloop.enable_grad():
        factors.requires_grad_(True)
        out = F.embedding_bag(index, weight, mode="sum", per_sample_weights=factors)
        return hotloop.autograd.grad([out], [factors], [t.weights(out)], create_graph=t.differentiates)[0]


def _linear_packed(t: Inputs) -> Tensor:
    return _core.linear_packed(t().detach(), _core.PackedWeight(t(shape=(16, t.columns)).detach()))


def _over_columns(name: str) -> Sample:
    return lambda t: getattr(hotloop, name)(t(), 1)


_OTHERS: dict[str, Sample] = {
    # copy.cpp, creation.cpp
    "clone": lambda t: t().clone(),
    "contiguous": lambda t: t().t().contiguous(),
    "to": lambda t: t().to(hotloop.float64 if t.dtype == hotloop.float32 else hotloop.float32),
    "copy_": _copy,
    "fill_": _fill,
    "cat": lambda t: hotloop.cat([t(), t()], 1),
    "roll": lambda t: hotloop.roll(t(), (3, 5), (0, 1)),
    "arange": lambda t: hotloop.arange(t.rows * t.columns, dtype=t.dtype),
    # index.cpp, mask.cpp, indexing.cpp
    "index_select": lambda t: hotloop.index_select(t(), 0, t.below(t.rows, (t.rows,))),
    "embedding": lambda t: F.embedding(t.below(t.rows, (t.rows, 4)), t()),
    "gather": lambda t: hotloop.gather(t(), 1, t.below(t.columns, (t.rows, t.columns))),
    "index_accumulate": _with_leaf(lambda x, t: hotloop.index_select(x, 0, t.below(t.rows, (t.rows,)))),
    "index_add": lambda t: hotloop.index_add(t(), 0, t.below(t.rows, (t.rows,)), t()),
    "index_copy": lambda t: hotloop.index_copy(t(), 0, t.below(t.rows, (t.rows,)), t()),
    "index_fill": lambda t: hotloop.index_fill(t(), 0, t.below(t.rows, (t.rows,)), 1),
    "scatter": lambda t: hotloop.scatter(t(), 1, t.places(), t()),
    "scatter_add": lambda t: hotloop.scatter_add(t(), 1, t.below(t.columns, (t.rows, t.columns)), t()),
    "scatter_reduce": lambda t: hotloop.scatter_reduce(t(), 1, t.below(t.columns, (t.rows, t.columns)), t(), "amax"),
    "nonzero": lambda t: hotloop.nonzero(t.flags()),
    "masked_select": lambda t: hotloop.masked_select(t(), t.flags()),
    "index": lambda t: t()[t.below(t.rows, (t.rows,)), t.below(t.columns, (t.rows,))],
    "index_put": lambda t: t().index_put((t.below(t.rows, (t.rows,)),), t()),
    # matmul.cpp, packed.cpp
    "matmul": lambda t: t() @ t(shape=(t.columns, 48)),
    "addmm": lambda t: hotloop.addmm(t(shape=(t.rows, 48)), t(), t(shape=(t.columns, 48))),
    "linear": lambda t: F.linear(t(), t(shape=(48, t.columns)), t(shape=(48,))),
    "linear_activation": lambda t: _core.linear_activation(t(), t(shape=(48, t.columns)), t(shape=(48,)), "relu"),
    "linear_packed": _linear_packed,
    # distance.cpp, embedding_bag.cpp
    "cdist": lambda t: hotloop.cdist(t(), t(2.0, 4.0), 1.0),
    "cdist_backward": _with_leaf(lambda x, t: hotloop.cdist(x, t(2.0, 4.0), 3.0)),
    "pdist": lambda t: F.pdist(t()),
    "pdist_backward": _with_leaf(lambda x, t: F.pdist(x, 3.0)),
    "embedding_bag": lambda t: F.embedding_bag(t.below(t.rows, (t.rows, 4)), t()),
    "embedding_bag_backward": _with_leaf(lambda x, t: F.embedding_bag(t.below(t.rows, (t.rows, 4)), x)),
    "embedding_bag_factors_backward": _factors_gradient,
    # batch_norm.cpp, cross_entropy.cpp, ctc.cpp, norm.cpp, softmax.cpp
    "ctc_loss": lambda t: _ctc_loss(t(-2.0, 2.0), t),
    "ctc_loss_backward": _with_leaf(_ctc_loss),
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "rms_norm": lambda t: F.rms_norm(t(-2.0, 2.0), (t.columns,), t(shape=(t.columns,))),
    "batch_norm": lambda t: _batch_norm(t, True),
    "batch_norm_given": lambda t: _batch_norm(t, False),
    "batch_norm_backward": _with_leaf(lambda x, t: F.batch_norm(x, None, None, training=True)),
    "softmax": lambda t: F.softmax(t(-2.0, 2.0), 1),
    "log_softmax": lambda t: F.log_softmax(t(-2.0, 2.0), 1),
    "cross_entropy": lambda t: F.cross_entropy(t(-2.0, 2.0), t.below(t.columns, (t.rows,))),
    "cross_entropy_backward": _with_leaf(lambda x, t: F.cross_entropy(x, t.below(t.columns, (t.rows,)))),
    "nll_loss": lambda t: F.nll_loss(t(), t.below(t.columns, (t.rows,))),
    "nll_loss_backward": _with_leaf(lambda x, t: F.nll_loss(x, t.below(t.columns, (t.rows,)))),
    "softmax_backward": _with_leaf(lambda x, t: F.softmax(x, 1)),
    "layer_norm_backward": _with_leaf(lambda x, t: F.layer_norm(x, (t.columns,))),
    # margin_loss.cpp
    "margin_loss": lambda t: F.multi_margin_loss(t(), t.below(t.columns, (t.rows,))),
    "margin_loss_backward": _with_leaf(lambda x, t: F.multi_margin_loss(x, t.below(t.columns, (t.rows,)), p=2)),
    # products.cpp
    "cross": lambda t: hotloop.cross(t(shape=(t.rows, 3)), t(0.01, 0.1, (t.rows, 3)), dim=1),
    # activation.cpp
    "glu": lambda t: F.glu(t(shape=(t.rows, 2 * t.columns))),
    "glu_backward": _with_leaf(lambda x, t: F.glu(hotloop.cat([x, x], 1), 1)),
    # pad.cpp, view.cpp, subscript.cpp
    "pad": lambda t: F.pad(t(), (1, 2), mode="reflect"),
    "pad_backward": _with_leaf(lambda x, t: F.pad(x, (1, 2), mode="reflect")),
    "tril": lambda t: hotloop.tril(t()),
    "triu": lambda t: hotloop.triu(t()),
    "view": lambda t: t().view(-1),
    "permute": lambda t: t().permute(1, 0),
    "expand": lambda t: t().expand(3, t.rows, t.columns),
    "slice": lambda t: t()[:, 1:],
    "as_strided": lambda t: t().as_strided((t.rows,), (t.columns,)),
    # random.cpp
    "uniform_": lambda t: t().clone().uniform_(),
    "normal_": lambda t: t().clone().normal_(),
    "bernoulli_": lambda t: t().clone().bernoulli_(0.5),
    "randperm": lambda t: hotloop.randperm(t.rows, dtype=t.dtype),
    "random_": lambda t: t().clone().random_(0, 10),
    "poisson": lambda t: hotloop.poisson(t()),
    "dropout": lambda t: F.dropout(t(), 0.5),
    "dropout_backward": _with_leaf(lambda x, t: F.dropout(x, 0.5)),
    # order_statistics.cpp, reduce.cpp, scan.cpp, sort.cpp
    "median": lambda t: hotloop.median(t(), 1)[0],
    "median_of_all": lambda t: hotloop.median(t()),
    "mode": lambda t: hotloop.mode(t(), 1)[0],
    **{
        name: _over_columns(name)
        for name in ("sum", "nansum", "mean", "amax", "amin", "argmax", "argmin", "var", "logsumexp")
    },
    "prod": lambda t: hotloop.prod(t(0.9, 1.1), 1),
    "norm": lambda t: hotloop.norm(t(), 2, 1),
    "max": lambda t: hotloop.max(t(), 1)[0],
    "min": lambda t: hotloop.min(t(), 1)[0],
    "any": lambda t: hotloop.any(t(-1.0, 1.0), 1),
    "all": lambda t: hotloop.all(t(-1.0, 1.0), 1),
    "cumsum": lambda t: hotloop.cumsum(t(), 1),
    "cumprod": lambda t: hotloop.cumprod(t(0.9, 1.1), 1),
    "logcumsumexp": lambda t: hotloop.logcumsumexp(t(), 1),
    "cummax": lambda t: hotloop.cummax(t(), 1)[0],
    "cummin": lambda t: hotloop.cummin(t(), 1)[0],
    "sort": lambda t: hotloop.sort(t(), 1)[0],
    "histogram": lambda t: hotloop.histc(t(), 7),
    "searchsorted": lambda t: hotloop.searchsorted(hotloop.sort(t(), 1)[0], t()),
}
_RANDOM = {"poisson", "randperm", "uniform_", "normal_", "bernoulli_", "random_", "dropout", "dropout_backward"}


def op_samples() -> Iterator[OpSample]:
    """One of each record, in the order of the records; a record without a sample is an error."""
    rows = _core.pointwise_rows()
    seen = set()
    for record in _core.op_records():
        name = record["name"]
        if name in seen:  # two records of one name are one op to whoever reads
            continue
        seen.add(name)
        if name in rows:
            yield OpSample(record, _pointwise(name, rows[name][0]))
        elif name in _OTHERS:
            yield OpSample(record, _OTHERS[name], name in _RANDOM)
        else:
            raise LookupError(f"{name}: tools/op_samples.py has no sample of this op record")
