"""What `hotloop.cuda.use_cupy_pool` uses of CuPy, over memory of the GPU or the emulator, with a record of its use.

Chunks are cut off an arena of which a captured graph keeps the memory, so that no tensor of hotloop's holds it.
"""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import hotloop
from hotloop import cuda as hotloop_cuda

ARENA = 1 << 20
_ALIGNMENT = 512


class OutOfMemoryError(MemoryError):
    """cupy.cuda.memory's."""


class Within:
    """A context: the device or the stream that is current."""

    now: ClassVar[list[tuple[str, int]]] = []

    def __init__(self, kind: str, number: int) -> None:
        self._entry = (kind, number)

    def __enter__(self) -> None:
        self.now.append(self._entry)

    def __exit__(self, *_: object) -> None:
        assert self.now.pop() == self._entry


class Memory:
    """Goes back to its pool when it is let go, as CuPy's does."""

    def __init__(self, pool: Pool, ptr: int, size: int) -> None:
        self._pool, self.ptr, self.size = pool, ptr, size

    def __del__(self) -> None:
        self._pool.free.setdefault(self.size, []).append(self.ptr)
        self._pool.used -= self.size


class Pool:
    """cupy.get_default_memory_pool()'s."""

    def __init__(self) -> None:
        self._graph = hotloop_cuda.CUDAGraph()
        with hotloop_cuda.graph(self._graph):
            self._next = hotloop.empty(ARENA, dtype=hotloop.uint8, device="cuda").data_ptr()
        self._end = self._next + ARENA
        self.free: dict[int, list[int]] = {}
        self.used = 0
        self.mallocs: list[tuple[int, list[tuple[str, int]]]] = []  # bytes, and where

    def malloc(self, size: int) -> Memory:
        self.mallocs.append((size, Within.now.copy()))
        size = -(-size // _ALIGNMENT) * _ALIGNMENT
        if self.free.get(size):
            ptr = self.free[size].pop()
        elif self._next + size <= self._end:
            ptr, self._next = self._next, self._next + size
        else:
            raise OutOfMemoryError(f"Out of memory allocating {size} bytes")
        self.used += size
        return Memory(self, ptr, size)

    def free_all_blocks(self) -> None:
        self.free.clear()


class Module(type(sys)):  # type: ignore[misc]
    """A module of these attributes."""

    def __init__(self, name: str, **attributes: Any) -> None:
        super().__init__(name)
        self.__dict__.update(attributes)


def install() -> Pool:
    """Puts it in CuPy's place."""
    pool = Pool()
    memory = Module("cupy.cuda.memory", OutOfMemoryError=OutOfMemoryError)
    cuda = Module(
        "cupy.cuda",
        Device=lambda number: Within("device", number),
        ExternalStream=lambda pointer: Within("stream", pointer),
        memory=memory,
    )
    sys.modules["cupy"] = Module("cupy", cuda=cuda, get_default_memory_pool=lambda: pool)
    return pool
