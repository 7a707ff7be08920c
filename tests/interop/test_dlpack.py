"""DLPack both ways: one memory, both kinds of capsule, each consumed once, nothing leaked."""

from __future__ import annotations

import ctypes
import gc
import sys
from typing import Any

import numpy as np
import pytest

import hotloop

DTYPES = ["float64", "float32", "float16", "int64", "int32", "int8", "uint8", "bool"]

capsule_name = ctypes.pythonapi.PyCapsule_GetName
capsule_name.restype = ctypes.c_char_p
capsule_name.argtypes = [ctypes.py_object]
capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
capsule_pointer.restype = ctypes.c_void_p
capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


class Exporter:
    """Hands out one capsule, as another library would."""

    def __init__(self, capsule: Any, device: tuple[int, int] = (1, 0)) -> None:
        self.capsule, self.device = capsule, device

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device


class OldExporter:
    """Knows no options, as exporters before DLPack 1.0."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self) -> Any:
        return self.array.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def test_the_consumer_chooses_the_kind_of_capsule() -> None:
    x = hotloop.zeros(2)
    assert capsule_name(x.__dlpack__()) == b"dltensor"
    assert capsule_name(x.__dlpack__(max_version=(0, 8))) == b"dltensor"
    assert capsule_name(x.__dlpack__(max_version=(1, 0))) == b"dltensor_versioned"
    assert capsule_name(x.__dlpack__(max_version=(2, 3))) == b"dltensor_versioned"
    assert x.__dlpack_device__() == (1, 0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("version", [None, (1, 0)])
def test_round_trip_of_every_dtype(dtype: str, version: tuple[int, int] | None) -> None:
    x = hotloop.tensor(np.arange(6).reshape(2, 3).astype(dtype)).T
    y = hotloop.from_dlpack(x.__dlpack__(max_version=version))
    assert y.data_ptr() == x.data_ptr()
    assert (y.dtype, y.shape, y.stride()) == (x.dtype, x.shape, x.stride())
    array = np.from_dlpack(x)
    assert array.__array_interface__["data"][0] == x.data_ptr()
    np.testing.assert_array_equal(array, x.numpy(), strict=True)
    back = hotloop.from_dlpack(array)
    assert back.data_ptr() == x.data_ptr()
    assert back.stride() == x.stride()


def test_bfloat16_round_trip() -> None:
    x = hotloop.tensor([1.5, 2.0], dtype=hotloop.bfloat16)
    assert hotloop.from_dlpack(x).dtype == hotloop.bfloat16
    assert hotloop.from_dlpack(x).data_ptr() == x.data_ptr()


@pytest.mark.parametrize(
    "array",
    [np.arange(10.0)[::-2], np.array(3, np.float32), np.zeros((0, 3)), np.broadcast_to(np.arange(3), (2, 3)).copy()],
    ids=["negative strides", "0-d", "empty", "2-d"],
)
def test_shapes_and_strides(array: np.ndarray) -> None:
    x = hotloop.from_dlpack(array)
    np.testing.assert_array_equal(x.numpy(), array, strict=True)
    y = hotloop.from_dlpack(hotloop.from_numpy(array))
    np.testing.assert_array_equal(y.numpy(), array, strict=True)
    if array.size:
        assert x.data_ptr() == y.data_ptr() == array.__array_interface__["data"][0]


def test_a_capsule_is_consumed_once() -> None:
    for version in (None, (1, 0)):
        capsule = hotloop.ones(2).__dlpack__(max_version=version)
        assert hotloop.from_dlpack(capsule).tolist() == [1, 1]
        assert capsule_name(capsule).startswith(b"used_dltensor")
        with pytest.raises(ValueError, match="consumed only once"):
            hotloop.from_dlpack(capsule)


def test_an_older_exporter_is_asked_without_options() -> None:
    array = np.arange(3.0)
    assert hotloop.from_dlpack(OldExporter(array)).data_ptr() == array.__array_interface__["data"][0]
    assert hotloop.as_tensor(OldExporter(array)).data_ptr() == array.__array_interface__["data"][0]


def test_read_only_is_honoured_both_ways() -> None:
    array = np.arange(3.0)
    array.flags.writeable = False
    x = hotloop.from_dlpack(array)
    with pytest.raises(ValueError, match="read-only"):
        x.zero_()
    assert not np.from_dlpack(x).flags.writeable
    with pytest.raises(BufferError, match=r"read-only.*max_version=\(1, 0\)"):
        x.__dlpack__()
    assert hotloop.from_dlpack(x.__dlpack__(copy=True)).zero_().tolist() == [0, 0, 0]


def test_copies() -> None:
    x = hotloop.ones(2)
    assert hotloop.from_dlpack(x.__dlpack__(copy=False)).data_ptr() == x.data_ptr()
    assert hotloop.from_dlpack(x.__dlpack__(max_version=(1, 0), copy=True)).data_ptr() != x.data_ptr()
    assert hotloop.from_dlpack(x, copy=True).data_ptr() != x.data_ptr()
    array = np.ones(2)
    assert hotloop.from_dlpack(array, copy=True).data_ptr() != array.__array_interface__["data"][0]


def test_what_cannot_be_exported() -> None:
    with pytest.raises(BufferError, match=r"require gradient, use tensor.detach\(\)"):
        hotloop.ones(1, requires_grad=True).__dlpack__()
    with pytest.raises(BufferError, match="stream must be None, got 1"):
        hotloop.ones(1).__dlpack__(stream=1)
    with pytest.raises(BufferError, match=r"from device cpu to DLPack device \[2, 0\]"):
        hotloop.ones(1).__dlpack__(dl_device=(2, 0))
    hotloop.ones(1).__dlpack__(dl_device=(1, 0))


# The structs again, to make capsules that are wrong in one place.
class _Array(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


class _Versioned(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("array", _Array),
    )


def versioned(capsule: Any) -> _Versioned:
    return _Versioned.from_address(capsule_pointer(capsule, b"dltensor_versioned"))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("major", 2, "speaks DLPack 2.0; hotloop speaks 1.x"),
        ("array.device_type", 2, r"DLPack device \(2, 0\)"),
        ("array.code", 5, "type complex32; hotloop has bool"),
        ("array.lanes", 4, "float32x4"),
        ("array.bits", 4, "float4"),
        ("array.ndim", 17, "17 dimensions; a tensor has at most 16"),
        ("array.byte_offset", 1, "not aligned"),
    ],
)
def test_capsules_that_cannot_be_taken(field: str, value: int, message: str) -> None:
    gc.collect()
    before = hotloop.memory_stats()["allocated_bytes"]
    capsule = hotloop.ones(3).__dlpack__(max_version=(1, 0))
    struct: Any = versioned(capsule)
    *path, name = field.split(".")
    for part in path:
        struct = getattr(struct, part)
    setattr(struct, name, value)
    with pytest.raises(BufferError, match=message):
        hotloop.from_dlpack(Exporter(capsule))
    del struct, capsule
    gc.collect()
    assert hotloop.memory_stats()["allocated_bytes"] == before  # the deleter ran


def test_row_major_where_strides_are_null_and_offset_in_bytes() -> None:
    capsule = hotloop.arange(6, dtype=hotloop.int32).__dlpack__(max_version=(1, 0))
    struct = versioned(capsule)
    shape = (ctypes.c_int64 * 2)(2, 2)
    struct.array.ndim, struct.array.shape = 2, shape
    struct.array.strides = None
    struct.array.byte_offset = 8
    assert hotloop.from_dlpack(capsule).tolist() == [[2, 3], [4, 5]]


def test_only_dlpack_objects_are_taken() -> None:
    with pytest.raises(TypeError, match="expected an object with __dlpack__ or a DLPack capsule, got list"):
        hotloop.from_dlpack([1.0])


def test_pytorch_shares_memory_both_ways() -> None:
    torch = pytest.importorskip("torch")
    x = hotloop.arange(6, dtype=hotloop.float32).reshape(2, 3).T
    t = torch.from_dlpack(x)
    assert t.data_ptr() == x.data_ptr()
    assert t.stride() == x.stride()
    t[0, 0] = 9
    assert x[0, 0].item() == 9
    for dtype in (torch.float32, torch.bfloat16, torch.bool, torch.int64):
        t = torch.ones(2, 3).to(dtype)
        for take in (hotloop.from_dlpack, hotloop.as_tensor, hotloop.asarray):
            assert take(t).data_ptr() == t.data_ptr()
            assert str(take(t).dtype) == str(t.dtype).replace("torch", "hotloop")
        assert hotloop.tensor(t).data_ptr() != t.data_ptr()


def test_jax_shares_memory() -> None:
    jax = pytest.importorskip("jax")
    array = jax.numpy.arange(4.0)
    assert hotloop.from_dlpack(array).data_ptr() == array.unsafe_buffer_pointer()


@pytest.mark.parametrize("version", [None, (1, 0)])
@pytest.mark.parametrize("take", [True, False], ids=["taken", "dropped"])
def test_nothing_is_leaked(version: tuple[int, int] | None, take: bool) -> None:
    array = np.arange(4.0)
    x = hotloop.from_numpy(array)
    references = sys.getrefcount(array), sys.getrefcount(x)
    before = hotloop.memory_stats()["allocated_bytes"]
    for _ in range(100_000):
        capsule = x.__dlpack__(max_version=version)
        if take:
            hotloop.from_dlpack(capsule)
    del capsule
    assert (sys.getrefcount(array), sys.getrefcount(x)) == references
    for _ in range(100_000):
        np.from_dlpack(hotloop.from_dlpack(array))
    assert sys.getrefcount(array) == references[0]
    assert hotloop.memory_stats()["allocated_bytes"] == before
