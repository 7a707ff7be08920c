"""Data that comes with the package."""

from hotloop.datasets.digits import digits

__all__ = ["digits"]
