"""arange and linspace against their definition, in float64 or whole numbers, over whole blocks and what is left."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop
from support.kernels import DTYPES, FLOATS, INTEGERS, dtype, round_to, values

LENGTHS = [1, 15, 16, 33, 1000]


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", FLOATS)
def test_floats(kernels, name, n):
    got = hotloop.arange(-0.7, -0.7 + (n - 0.5) * 0.3, 0.3, dtype=dtype(name))
    kernels.ran()
    np.testing.assert_array_equal(values(got), round_to(-0.7 + np.arange(n) * 0.3, name))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", INTEGERS)
def test_whole_numbers(kernels, name, n):
    step = 2**40 + 1 if name == "int64" else -3
    got = hotloop.arange(5, 5 + n * step, step, dtype=dtype(name))
    kernels.ran()
    np.testing.assert_array_equal(values(got), (5 + np.arange(n) * step).astype(name))


@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("name", FLOATS)
def test_both_ends_of_a_linspace_are_exact(kernels, name, n):
    got = hotloop.linspace(-0.1, 1.3, n, dtype=dtype(name))
    kernels.ran()
    step = (1.3 - -0.1) / max(n - 1, 1)
    k = np.arange(n)
    wanted = np.where(k < n - n // 2, -0.1 + k * step, 1.3 - (n - 1 - k) * step)
    np.testing.assert_allclose(values(got), round_to(wanted, name), rtol=0, atol=1e-15 if name == "float64" else 0)


def test_every_dtype_has_a_kernel(kernels):
    for name in DTYPES:
        hotloop.arange(2, dtype=dtype(name))
        kernels.ran()
