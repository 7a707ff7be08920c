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

from hotloop import _core

PEERS = ("torch", "numpy", "jax")

# The peers take their thread counts from the environment, and only before they are first imported.
_THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "HOTLOOP_NUM_THREADS")
_JAX = {"JAX_ENABLE_X64": "0", "JAX_PLATFORMS": "cpu"}


def environment(threads: int) -> dict[str, str]:
    """The variables that hold every library to ``threads`` threads, and OpenBLAS to its fastest kernels."""
    variables = dict.fromkeys(_THREAD_VARIABLES, str(threads)) | _JAX
    if _core.detected_isa().startswith("avx512"):
        # On AMD processors newer than itself OpenBLAS takes its AVX2 kernels, at half the speed.
        variables["OPENBLAS_CORETYPE"] = os.environ.get("OPENBLAS_CORETYPE", "SkylakeX")
    if threads == 1:
        variables["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        variables["PJRT_NPROC"] = "1"  # XLA's pool
    return variables


def is_set(threads: int) -> bool:
    """Was this process started with that environment?"""
    return all(os.environ.get(name) == value for name, value in environment(threads).items())


@dataclass(frozen=True)
class Library:
    """One library under measurement."""

    name: str
    module: Any

    def array(self, values: NDArray[Any], dtype: str | None = None) -> Any:
        """``values`` as the library's own array, of ``dtype`` where it is given; memory is shared where it can be."""
        if self.name == "numpy":
            return values if dtype is None else values.astype(dtype)
        if self.name == "jax":
            return self.module.numpy.asarray(values, dtype=dtype)
        tensor = self.module.from_numpy(values)
        return tensor if dtype is None else tensor.to(getattr(self.module, dtype))

    def has(self, dtype: str) -> bool:
        """Is this dtype at home here? (NumPy has no bfloat16; JAX, as measured, no float64.)"""
        return (self.name, dtype) not in (("numpy", "bfloat16"), ("jax", "float64"))


def float64(result: Any) -> NDArray[np.float64]:
    """Any library's result as a float64 NumPy array."""
    if hasattr(result, "detach"):
        result = result.detach().double().numpy()
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
