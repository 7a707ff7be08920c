"""After fork() the child computes: its pool is its own, whatever the parent's threads were doing."""

from __future__ import annotations

import subprocess
import sys

FORKS_AFTER_PARALLEL_WORK = """
import os, signal, time
import hotloop
from hotloop.nn import functional as F

hotloop.set_num_threads(4)
hotloop.manual_seed(0)
x, w = hotloop.randn(300, 400), hotloop.randn(400, 400)

def work():
    leaf = w.detach().requires_grad_()
    F.cross_entropy(F.gelu(x @ leaf), hotloop.arange(300)).backward()
    return leaf.grad.numpy().tobytes()

expected = work()
slowest = 0.0
for _ in range(200):
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if work() == expected else 1)
    _, status = os.waitpid(child, 0)
    slowest = max(slowest, time.monotonic() - start)
    assert status == 0, status
assert work() == expected
print(slowest)
"""

FORKS_WHILE_THREADS_COMPUTE = """
import os, signal, threading
import hotloop

hotloop.set_num_threads(4)
x = hotloop.ones(500, 500)
expected = (x @ x).numpy().tobytes()
stop = threading.Event()

def loop():
    while not stop.is_set():
        x @ x

threads = [threading.Thread(target=loop) for _ in range(3)]
for thread in threads:
    thread.start()
for _ in range(50):
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if (x @ x).numpy().tobytes() == expected else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
print("done")
"""


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_200_forks_after_parallel_work():
    assert float(run(FORKS_AFTER_PARALLEL_WORK)) < 1.0


def test_forks_while_threads_compute():
    assert run(FORKS_WHILE_THREADS_COMPUTE).strip() == "done"
