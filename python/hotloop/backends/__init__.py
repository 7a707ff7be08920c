"""Settings of a backend, by PyTorch's names."""

from hotloop.backends import cuda

__all__ = ["cuda"]
