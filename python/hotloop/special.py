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
from hotloop._core import i0 as modified_bessel_i0
from hotloop._core import igamma as gammainc
from hotloop._core import igammac as gammaincc
from hotloop._core import lgamma as gammaln
from hotloop._core import mvlgamma as multigammaln
from hotloop._core import special_airy_ai as airy_ai
from hotloop._core import special_bessel_j0 as bessel_j0
from hotloop._core import special_bessel_j1 as bessel_j1
from hotloop._core import special_bessel_y0 as bessel_y0
from hotloop._core import special_bessel_y1 as bessel_y1
from hotloop._core import special_chebyshev_polynomial_t as chebyshev_polynomial_t
from hotloop._core import special_chebyshev_polynomial_u as chebyshev_polynomial_u
from hotloop._core import special_chebyshev_polynomial_v as chebyshev_polynomial_v
from hotloop._core import special_chebyshev_polynomial_w as chebyshev_polynomial_w
from hotloop._core import special_erfcx as erfcx
from hotloop._core import special_hermite_polynomial_h as hermite_polynomial_h
from hotloop._core import special_hermite_polynomial_he as hermite_polynomial_he
from hotloop._core import special_i0e as i0e
from hotloop._core import special_i1 as i1
from hotloop._core import special_i1 as modified_bessel_i1
from hotloop._core import special_i1e as i1e
from hotloop._core import special_laguerre_polynomial_l as laguerre_polynomial_l
from hotloop._core import special_legendre_polynomial_p as legendre_polynomial_p
from hotloop._core import special_log_ndtr as log_ndtr
from hotloop._core import special_modified_bessel_k0 as modified_bessel_k0
from hotloop._core import special_modified_bessel_k1 as modified_bessel_k1
from hotloop._core import special_scaled_modified_bessel_k0 as scaled_modified_bessel_k0
from hotloop._core import special_scaled_modified_bessel_k1 as scaled_modified_bessel_k1
from hotloop._core import special_shifted_chebyshev_polynomial_t as shifted_chebyshev_polynomial_t
from hotloop._core import special_shifted_chebyshev_polynomial_u as shifted_chebyshev_polynomial_u
from hotloop._core import special_shifted_chebyshev_polynomial_v as shifted_chebyshev_polynomial_v
from hotloop._core import special_shifted_chebyshev_polynomial_w as shifted_chebyshev_polynomial_w
from hotloop._core import special_spherical_bessel_j0 as spherical_bessel_j0
from hotloop._core import special_zeta as zeta

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "chebyshev_polynomial_t",
    "chebyshev_polynomial_u",
    "chebyshev_polynomial_v",
    "chebyshev_polynomial_w",
    "digamma",
    "entr",
    "erf",
    "erfc",
    "erfcx",
    "erfinv",
    "exp2",
    "expit",
    "expm1",
    "gammainc",
    "gammaincc",
    "gammaln",
    "hermite_polynomial_h",
    "hermite_polynomial_he",
    "i0",
    "i0e",
    "i1",
    "i1e",
    "laguerre_polynomial_l",
    "legendre_polynomial_p",
    "log1p",
    "log_ndtr",
    "log_softmax",
    "logit",
    "logsumexp",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "multigammaln",
    "ndtr",
    "ndtri",
    "polygamma",
    "psi",
    "round",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "shifted_chebyshev_polynomial_t",
    "shifted_chebyshev_polynomial_u",
    "shifted_chebyshev_polynomial_v",
    "shifted_chebyshev_polynomial_w",
    "sinc",
    "softmax",
    "spherical_bessel_j0",
    "xlog1py",
    "xlogy",
    "zeta",
]


def entr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-x log(x), 0 at zero and -inf below."""
    return _core.mul(_core.where(input < 0, math.inf, xlogy(input, input)), -1, out=out)


def ndtr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The standard normal distribution's area below x."""
    return _core.mul(erfc(input * -math.sqrt(0.5)), 0.5, out=out)


def ndtri(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of ndtr()."""
    return _core.mul(erfinv(2.0 * input - 1.0), math.sqrt(2), out=out)


def softmax(input: Tensor, dim: int, *, dtype: _core.dtype | None = None) -> Tensor:
    """exp(x) / sum(exp(x)) along dim."""
    return _core.softmax(input, dim, dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: _core.dtype | None = None) -> Tensor:
    """log(softmax(x)) along dim."""
    return _core.log_softmax(input, dim, dtype)
