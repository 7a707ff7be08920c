"""Which dtype an op of two dtypes computes in: every pair of tensors, 0-d tensors and Python numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop
from ops.samples import DTYPES, FLOATS, INTEGERS
from support.tolerance import dtype_name

NUMBERS: tuple[Any, ...] = (True, 2, 2.0)
# uint8 with int8 is int16 in PyTorch, which is not among hotloop's dtypes: int32 stands for it (core/dtype.h).
SIXTEEN_BITS = "int16"


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")


def tensor(library: Any, dtype: str, dims: int) -> Any:
    return library.ones((2,) * dims, dtype=getattr(library, dtype))


def operands(library: Any) -> list[tuple[str, Any]]:
    tensors = [(f"{dtype}[{dims}]", tensor(library, dtype, dims)) for dtype in DTYPES for dims in (0, 1)]
    return tensors + [(repr(n), n) for n in NUMBERS]


def outcome(f: Any, a: Any, b: Any) -> str:
    """The result's dtype, or that there is none."""
    try:
        return dtype_name(f(a, b).dtype)
    except (TypeError, RuntimeError):
        return "refused"


OPS = [
    "add",
    "sub",
    "mul",
    "div",
    "floor_divide",
    "remainder",
    "pow",
    "eq",
    "lt",
    "logical_and",
    "maximum",
    "bitwise_and",
    "atan2",
]


@pytest.mark.parametrize("name", OPS)
def test_dtypes_are_pytorchs(name: str, torch: Any) -> None:
    differing = []
    for (label, a), (_, ta) in zip(operands(hotloop), operands(torch), strict=True):
        for (other, b), (_, tb) in zip(operands(hotloop), operands(torch), strict=True):
            if not isinstance(a, hotloop.Tensor) and not isinstance(b, hotloop.Tensor):
                continue
            if name in ("maximum", "logical_and", "atan2") and not (hasattr(a, "dtype") and hasattr(b, "dtype")):
                continue  # PyTorch has no form of these that takes a number
            if name in ("eq", "lt") and not hasattr(a, "dtype"):
                continue  # nor of these that takes one first
            if name == "pow" and "bool" in label and other == "True":
                continue  # bool in PyTorch for a number, refused for a tensor
            got, wanted = outcome(getattr(hotloop, name), a, b), outcome(getattr(torch, name), ta, tb)
            if wanted == SIXTEEN_BITS:
                wanted = "int32"
            if got != wanted:
                differing.append(f"{name}({label}, {other}): {got}, expected {wanted}")
    assert not differing, "\n".join(differing)


OPERATORS = ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "lt", "ge", "eq"]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("number", NUMBERS, ids=repr)
def test_operators_with_numbers_on_either_side(name: str, number: Any, torch: Any) -> None:
    import operator

    f = getattr(operator, f"{name}_" if name in ("and", "or") else name)
    for dtype in DTYPES:
        if (name, dtype, number) == ("pow", "bool", True):
            continue  # bool in PyTorch for a number, refused for a tensor
        x, y = tensor(hotloop, dtype, 1), tensor(torch, dtype, 1)
        assert outcome(f, x, number) == outcome(f, y, number), f"{dtype} {name} {number!r}"
        assert outcome(f, number, x) == outcome(f, number, y), f"{number!r} {name} {dtype}"


@pytest.mark.parametrize("name", ["add_", "sub_", "mul_", "div_", "floor_divide_", "remainder_", "pow_", "lt_"])
def test_in_place_results_must_fit(name: str, torch: Any) -> None:
    for dtype in DTYPES:
        for other, number in [(d, None) for d in DTYPES] + [("", n) for n in NUMBERS]:
            if (name, dtype, number) == ("pow_", "bool", True):
                continue  # bool in PyTorch for a number, refused for a tensor
            x, y = tensor(hotloop, dtype, 1), tensor(torch, dtype, 1)
            b, tb = (number, number) if number is not None else (tensor(hotloop, other, 1), tensor(torch, other, 1))
            got = outcome(lambda a, b: getattr(a, name)(b), x, b)
            wanted = outcome(lambda a, b: getattr(a, name)(b), y, tb)
            assert got == wanted, f"{dtype}.{name}({other or repr(number)}): {got}, expected {wanted}"


def test_promote_types_is_pytorchs_table(torch: Any) -> None:
    for a in DTYPES:
        for b in DTYPES:
            got = hotloop.promote_types(getattr(hotloop, a), getattr(hotloop, b))
            wanted = dtype_name(torch.promote_types(getattr(torch, a), getattr(torch, b)))
            assert dtype_name(got) == ("int32" if wanted == SIXTEEN_BITS else wanted), (a, b)


def test_categories_without_pytorch() -> None:
    for integer in INTEGERS:
        x = tensor(hotloop, integer, 1)
        assert dtype_name((x + 2).dtype) == integer
        assert (x + 2.0).dtype is hotloop.float32
        assert (x / x).dtype is hotloop.float32
    for floating in FLOATS:
        x = tensor(hotloop, floating, 1)
        assert dtype_name((x + 2.5).dtype) == floating
        assert dtype_name((x + tensor(hotloop, "float64", 0)).dtype) == floating
    assert hotloop.result_type(tensor(hotloop, "int8", 1), 2.0) is hotloop.float32


def test_the_default_dtype_decides_for_integers() -> None:
    hotloop.set_default_dtype(hotloop.float64)
    try:
        x = hotloop.arange(3)
        assert x.exp().dtype is (x / 2).dtype is (x + 1.5).dtype is hotloop.zeros(2).dtype is hotloop.float64
    finally:
        hotloop.set_default_dtype(hotloop.float32)


def test_numbers_keep_their_precision_in_float64() -> None:
    x = hotloop.ones(2, dtype=hotloop.float64, requires_grad=True)
    for y in (x * 0.1, x + 0.1, 0.1 - x, x / 0.1, hotloop.lerp(x, x * 2, 0.1)):
        (grad,) = hotloop.autograd.grad(y.sum(), x)
        assert grad.dtype is hotloop.float64
        for value in (y, grad):
            digits = np.round(value.detach().numpy() * 10, 12)
            np.testing.assert_array_equal(digits, np.round(digits))
