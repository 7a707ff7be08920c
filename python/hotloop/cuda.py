"""GPUs: whether one can be used, and why not."""

from hotloop import _core


def is_available() -> bool:
    """Whether this build and this machine can run kernels on a GPU; never raises."""
    return bool(_core._cuda_is_available())


def why_not() -> str:
    """Why no GPU can be used; empty where one can."""
    return str(_core._cuda_why_not())
