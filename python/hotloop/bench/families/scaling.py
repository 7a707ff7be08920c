"""Products on two threads and on one, in turn: wanted is 1.8 times the speed, where the machine's own peak grows so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from hotloop.bench.case import Case, Prepare, Trial
from hotloop.bench.families import matmul
from hotloop.bench.libraries import Library

THREADS = 2
ONE_THREAD = "1 thread"  # stands in a peer's place: the ratio to it is the speed-up
SPEEDUP = 1.8
SHAPES = ("512x512x512", "1024x1024x1024", "2048x2048x2048")
_QUICK = ("1024x1024x1024", "float32")


def cases() -> list[Case]:
    """Square products that are large enough to be shared out."""
    return [
        replace(
            case,
            family="scaling",
            threads=THREADS,
            tier="quick" if (case.shape, case.dtype) == _QUICK else "standard",
            reason="two threads beside one",
            targets={ONE_THREAD: SPEEDUP},
            prepare=partial(_prepare, case.prepare),
        )
        for case in matmul.cases()
        if case.layout == "NN" and case.shape in SHAPES
    ]


def _prepare(product: Prepare, libraries: Mapping[str, Library]) -> dict[str, Trial]:
    library = libraries["hotloop"]
    trial = product({"hotloop": library})["hotloop"]
    return {
        name: replace(trial, before=partial(library.module.set_num_threads, threads))
        for name, threads in (("hotloop", THREADS), (ONE_THREAD, 1))
    }
