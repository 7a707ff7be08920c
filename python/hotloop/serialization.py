"""hotloop.save and hotloop.load: tensors, and nested state that holds tensors, in safetensors files.

A file is plain safetensors, readable by anything that reads the format. Its metadata holds, beside the caller's own:

- ``hotloop.format``: the version of this layout;
- ``hotloop.structure``: JSON of what the tensors were found in, unless that was one dict of tensors;
- ``hotloop.crc32c``: JSON of tensor name -> CRC-32C of its bytes;
- ``hotloop.header_crc32c``: CRC-32C of all else that the header says: names, dtypes, shapes, other metadata.

Loading verifies all of it. A file with none of these, of another library, loads as a dict of tensors; one that has
some but not all is corrupt.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from hotloop import _core
from hotloop._atomic_file import write_atomically
from hotloop._core import Tensor

FORMAT_VERSION = "1"
_FORMAT = "hotloop.format"
_STRUCTURE = "hotloop.structure"
_TENSOR_CHECKSUMS = "hotloop.crc32c"
_HEADER_CHECKSUM = "hotloop.header_crc32c"
_MAX_DEPTH = 100  # of nested containers

# The format's names of dtypes; float8 and unsigned types other than uint8 are none of hotloop's.
_DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
    "I32": "int32",
    "U8": "uint8",
    "I8": "int8",
    "BOOL": "bool",
}
_CODES = {name: code for code, name in _DTYPES.items()}


class CorruptFileError(ValueError):
    """A file that is not what was saved: damaged, cut off, or of another kind. Says which file, where, and what."""


# -- saving


def save(obj: Any, path: str | os.PathLike[str], metadata: Mapping[str, str] | None = None) -> None:
    """Saves tensors to a safetensors file, which replaces what ``path`` was all at once or not at all.

    Args:
        obj: a tensor, or dicts, lists and tuples, nested at will, of tensors, numbers, strings, bools and None: what
            ``state_dict()`` of a module or an optimizer returns. Each tensor is stored under a name of its own with a
            copy of its elements, also where two share memory.
        path: the file. A symbolic link is followed, and the permissions of a file that is replaced are kept.
        metadata: more text to keep in the file.
    """
    entries = dict(metadata or {})
    for key, value in entries.items():
        if not (isinstance(key, str) and isinstance(value, str)) or key.startswith("hotloop."):
            raise ValueError(f"save: metadata maps strings that don't begin with 'hotloop.' to strings; got {key!r}")
    entries[_FORMAT] = FORMAT_VERSION
    if _is_dict_of_tensors(obj):
        tensors = dict(obj)
    else:
        tensors = {}
        entries[_STRUCTURE] = json.dumps(_flatten(obj, "", tensors, 0), separators=(",", ":"))
    write_atomically(path, _serialize(tensors, entries))


def _is_dict_of_tensors(obj: Any) -> bool:
    return isinstance(obj, Mapping) and all(
        isinstance(key, str) and key != "__metadata__" and isinstance(value, Tensor) for key, value in obj.items()
    )


def _flatten(obj: Any, place: str, tensors: dict[str, Tensor], depth: int) -> Any:
    """The JSON form of ``obj``, whose tensors go into ``tensors`` under the path they were found at."""
    if isinstance(obj, Tensor):
        name = place or "tensor"
        while name in tensors or name == "__metadata__":  # {"a.b": x, "a": {"b": y}} has one path for two
            name += "'"
        tensors[name] = obj
        return {"tensor": name}
    if obj is None or isinstance(obj, (bool, int, float, str)):
        return obj
    if depth == _MAX_DEPTH:
        raise ValueError(f"save: containers are nested more than {_MAX_DEPTH} deep, at {place[:80]}...")
    if isinstance(obj, Mapping):
        pairs = []
        for key, value in obj.items():
            if key is not None and not isinstance(key, (bool, int, float, str)):
                raise TypeError(f"save: cannot store a key of type {type(key).__name__} in {place or 'the dict'}")
            pairs.append([key, _flatten(value, f"{place}.{key}" if place else str(key), tensors, depth + 1)])
        return {"dict": pairs}
    if isinstance(obj, (list, tuple)):
        items = [
            _flatten(value, f"{place}.{i}" if place else str(i), tensors, depth + 1) for i, value in enumerate(obj)
        ]
        return {"tuple": items} if isinstance(obj, tuple) else items
    raise TypeError(f"save: cannot store a value of type {type(obj).__name__}, found at {place or 'the top'}")


def _serialize(tensors: dict[str, Tensor], metadata: dict[str, str]) -> bytes:
    import safetensors

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    arrays = {name: _memory(tensor) for name, tensor in tensors.items()}
    shapes = {name: (_CODES[_dtype_name(t.dtype)], list(t.shape)) for name, t in tensors.items()}
    metadata[_TENSOR_CHECKSUMS] = json.dumps({name: _core.crc32c(array.data) for name, array in arrays.items()})
    metadata[_HEADER_CHECKSUM] = str(_header_checksum(shapes, metadata))
    specs = {
        name: safetensors.TensorSpec(
            dtype=_dtype_name(tensor.dtype),
            shape=list(tensor.shape),
            data_ptr=arrays[name].ctypes.data,
            data_len=arrays[name].nbytes,
        )
        for name, tensor in tensors.items()
    }
    return bytes(safetensors.serialize(specs, metadata))  # `tensors` keep the pointers alive


def _memory(tensor: Tensor) -> NDArray[np.uint8]:
    """The bytes of a contiguous tensor of any dtype, without a copy: good for as long as the tensor lives."""
    if tensor.nbytes == 0:
        return np.empty(0, np.uint8)
    buffer = (ctypes.c_uint8 * tensor.nbytes).from_address(tensor.data_ptr())
    return np.frombuffer(memoryview(buffer), np.uint8)


def _dtype_name(dtype: Any) -> str:
    return str(dtype).rpartition(".")[2]


def _header_checksum(shapes: Mapping[str, Any], metadata: Mapping[str, str]) -> int:
    """CRC-32C of what the header says, in a form that does not depend on order or spacing."""
    others = {key: value for key, value in metadata.items() if key != _HEADER_CHECKSUM}
    return _core.crc32c(json.dumps([shapes, others], sort_keys=True, separators=(",", ":")).encode())


# -- loading


def load(path: str | os.PathLike[str], map_location: Any = None) -> Any:
    """Loads what ``save`` stored, or the dict of tensors of any other safetensors file.

    Args:
        path: the file.
        map_location: the device to put tensors on; the CPU where left out.

    Raises:
        CorruptFileError: the file is not a whole, unchanged safetensors file; says where.
    """
    with open(path, "rb") as file:
        data = file.read()
    reader = _Reader(os.fspath(path), data)
    del data
    tensors = reader.tensors(map_location)
    return reader.rebuild(tensors)


class _Reader:
    """One file's content, checked from the outside in."""

    def __init__(self, path: str, data: bytes) -> None:
        import safetensors

        self.path = path
        header = self._header(data)
        metadata = header.pop("__metadata__", None) or {}
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            self.fail("header: __metadata__ is not a JSON object of strings")
        self._check_lengths(header, len(data), 8 + int.from_bytes(data[:8], "little"))
        try:
            deserialize: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = safetensors.deserialize
            self.entries = deserialize(data)
        except safetensors.SafetensorError as error:
            self.fail(f"header: {error}")
        self.checksums = self._verified_checksums(metadata)
        self.names = list(self.checksums or header)
        self.structure = self._json(metadata, _STRUCTURE) if _STRUCTURE in metadata else None
        self.is_dict_of_tensors = _STRUCTURE not in metadata

    def fail(self, what: str) -> NoReturn:
        raise CorruptFileError(f"{self.path}: {what}")

    def _header(self, data: bytes) -> dict[str, Any]:
        if len(data) < 8:
            self.fail(
                f"the file has {len(data)} bytes; a safetensors file begins with 8 that say how long its header is"
            )
        length = int.from_bytes(data[:8], "little")
        if 8 + length > len(data):
            self.fail(f"the header should be bytes 8 to {8 + length}, but the file has {len(data)} bytes")
        try:
            text = data[8 : 8 + length].decode()
            header = json.loads(text, object_pairs_hook=_without_duplicates)
        except UnicodeDecodeError as error:
            self.fail(f"header: not UTF-8 at byte {8 + error.start}")
        except json.JSONDecodeError as error:
            self.fail(f"header: not JSON at byte {8 + len(text[: error.pos].encode())}: {error.msg}")
        except (ValueError, RecursionError) as error:
            self.fail(f"header: {error}")
        if not isinstance(header, dict):
            self.fail("header: not a JSON object")
        return header

    def _check_lengths(self, header: dict[str, Any], file_size: int, begin: int) -> None:
        """Names the tensor whose bytes are cut off, which the package's own message does not."""
        for name, info in header.items():
            offsets = info.get("data_offsets") if isinstance(info, dict) else None
            if not (isinstance(offsets, list) and len(offsets) == 2 and all(isinstance(o, int) for o in offsets)):
                self.fail(f"header: tensor {name!r} has no data_offsets of two integers")
            if begin + offsets[1] > file_size:
                self.fail(
                    f"tensor {name!r} should end at byte {begin + offsets[1]}, but the file has {file_size} bytes"
                )

    def _verified_checksums(self, metadata: dict[str, str]) -> dict[str, int]:
        """The checksum of each tensor, or none for files of other libraries; the header's own is verified."""
        ours = {_FORMAT, _TENSOR_CHECKSUMS, _HEADER_CHECKSUM}
        if not any(key.startswith("hotloop.") for key in metadata):
            return {}
        if not ours <= metadata.keys():
            self.fail(f"header: metadata lacks {', '.join(sorted(ours - metadata.keys()))}")
        shapes = {name: (info["dtype"], info["shape"]) for name, info in self.entries}
        if metadata[_HEADER_CHECKSUM] != str(_header_checksum(shapes, metadata)):
            self.fail("header: its checksum does not match; names, dtypes, shapes or metadata were changed")
        if metadata[_FORMAT] != FORMAT_VERSION:
            self.fail(f"header: format version {metadata[_FORMAT]!r}; this hotloop reads version {FORMAT_VERSION!r}")
        checksums = self._json(metadata, _TENSOR_CHECKSUMS)
        if not isinstance(checksums, dict) or checksums.keys() != shapes.keys():
            self.fail(f"header: {_TENSOR_CHECKSUMS} does not name the file's tensors")
        return checksums

    def _json(self, metadata: dict[str, str], key: str) -> Any:
        try:
            return json.loads(metadata[key])
        except (ValueError, RecursionError) as error:
            self.fail(f"header: {key} is not JSON: {error}")

    def tensors(self, device: Any) -> dict[str, Tensor]:
        """The tensors by name, in the order they were saved; each is verified, and its bytes are let go of."""
        result = {}
        while self.entries:
            name, info = self.entries.pop()
            tensor = self._tensor(name, info)
            result[name] = tensor if device is None else tensor.to(device)
        return {name: result[name] for name in self.names}

    def _tensor(self, name: str, info: dict[str, Any]) -> Tensor:
        if info["dtype"] not in _DTYPES:
            self.fail(f"tensor {name!r} has dtype {info['dtype']}, which hotloop does not have")
        dtype = getattr(_core, _DTYPES[info["dtype"]])
        data = info["data"]
        if name in self.checksums and _core.crc32c(data) != self.checksums[name]:
            self.fail(f"tensor {name!r}: its checksum does not match; the {len(data)} bytes were changed")
        try:
            tensor = _core.empty(tuple(info["shape"]), dtype=dtype)
        except (ValueError, TypeError, OverflowError, RuntimeError) as error:  # one size 0, another out of bounds
            self.fail(f"tensor {name!r}: {error}")
        memory = _memory(tensor)
        memory[:] = np.frombuffer(data, np.uint8) if data else ()
        if info["dtype"] == "BOOL" and data and memory.max() > 1:
            self.fail(f"tensor {name!r}: a bool is neither 0 nor 1 at element {int(np.argmax(memory > 1))}")
        return tensor

    def rebuild(self, tensors: dict[str, Tensor]) -> Any:
        """What was saved, from its JSON form and the tensors."""
        if self.is_dict_of_tensors:
            return tensors
        try:
            return _unflatten(self.structure, tensors)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            self.fail(f"header: {_STRUCTURE} does not fit the file: {type(error).__name__} {error}")


def _unflatten(node: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(node, list):
        return [_unflatten(value, tensors) for value in node]
    if not isinstance(node, dict):
        return node
    ((kind, content),) = node.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "tuple":
        return tuple(_unflatten(value, tensors) for value in content)
    if kind == "dict":
        return {key: _unflatten(value, tensors) for key, value in content}
    raise ValueError(f"unknown container {kind!r}")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a JSON object names an entry twice")
    return result
