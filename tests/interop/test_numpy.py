"""NumPy and the buffer protocol, both ways: one memory, the same strides, nothing leaked."""

from __future__ import annotations

import gc
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hotloop

DTYPES = ["float64", "float32", "float16", "int64", "int32", "int8", "uint8", "bool"]


def address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


@st.composite
def views(draw: st.DrawFn) -> np.ndarray:
    """Arrays of any dtype that hotloop has, with any strides: permuted, stepped, reversed, broadcast."""
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=4)))
    array = np.arange(int(np.prod(shape))).reshape(shape).astype(draw(st.sampled_from(DTYPES)))
    array = array.transpose(draw(st.permutations(range(array.ndim))))
    for d in range(array.ndim):
        step = draw(st.sampled_from([1, 1, 2, -1, -2]))
        array = array[(slice(None),) * d + (slice(None, None, step),)]
    if draw(st.integers(0, 4)) == 0:
        array = np.broadcast_to(array, (2, *array.shape))
    return array


@given(views())
@settings(max_examples=300, deadline=None)
def test_round_trip_is_the_same_memory(array: np.ndarray) -> None:
    x = hotloop.from_numpy(array)
    assert x.shape == array.shape
    assert str(x.dtype) == f"hotloop.{array.dtype}"
    back = x.numpy()
    np.testing.assert_array_equal(back, array, strict=True)
    assert x.tolist() == array.tolist()
    if array.size:
        assert x.data_ptr() == address(array) == address(back)
        assert back.flags.writeable == array.flags.writeable
        sized = [d for d in range(array.ndim) if array.shape[d] > 1]
        assert [back.strides[d] for d in sized] == [array.strides[d] for d in sized]
        assert [x.stride(d) * x.itemsize for d in sized] == [array.strides[d] for d in sized]


def test_writes_are_seen_on_the_other_side() -> None:
    array = np.zeros((2, 3), np.float32)
    x = hotloop.from_numpy(array)
    x.T[1, 0] = 5.0
    assert array[0, 1] == 5
    x.numpy()[1] = 7
    assert x.tolist() == [[0, 5, 0], [7, 7, 7]]


def test_memory_outlives_the_object_that_made_it() -> None:
    x = hotloop.from_numpy(np.arange(1000.0))
    array = hotloop.arange(1000, dtype=hotloop.float64).numpy()
    gc.collect()
    assert x.sum().item() == 499500
    assert array.sum() == 499500


def test_read_only_arrays_are_not_written() -> None:
    array = np.arange(3.0)
    array.flags.writeable = False
    x = hotloop.from_numpy(array)
    with pytest.raises(ValueError, match="read-only"):
        x.add_(1.0)
    with pytest.raises(ValueError, match="read-only"):
        x[1:].zero_()
    assert not x.numpy().flags.writeable
    x.clone().add_(1.0)
    assert array.tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint64", "complex64", ">f4", ">i8", "M8[s]", "U3", "object"])
def test_other_dtypes_are_refused_by_name(dtype: str) -> None:
    array = np.zeros(2, dtype)
    for take in (hotloop.from_numpy, hotloop.tensor, hotloop.as_tensor):
        with pytest.raises(TypeError, match=r"of dtype .*; hotloop has bool, uint8, .* float64") as caught:
            take(array)
        assert str(array.dtype) in str(caught.value)


def test_memory_between_elements_is_refused_or_copied() -> None:
    records = np.zeros(3, dtype=[("a", "i1"), ("b", "f4")])
    records["b"] = [1, 2, 3]
    with pytest.raises(ValueError, match=r"from_numpy\(\): the array's memory is not aligned"):
        hotloop.from_numpy(records["b"])
    assert hotloop.tensor(records["b"]).tolist() == [1, 2, 3]
    shifted = np.frombuffer(bytes(range(9)), np.uint8)[1:].view(np.int32)
    with pytest.raises(ValueError, match="not aligned"):
        hotloop.from_numpy(shifted)
    assert hotloop.tensor(shifted).tolist() == shifted.tolist()


def test_from_numpy_takes_arrays_only() -> None:
    with pytest.raises(TypeError, match=r"expected np.ndarray \(got list\)"):
        hotloop.from_numpy([1])


def test_bfloat16_comes_from_ml_dtypes() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    array = np.array([[1.5, -2.0], [3.0, 0.25]], ml_dtypes.bfloat16)[:, ::-1]
    x = hotloop.from_numpy(array)
    assert x.dtype == hotloop.bfloat16
    assert x.data_ptr() == address(array)
    assert x.tolist() == [[-2, 1.5], [0.25, 3]]
    x[0, 0] = 4.0
    assert array[0, 0] == 4


def test_what_numpy_cannot_have() -> None:
    x = hotloop.ones(2, requires_grad=True)
    for show in (lambda: x.numpy(), lambda: np.asarray(x), lambda: np.array(x)):
        with pytest.raises(RuntimeError, match=r"Can't call numpy\(\) on Tensor that requires grad. Use tensor.detach"):
            show()
    assert x.numpy(force=True).tolist() == [1, 1]
    half = hotloop.ones(2, dtype=hotloop.bfloat16)
    for show in (lambda: half.numpy(), lambda: np.asarray(half)):
        with pytest.raises(TypeError, match=r"NumPy has no bfloat16; use x.float\(\).numpy\(\)"):
            show()


def test_numpy_asks_through_array_and_the_interface() -> None:
    x = hotloop.arange(6, dtype=hotloop.float32).reshape(2, 3).T
    assert address(np.asarray(x)) == x.data_ptr()
    assert address(np.array(x)) != x.data_ptr()
    assert x.__array__().dtype == np.float32
    assert x.__array__(np.int64).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert address(x.__array__(copy=True)) != x.data_ptr()
    assert address(x.__array__(copy=False)) == x.data_ptr()
    with pytest.raises(ValueError, match="can't avoid a copy from float32 to float64"):
        x.__array__(np.float64, copy=False)
    interface = x.__array_interface__
    assert interface["typestr"] == "<f4"
    assert interface["strides"] == (4, 12)
    assert interface["data"] == (x.data_ptr(), False)

    class Holder:
        __array_interface__ = interface

    assert address(np.asarray(Holder())) == x.data_ptr()
    assert hotloop.as_tensor(Holder()).data_ptr() == x.data_ptr()


def test_objects_with_an_array_method_come_in() -> None:
    class Wrapped:
        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.arange(3, dtype=np.float64)

    class Broken:
        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return [1, 2]

    assert hotloop.tensor(Wrapped()).tolist() == [0, 1, 2]
    with pytest.raises(TypeError, match="__array__ of Broken gave a list"):
        hotloop.tensor(Broken())


def test_gpu_arrays_say_what_is_missing() -> None:
    class OnGpu:
        @property
        def __cuda_array_interface__(self) -> dict[str, Any]:
            return {"shape": (2,), "typestr": "<f4", "data": (4096, False), "version": 3}

    if hotloop.cuda.is_available():
        pytest.skip("this build has CUDA")
    for take in (hotloop.tensor, hotloop.as_tensor, hotloop.asarray):
        with pytest.raises(RuntimeError, match=r"OnGpu is in GPU memory .*__cuda_array_interface__"):
            take(OnGpu())


# --- the buffer protocol -----------------------------------------------------------------------------


def test_tensors_are_buffers() -> None:
    x = hotloop.arange(6, dtype=hotloop.int32).reshape(2, 3)
    view = memoryview(x)
    assert (view.format, view.shape, view.strides, view.readonly) == ("i", (2, 3), (12, 4), False)
    assert bytes(x) == x.numpy().tobytes()
    assert memoryview(x.T).tolist() == [[0, 3], [1, 4], [2, 5]]
    assert memoryview(hotloop.tensor(2.5)).tolist() == 2.5
    view[1, 2] = 50
    assert x[1, 2].item() == 50
    with pytest.raises(BufferError, match="requires grad"):
        memoryview(hotloop.ones(1, requires_grad=True))
    with pytest.raises(BufferError, match="bfloat16"):
        memoryview(hotloop.ones(1, dtype=hotloop.bfloat16))


def test_an_open_buffer_keeps_the_memory() -> None:
    x = hotloop.full((100,), 3.0)
    view = memoryview(x)
    x.data = hotloop.zeros(1)
    gc.collect()
    assert view[99] == 3


def test_frombuffer() -> None:
    raw = bytearray(np.arange(4, dtype=np.int32).tobytes())
    x = hotloop.frombuffer(raw, dtype=hotloop.int32)
    assert x.tolist() == [0, 1, 2, 3]
    x[0] = 9
    assert raw[0] == 9
    assert hotloop.frombuffer(raw, dtype=hotloop.int32, offset=4, count=2).tolist() == [1, 2]
    with pytest.raises(BufferError):
        raw.append(1)  # the tensor holds the bytes in place
    assert hotloop.frombuffer(b"abc", dtype=hotloop.uint8).tolist() == [97, 98, 99]
    with pytest.raises(ValueError, match="read-only"):
        hotloop.frombuffer(b"abc", dtype=hotloop.uint8).zero_()
    for options, message in [
        ({"offset": 99}, "offset"),
        ({"count": 5}, "must not be greater than actual buffer length"),
        ({"count": 0}, "must not be 0"),
        ({"offset": 1}, "must be a multiple of element size"),
        ({"offset": 1, "count": 1}, "not aligned"),
    ]:
        with pytest.raises(ValueError, match=message):
            hotloop.frombuffer(raw, dtype=hotloop.int32, **options)
    with pytest.raises(ValueError, match="both buffer length"):
        hotloop.frombuffer(b"", dtype=hotloop.uint8)
    with pytest.raises(ValueError, match="does not implement Python buffer protocol"):
        hotloop.frombuffer(3, dtype=hotloop.uint8)


# --- operators and leaks -----------------------------------------------------------------------------


def test_numpy_numbers_are_numbers() -> None:
    x = hotloop.ones(2)
    for number in (np.float32(2), np.float64(2), np.int32(2), np.uint8(2)):
        assert (x * number).dtype == hotloop.float32
        assert (x * number).tolist() == [2, 2]
        assert isinstance(number * x, hotloop.Tensor)
        assert (number * x).tolist() == [2, 2]
    assert (hotloop.ones(1, dtype=hotloop.int64) * np.float32(0.5)).dtype == hotloop.float32
    assert (hotloop.tensor([True]) & np.True_).tolist() == [True]


@pytest.mark.parametrize(
    "exchange",
    [
        lambda array: hotloop.from_numpy(array),
        lambda array: hotloop.from_numpy(array).numpy(),
        lambda array: np.asarray(hotloop.from_numpy(array)),
        lambda array: memoryview(hotloop.from_numpy(array)),
        lambda array: hotloop.from_numpy(array)[1:].numpy(),
        lambda array: hotloop.tensor(array),
    ],
    ids=["from_numpy", "numpy", "asarray", "memoryview", "slice", "tensor"],
)
def test_nothing_is_leaked(exchange: Any) -> None:
    array = np.arange(4.0)
    exchange(array)
    references = sys.getrefcount(array)
    before = hotloop.memory_stats()["allocated_bytes"]
    for _ in range(100_000):
        exchange(array)
    assert sys.getrefcount(array) == references
    assert hotloop.memory_stats()["allocated_bytes"] == before
