"""Tools around training: recomputation."""

from hotloop.utils.checkpoint import checkpoint

__all__ = ["checkpoint"]
