"""Outputs stored around the caches: the same bits, wherever rows begin and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import hotloop
from hotloop import _core
from support.kernels import generator

# The pointwise rows that have such a loop: one of each number of inputs, with and without scalars, and the functions.
OPERATIONS: dict[str, Callable[[hotloop.Tensor, hotloop.Tensor], hotloop.Tensor]] = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: hotloop.sub(x, y, alpha=3),
    "div": lambda x, y: x / y,
    "mul_number": lambda x, y: x * 3,
    "clamp": lambda x, y: x.clamp(-0.5, 0.5),
    "maximum": hotloop.maximum,
    "relu": lambda x, y: hotloop.relu(x),
    "exp": lambda x, y: x.exp(),
    "tanh": lambda x, y: x.tanh(),
    "sigmoid": lambda x, y: x.sigmoid(),
    "gelu": lambda x, y: hotloop.nn.functional.gelu(x),
    "silu": lambda x, y: hotloop.nn.functional.silu(x),
}
FUNCTIONS = ("exp", "tanh", "sigmoid", "gelu", "silu")  # of float32 only
# Rows of whole lines, rows that begin anywhere, one element past a vector, and more than one chunk's elements.
SHAPES = [(2, 40000), (300, 257), (600, 129), (70001,)]
LAYOUTS: dict[str, Callable[[hotloop.Tensor], hotloop.Tensor]] = {
    "dense": lambda x: x,
    "one row": lambda x: x[..., :1].expand_as(x),
    "broadcast": lambda x: x[0].expand_as(x),
    "transposed": lambda x: x.reshape(tuple(x.shape)[::-1]).permute(*range(x.ndim - 1, -1, -1)),
    "reversed": lambda x: x.flip(-1),
}


@pytest.fixture
def around() -> Iterator[Callable[[Callable[[], hotloop.Tensor]], tuple[np.ndarray, np.ndarray]]]:
    """Computes with ordinary stores, and again with stores around the caches, where the instruction set has them."""
    before = _core.far_store_bytes()

    def both(compute: Callable[[], hotloop.Tensor], streams: bool | None = True) -> tuple[np.ndarray, np.ndarray]:
        _core.set_far_store_bytes(1 << 60)
        count = _core.far_stores()
        ordinary = compute().numpy().copy()
        assert _core.far_stores() == count
        _core.set_far_store_bytes(0)
        streamed = compute().numpy()
        assert streams is None or (_core.far_stores() > count) == (streams and _core.active_isa() != "baseline")
        return ordinary, streamed

    yield both
    _core.set_far_store_bytes(before)


def operand(shape: tuple[int, ...], dtype: hotloop.dtype, seed: str) -> hotloop.Tensor:
    return hotloop.tensor(generator(shape, seed).standard_normal(shape)).to(dtype)


@pytest.mark.parametrize("dtype", [hotloop.float32, hotloop.float64, hotloop.bfloat16], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pointwise(vectors, around, threads, shape, layout, dtype):
    x, y = LAYOUTS[layout](operand(shape, dtype, "x")), operand(shape, dtype, "y")
    hotloop.set_num_threads(3)
    for name, apply in OPERATIONS.items():
        wide = dtype != hotloop.bfloat16 and not (name in FUNCTIONS and dtype == hotloop.float64)

        def compute(apply=apply):
            out = apply(x, y)
            return out.float() if dtype == hotloop.bfloat16 else out

        ordinary, streamed = around(compute, streams=wide)
        assert np.array_equal(ordinary, streamed, equal_nan=True), name


@pytest.mark.parametrize("dtype", [hotloop.float32, hotloop.int64, hotloop.float16, hotloop.uint8], ids=str)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [*SHAPES, (129, 601), (601, 599), (40, 50, 33), (4097, 7)], ids=str)
def test_copies(vectors, around, threads, shape, layout, dtype):
    x = LAYOUTS[layout](hotloop.tensor(generator(shape).integers(0, 100, shape)).to(dtype))
    hotloop.set_num_threads(3)
    streams = True if x.ndim < 2 or x.shape[-1] * x.element_size() >= 512 else None  # rows too short may not be
    for copy in around(lambda: x.clone(memory_format=hotloop.contiguous_format), streams):
        assert np.array_equal(copy, x.numpy())


@pytest.mark.parametrize("offset", [0, 1, 3, 15, 16, 17, 100])
def test_outputs_begin_and_end_anywhere(vectors, around, offset):
    """And nothing is written beside them."""
    x = operand((90, 800), hotloop.float32, "x")
    for take in (lambda t: t[:, :700], lambda t: t[:, :130], lambda t: t[:, :3]):
        source = take(x)

        def compute(source=source):
            base = hotloop.full((90, 1000), -7.0)
            place = base[:, offset : offset + source.shape[1]]
            hotloop.exp(source, out=place)
            place[1:2].copy_(source[1:2])
            return base

        ordinary, streamed = around(compute)
        assert np.array_equal(ordinary, streamed)
        assert (streamed[:, :offset] == -7).all()
        assert (streamed[:, offset + source.shape[1] :] == -7).all()


def test_in_place(vectors, around):
    """An output that is an input is stored as ever."""
    x = operand((300, 257), hotloop.float32, "x")
    ordinary, streamed = around(x.neg_, streams=False)
    assert np.array_equal(ordinary, -streamed)


@pytest.mark.parametrize("dtype", [hotloop.float32, hotloop.float64, hotloop.bfloat16], ids=str)
@pytest.mark.parametrize("shape", [(40, 96), (37, 129), (9, 5), (3, 5000)], ids=str)
def test_norms(vectors, around, threads, shape, dtype):
    """Rows of layer and RMS norm, and of their gradients."""
    x, y, w = operand(shape, dtype, "x"), operand(shape, dtype, "y"), operand(shape[1:], dtype, "w")
    x.requires_grad_()
    hotloop.set_num_threads(3)
    for norm in (hotloop.nn.functional.layer_norm, hotloop.nn.functional.rms_norm):

        def compute(norm=norm):
            x.grad = None
            out = norm(x, shape[1:], w)
            out.backward(y)
            return hotloop.stack([out.detach(), x.grad]).float()

        ordinary, streamed = around(compute, streams=None if dtype == hotloop.bfloat16 else True)
        assert np.array_equal(ordinary, streamed)


def test_group_norm(vectors, around):
    """Its rows are runs that share their weight."""
    x, y = operand((3, 6, 257), hotloop.float32, "x"), operand((3, 6, 257), hotloop.float32, "y")
    w = operand((6,), hotloop.float32, "w")
    x.requires_grad_()

    def compute():
        x.grad = None
        hotloop.nn.functional.group_norm(x, 2, w).backward(y)
        return x.grad

    ordinary, streamed = around(compute)
    assert np.array_equal(ordinary, streamed)
