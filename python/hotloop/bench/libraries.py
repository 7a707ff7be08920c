"""The libraries that are measured beside each other: how each takes an array and gives one back.

hotloop has PyTorch's names, so that one function over ``library.module`` is the same lines of Python on both.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

PEERS = ("torch", "numpy", "jax")
GPU_PEERS = ("torch", "cupy")

# The peers read these from the environment, and only when they are first imported.
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "HOTLOOP_NUM_THREADS")
# Caps on the instruction sets of OpenBLAS, MKL, oneDNN, PyTorch and NumPy.
_CAPS = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ATEN_CPU_CAPABILITY",
    "NPY_DISABLE_CPU_FEATURES",
)
_JAX = {"JAX_ENABLE_X64": "0", "JAX_PLATFORMS": "cpu"}


def settings(threads: int) -> dict[str, str]:
    """The variables that hold every library to ``threads`` threads."""
    variables = dict.fromkeys(_THREAD_VARIABLES, str(threads)) | _JAX
    if threads == 1:
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        variables["PJRT_NPROC"] = "1"  # XLA's pool
    return variables


def environment(threads: int) -> dict[str, str]:
    """This process's environment with those settings, and without what would hold a peer below its best."""
    kept = {name: value for name, value in os.environ.items() if name not in _CAPS}
    return kept | settings(threads)


def is_set(threads: int) -> bool:
    """Was this process started with that environment?"""
    held = all(os.environ.get(name) == value for name, value in settings(threads).items())
    return held and not any(name in os.environ for name in _CAPS)


@dataclass(frozen=True)
class Library:
    """One library under measurement."""

    name: str
    module: Any
    device: str = "cpu"

    def array(self, values: NDArray[Any], dtype: str | None = None) -> Any:
        """``values`` as the library's own array, of ``dtype`` where it is given; memory is shared where it can be."""
        if self.name == "numpy":
            return values if dtype is None else values.astype(dtype)
        if self.name == "jax":
            return self.module.numpy.asarray(values, dtype=dtype)
        if self.name == "cupy":
            return self.module.asarray(values, dtype=dtype)
        tensor = self.module.from_numpy(values).to(self.device)
        return tensor if dtype is None else tensor.to(getattr(self.module, dtype))

    def has(self, dtype: str) -> bool:
        """Is this dtype at home here? (NumPy has no bfloat16; JAX, as measured, no float64.)"""
        return (self.name, dtype) not in (("numpy", "bfloat16"), ("cupy", "bfloat16"), ("jax", "float64"))


def float64(result: Any) -> NDArray[np.float64]:
    """Any library's result as a float64 NumPy array."""
    if hasattr(result, "detach"):
        result = result.detach().double().cpu().numpy()
    elif hasattr(result, "__cuda_array_interface__"):  # CuPy's
        result = result.get()
    elif hasattr(result, "block_until_ready") and str(result.dtype) == "bfloat16":
        result = result.astype("float32")
    return np.asarray(result, dtype=np.float64)


def set_threads(library: Library, threads: int) -> None:
    """What can be set after import; the rest is ``environment``."""
    if library.name in ("hotloop", "torch"):
        library.module.set_num_threads(threads)


def load(names: Iterable[str], threads: int) -> dict[str, Library]:
    """hotloop, and those of the named peers that are installed."""
    libraries = {}
    for name in ("hotloop", *names):
        if name == "hotloop" or importlib.util.find_spec(name) is not None:
            libraries[name] = Library(name, importlib.import_module(name))
            set_threads(libraries[name], threads)
    return libraries
