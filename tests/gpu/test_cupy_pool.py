"""GPU memory out of CuPy's pool; CuPy itself is played by `fake_cupy`. A process each, since no tensor may be there."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from hotloop import cuda

pytestmark = [
    pytest.mark.every_device,
    pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU: {cuda.why_not()}"),
]

START = """
import hotloop
from gpu.fake_cupy import ARENA, install
from hotloop import cuda, nn
pool = install()
cuda.use_cupy_pool()
cuda.reset_peak_memory_stats()
before = cuda.memory_stats()["allocations"]
"""


def run(script: str) -> None:
    # What this process imports hotloop from, and the tests.
    places = [place for place in (os.environ.get("PYTHONPATH"), str(Path(__file__).parent.parent)) if place]
    done = subprocess.run(
        [sys.executable, "-c", START + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(places)},
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr


def test_tensors_lie_in_its_memory_and_go_back() -> None:
    run("""
        x = hotloop.ones(1000, device="cuda")
        assert pool.mallocs == [(4000, [("device", 0), ("stream", cuda.current_stream().cuda_stream)])]
        assert pool.used == 4096
        assert cuda.memory_allocated() == 4000
        place = x.data_ptr()
        assert (x * 2).sum().item() == 2000
        del x
        assert pool.used == cuda.memory_allocated() == 0
        assert hotloop.zeros(1000, device="cuda").data_ptr() == place  # which it kept
        assert 8000 <= cuda.max_memory_allocated() < 12000
        assert cuda.memory_stats()["allocations"] - before == len(pool.mallocs)
    """)


def test_the_stream_is_told() -> None:
    run("""
        side = cuda.Stream()
        with cuda.stream(side):
            x = hotloop.empty(8, device="cuda")
        assert pool.mallocs[-1] == (32, [("device", 0), ("stream", side.cuda_stream)])
    """)


def test_its_lack_of_memory_is_ours_and_the_process_goes_on() -> None:
    run("""
        held = hotloop.ones(100, device="cuda")
        try:
            hotloop.empty(2 * ARENA, dtype=hotloop.uint8, device="cuda")
        except MemoryError as e:
            assert f"cannot allocate {2 * ARENA} bytes on cuda:0" in str(e), e
            assert "(400 bytes in use here)" in str(e), e
        else:
            raise AssertionError("there was none")
        assert (held + 1).tolist() == [2.0] * 100
        assert cuda.memory_allocated() == 400
    """)


def test_another_error_is_told() -> None:
    run("""
        def malloc(size):
            raise OSError("not today")
        pool.malloc = malloc
        try:
            hotloop.ones(3, device="cuda")
        except RuntimeError as e:
            assert "the memory pool of another library failed: OSError: not today" in str(e), e
        else:
            raise AssertionError("it was swallowed")
    """)


def test_a_model_trains_in_it() -> None:
    run("""
        model = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 2)).to("cuda")
        optimizer = hotloop.optim.AdamW(model.parameters(), 1e-2)
        x, y = hotloop.randn(6, 4, device="cuda"), hotloop.randint(0, 2, (6,), device="cuda")
        losses = []
        for _ in range(5):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0]
        del model, optimizer, x, y, loss
        assert pool.used == cuda.memory_allocated() == 0
    """)


def test_back_to_our_own_while_no_tensor_is_there() -> None:
    run("""
        x = hotloop.ones(3, device="cuda")
        for use in (False, True):
            try:
                cuda.use_cupy_pool(use)
            except RuntimeError as e:
                assert "cuda:0 has tensors; the pool can be chosen while there are none" in str(e), e
            else:
                raise AssertionError("memory would go back to another pool")
        del x
        cuda.empty_cache()
        assert not pool.free
        mallocs = len(pool.mallocs)
        cuda.use_cupy_pool(False)
        assert hotloop.ones(3, device="cuda").tolist() == [1.0] * 3
        cuda.empty_cache()
        assert len(pool.mallocs) == mallocs
        cuda.use_cupy_pool()
        assert hotloop.ones(3, device="cuda").tolist() == [1.0] * 3
        assert len(pool.mallocs) > mallocs
    """)


def test_without_cupy() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "cupy", None)
        with pytest.raises(ImportError, match=r"use_cupy_pool\(\) needs CuPy: pip install cupy-cuda13x"):
            cuda.use_cupy_pool()
