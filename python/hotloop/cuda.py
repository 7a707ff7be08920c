"""GPUs: devices, streams, events and memory, by PyTorch's names.

Work on a GPU is ordered by streams and runs behind the caller; `synchronize`, `Tensor.item`, `Tensor.cpu` and their
kin wait for it. An index out of range is found by the GPU itself, and raised as IndexError by whatever waits next.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hotloop import _core

if TYPE_CHECKING:  # loaded when first used: it knows of modules
    from hotloop._graphed import make_graphed_callables as make_graphed_callables

_Device = _core.device | str | int | None


def is_available() -> bool:
    """Whether this build and this machine can run kernels on a GPU; never raises."""
    return bool(_core._cuda_is_available())


def why_not() -> str:
    """Why no GPU can be used; empty where one can."""
    return str(_core._cuda_why_not())


def device_count() -> int:
    """How many GPUs can be used; 0 where there is none. Makes no context on them."""
    return int(_core._cuda_device_count())


def current_device() -> int:
    """The number of the GPU that "cuda" means in this thread."""
    return int(_core._cuda_current_device())


def _index(device: _Device) -> int:
    if device is None:
        return current_device()
    if isinstance(device, int):
        return device
    where = _core.device(device) if isinstance(device, str) else device
    if where.type != "cuda":
        raise ValueError(f"expected a cuda device, got {where}")
    return where.index or 0


def set_device(device: _core.device | str | int) -> None:
    """Makes a GPU the one that "cuda" means in this thread."""
    _core._cuda_set_device(_index(device))


@contextmanager
def device(device: _core.device | str | int) -> Iterator[None]:
    """Within, the GPU is the current one of this thread."""
    before = current_device()
    set_device(device)
    try:
        yield
    finally:
        _core._cuda_set_device(before)


@dataclass(frozen=True)
class DeviceProperties:
    """What a GPU is. ``total_memory`` and ``shared_memory_per_block_optin`` are in bytes."""

    name: str
    major: int
    minor: int
    multi_processor_count: int
    total_memory: int
    shared_memory_per_block_optin: int
    driver_version: int
    runtime_version: int


def get_device_properties(device: _Device = None) -> DeviceProperties:
    """The properties of a GPU."""
    return DeviceProperties(**_core._cuda_properties(_index(device)))


def get_device_name(device: _Device = None) -> str:
    """The name of a GPU."""
    return get_device_properties(device).name


def get_device_capability(device: _Device = None) -> tuple[int, int]:
    """The compute capability of a GPU, as (9, 0)."""
    properties = get_device_properties(device)
    return properties.major, properties.minor


def synchronize(device: _Device = None) -> None:
    """Waits for all that a GPU has still to do. Raises what its kernels found wrong."""
    _core._cuda_synchronize(_index(device))


class Stream(_core._CudaStream):
    """A queue of work on a GPU; a lower ``priority`` is more urgent (0, -1, ...)."""

    def __init__(self, device: _Device = None, priority: int = 0) -> None:
        super().__init__(_index(device), priority)

    def record_event(self, event: Event | None = None) -> Event:
        """An event (a new one by default) that is done when what was given to this stream is."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """What is given to this stream from now on waits for the event."""
        event.wait(self)


class Event(_core._CudaEvent):
    """A mark in a stream. Times can be taken between two that were made with ``enable_timing=True``."""

    def __init__(self, enable_timing: bool = False) -> None:
        super().__init__(enable_timing)

    def record(self, stream: Any = None) -> None:
        """Marks the place that the stream (the current one by default) has come to."""
        super().record(current_stream() if stream is None else stream)

    def wait(self, stream: Any = None) -> None:
        """What is given to the stream (the current one by default) from now on waits for this event."""
        super().wait(current_stream() if stream is None else stream)


def current_stream(device: _Device = None) -> Any:
    """The stream that work of this thread goes to."""
    return _core._cuda_current_stream(_index(device))


def set_stream(stream: Any) -> None:
    """Makes a stream the one that work of this thread on its GPU goes to."""
    _core._cuda_set_stream(stream)


@contextmanager
def stream(stream: Any) -> Iterator[Any]:
    """Within, work of this thread on the stream's GPU goes to the stream."""
    before = current_stream(stream.device_index)
    set_stream(stream)
    try:
        yield stream
    finally:
        set_stream(before)


def ExternalStream(pointer: int, device: _Device = None) -> Any:
    """Another library's stream (a cudaStream_t as a number), which stays that library's own."""
    return _core._CudaStream.of_pointer(_index(device), pointer)


class CUDAGraph(_core._CudaGraph):
    """Work on a GPU, captured once and replayed as one piece, without the host's part in it.

    What is given to the current stream between `capture_begin` and `capture_end` isn't done but recorded; `replay` does
    it. It reads and writes the memory that it did when it was captured: new inputs are copied into the old ones.
    Memory taken meanwhile comes from a pool of the graph's own, and stays reserved while the graph lives. Random
    numbers of the default generator are new at each replay. Waiting, `Tensor.item` and copies from and to the host
    raise RuntimeError while a graph is captured.
    """

    def capture_begin(self, pool: Any = None) -> None:
        """Begins to record the current stream, which mustn't be the default one.

        ``pool`` is another graph's `pool()`, or `graph_pool_handle()`, whose memory is shared.
        """
        self._begin(pool)


def graph_pool_handle() -> Any:
    """A pool of memory for several graphs that are never replayed at the same time."""
    return _core._CudaGraphPool()


def is_current_stream_capturing() -> bool:
    """Whether what is given to the current stream is recorded for a graph."""
    return bool(_core._cuda_is_capturing())


_capture_streams: dict[int, Stream] = {}


@contextmanager
def graph(cuda_graph: CUDAGraph, pool: Any = None, stream: Any = None) -> Iterator[None]:
    """Within, work of this thread is captured in the graph, on ``stream`` or one that is kept for this.

    Where the block raises, what was captured is dropped, and nothing of it was done.
    """
    where = current_device() if stream is None else stream.device_index
    synchronize(where)
    gc.collect()
    if stream is None:
        if where not in _capture_streams:
            _capture_streams[where] = Stream(where)
        stream = _capture_streams[where]
    with device(where), globals()["stream"](stream):
        cuda_graph.capture_begin(pool)
        try:
            yield
        except BaseException:
            cuda_graph._abandon()
            raise
        cuda_graph.capture_end()


def memory_stats(device: _Device = None) -> dict[str, int]:
    """Bytes in use on a GPU, at the peak, and how often memory was asked for."""
    return dict(_core._cuda_memory_stats(_index(device)))


def memory_allocated(device: _Device = None) -> int:
    """Bytes that tensors hold on a GPU."""
    return memory_stats(device)["allocated_bytes"]


def max_memory_allocated(device: _Device = None) -> int:
    """Bytes that tensors held on a GPU at the peak."""
    return memory_stats(device)["peak_allocated_bytes"]


def reset_peak_memory_stats(device: _Device = None) -> None:
    """Starts the peak anew at what is in use now."""
    _core._cuda_reset_peak_memory_stats(_index(device))


_cupy_pool: Any = None  # where memory is taken from, if not from CUDA's own pool


def empty_cache(device: _Device = None) -> None:
    """Gives memory that no tensor holds back to the driver; waits for the GPU."""
    _core._cuda_empty_cache(_index(device))
    if _cupy_pool is not None:
        _cupy_pool.free_all_blocks()


def use_cupy_pool(use: bool = True) -> None:
    """Takes all GPU memory from CuPy's pool from now on, so that both libraries share what is free.

    To be called while no tensor is on a GPU; ``use_cupy_pool(False)`` goes back to CUDA's own pool. What graphs are
    captured with stays theirs. Raises ImportError without CuPy.
    """
    global _cupy_pool
    if not use:
        _core._cuda_set_pool(None, None)
        _cupy_pool = None
        return
    try:
        import cupy
    except ImportError as e:
        raise ImportError("use_cupy_pool() needs CuPy: pip install cupy-cuda13x") from e

    pool, held = cupy.get_default_memory_pool(), dict[int, Any]()

    def allocate(size: int, device: int, stream: int) -> int:
        try:
            with cupy.cuda.Device(device), cupy.cuda.ExternalStream(stream):
                memory = pool.malloc(size)
        except cupy.cuda.memory.OutOfMemoryError:
            return 0
        held[memory.ptr] = memory
        return int(memory.ptr)

    _core._cuda_set_pool(allocate, held.pop)
    _cupy_pool = pool


def __getattr__(name: str) -> Any:
    if name == "make_graphed_callables":
        from hotloop._graphed import make_graphed_callables

        globals()[name] = make_graphed_callables
        return make_graphed_callables
    raise AttributeError(f"module 'hotloop.cuda' has no attribute {name!r}")
