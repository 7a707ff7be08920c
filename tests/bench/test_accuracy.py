"""The benchmark's judge accepts what rounding makes and refuses a little more."""

import numpy as np
import pytest

from hotloop.bench.accuracy import Reference


def product(k):
    rng = np.random.default_rng(k)
    a, b = rng.standard_normal((2, 16, k)).astype(np.float32)
    exact = a.astype(np.float64) @ b.T.astype(np.float64)
    magnitude = np.linalg.norm(a.astype(np.float64), axis=1)[:, None] * np.linalg.norm(b.astype(np.float64), axis=1)
    return a, b, Reference(exact, "float32", k, magnitude)


@pytest.mark.parametrize("k", [1, 7, 64, 4096])
def test_a_float32_product_passes_and_a_dropped_term_does_not(k):
    a, b, reference = product(k)
    assert not reference.compare(a @ b.T).wrong
    dropped = a @ b.T - np.outer(a[:, 0], b[:, 0])
    assert reference.compare(dropped).wrong


def test_a_product_in_bfloat16_is_no_float32():
    a, b, reference = product(64)
    rounded = ((a @ b.T).view(np.uint32) & 0xFFFF0000).view(np.float32)
    assert reference.compare(rounded).wrong
    assert not Reference(reference.value, "bfloat16", 64, reference.magnitude).compare(rounded).wrong


def test_error_is_told_as_a_share_of_the_largest_value():
    found = Reference(np.array([1.0, 100.0]), "float32").compare(np.array([1.0, 101.0]))
    assert found.error == pytest.approx(0.01)
    assert found.wrong


@pytest.mark.parametrize("result", [[np.nan, 1.0], [np.inf, 1.0], [1.0], [[1.0, 1.0]]])
def test_other_classes_and_shapes_are_wrong(result):
    assert Reference(np.array([1.0, 1.0]), "float32").compare(np.array(result)).wrong


def test_nothing_is_right():
    assert not Reference(np.zeros((0, 3)), "float32").compare(np.zeros((0, 3))).wrong
