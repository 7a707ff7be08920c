"""Special functions, by the names of torch.special."""

from __future__ import annotations

import math

from hotloop import _core
from hotloop._core import (
    Tensor,
    digamma,
    erf,
    erfc,
    erfinv,
    exp2,
    expit,
    expm1,
    i0,
    log1p,
    logit,
    logsumexp,
    polygamma,
    round,
    sinc,
    xlog1py,
    xlogy,
)
from hotloop._core import digamma as psi
from hotloop._core import lgamma as gammaln
from hotloop._core import mvlgamma as multigammaln
from hotloop._core import special_i1 as i1

__all__ = [
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammaln",
    "i0",
    "i1",
    "log1p",
    "log_softmax",
    "logit",
    "logsumexp",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "sinc",
    "softmax",
    "xlog1py",
    "xlogy",
]


def entr(input: Tensor) -> Tensor:
    """-x log(x), 0 at zero and -inf below."""
    return _core.where(input < 0, -math.inf, -xlogy(input, input))


def ndtr(input: Tensor) -> Tensor:
    """The standard normal distribution's area below x."""
    return 0.5 * erfc(input * -math.sqrt(0.5))


def ndtri(input: Tensor) -> Tensor:
    """The inverse of ndtr()."""
    return math.sqrt(2) * erfinv(2.0 * input - 1.0)


def softmax(input: Tensor, dim: int, *, dtype: _core.dtype | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along dim."""
    return _core.softmax(input, dim, dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: _core.dtype | None = None) -> Tensor:
    """log(softmax(x)) along dim."""
    return _core.log_softmax(input, dim, dtype)
