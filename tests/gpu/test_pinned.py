"""Pinned memory: copies from it that wait for nothing, and DataLoader's batches in it."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest

import hotloop
from hotloop import cuda
from hotloop.data import DataLoader, TensorDataset

pytestmark = [
    pytest.mark.every_device,
    pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU: {cuda.why_not()}"),
]

Pair = namedtuple("Pair", ["first", "second"])


def test_a_pinned_tensor_is_the_hosts_and_has_the_same_values():
    x = hotloop.arange(12.0, device="cpu").reshape(3, 4)
    assert not x.is_pinned()
    pinned = x.t().pin_memory()
    assert pinned.is_pinned()
    assert pinned[1:].is_pinned()
    assert pinned.pin_memory() is pinned
    assert pinned.device == hotloop.device("cpu")
    assert hotloop.equal(pinned, x.t())
    pinned += 1
    assert pinned.to("cuda").tolist() == (x.t() + 1).tolist()
    with pytest.raises(RuntimeError, match="pin_memory: only tensors of the CPU can be pinned, got one on cuda:0"):
        hotloop.ones(2, device="cuda").pin_memory()
    assert not hotloop.ones(2, device="cuda").is_pinned()


def test_gradients_go_through():
    x = hotloop.ones(3, device="cpu", requires_grad=True)
    (x.pin_memory().to("cuda", non_blocking=True) * 3).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [3.0] * 3


def test_blocks_are_used_again():
    x = hotloop.ones(5000, device="cpu").pin_memory()
    address = x.data_ptr()
    there = x.to("cuda", non_blocking=True)
    del x
    cuda.synchronize()
    again = hotloop.zeros(5000, device="cpu").pin_memory()
    assert again.data_ptr() == address
    assert there.sum().item() == 5000.0
    other = hotloop.zeros(5000, device="cpu").pin_memory()
    assert other.data_ptr() != address


@pytest.mark.parametrize("num_workers", [0, 2])
def test_batches_are_pinned_and_move_on_a_stream_of_their_own(num_workers: int):
    x, y = hotloop.arange(20.0, device="cpu").reshape(10, 2), hotloop.arange(10, device="cpu")
    loader = DataLoader(TensorDataset(x, y), batch_size=4, num_workers=num_workers, pin_memory=True)
    side = cuda.Stream()
    rows, classes = [], []
    for batch in loader:
        assert all(t.is_pinned() for t in batch)
        side.wait_stream(cuda.current_stream())
        with cuda.stream(side):
            moved = [t.to("cuda", non_blocking=True) for t in batch]
        cuda.current_stream().wait_stream(side)
        rows += moved[0].tolist()
        classes += moved[1].tolist()
    assert rows == x.tolist()
    assert classes == list(range(10))


def test_every_kind_of_batch_is_pinned():
    def collate(samples: list[Any]) -> Any:
        one = hotloop.ones(2, device="cpu")
        return {"pair": Pair(one, "text"), "list": [one, (one, 3)], "there": hotloop.ones(1, device="cuda")}

    (batch,) = DataLoader([1, 2], batch_size=2, collate_fn=collate, pin_memory=True)
    assert isinstance(batch["pair"], Pair)
    assert batch["pair"].first.is_pinned()
    assert batch["pair"].second == "text"
    assert batch["list"][0].is_pinned()
    assert batch["list"][1][0].is_pinned()
    assert batch["list"][1][1] == 3
    assert batch["there"].is_cuda


def test_a_copy_from_pinned_memory_cannot_be_captured():
    x = hotloop.ones(3, device="cpu").pin_memory()
    with pytest.raises(RuntimeError, match="to: what the host has can't be copied"), cuda.graph(cuda.CUDAGraph()):
        x.to("cuda", non_blocking=True)
    assert x.to("cuda", non_blocking=True).tolist() == [1.0] * 3
