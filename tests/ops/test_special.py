"""Special functions in float64 against SciPy, whose digits PyTorch's own don't all have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import special

scipy_special = pytest.importorskip("scipy.special", reason="compares with SciPy, which is not installed")

S = scipy_special
RIGHT, EVERYWHERE = (1e-6, 60.0), (-60.0, 60.0)
UNARY: dict[str, tuple[Callable[..., Any], tuple[float, float]]] = {
    "airy_ai": (lambda x: S.airy(x)[0], (-30.0, 30.0)),
    "bessel_j0": (S.j0, EVERYWHERE),
    "bessel_j1": (S.j1, EVERYWHERE),
    "bessel_y0": (S.y0, RIGHT),
    "bessel_y1": (S.y1, RIGHT),
    "erfcx": (S.erfcx, (-20.0, 200.0)),
    "i0e": (S.i0e, EVERYWHERE),
    "i1e": (S.i1e, EVERYWHERE),
    "log_ndtr": (S.log_ndtr, (-100.0, 10.0)),
    "modified_bessel_k0": (S.k0, RIGHT),
    "modified_bessel_k1": (S.k1, RIGHT),
    "scaled_modified_bessel_k0": (S.k0e, RIGHT),
    "scaled_modified_bessel_k1": (S.k1e, RIGHT),
    "spherical_bessel_j0": (lambda x: S.spherical_jn(0, np.abs(x)), EVERYWHERE),
}


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_number(name: str) -> None:
    oracle, (low, high) = UNARY[name]
    rng = np.random.default_rng(1)
    small = 10 ** rng.uniform(-6, 0, 500) * (1 if low > 0 else rng.choice([-1, 1], 500))
    x = np.concatenate([rng.uniform(low, high, 2000), rng.uniform(max(low, -9.0), 9.0, 2000), small])
    got = getattr(special, name)(hotloop.tensor(x)).numpy()
    np.testing.assert_allclose(got, oracle(x), rtol=2e-13, atol=1e-14)


def test_zeta() -> None:
    rng = np.random.default_rng(2)
    s, q = rng.uniform(1.001, 60, 2000), rng.uniform(0.01, 60, 2000)
    got = special.zeta(hotloop.tensor(s), hotloop.tensor(q)).numpy()
    np.testing.assert_allclose(got, S.zeta(s, q), rtol=1e-13)


@pytest.mark.parametrize("near", [False, True])
@pytest.mark.parametrize("name", ["gammainc", "gammaincc"])
def test_incomplete_gamma_functions(name: str, near: bool) -> None:
    rng = np.random.default_rng(3)
    a = 10 ** rng.uniform(-3, 4, 3000)
    x = np.abs(a + np.sqrt(a) * rng.standard_normal(3000)) if near else a * 10 ** rng.uniform(-1, 1, 3000)
    got = getattr(special, name)(hotloop.tensor(a), hotloop.tensor(x)).numpy()
    np.testing.assert_allclose(got, getattr(S, name)(a, x), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("chebyshev_polynomial_t", S.eval_chebyt),
        ("chebyshev_polynomial_u", S.eval_chebyu),
        ("hermite_polynomial_h", S.eval_hermite),
        ("hermite_polynomial_he", S.eval_hermitenorm),
        ("laguerre_polynomial_l", S.eval_laguerre),
        ("legendre_polynomial_p", S.eval_legendre),
    ],
)
def test_polynomials(name: str, oracle: Callable[..., Any]) -> None:
    rng = np.random.default_rng(4)
    x, n = rng.uniform(-1.5, 1.5, 2000), rng.integers(0, 20, 2000)
    got = getattr(special, name)(hotloop.tensor(x), hotloop.tensor(n)).numpy()
    wanted = oracle(n, x)
    np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=1e-12 * np.abs(wanted).max())


def test_hermites_polynomials_end_where_pytorchs_do() -> None:
    for dtype, most in ((hotloop.float32, 128), (hotloop.float64, 512)):
        got = special.hermite_polynomial_he(hotloop.zeros(2, dtype=dtype), hotloop.tensor([most, most + 1]))
        assert got.isnan().tolist()[1]
