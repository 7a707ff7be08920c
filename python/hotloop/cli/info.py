"""``hotloop info``: the processor, the instruction set in use, threads, the GPU or why there is none, and the build."""

from __future__ import annotations

import argparse
import json
import platform
from typing import Any

import numpy as np

import hotloop
from hotloop import _core
from hotloop.bench.machine import cache_sizes, cgroup_quota


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``hotloop info``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def collect() -> dict[str, Any]:
    """What the command prints."""
    first, second, last = cache_sizes()
    build = _core.build_info()
    available = hotloop.cuda.is_available()
    return {
        "hotloop": build["version"],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.platform(),
        "cpu": {
            "model": _core.cpu_model(),
            "instruction_set": _core.active_isa(),
            "detected": _core.detected_isa(),
            "compiled": build["instruction_sets"].split(),
            "caches": {"L1": first, "L2": second, "L3": last},
        },
        "threads": {"used": hotloop.get_num_threads(), "cgroup_cores": cgroup_quota()},
        "gpu": {
            "available": available,
            "why_not": None if available else hotloop.cuda.why_not(),
        },
        "build": {
            "type": build["build_type"],
            "compiler": build["compiler"],
            "cuda": build["cuda"],
            "sanitizers": build["sanitizers"] or None,
        },
    }


def run(args: argparse.Namespace) -> int:
    """Prints what this machine and this build are."""
    found = collect()
    print(json.dumps(found, indent=2) if args.json else text(found))
    return 0


def text(found: dict[str, Any]) -> str:
    """``collect`` as lines."""
    cpu, threads, gpu, build = found["cpu"], found["threads"], found["gpu"], found["build"]
    capped = "" if cpu["instruction_set"] == cpu["detected"] else f" (capped; the machine has {cpu['detected']})"
    caches = ", ".join(f"{level} {size >> 10} KB" for level, size in cpu["caches"].items())
    quota = "" if threads["cgroup_cores"] is None else f" (container: {threads['cgroup_cores']:g} cores)"
    sanitizers = f", sanitizers {build['sanitizers']}" if build["sanitizers"] else ""
    lines = {
        "hotloop": found["hotloop"],
        "python": f"{found['python']}, numpy {found['numpy']}, {found['system']}",
        "cpu": f"{cpu['model']} ({caches})",
        "instructions": f"{cpu['instruction_set']}{capped}; compiled in: {', '.join(cpu['compiled'])}",
        "threads": f"{threads['used']}{quota}",
        "gpu": "available" if gpu["available"] else f"none: {gpu['why_not']}",
        "build": f"{build['type']}, {build['compiler']}, CUDA {build['cuda']}{sanitizers}",
    }
    return "\n".join(f"{name:13}{value}" for name, value in lines.items())
