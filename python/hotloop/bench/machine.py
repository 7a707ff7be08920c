"""What a measurement ran on: processor, caches, clock, load, compiler and library versions."""

from __future__ import annotations

import glob
import os
import platform
import sys
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_USUAL_CACHES = (32 << 10, 1 << 20, 32 << 20)  # where the system does not tell


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


@cache
def cache_sizes() -> tuple[int, int, int]:
    """Bytes of the first, second and last level of data cache."""
    sizes = dict(enumerate(_USUAL_CACHES, start=1))
    for index in _CACHES.glob("index*"):
        size = _read(index / "size")
        if _read(index / "type") != "Instruction" and size.endswith("K"):
            sizes[int(_read(index / "level"))] = int(size[:-1]) << 10
    return sizes[1], sizes[2], max(sizes[3], sizes[2])


def cgroup_quota() -> float | None:
    """Cores that the container may use, or None where it is not limited."""
    quota, _, period = _read("/sys/fs/cgroup/cpu.max").partition(" ")
    if quota.isdigit():
        return int(quota) / int(period)
    old = _read("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
    return int(old) / int(_read("/sys/fs/cgroup/cpu/cpu.cfs_period_us")) if old.isdigit() else None


def clock_mhz() -> float | None:
    """The clock of the first core now, as the system tells it."""
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("cpu MHz"):
            return float(line.partition(":")[2])
    return None


def steal_seconds() -> float | None:
    """Time that the hypervisor has given to others while this machine wanted to run, since its start."""
    fields = _read("/proc/stat").partition("\n")[0].split()
    return int(fields[8]) / os.sysconf("SC_CLK_TCK") if len(fields) > 8 else None


def run_queue_wait() -> float:
    """Seconds for which this process's threads stood ready while the system ran others; 0 where it does not tell."""
    nanoseconds = 0
    for schedule in glob.glob("/proc/self/task/*/schedstat"):
        fields = _read(schedule).split()  # on a processor, waiting for one, times scheduled
        nanoseconds += int(fields[1]) if len(fields) > 1 else 0
    return nanoseconds * 1e-9


def load() -> float | None:
    """The load average of the last minute: what else runs here."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None


def describe(cpu_model: str) -> dict[str, Any]:
    """The machine, for the head of a report."""
    first, second, last = cache_sizes()
    return {
        "cpu": cpu_model,
        "cores": os.cpu_count(),
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cgroup_cores": cgroup_quota(),
        "caches": {"L1": first, "L2": second, "L3": last},
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or None,
        "numa_nodes": len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))) or 1,
        "transparent_hugepages": _read("/sys/kernel/mm/transparent_hugepage/enabled") or None,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": sys.version.split()[0],
    }


def versions(packages: tuple[str, ...] = ("numpy", "torch", "jax", "jaxlib")) -> dict[str, str]:
    """The installed ones of these packages."""
    found = {package: next(iter(metadata.distributions(name=package)), None) for package in packages}
    return {package: distribution.version for package, distribution in found.items() if distribution is not None}
