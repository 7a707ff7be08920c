"""Products on every instruction set that this machine has, each as a share of that instruction set's own peak.

python benchmarks/kernels/instruction_sets.py [--filter RE]
"""

from __future__ import annotations

import argparse

from hotloop import _core
from hotloop.bench.libraries import load
from hotloop.bench.report import seconds
from hotloop.bench.runner import Runner, select
from hotloop.bench.timing import EFFORTS

INSTRUCTION_SETS = ("baseline", "avx2", "avx512", "avx512_bf16", "avx512_amx")  # each includes the ones before it


def main() -> None:
    """Prints a line a row and instruction set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--filter", default="/(64|256|1024)x.*/(float32|float64|bfloat16)/NN")
    pattern = parser.parse_args().filter
    runner = Runner(load((), threads=1), effort=EFFORTS["quick"])
    compiled = _core.build_info()["instruction_sets"].split()
    for isa in INSTRUCTION_SETS[: INSTRUCTION_SETS.index(_core.detected_isa()) + 1]:
        if isa not in compiled:
            continue
        _core.cap_isa(isa)
        for case in select(["matmul"], pattern, "full"):
            row = runner.run(case)
            if row.flag or row.time is None or row.roof is None:
                print(f"{isa:12} {row.name:44} {row.kernel:32} {row.flag}")
            else:
                share = f"{100 * row.roof.median:5.1f}% of {row.bound}"
                print(f"{isa:12} {row.name:44} {row.kernel:32} {seconds(row.time.median):>10} {share}")


if __name__ == "__main__":
    main()
