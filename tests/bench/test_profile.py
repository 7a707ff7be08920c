"""hotloop.profile(): counts are the definitions', times are within the wall's, shares are shares."""

import threading
import time

import numpy as np
import pytest

import hotloop


def profiled(function):
    start = time.perf_counter()
    with hotloop.profile() as ops:
        function()
    return ops, time.perf_counter() - start


def test_calls_flops_and_bytes_are_counted():
    a = hotloop.from_numpy(np.ones((64, 32), np.float32))
    b = hotloop.from_numpy(np.ones((32, 16), np.float32))
    ops, wall = profiled(lambda: [a @ b for _ in range(3)])
    (product,) = ops.ops
    assert (product.op, product.dtype, product.calls) == ("matmul", "float32", 3)
    assert product.flops == 3 * 2 * 64 * 32 * 16
    assert product.bytes == 3 * 4 * (64 * 32 + 32 * 16 + 64 * 16)
    assert product.kernel.startswith("matmul")
    assert 0 < product.seconds <= wall
    assert product.flops_per_second == pytest.approx(product.flops / product.seconds)
    assert product.bytes_per_second == pytest.approx(product.bytes / product.seconds)


def test_share_of_the_roofline():
    x = hotloop.from_numpy(np.random.default_rng(0).standard_normal((512, 512), dtype=np.float32))
    threads = hotloop.get_num_threads()
    hotloop.set_num_threads(1)  # the roofline of several waits for the last of them, whatever else runs
    ops, _ = profiled(lambda: [x @ x for _ in range(5)])
    share = ops.ops[0].roofline_share()
    hotloop.set_num_threads(threads)
    assert 0.05 < share < 1.2


def test_the_table_lists_the_longest_first():
    x = hotloop.from_numpy(np.ones((300, 300), np.float32))
    ops, _ = profiled(lambda: ((x @ x) + x).relu())
    assert {one.op for one in ops.ops} == {"matmul", "add", "relu"}
    assert [one.seconds for one in ops.ops] == sorted((one.seconds for one in ops.ops), reverse=True)
    lines = str(ops).splitlines()
    assert [line.split()[0] for line in lines] == ["op", *(one.op for one in ops.ops), "all"]
    assert ops.seconds == pytest.approx(sum(one.seconds for one in ops.ops))


def test_backward_is_recorded():
    x = hotloop.from_numpy(np.ones((8, 8), np.float32)).requires_grad_()
    ops, _ = profiled(lambda: (x @ x).sum().backward())
    (product,) = [one for one in ops.ops if one.op == "matmul"]
    assert product.calls == 3


def test_nothing_is_recorded_outside_the_block():
    x = hotloop.ones(4)
    with hotloop.profile() as first:
        x + x
    x + x
    with hotloop.profile() as second:
        pass
    assert sum(one.calls for one in first.ops) == 1
    assert second.ops == []


def test_other_threads_are_their_own():
    x = hotloop.ones(4)

    def work():
        for _ in range(10):
            x + x

    def both():
        other = threading.Thread(target=work)
        other.start()
        work()
        other.join()

    ops, _ = profiled(both)
    assert [(one.op, one.calls) for one in ops.ops] == [("add", 10)]


def test_an_exception_ends_the_recording():
    def fail(ops):
        with ops:
            hotloop.ones(2) + 1
            raise ZeroDivisionError

    ops = hotloop.profile()
    with pytest.raises(ZeroDivisionError):
        fail(ops)
    assert "add" in [one.op for one in ops.ops]
    assert profiled(lambda: None)[0].ops == []


def test_recordings_nest():
    x = hotloop.ones(4)
    with hotloop.profile() as outer:
        x + x
        with hotloop.profile() as inner:
            x + x
            x * x
        x - x
    calls = lambda ops: {one.op: one.calls for one in ops.ops}  # noqa: E731
    assert calls(inner) == {"add": 1, "mul": 1}
    assert calls(outer) == {"add": 2, "mul": 1, "sub": 1}
    assert profiled(lambda: None)[0].ops == []
