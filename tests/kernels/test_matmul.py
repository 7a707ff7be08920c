"""Matrix products on every instruction set: values against float64 NumPy, and the bits that the contract of
csrc/kernels/args/matmul.h promises for any path, batch and number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import _core
from support.cases import family
from support.tolerance import as_float64, assert_close

DTYPES = {
    "float32": hotloop.float32,
    "float64": hotloop.float64,
    "float16": hotloop.float16,
    "bfloat16": hotloop.bfloat16,
}
LAYOUTS = family("matmul")["tiers"]["full"]["layouts"]

# One shape for each path, the operands' layout, and the kernel meant to run there.
PATHS = [
    pytest.param(1, 1, 300, "NN", "dot", id="one column, rows of A contiguous"),
    pytest.param(17, 33, 65, "NN", "small", id="small"),
    pytest.param(17, 33, 65, "NT", "small", id="small, B transposed"),
    pytest.param(1, 700, 800, "NN", "skinny", id="one row, B beyond the caches"),
    pytest.param(8, 700, 800, "NT", "skinny", id="eight rows, B transposed"),
    pytest.param(130, 259, 140, "NN", "blocked", id="large"),
    pytest.param(130, 259, 140, "TN", "blocked", id="large, A transposed"),
    pytest.param(40, 50, 2100, "TT", "blocked", id="sum longer than a block"),
    pytest.param(50, 1700, 60, "NN", "blocked", id="short sums, many columns"),
    pytest.param(50, 1700, 60, "NT", "blocked", id="short sums, many columns, B transposed"),
]


def values(shape: tuple[int, ...], dtype: str, seed: int) -> Any:
    """A tensor of normal numbers, rounded to its dtype."""
    numbers = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    return hotloop.from_numpy(numbers).to(DTYPES[dtype])


def matrix(rows: int, columns: int, dtype: str, layout: str, seed: int, batch: tuple[int, ...] = ()) -> Any:
    if layout == "N":
        return values((*batch, rows, columns), dtype, seed)
    return values((*batch, columns, rows), dtype, seed).transpose(-1, -2)


def wide(x: Any) -> np.ndarray:
    numbers: np.ndarray = as_float64(x.to(hotloop.float64).numpy())
    return numbers


def bits(x: Any) -> bytes:
    return wide(x.contiguous()).tobytes()


def check(actual: Any, a: Any, b: Any, dtype: str) -> None:
    x, y = wide(a), wide(b)
    assert_close(wide(actual), x @ y, dtype, reduction_length=x.shape[-1], magnitude=np.abs(x) @ np.abs(y))


def family_of(kernel: str) -> str:
    return next(name for name in ("dot", "skinny", "small", "blocked", "reference") if f"_{name}" in kernel)


@pytest.fixture
def threads() -> Iterator[None]:
    before = _core.get_num_threads()
    yield
    _core.set_num_threads(before)


@pytest.mark.cases("matmul")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_values(isa: str, case: dict[str, Any], layout: str, dtype: str) -> None:
    m, n, k = case["m"], case["n"], case["k"]
    if isa == "baseline" and m * n * k * case["batch"] > 2**24:
        pytest.skip("large products run on the wider instruction sets alone")
    batch = () if case["batch"] == 1 else (case["batch"],)
    a = matrix(m, k, dtype, layout[0], 1, batch)
    b = matrix(k, n, dtype, layout[1], 2, batch)
    check(hotloop.matmul(a, b), a, b, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "k", "layout", "kernel"), PATHS)
def test_the_intended_kernel_runs(isa: str, m: int, n: int, k: int, layout: str, kernel: str, dtype: str) -> None:
    a, b = matrix(m, k, dtype, layout[0], 3), matrix(k, n, dtype, layout[1], 4)
    out = hotloop.matmul(a, b)
    ran = _core.last_kernel()
    check(out, a, b, dtype)
    if dtype != "bfloat16" or kernel == "dot":
        isa = isa.split("_")[0]
    elif isa == "avx512_amx" and (kernel == "small" or (kernel == "skinny" and layout[1] == "T")):
        kernel = "blocked"  # tiles take small products and few columns alike
    assert family_of(ran) == kernel
    assert ran.endswith(f"_{isa}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "k", "layout", "kernel"), PATHS)
def test_bits_do_not_depend_on_threads(
    isa: str, threads: None, m: int, n: int, k: int, layout: str, kernel: str, dtype: str
) -> None:
    a, b = matrix(m, k, dtype, layout[0], 5), matrix(k, n, dtype, layout[1], 6)
    _core.set_num_threads(1)
    expected = bits(hotloop.matmul(a, b))
    for count in (2, 3, 8):
        _core.set_num_threads(count)
        assert bits(hotloop.matmul(a, b)) == expected, f"{count} threads"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_row_does_not_depend_on_the_rows_beside_it(isa: str, layout: str, dtype: str) -> None:
    a, b = matrix(150, 700, dtype, layout[0], 7), matrix(700, 530, dtype, layout[1], 8)
    whole = hotloop.matmul(a, b)
    kernels = set()
    for rows in (1, 2, 3, 5, 8, 9, 31, 64):
        part = hotloop.matmul(a[:rows], b)
        kernels.add(family_of(_core.last_kernel()))
        assert bits(part) == bits(whole[:rows]), f"{rows} rows"
    tiles_of_a_transposed_b = isa == "avx512_amx" and dtype == "bfloat16" and layout[1] == "T"
    assert kernels == {"blocked"} if tiles_of_a_transposed_b else {"skinny", "blocked"} <= kernels


def shifted(x: Any, elements: int) -> Any:
    """The same matrix in memory that begins so many elements further on: NumPy's own lies at 16 bytes past a line."""
    flat = hotloop.empty(x.numel() + 64, dtype=x.dtype)
    return flat[elements : elements + x.numel()].view(x.shape).copy_(x)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "k"), [(17, 33, 65), (40, 128, 128), (150, 150, 90), (1, 700, 800), (130, 259, 9)])
def test_bits_do_not_depend_on_where_memory_begins(isa: str, m: int, n: int, k: int, dtype: str) -> None:
    a, b = matrix(m, k, dtype, "N", 13), matrix(k, n, dtype, "N", 14)
    expected = bits(hotloop.matmul(a, b))
    for elements in (1, 4):
        assert bits(hotloop.matmul(shifted(a, elements), shifted(b, elements))) == expected


def test_subnormal_numbers_of_a_row_do_not_depend_on_the_rows_beside_it(isa: str) -> None:
    a, b = matrix(64, 700, "float32", "N", 7), matrix(700, 530, "float32", "N", 8)
    a, b = (a * 1e-37).to(hotloop.bfloat16), (b * 1e-3).to(hotloop.bfloat16)
    a[:, ::3] *= 1e-3  # some of A is subnormal, and most products are
    whole = hotloop.matmul(a, b)
    for rows in (1, 2, 5, 8):
        assert bits(hotloop.matmul(a[:rows], b)) == bits(whole[:rows]), f"{rows} rows"


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_product_does_not_depend_on_its_batch(isa: str, dtype: str) -> None:
    a, b = matrix(33, 40, dtype, "N", 9, (60,)), matrix(40, 70, dtype, "T", 10, (60,))
    together = hotloop.matmul(a, b)
    for i in (0, 7, 59):
        assert bits(hotloop.matmul(a[i], b[i])) == bits(together[i])


def rounded_to_bfloat16(x: np.ndarray) -> np.ndarray:
    bits = x.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16 << 16).view(np.float32)


@pytest.mark.parametrize(("m", "n", "k", "layout", "kernel"), PATHS)
def test_sums_of_tiles(m: int, n: int, k: int, layout: str, kernel: str) -> None:
    """Bit for bit the chains that the contract describes."""
    if kernel == "dot":
        pytest.skip("one column is no tile's")
    if _core.active_isa() != "avx512_amx":
        pytest.skip("this machine has no tile registers")
    a, b = matrix(m, k, "bfloat16", layout[0], 21), matrix(k, n, "bfloat16", layout[1], 22)
    out = hotloop.matmul(a, b)
    assert _core.last_kernel().endswith("_avx512_amx")
    x, y = wide(a).astype(np.float32), wide(b).astype(np.float32)
    sums = np.zeros((m, n), np.float32)
    for step in range(0, k, 32):
        even, odd = np.zeros_like(sums), np.zeros_like(sums)
        for i in range(step, min(k, step + 32), 2):
            even += np.outer(x[:, i], y[i])
            if i + 1 < k:
                odd += np.outer(x[:, i + 1], y[i + 1])
        sums += even + odd
    np.testing.assert_array_equal(wide(out).astype(np.float32), rounded_to_bfloat16(sums))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize(("m", "n", "k", "layout", "kernel"), PATHS)
def test_vector_widths_agree(m: int, n: int, k: int, layout: str, kernel: str, dtype: str) -> None:
    before = _core.active_isa()
    if not _core.detected_isa().startswith("avx512"):
        pytest.skip("this machine has one instruction set with fused multiply-add")
    a, b = matrix(m, k, dtype, layout[0], 11), matrix(k, n, dtype, layout[1], 12)
    results = []
    for name in ("avx2", "avx512"):
        _core.cap_isa(name)
        results.append(bits(hotloop.matmul(a, b)))
    _core.cap_isa(before)
    assert results[0] == results[1]


@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
@pytest.mark.parametrize(("m", "n", "k"), [(7, 9, 11), (33, 65, 17), (8, 700, 800), (150, 200, 210)])
def test_any_strides(isa: str, dtype: str, m: int, n: int, k: int) -> None:
    stepped_a = matrix(2 * m, 3 * k, dtype, "N", 13)[::2, ::3]
    stepped_b = matrix(3 * k, 2 * n, dtype, "N", 14)[::3, ::2]
    repeated_a = values((m, 1), dtype, 15).expand(m, k)
    repeated_b = values((1, n), dtype, 16).expand(k, n)
    for a in (stepped_a, repeated_a):
        for b in (stepped_b, repeated_b):
            check(hotloop.matmul(a, b), a, b, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nan_and_infinity_propagate(isa: str, dtype: str) -> None:
    for m, n, k in ((5, 7, 9), (8, 700, 800), (150, 200, 210), (40, 1, 300)):
        for value in (np.nan, np.inf):
            x = np.ones((m, k), dtype)
            x[m // 2, k - 1] = value
            out = hotloop.matmul(hotloop.from_numpy(x), hotloop.from_numpy(np.ones((k, n), dtype))).numpy()
            np.testing.assert_array_equal(out[m // 2], np.full(n, value, dtype))
            np.testing.assert_array_equal(np.delete(out, m // 2, 0), np.full((m - 1, n), k, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("m", "n", "k", "layout", "kernel"), PATHS)
def test_scaled_product_added_to_a_matrix(
    isa: str, m: int, n: int, k: int, layout: str, kernel: str, dtype: str
) -> None:
    a, b = matrix(m, k, dtype, layout[0], 17), matrix(k, n, dtype, layout[1], 18)
    x, y = wide(a), wide(b)
    for shape in ((m, n), (1, n), (m, 1)):
        added = values(shape, dtype, 19)
        out = hotloop.addmm(added, a, b, beta=0.25, alpha=-2.0)
        expected = 0.25 * wide(added) - 2.0 * (x @ y)
        magnitude = 0.25 * np.abs(wide(added)) + 2.0 * (np.abs(x) @ np.abs(y))
        assert_close(wide(out), expected, dtype, reduction_length=k + 1, magnitude=magnitude)
