"""Tools around training: recomputation."""

from hotloop.utils import checkpoint

__all__ = ["checkpoint"]
