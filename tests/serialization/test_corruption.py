"""Damaged files: flipped bits, cuts at every length, and malformed headers raise CorruptFileError, which says where."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest
import safetensors.numpy

import hotloop
from hotloop import CorruptFileError

STATE: dict[str, Any] = {
    "weight": hotloop.arange(6).reshape(2, 3).float(),
    "flags": hotloop.tensor([True, False, True]),
    "empty": hotloop.zeros(0, 3),
    "scalar": hotloop.tensor(2.5),
}
NESTED = {**STATE, "lr": 0.125, "betas": (0.9, 0.99), "inner": {3: STATE["weight"]}}


def saved(path: Path, obj: Any) -> bytes:
    hotloop.save(obj, path)
    return path.read_bytes()


def failure(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    with pytest.raises(CorruptFileError) as info:
        hotloop.load(path)
    message = str(info.value)
    assert message.startswith(f"{path}: ")
    return message


def tensor_ranges(data: bytes) -> dict[str, tuple[int, int]]:
    """Where in a file each tensor's bytes are."""
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    header.pop("__metadata__", None)
    return {name: (begin + info["data_offsets"][0], begin + info["data_offsets"][1]) for name, info in header.items()}


def flipped(data: bytes, bit: int) -> bytes:
    damaged = bytearray(data)
    damaged[bit // 8] ^= 1 << bit % 8
    return bytes(damaged)


@pytest.mark.parametrize("obj", [STATE, NESTED], ids=["tensors", "nested"])
def test_a_flipped_bit_in_any_byte_is_detected_and_its_tensor_named(tmp_path: Path, obj: Any) -> None:
    path = tmp_path / "t"
    data = saved(path, obj)
    ranges = tensor_ranges(data)
    payload = min(begin for begin, _ in ranges.values())
    rng = random.Random(0)
    for byte in range(len(data)):
        bit = 8 * byte + rng.randrange(8)
        message = failure(path, flipped(data, bit))
        if byte >= payload:
            (name,) = [name for name, (begin, end) in ranges.items() if begin <= byte < end]
            assert f"tensor {name!r}: its checksum does not match" in message


def test_flipped_bits_in_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "t"
    data = saved(path, {f"layer{i}": hotloop.randn(20_000) for i in range(8)})
    ranges = tensor_ranges(data)
    rng = random.Random(0)
    for _ in range(200):
        bit = rng.randrange(8 * len(data))
        message = failure(path, flipped(data, bit))
        inside = [name for name, (begin, end) in ranges.items() if begin <= bit // 8 < end]
        assert all(repr(name) in message for name in inside)


def test_every_cut_is_detected(tmp_path: Path) -> None:
    path = tmp_path / "t"
    data = saved(path, NESTED)
    payload = min(begin for begin, _ in tensor_ranges(data).values())
    for length in range(len(data)):
        message = failure(path, data[:length])
        if length < 8:
            assert f"the file has {length} bytes" in message
        elif length < payload:
            assert f"the header should be bytes 8 to {payload}, but the file has {length} bytes" in message
        else:
            assert f"but the file has {length} bytes" in message
            assert "tensor '" in message
    for extra in (b"\0", b"x" * 100):
        assert "header: " in failure(path, data + extra)


def test_swapped_tensors_are_detected(tmp_path: Path) -> None:
    path = tmp_path / "t"
    data = saved(path, {"a": hotloop.zeros(4), "b": hotloop.ones(4)})
    (a, a_end), (b, b_end) = tensor_ranges(data).values()
    swapped = data[:a] + data[b:b_end] + data[a:a_end]
    assert "its checksum does not match" in failure(path, swapped)


def header_file(header: Any, payload: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + payload


ENTRY = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (header_file(b"{"), "header: not JSON at byte 9"),
        (header_file("ü".encode() + b'{"a'), "header: not JSON at byte 8"),
        (header_file(b'{"\xff'), "header: not UTF-8 at byte 10"),
        (header_file([]), "header: not a JSON object"),
        (header_file(b'{"a":1,"a":2}'), "header: a JSON object names an entry twice"),
        (header_file(b"[" * 100_000), "header: "),
        (header_file(b'{"a":' + b"9" * 5000 + b"}"), "header: "),
        (header_file({"a": 3}), "tensor 'a' has no data_offsets of two integers"),
        (header_file({"a": {**ENTRY, "data_offsets": [0, 2.5]}}), "tensor 'a' has no data_offsets of two integers"),
        (header_file({"__metadata__": {"a": 1}}), "__metadata__ is not a JSON object of strings"),
        (header_file({"__metadata__": [1]}), "__metadata__ is not a JSON object of strings"),
        (header_file({"a": ENTRY}, b"123"), "tensor 'a' should end at byte 73, but the file has 72 bytes"),
        (header_file({"a": {**ENTRY, "shape": [2]}}, b"1234"), "header: "),
        (header_file({"a": {**ENTRY, "shape": [-1]}}, b"1234"), "header: "),
        (header_file({"a": {**ENTRY, "shape": [2**40, 2**40]}}, b"1234"), "header: "),
        (header_file({"a": {**ENTRY, "dtype": "F31"}}, b"1234"), "header: "),
        (
            header_file({"a": {**ENTRY, "dtype": "U32"}}, b"1234"),
            "tensor 'a' has dtype U32, which hotloop does not hav",
        ),
        (header_file({"a": ENTRY, "b": ENTRY}, b"1234"), "header: "),
        (
            header_file({"a": {"dtype": "BOOL", "shape": [3], "data_offsets": [0, 3]}}, b"\0\1\2"),
            "tensor 'a': a bool is neither 0 nor 1 at element 2",
        ),
        (
            header_file({"a": {"dtype": "F32", "shape": [0, 2**63], "data_offsets": [0, 0]}}),
            "tensor 'a': ",
        ),
        (
            header_file({"__metadata__": {"hotloop.format": "1"}}),
            "metadata lacks hotloop.crc32c, hotloop.header_crc32c",
        ),
        ((2**63).to_bytes(8, "little") + b"{}", "the header should be bytes 8 to 9223372036854775816"),
    ],
)
def test_malformed_headers(tmp_path: Path, data: bytes, message: str) -> None:
    assert message in failure(tmp_path / "t", data)


def resigned(data: bytes, change: Any) -> bytes:
    """The file with its metadata changed and its header's checksum made right again."""
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    metadata = header["__metadata__"]
    change(metadata)
    shapes = {name: (info["dtype"], info["shape"]) for name, info in header.items() if name != "__metadata__"}
    metadata["hotloop.header_crc32c"] = str(hotloop.serialization._header_checksum(shapes, metadata))
    return header_file(header, data[begin:])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hotloop.format": "2"}, "header: format version '2'; this hotloop reads version '1'"),
        ({"hotloop.crc32c": "{}"}, "header: hotloop.crc32c does not name the file's tensors"),
        ({"hotloop.crc32c": "["}, "header: hotloop.crc32c is not JSON"),
        ({"hotloop.structure": '{"tensor":"other"}'}, "header: hotloop.structure does not fit the file: KeyError"),
        ({"hotloop.structure": '{"set":[]}'}, "unknown container 'set'"),
        ({"hotloop.structure": '{"dict":[[[],1]]}'}, "header: hotloop.structure does not fit the file: TypeError"),
        ({"hotloop.structure": '{"dict":3}'}, "header: hotloop.structure does not fit the file: TypeError"),
        ({"hotloop.structure": "{}"}, "header: hotloop.structure does not fit the file: ValueError"),
        ({"hotloop.structure": "[" * 50_000 + "]" * 50_000}, "header: hotloop.structure"),
    ],
)
def test_well_signed_nonsense(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    data = saved(tmp_path / "t", NESTED)
    assert message in failure(tmp_path / "t", resigned(data, lambda metadata: metadata.update(changes)))


@hypothesis.settings(
    max_examples=300, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(st.data())
def test_mutants_load_right_or_raise_the_one_error(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "t"
    foreign = safetensors.numpy.save({"x": STATE["weight"].numpy(), "flags": STATE["flags"].numpy()})
    original = data.draw(st.sampled_from([foreign, saved(path, NESTED), b""]))
    mutant = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutant)))
        cut = data.draw(st.integers(0, 12))
        mutant[at : at + cut] = data.draw(st.binary(max_size=12) | st.sampled_from([b"-1", b'"', b"[", b"{}", b"1e99"]))
    path.write_bytes(bytes(mutant))
    try:
        hotloop.load(path)
    except CorruptFileError as error:
        assert str(path) in str(error)
