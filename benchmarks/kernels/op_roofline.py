"""The share of the machine's roofline that every op reaches, op by op, on one thread in float32.

    python benchmarks/kernels/op_roofline.py --json benchmarks/results/<date>-<processor>-ops.json

Each op runs on 1200 x 1500 elements, as tools/op_samples.py calls it; the share is the best of some runs, so that what
else the machine does counts little. docs/ops.md is made from the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))

from op_samples import Inputs, OpSample, op_samples

import hotloop
from hotloop import _core

ROWS, COLUMNS, RUNS = 1200, 1500, 9


def share(sample: OpSample) -> float | None:
    """The best share of the runs; None where nothing is computed or moved."""
    best = 0.0
    for _ in range(RUNS):
        inputs = Inputs(hotloop.float32, 0, ROWS, COLUMNS)
        with hotloop.profile() as ran:
            sample.run(inputs)
        own = [one for one in ran.ops if one.op == sample.name and one.kernel != "view"]
        if not own:
            return None
        best = max(best, *(one.roofline_share() for one in own))
    return round(best, 3)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="where the shares are written")
    arguments = parser.parse_args()
    hotloop.set_num_threads(1)
    shares = {}
    for sample in op_samples():
        if hotloop.float32 not in _core.pointwise_rows().get(sample.name, (0, [hotloop.float32]))[1]:
            continue
        one = share(sample)
        if one is not None:
            shares[sample.name] = one
            print(f"{sample.name:32}{one:8.1%}", flush=True)
    if arguments.json:
        document = {"date": date.today().isoformat(), "machine": _core.cpu_model(), "ops": shares}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
