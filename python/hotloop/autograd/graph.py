"""The graph that backward walks: what its nodes keep between forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotloop import _core
from hotloop._core import Node, Tensor

__all__ = ["Node", "saved_tensors_hooks"]


class saved_tensors_hooks:
    """Within the block, nodes keep ``pack_hook(tensor)`` in the place of every tensor that they save for backward.

    Backward calls ``unpack_hook`` with what pack_hook returned; it must give a tensor of the same shape and dtype, and
    of the same values where the gradient is to be right. So activations can be stored on disk, in fewer bits, or not
    at all: recomputation (:func:`hotloop.utils.checkpoint.checkpoint`) is a pair of such hooks. The hooks hold for the
    thread that enters the block; of nested blocks the innermost counts. Writes in place to a tensor that hooks keep
    aren't noticed; pack_hook itself must not write to the tensor that it is given (RuntimeError).

    >>> with saved_tensors_hooks(lambda t: t.numpy().copy(), hotloop.from_numpy):
    ...     loss = (x.exp() * x).sum()
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook
        self._leaf_hook: Callable[[Tensor], None] | None = None  # is shown every leaf that a new node leads to

    def __enter__(self) -> None:
        _core._push_saved_tensors_hooks(self.pack_hook, self.unpack_hook, self._leaf_hook)

    def __exit__(self, *_: object) -> None:
        _core._pop_saved_tensors_hooks()
