"""hotloop.tensor and its kin: the dtype and shape of numbers, lists and arrays, and what is refused."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hotloop

DATA = [
    3,
    -2.5,
    True,
    [1, 2],
    [1, 2.0],
    [True, 2],
    [True, 2.0],
    [[1, 2], [3, 4]],
    ((1.0,), (2.0,)),
    [],
    [[], []],
    range(4),
    [np.float64(1), 1.0],
    [np.float32(1), 1.0],
    [np.int32(1), 2],
    [np.int32(1), np.float32(2)],
    np.float64(1),
    np.int8(3),
    np.True_,
    [np.array([1, 2]), np.array([3, 4])],
    [np.array([1, 2]), [3.5, 4]],
    np.arange(6.0).reshape(2, 3).T,
    [float("nan"), float("inf")],
    2**62,
]


@pytest.mark.parametrize("data", DATA, ids=repr)
@pytest.mark.filterwarnings("ignore:Creating a tensor from a list of numpy.ndarrays")
def test_dtype_shape_and_values_are_pytorchs(data: Any) -> None:
    torch = pytest.importorskip("torch")
    expected, got = torch.tensor(data), hotloop.tensor(data)
    assert str(got.dtype) == str(expected.dtype).replace("torch", "hotloop")
    np.testing.assert_array_equal(got.numpy(), expected.numpy(), strict=True)
    assert got.is_contiguous()


@pytest.mark.parametrize(
    ("data", "dtype"),
    [(1, "int64"), (1.5, "float32"), (True, "bool"), ([1, 2.5], "float32"), ([], "float32"), ([True, 1], "int64")],
)
def test_inferred_dtypes(data: Any, dtype: str) -> None:
    assert str(hotloop.tensor(data).dtype) == f"hotloop.{dtype}"


def test_python_floats_take_the_default_dtype() -> None:
    hotloop.set_default_dtype(hotloop.float64)
    try:
        assert hotloop.tensor([1.5]).dtype == hotloop.float64
        assert hotloop.tensor([]).dtype == hotloop.float64
    finally:
        hotloop.set_default_dtype(hotloop.float32)


numbers = st.one_of(st.booleans(), st.integers(-100, 100), st.floats(-100, 100, width=32))


@given(st.lists(st.lists(numbers, min_size=3, max_size=3), max_size=4))
@settings(max_examples=100, deadline=None)
def test_nested_lists_come_back(data: list[list[Any]]) -> None:
    assert hotloop.tensor(data).tolist() == data


@given(st.lists(st.floats(width=64), max_size=20), st.sampled_from(["float64", "float32", "float16"]))
@settings(max_examples=100, deadline=None)
def test_floats_are_rounded_once(data: list[float], dtype: str) -> None:
    with np.errstate(over="ignore"):
        expected = np.array(data, np.float64).astype(dtype)
    np.testing.assert_array_equal(hotloop.tensor(data, dtype=getattr(hotloop, dtype)).numpy(), expected)


def test_bfloat16_values() -> None:
    halfway = [1 + 1 / 256, 1 + 3 / 256, 1 + 1 / 256 + 1e-12]  # ties go to even
    assert hotloop.tensor(halfway, dtype=hotloop.bfloat16).tolist() == [1.0, 1.015625, 1.0078125]


@pytest.mark.parametrize(
    "dtype", ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int8", "uint8", "bool"]
)
def test_every_dtype_can_be_asked_for(dtype: str) -> None:
    x = hotloop.tensor([[0, 1], [1, 0]], dtype=getattr(hotloop, dtype))
    assert str(x.dtype) == f"hotloop.{dtype}"
    assert x.tolist() == [[0, 1], [1, 0]]
    assert hotloop.tensor(np.array([0.0, 1.0]), dtype=getattr(hotloop, dtype)).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([[1, 2], [3]], r"expected sequence of length 2 at dim 1 \(got 1\): data\[1\]"),
        ([[1, 2], 3], r"expected sequence of length 2 at dim 1 \(got a number\): data\[1\]"),
        ([1, [2]], r"expected a number at data\[1\], as in the data before it \(got a list\)"),
        ([[[1], [2]], [[1], [2, 3]]], r"length 1 at dim 2 \(got 2\): data\[1\]\[1\]"),
        ([np.zeros(2), np.zeros(3)], r"got an array of shape \[3\]\): data\[1\]"),
        (2**63, "Overflow when unpacking long long: 9223372036854775808"),
    ],
    ids=repr,
)
def test_ragged_data_is_refused_by_its_place(data: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        hotloop.tensor(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("abc", "invalid data type 'str'"),
        (b"abc", "invalid data type 'bytes'"),
        (["a"], "invalid data type 'str'"),
        (None, "could not infer dtype of NoneType"),
        ([None], "could not infer dtype of NoneType"),
        ({1}, "could not infer dtype of set"),
        ({1: 2}, "could not infer dtype of dict"),
        (1j, "could not infer dtype of complex"),
        ([decimal.Decimal(1)], "could not infer dtype of decimal.Decimal"),
    ],
    ids=repr,
)
def test_what_is_no_number_is_refused_by_its_type(data: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        hotloop.tensor(data)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([300], "uint8"),
        ([-300], "uint8"),
        ([128], "int8"),
        ([2**31], "int32"),
        ([float("nan")], "int64"),
        ([1e19], "int64"),
    ],
)
def test_numbers_that_do_not_fit(data: list[Any], dtype: str) -> None:
    with pytest.raises(RuntimeError, match=f"value cannot be converted to type {dtype} without overflow"):
        hotloop.tensor(data, dtype=getattr(hotloop, dtype))


def test_numbers_that_only_just_fit() -> None:
    assert hotloop.tensor([-1, -255], dtype=hotloop.uint8).tolist() == [255, 1]  # they wrap, as in PyTorch
    assert hotloop.tensor([1.9, -1.9], dtype=hotloop.int64).tolist() == [1, -1]
    assert hotloop.tensor([-128.5, 127.9], dtype=hotloop.int8).tolist() == [-128, 127]
    assert hotloop.tensor([-(2**63), 2**63 - 1]).tolist() == [-(2**63), 2**63 - 1]


def test_a_list_within_itself_ends() -> None:
    data: list[Any] = []
    data.append(data)
    with pytest.raises(ValueError, match="at most 16 dimensions"):
        hotloop.tensor(data)


def test_tensors_among_data() -> None:
    x = hotloop.tensor([hotloop.tensor(1.5, dtype=hotloop.float64), 2])
    assert x.dtype == hotloop.float64
    assert x.tolist() == [1.5, 2]
    with pytest.raises(ValueError, match=r"only one element tensors .*hotloop.stack"):
        hotloop.tensor([hotloop.zeros(2), hotloop.zeros(2)])


def test_tensor_copies_and_forgets_history() -> None:
    x = hotloop.ones(2, requires_grad=True)
    y = hotloop.tensor(x * 2)
    assert y.tolist() == [2, 2]
    assert not y.requires_grad
    assert hotloop.tensor(x, requires_grad=True).is_leaf
    with pytest.raises(RuntimeError, match="only Tensors of floating point dtype can require gradients"):
        hotloop.tensor([1], requires_grad=True)


def test_as_tensor_and_asarray_share_where_they_can() -> None:
    array = np.arange(3.0)
    x = hotloop.tensor([1.0])
    assert hotloop.as_tensor(x) is x
    assert hotloop.as_tensor(array).data_ptr() == array.__array_interface__["data"][0]
    assert hotloop.as_tensor(array, dtype=hotloop.float32).dtype == hotloop.float32
    assert hotloop.as_tensor([1, 2]).tolist() == [1, 2]
    assert hotloop.asarray(array).data_ptr() == array.__array_interface__["data"][0]
    assert hotloop.asarray(array, copy=False).data_ptr() == array.__array_interface__["data"][0]
    assert hotloop.asarray(array, copy=True).data_ptr() != array.__array_interface__["data"][0]
    assert hotloop.asarray(array, requires_grad=True).requires_grad
    with pytest.raises(ValueError, match="can't avoid a copy of a list"):
        hotloop.asarray([1.0], copy=False)
    with pytest.raises(ValueError, match="of another dtype"):
        hotloop.asarray(array, copy=False, dtype=hotloop.float32)


def test_as_tensor_keeps_history_and_asarray_leaves_it() -> None:
    x = hotloop.ones(2, requires_grad=True) * 2
    assert hotloop.as_tensor(x, dtype=hotloop.float64).requires_grad
    assert not hotloop.asarray(x).requires_grad


def test_devices_that_are_not_there() -> None:
    if hotloop.cuda.is_available():
        pytest.skip("this build has CUDA")
    assert hotloop.tensor([1.0], device="cpu").device.type == "cpu"
    with pytest.raises(RuntimeError, match="cuda"):
        hotloop.tensor([1.0], device="cuda")
