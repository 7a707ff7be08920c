"""Signal processing: windows."""

from hotloop.signal import windows

__all__ = ["windows"]
