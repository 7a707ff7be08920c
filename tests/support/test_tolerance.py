"""The judge judged: the bounds accept what rounding makes and refuse a little more."""

import numpy as np
import pytest

from hotloop.bench.accuracy import FORMATS, ulp
from support.tolerance import assert_close


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64"])
@pytest.mark.parametrize("value", [1.0, 1.5, 3e-5, -7.25, 0.0, 6e-8])
def test_ulp_is_numpys_spacing(dtype, value):
    stored = np.dtype(dtype).type(value)
    assert ulp(np.float64(stored), dtype) == np.spacing(abs(stored))


def test_bfloat16_bits_are_read():
    bits = np.array([0x3F80, 0xC040], np.uint16)
    assert assert_close(bits, np.array([1.0, -3.0]), "bfloat16") == 0.0
    with pytest.raises(AssertionError, match=r"got 1\.0,"):
        assert_close(bits, np.array([1.1, -3.0]), "bfloat16")


def test_one_ulp_passes_and_two_fail():
    x = np.linspace(1, 2, 7, dtype=np.float32)
    assert assert_close(np.nextafter(x, np.float32(9)), x.astype(np.float64)) <= 1.0
    with pytest.raises(AssertionError, match=r"worst at \(\d,\)"):
        assert_close(x + 2 * np.spacing(x), x.astype(np.float64))


def test_report_names_the_worst_element():
    got = np.ones((2, 3), np.float32)
    got[1, 2] = 2
    with pytest.raises(
        AssertionError, match=r"y \(float32.*1 of 6 elements.*\(1, 2\): expected .*1.0.*got .*2.0.*bound"
    ):
        assert_close(got, np.ones((2, 3)), name="y")


def test_sums_may_err_by_the_root_of_their_length():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 64, 4096)).astype(np.float32)
    exact = np.einsum("ik,ik->i", a.astype(np.float64), b.astype(np.float64))
    magnitude = np.einsum("ik,ik->i", abs(a).astype(np.float64), abs(b).astype(np.float64))
    plain = np.zeros(64, np.float32)
    for k in range(4096):
        plain += a[:, k] * b[:, k]
    assert assert_close(plain, exact, reduction_length=4096, magnitude=magnitude) < 1.0
    dropped = plain - a[:, 0] * b[:, 0]
    with pytest.raises(AssertionError):
        assert_close(dropped, exact, reduction_length=4096, magnitude=magnitude)


@pytest.mark.parametrize(
    ("got", "expected"),
    [(np.nan, 1.0), (1.0, np.nan), (np.inf, -np.inf), (np.inf, 1.0), (1.0, np.inf), (np.nan, np.inf)],
)
def test_classes_must_agree(got, expected):
    with pytest.raises(AssertionError):
        assert_close(np.array([got], np.float32), np.array([expected]))


def test_classes_that_agree():
    special = np.array([np.nan, np.inf, -np.inf])
    assert assert_close(special.astype(np.float32), special) == 0.0
    assert assert_close(np.array([np.inf], np.float16), np.array([70000.0])) == 0.0


def test_integers_are_equal_or_wrong():
    assert assert_close(np.arange(3), np.arange(3)) == 0.0
    with pytest.raises(AssertionError, match=r"\(2,\)"):
        assert_close(np.arange(3), np.array([0, 1, 3]))


def test_empty_and_wrong_shapes():
    assert assert_close(np.zeros((0, 4), np.float32), np.zeros((0, 4))) == 0.0
    with pytest.raises(AssertionError, match=r"shape \(4,\), expected \(1, 4\)"):
        assert_close(np.zeros(4, np.float32), np.zeros((1, 4)))


def test_reference_must_be_float64():
    with pytest.raises(TypeError, match="float32"):
        assert_close(np.zeros(1, np.float32), np.zeros(1, np.float32))


def test_formats_are_numpys():
    for dtype in ("float16", "float32", "float64"):
        info = np.finfo(dtype)
        assert (FORMATS[dtype].epsilon, FORMATS[dtype].largest) == (info.eps, info.max)
        assert FORMATS[dtype].smallest == info.smallest_subnormal
