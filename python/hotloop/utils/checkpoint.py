"""Memory for time: forget what a function's nodes save for backward, and compute it again when backward asks.

A network of n layers that saves every activation needs memory O(n); cut into √n checkpointed segments it keeps the
segments' inputs and one segment's activations at a time, O(√n), for one more forward (Chen, Xu, Zhang & Guestrin 2016,
"Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174).

The graph of a checkpointed call is the ordinary one; only the saved tensors are missing. Every node holds an empty
`_Slot` in the place of each, put there by saved-tensor hooks. The first node of the segment that asks for its tensor in
a backward makes the segment run again under hooks that fill the slots in the same order. So gradients reach whatever
the function uses (arguments in any structure, a module's parameters, closed-over tensors), bit for bit as without.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from hotloop import _core
from hotloop._core import Tensor
from hotloop.autograd import Function, backward
from hotloop.autograd.grad_mode import enable_grad
from hotloop.autograd.graph import saved_tensors_hooks

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential"]


class CheckpointError(RuntimeError):
    """A checkpointed function saved other tensors when it ran again than it did the first time."""


class _Slot:
    """Stands in a node for a saved tensor that was let go."""

    __slots__ = ("__weakref__", "segment", "tensors")

    def __init__(self, segment: _Segment) -> None:
        self.segment = segment
        self.tensors: dict[object, tuple[Tensor, int]] = {}  # by backward: the tensor again, and its version


def _kind(tensor: Tensor) -> tuple[Any, ...]:
    return tensor.shape, tensor.dtype, tensor.device


def _unchanged(tensor: Tensor) -> Tensor:
    return tensor


class _Segment:
    """One checkpointed call: how to run it again, and the slots of what it saved, in the order of saving."""

    def __init__(self, function: Callable[..., Any], inputs: Any, random_state: Any, compare: bool) -> None:
        self.function = function
        self.inputs = inputs  # (args, kwargs), tensors kept as a node keeps them
        self.random_state = random_state
        self.compare = compare
        self.finished = False  # the first run; a backward within it finds it unfinished
        self.slots: list[weakref.ref[_Slot]] = []  # weak: a slot goes with its node
        self.kinds: list[tuple[Any, ...]] = []
        self.leaves: dict[int, tuple[Tensor, int]] = {}  # parameters that the function uses, and their versions
        self.filled: set[object] = set()  # the backwards that ran the function again

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """The first run, which saves nothing."""
        hooks = saved_tensors_hooks(self.pack, self.unpack)
        hooks._leaf_hook = self.use
        with hooks:
            outputs = self.function(*args, **kwargs)
        self.leaves = {key: (leaf, leaf._version) for key, (leaf, _) in self.leaves.items()}
        self.finished = True
        return outputs

    def use(self, leaf: Tensor) -> None:
        self.leaves[id(leaf)] = leaf, leaf._version

    def pack(self, tensor: Tensor) -> _Slot:
        slot = _Slot(self)
        self.slots.append(weakref.ref(slot))
        if self.compare:
            self.kinds.append(_kind(tensor))
        return slot

    @staticmethod
    def unpack(slot: _Slot) -> Tensor:
        segment = slot.segment
        run: object = _core._current_backward() or object()
        if run not in segment.filled:
            segment.fill(run)
        if run not in slot.tensors:
            raise CheckpointError(
                "checkpoint: a saved tensor was asked for twice in one backward; it is kept only until the first time"
            )
        tensor, version = slot.tensors.pop(run)
        if tensor._version != version:
            raise RuntimeError(
                "one of the variables needed for gradient computation has been modified by an inplace operation within "
                f"the checkpointed function: [{tensor.dtype} {list(tensor.shape)}] is at version {tensor._version}; "
                f"expected version {version} instead."
            )
        return tensor

    def fill(self, run: object) -> None:
        """Runs the function again, each tensor that it saves into the slot of its number."""
        count, different = 0, []

        def refill(tensor: Tensor) -> Tensor:
            nonlocal count
            number, count = count, count + 1
            if number < len(self.slots):
                slot = self.slots[number]()
                if self.compare and _kind(tensor) != self.kinds[number]:
                    texts = ["shape {}, dtype {}, device {}".format(*k) for k in (self.kinds[number], _kind(tensor))]
                    different.append(f"tensor {number}: {texts[0]}; again: {texts[1]}")
                if slot is not None:
                    slot.tensors[run] = (tensor, tensor._version)
            return tensor

        for leaf, version in self.leaves.values():
            if leaf._version != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace operation: a "
                    f"leaf [{leaf.dtype} {list(leaf.shape)}] that the checkpointed function uses is at version "
                    f"{leaf._version}; expected version {version} instead."
                )
        number_of = itertools.count()
        args, kwargs = _map(_core._SavedTensor, lambda kept: kept.unpack("checkpoint", next(number_of)), self.inputs)
        if isinstance(run, int):
            _core._at_backward_end(lambda: self.forget(run))
        self.filled.add(run)
        try:
            with _random_numbers_from(self.random_state), saved_tensors_hooks(refill, _unchanged), enable_grad():
                self.function(*args, **kwargs)
            if self.finished and count != len(self.slots):
                raise CheckpointError(
                    "checkpoint: A different number of tensors was saved during the original forward and "
                    f"recomputation: {len(self.slots)} and {count}. The function must do the same both times."
                )
            if different:
                raise CheckpointError(
                    "checkpoint: Recomputed values for the following tensors have different metadata than during the "
                    "forward pass.\n" + "\n".join(different)
                )
        except BaseException:
            self.forget(run)
            raise

    def forget(self, run: object) -> None:
        self.filled.discard(run)
        for reference in self.slots:
            slot = reference()
            if slot is not None:
                slot.tensors.pop(run, None)


def _map(kind: type, f: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure of tuples, lists and dicts with f of everything of that kind."""
    if isinstance(structure, kind):
        return f(structure)
    if type(structure) in (tuple, list):
        return type(structure)([_map(kind, f, item) for item in structure])
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(_map(kind, f, item) for item in structure))
    if type(structure) is dict:
        return {key: _map(kind, f, value) for key, value in structure.items()}
    return structure


@contextlib.contextmanager
def _random_numbers_from(state: Any) -> Iterator[None]:
    """Draws from ``state`` within the block and goes on after it as if nothing had been drawn; None: no matter."""
    if state is None:
        yield
        return
    before = _core.default_generator.get_state()
    _core.default_generator.set_state(state)
    try:
        yield
    finally:
        _core.default_generator.set_state(before)


class _Reentrant(Function):
    """The older form: the call is one node, whose backward runs the function again and a backward of its own in it."""

    @staticmethod
    def forward(ctx: Any, function: Callable[..., Any], random_state: Any, *args: Any) -> Any:
        ctx.function = function
        ctx.random_state = random_state
        ctx.other = [None if isinstance(a, Tensor) else a for a in args]
        ctx.positions = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.save_for_backward(*(args[i] for i in ctx.positions))
        return function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        if _core._backward_is_selective():
            raise RuntimeError(
                "checkpoint: use_reentrant=True is incompatible with .grad() or passing an `inputs` parameter to "
                ".backward(): its own backward fills the .grad of all that the function uses. Set use_reentrant=False."
            )
        args = list(ctx.other)
        for i, saved in zip(ctx.positions, ctx.saved_tensors, strict=True):
            args[i] = saved.detach().requires_grad_(saved.requires_grad)
        with _random_numbers_from(ctx.random_state), enable_grad():
            outputs = ctx.function(*args)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        pairs = [
            (o, g)
            for o, g in zip((o for o in outputs if isinstance(o, Tensor)), grads, strict=True)
            if o.requires_grad and g is not None
        ]
        if not pairs:
            raise RuntimeError("checkpoint: none of the function's outputs requires grad when it runs again")
        backward([o for o, _ in pairs], [g for _, g in pairs])
        return (None, None, *(a.grad if isinstance(a, Tensor) else None for a in args))


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool = False,
    preserve_rng_state: bool = True,
    determinism_check: str = "default",
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, whose saved tensors are let go and computed again in backward.

    Args:
        function: anything callable; it runs again, once in each backward that reaches into it, and must then do the
            same as the first time. Leaves that it uses (parameters) raise RuntimeError in backward where they were
            written to in between, as by an optimizer's step; what else it reads is not followed.
        args, kwargs: the function's own. Tensors among them, also within tuples, lists and dicts, are kept as an op
            keeps its inputs: written to in place before backward, they raise RuntimeError there.
        use_reentrant: True takes the older form, whose gradients reach parameters only where an argument itself
            requires grad; that returns tensors or a tuple of them, takes no kwargs, can't be differentiated twice and
            refuses ``autograd.grad`` and ``backward(inputs=...)``.
        preserve_rng_state: draw the same random numbers (dropout) when the function runs again.
        determinism_check: "default" compares shape, dtype and device of what is saved the two times; "none" only
            counts.

    Returns:
        What the function returns.

    Raises:
        CheckpointError: in backward, where the function saved other tensors than the first time.

    >>> for block in blocks:
    ...     x = checkpoint(block, x)
    """
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'] but got {determinism_check!r}")
    if use_reentrant and kwargs:
        raise ValueError("checkpoint: Unexpected keyword arguments with use_reentrant=True: " + ", ".join(kwargs))
    random_state = _core.default_generator.get_state() if preserve_rng_state else None
    if use_reentrant:
        if _core.is_grad_enabled() and not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            warnings.warn(
                "checkpoint: None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
            )
        return _Reentrant.apply(function, random_state, *args)
    if not _core.is_grad_enabled():
        return function(*args, **kwargs)
    kept = _map(Tensor, _core._SavedTensor, (args, kwargs))
    segment = _Segment(function, kept, random_state, determinism_check == "default")
    return segment.run(*args, **kwargs)


def checkpoint_sequential(
    functions: Iterable[Callable[[Any], Any]],
    segments: int,
    input: Any,
    use_reentrant: bool = False,
    preserve_rng_state: bool = True,
) -> Any:
    """Runs functions (a Sequential or a list) one after another, cut into ``segments`` that are checkpointed.

    The last segment, which backward reaches first, keeps what it saves. For n functions alike, segments = √n takes the
    least memory.

    >>> y = checkpoint_sequential(nn.Sequential(*layers), 4, x)
    """
    chain = list(functions)
    if not 1 <= segments <= max(len(chain), 1):
        raise ValueError(f"checkpoint_sequential: segments must be within [1, {len(chain)}], got {segments}")

    def run(part: list[Callable[[Any], Any]], x: Any) -> Any:
        for function in part:
            x = function(x)
        return x

    size = len(chain) // segments
    last = size * (segments - 1)
    for start in range(0, last, size):
        part = functools.partial(run, chain[start : start + size])
        input = checkpoint(part, input, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state)
    return run(chain[last:], input)
