"""`hotloop.cuda.make_graphed_callables`: parts of a network that run as captured graphs, inside an ordinary step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hotloop import _core, cuda
from hotloop._core import Tensor
from hotloop.autograd import Function, grad, once_differentiable
from hotloop.nn.module import Module

_NAME = "make_graphed_callables"


def make_graphed_callables(
    callables: Any,
    sample_args: Sequence[Any],
    num_warmup_iters: int = 3,
    allow_unused_input: bool = False,
    pool: Any = None,
) -> Any:
    """Functions or modules whose forward and backward passes are replayed as CUDA graphs, each one node of the tape.

    A module is changed itself: called in the mode (training or not) that it was captured in, it replays, and else does
    what it did. What a call returns lies in the graph's memory, which the next call writes over; the backward pass of a
    call before the last one raises RuntimeError, and so does a second one of the same call. Gradients can't be
    differentiated again; those that `autograd.grad` gives lie in the graph's memory too. Parameters must stay where
    they are, and hooks be registered afterwards.

    Args:
        callables: one, or a tuple of them in the order in which they will run; these share memory.
        sample_args: a tuple of tensors like those of each call to come, in shape, dtype, device and requires_grad; of
            several callables, a tuple of such tuples. They aren't written to.
        num_warmup_iters: how often each one runs before it is captured.
        allow_unused_input: whether inputs and parameters may take no part in what is returned.
        pool: the memory of other graphs, which is shared, as for `graph`.
    """
    several = isinstance(callables, tuple)
    functions = callables if several else (callables,)
    samples = sample_args if several else (sample_args,)
    if len(functions) != len(samples):
        raise ValueError(f"{_NAME}: expected sample_args for {len(functions)} callables, got {len(samples)}")
    passes = [_Passes(f, tuple(args), allow_unused_input) for f, args in zip(functions, samples, strict=True)]
    cuda.synchronize()
    with cuda.stream(cuda.Stream()):
        for one in passes:
            one.warm_up(num_warmup_iters)
    cuda.synchronize()
    # In the order of a step: memory that one capture lets go is the next one's, as it will be in each replay.
    pool = cuda.graph_pool_handle() if pool is None else pool
    for one in passes:
        one.capture_forward(pool)
    for one in reversed(passes):
        one.capture_backward(pool)
    graphed = tuple(_replaying(f, one) for f, one in zip(functions, passes, strict=True))
    return graphed if several else graphed[0]


def _replaying(function: Any, passes: _Passes) -> Any:
    if not isinstance(function, Module):
        return passes
    eager, captured_in = function.forward, function.training

    def forward(*args: Any, **kwargs: Any) -> Any:
        return passes(*args, **kwargs) if function.training == captured_in else eager(*args, **kwargs)

    function.forward = forward  # type: ignore[method-assign]
    return function


def _tensors_of(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors_of(item)
    elif isinstance(value, dict):
        yield from _tensors_of(list(value.values()))
    else:
        raise TypeError(
            f"{_NAME}: expected tensors in tuples, lists and dicts to be returned, got {type(value).__name__}"
        )


def _rebuilt(value: Any, tensors: Iterator[Tensor]) -> Any:
    """``value`` with these tensors in place of its own."""
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, dict):
        return {key: _rebuilt(item, tensors) for key, item in value.items()}
    items = [_rebuilt(item, tensors) for item in value]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)  # named tuples take them one by one


class _Passes:
    """One callable's two graphs, and the tensors that they read and write."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], allow_unused: bool) -> None:
        for i, arg in enumerate(args):
            if not isinstance(arg, Tensor) or not arg.is_cuda:
                found = f"one on {arg.device}" if isinstance(arg, Tensor) else type(arg).__name__
                raise TypeError(f"{_NAME}: sample_args must be tensors on a GPU, got {found} as argument {i}")
        if isinstance(function, Module):
            _check_module(function)
        self._function, self._allow_unused = function, allow_unused
        self._inputs = [arg.detach().clone().requires_grad_(arg.requires_grad) for arg in args]
        self._parameters = tuple(function.parameters()) if isinstance(function, Module) else ()
        self._forward, self._backward = cuda.CUDAGraph(), cuda.CUDAGraph()
        self._result: Any = None
        self._outputs: list[Tensor] = []
        self._grad_outputs: list[Tensor | None] = []  # None where the output has no gradient
        self._grad_inputs: list[Tensor | None] = []  # of inputs and parameters
        self.turn = 0  # calls so far
        self._spent = False  # whether the last one's backward pass has been made

    def _gradients(self, outputs: list[Tensor], grad_outputs: list[Tensor | None]) -> list[Tensor | None]:
        surface = [*self._inputs, *self._parameters]
        wanted = [t for t in surface if t.requires_grad]
        from_outputs = [o for o in outputs if o.requires_grad]
        if not wanted or not from_outputs:
            return [None] * len(surface)
        weights = [g for g in grad_outputs if g is not None]
        found = iter(grad(from_outputs, wanted, weights, allow_unused=self._allow_unused))
        return [next(found) if t.requires_grad else None for t in surface]

    def warm_up(self, count: int) -> None:
        for _ in range(count):
            outputs = list(_tensors_of(self._function(*self._inputs)))
            self._gradients(outputs, _room_for_gradients(outputs))

    def capture_forward(self, pool: Any) -> None:
        with cuda.graph(self._forward, pool=pool):
            self._result = self._function(*self._inputs)
        self._outputs = list(_tensors_of(self._result))

    def capture_backward(self, pool: Any) -> None:
        self._grad_outputs = _room_for_gradients(self._outputs)
        with cuda.graph(self._backward, pool=pool):
            self._grad_inputs = self._gradients(self._outputs, self._grad_outputs)
        # The tape of the capture has done its work.
        self._result = _rebuilt(self._result, iter([o.detach().requires_grad_(o.requires_grad) for o in self._outputs]))
        self._outputs = list(_tensors_of(self._result))

    def __call__(self, *args: Any) -> Any:
        if len(args) != len(self._inputs):
            raise TypeError(f"a graphed callable of {len(self._inputs)} arguments was given {len(args)}")
        for i, (given, held) in enumerate(zip(args, self._inputs, strict=True)):
            _check_like_sample(i, given, held)
        return _rebuilt(self._result, iter(_Replay.apply(self, *args, *self._parameters)))

    def replay_forward(self, args: Sequence[Tensor]) -> list[Tensor]:
        for held, given in zip(self._inputs, args, strict=True):
            held.copy_(given)
        self._forward.replay()
        self.turn += 1
        self._spent = False
        return self._outputs

    def replay_backward(self, turn: int, grads: Sequence[Tensor]) -> list[Tensor | None]:
        if turn != self.turn:
            raise RuntimeError(
                "a graphed callable was called again before this call's backward pass, which it wrote over"
            )
        if self._spent:
            raise RuntimeError(
                "a graphed callable's backward pass can't be made a second time: it wrote over what it read"
            )
        self._spent = True
        for held, given in zip(self._grad_outputs, grads, strict=True):
            if held is not None:
                held.copy_(given)
        self._backward.replay()
        return [None if g is None else g.detach() for g in self._grad_inputs]


class _Replay(Function):
    """A call of a graphed callable; after its arguments come its parameters, which the graph reads where they are."""

    @staticmethod
    def forward(ctx: Any, passes: _Passes, *tensors: Tensor) -> tuple[Tensor, ...]:
        outputs = passes.replay_forward(tensors[: len(tensors) - len(passes._parameters)])
        ctx.passes, ctx.turn = passes, passes.turn
        shown = tuple(o.detach() for o in outputs)
        ctx.mark_non_differentiable(*(s for s, o in zip(shown, outputs, strict=True) if not o.requires_grad))
        return shown

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return (None, *ctx.passes.replay_backward(ctx.turn, grads))


def _room_for_gradients(outputs: list[Tensor]) -> list[Tensor | None]:
    return [_core.zeros_like(o.detach()) if o.requires_grad else None for o in outputs]


def _check_module(module: Module) -> None:
    for name, part in module.named_modules():
        hooks = part._hooks
        if hooks is not None and (hooks.forward_pre or hooks.forward or hooks.backward_pre or hooks.backward):
            raise RuntimeError(
                f"{_NAME}: hooks must be registered afterwards, but module {name or 'itself'!r} has some"
            )
    for name, buffer in module.named_buffers():
        if buffer.requires_grad:
            raise RuntimeError(f"{_NAME}: only parameters can be trained, but buffer {name!r} requires grad")


def _check_like_sample(i: int, given: Any, held: Tensor) -> None:
    if not isinstance(given, Tensor):
        raise TypeError(f"a graphed callable takes tensors, got {type(given).__name__} as argument {i}")
    if (given.dtype, given.shape, given.device) != (held.dtype, held.shape, held.device):
        found, wanted = (f"{t.dtype} of shape {tuple(t.shape)} on {t.device}" for t in (given, held))
        raise ValueError(f"argument {i} of a graphed callable is {found}, but was captured as {wanted}")
    if given.requires_grad and not held.requires_grad:
        raise ValueError(f"argument {i} of a graphed callable requires grad, but didn't when it was captured")
