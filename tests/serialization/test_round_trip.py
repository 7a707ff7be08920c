"""save and load: what goes in comes out, in files that the safetensors package reads too."""

from __future__ import annotations

import math
import os
import stat
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import hotloop
from hotloop import nn

DTYPES = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "uint8", "int8", "bool"]


def assert_equal(actual: Any, expected: Any) -> None:
    """Equal in structure, types, dtypes, shapes and bits."""
    if isinstance(expected, hotloop.Tensor):
        assert actual.dtype is expected.dtype
        assert actual.shape == expected.shape
        assert actual.is_contiguous()
        assert not actual.requires_grad
        np.testing.assert_array_equal(actual.double().numpy(), expected.detach().double().numpy())
    elif isinstance(expected, dict):
        assert isinstance(actual, dict)
        assert [(type(key), key) for key in actual] == [(type(key), key) for key in expected]
        for key in expected:
            assert_equal(actual[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert type(actual) is type(expected)
        assert len(actual) == len(expected)
        for a, b in zip(actual, expected, strict=True):
            assert_equal(a, b)
    else:
        assert type(actual) is type(expected)
        assert actual == expected or (actual != actual and expected != expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (5,), (2, 3, 4)])
def test_dtypes_and_shapes(tmp_path: Path, dtype: str, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(scale=3, size=shape)
    tensor = hotloop.tensor(np.abs(values) if dtype == "uint8" else values).to(getattr(hotloop, dtype))
    hotloop.save(tensor, tmp_path / "t")
    assert_equal(hotloop.load(tmp_path / "t"), tensor)


def test_bits_of_floats_are_kept(tmp_path: Path) -> None:
    values = np.array([math.nan, -math.inf, -0.0, 5e-324, 1.7e308])
    hotloop.save({"x": hotloop.from_numpy(values)}, tmp_path / "t")
    assert hotloop.load(tmp_path / "t")["x"].numpy().tobytes() == values.tobytes()


def test_views_and_shared_memory(tmp_path: Path) -> None:
    x = hotloop.arange(24).reshape(4, 6)
    state = {
        "transposed": x.T,
        "strided": x[::2, 1::3],
        "offset": x[2],
        "expanded": x[0, :1].expand(5),
        "whole": x,
        "again": x,
        "parameter": nn.Parameter(x.float()),
    }
    hotloop.save(state, tmp_path / "t")
    loaded = hotloop.load(tmp_path / "t")
    assert_equal(loaded, state)
    loaded["whole"].fill_(0)
    assert loaded["again"].sum().item() == 276


def test_a_dict_of_tensors_is_plain_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    state = {"b.weight": hotloop.ones(2, 3), "a": hotloop.zeros(2, dtype=hotloop.float64), "": hotloop.ones(1)}
    hotloop.save(state, path, metadata={"author": "me"})
    theirs = safetensors.numpy.load_file(path)
    assert theirs.keys() == state.keys()
    np.testing.assert_array_equal(theirs["b.weight"], np.ones((2, 3)))
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
    assert metadata["author"] == "me"
    assert "hotloop.structure" not in metadata
    assert_equal(hotloop.load(path), state)


def test_files_of_others_load(tmp_path: Path) -> None:
    path = tmp_path / "t.safetensors"
    arrays = {"x": np.arange(6.0).reshape(2, 3), "flags": np.array([True, False])}
    for metadata in (None, {"format": "np"}):
        safetensors.numpy.save_file(arrays, path, metadata)
        loaded = hotloop.load(path)
        assert loaded.keys() == arrays.keys()
        for name, array in arrays.items():
            np.testing.assert_array_equal(loaded[name].numpy(), array)


def test_nested_state(tmp_path: Path) -> None:
    state = {
        "state": {0: {"step": hotloop.tensor(3.0), "exp_avg": hotloop.ones(2)}, 1: {}},
        "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999), "nesterov": False, "name": None, "params": [0, 1]}],
        "mixed keys": {None: 1, 2.5: "x", True: [], "": ()},
        "numbers": [math.inf, math.nan, -(2**70), 1e-300],
        "text": 'ünïcödé \ud800 " \\ \0',
        "a.b": hotloop.zeros(1),
        "a": {"b": hotloop.ones(1)},
        "__metadata__": hotloop.ones(2),
    }
    hotloop.save(state, tmp_path / "t")
    assert_equal(hotloop.load(tmp_path / "t"), state)
    for other in ([hotloop.ones(1), (hotloop.zeros(2), 3)], 3, "x", None, [], {}, (), {"n": 1}):
        hotloop.save(other, tmp_path / "t")
        assert_equal(hotloop.load(tmp_path / "t"), other)
    hotloop.save(OrderedDict(b=1, a=2), tmp_path / "t")
    assert_equal(hotloop.load(tmp_path / "t"), {"b": 1, "a": 2})


def test_modules_and_optimizers(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    optimizer = hotloop.optim.AdamW(model.parameters())
    model(hotloop.ones(2, 3)).sum().backward()
    optimizer.step()
    hotloop.save(model.state_dict(), tmp_path / "model")
    hotloop.save(optimizer.state_dict(), tmp_path / "optimizer")
    assert list(hotloop.load(tmp_path / "model")) == list(model.state_dict()), "in the order of the module"
    twin = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    twin.load_state_dict(hotloop.load(tmp_path / "model"))
    assert_equal(dict(twin.state_dict()), dict(model.state_dict()))
    assert_equal(hotloop.load(tmp_path / "optimizer"), optimizer.state_dict())


def test_map_location(tmp_path: Path) -> None:
    hotloop.save({"x": hotloop.ones(1)}, tmp_path / "t")
    assert hotloop.load(tmp_path / "t", map_location="cpu")["x"].device == hotloop.device("cpu")


def test_what_cannot_be_stored_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t"
    for obj, message in [
        ({"a": {"b": {1, 2}}}, "cannot store a value of type set, found at a.b"),
        ([1, [object()]], "cannot store a value of type object, found at 1.0"),
        (np.zeros(2), "cannot store a value of type ndarray, found at the top"),
        ({"a": {(1, 2): 3}}, "cannot store a key of type tuple in a"),
    ]:
        with pytest.raises(TypeError, match=message):
            hotloop.save(obj, path)
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    with pytest.raises(ValueError, match=r"containers are nested more than 100 deep"):
        hotloop.save(deep, path)
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(ValueError, match=r"containers are nested more than 100 deep"):
        hotloop.save(cycle, path)
    for metadata in ({"hotloop.format": "1"}, {"a": 1}):
        with pytest.raises(ValueError, match=r"metadata maps strings that don't begin with 'hotloop.' to strings"):
            hotloop.save({}, path, metadata=metadata)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_permissions_and_links(tmp_path: Path) -> None:
    path = tmp_path / "t"
    mask = os.umask(0o027)
    try:
        hotloop.save({"n": 1}, path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    hotloop.save({"n": 2}, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link"
    link.symlink_to(path)
    hotloop.save({"n": 3}, link)
    assert link.is_symlink()
    assert hotloop.load(path) == {"n": 3}
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["elsewhere", "link", "t"]


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"it is a directory"):
        hotloop.save({}, tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match=r"it is not a regular file"):
        hotloop.save({}, tmp_path / "pipe")
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]
    with pytest.raises(FileNotFoundError):
        hotloop.save({}, tmp_path / "missing" / "t")
    with pytest.raises(FileNotFoundError):
        hotloop.load(tmp_path / "missing")
