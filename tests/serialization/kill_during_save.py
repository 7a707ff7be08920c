"""Saves over one file in child processes that are killed at random times, and checks the file after each.

Arguments: the file, the number of kills. Run on its own, so that it forks with one thread only.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time

import numpy as np

import hotloop


def save_for_ever(path: str, step: int, done: int) -> None:
    weights = hotloop.from_numpy(np.full(20_000, float(step)))
    while True:
        step += 1
        weights.fill_(step)
        hotloop.save({"weights": weights, "step": step}, path)
        os.write(done, step.to_bytes(8, "little"))


def main(path: str, kills: int) -> None:
    rng = random.Random(0)
    step = 0
    start = time.perf_counter()
    hotloop.save({"weights": hotloop.zeros(20_000, dtype=hotloop.float64), "step": step}, path)
    duration = time.perf_counter() - start
    for _ in range(kills):
        done, child_end = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                save_for_ever(path, step, child_end)
            finally:
                os._exit(1)
        os.close(child_end)
        time.sleep(rng.uniform(0, 4 * duration))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, f"the child failed by itself: {status}"
        with os.fdopen(done, "rb") as pipe:
            acknowledged = pipe.read()
        last = int.from_bytes(acknowledged[-8:], "little") if acknowledged else step
        state = hotloop.load(path)
        assert state["step"] >= last, f"step {state['step']} after {last} was saved"
        assert (state["weights"].numpy() == state["step"]).all(), "half old, half new"
        step = state["step"]
    print(step)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
