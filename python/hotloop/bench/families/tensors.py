"""Pointwise operations, softmax, reductions, transposes and layer norm on one large float32 matrix."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hotloop.bench.accuracy import Reference
from hotloop.bench.case import Case, Trial, case_file
from hotloop.bench.libraries import Library
from hotloop.bench.roofline import Work

Array = NDArray[np.float64]
INPUT_SETS = 2
_BLOCKS = 12  # the third dimension of the permutes
_EPSILON = 1e-5  # of layer norm


class Operands(NamedTuple):
    """What the operations take; each takes those that it names."""

    x: Any  # (rows, columns)
    y: Any  # (rows, columns)
    bias: Any  # (columns,)
    weight: Any  # (columns,)
    classes: Any  # (rows,), integers below columns


Apply = Callable[[Any, Operands], Any]  # the library's module, the operands


@dataclass(frozen=True)
class Operation:
    """One operation: how hotloop and PyTorch write it, how NumPy and JAX do, and what it is in float64.

    ``reads`` and ``writes`` count elements as a share of the matrix. ``length`` and ``magnitude`` make the error
    bound; ``ulps`` is what peers' vector functions are allowed.
    """

    apply: Apply
    reference: Callable[[Operands], Array]
    numpy: Callable[[Operands], Any] | None = None
    jax: Apply | None = None
    reads: float = 1.0
    writes: float = 1.0
    flops: float = 1.0  # an element
    length: Callable[[int, int], int] = lambda rows, columns: 1
    magnitude: Callable[[Operands], Any] | None = None
    ulps: float = 1.0


def _sigmoid(x: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _gelu(x: Array) -> Array:
    return np.asarray(0.5 * x * (1.0 + np.vectorize(math.erf, otypes=[np.float64])(x / math.sqrt(2.0))))


def _log_softmax(x: Array) -> Array:
    shifted = x - x.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def _softmax(x: Array, axis: int) -> Array:
    grown = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(grown / grown.sum(axis=axis, keepdims=True))


def _layer_norm(x: Array, weight: Array, bias: Array) -> Array:
    centred = x - x.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + _EPSILON) * weight + bias)


def _layer_norm_grad(o: Operands) -> Array:
    """The gradient by x where the gradient of the result is y."""
    centred = o.x - o.x.mean(axis=1, keepdims=True)
    inverse = 1.0 / np.sqrt((centred**2).mean(axis=1, keepdims=True) + _EPSILON)
    normal, grad = centred * inverse, o.y * o.weight
    return np.asarray(
        inverse * (grad - grad.mean(axis=1, keepdims=True) - normal * (grad * normal).mean(axis=1, keepdims=True))
    )


def _train_layer_norm(lib: Any, o: Operands) -> Any:
    x = o.x
    x.requires_grad_(True)
    x.grad = None
    lib.nn.functional.layer_norm(x, (x.shape[1],), o.weight, o.bias).backward(o.y)
    return x.grad


def _jax_layer_norm(jax: Any, o: Operands) -> Any:
    centred = o.x - o.x.mean(axis=1, keepdims=True)
    variance = (centred**2).mean(axis=1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + _EPSILON) * o.weight + o.bias


def _jax_train_layer_norm(jax: Any, o: Operands) -> Any:
    def forward(x: Any) -> Any:
        return _jax_layer_norm(jax, o._replace(x=x))

    return jax.vjp(forward, o.x)[1](o.y)[0]


def _jax_cross_entropy(jax: Any, o: Operands) -> Any:
    log_p = jax.nn.log_softmax(o.x)
    return -jax.numpy.take_along_axis(log_p, o.classes[:, None], axis=1).mean()


def _columns(rows: int, columns: int) -> int:
    return columns


def _rows(rows: int, columns: int) -> int:
    return rows


def _blocked(x: Any) -> Any:
    return x.reshape(_BLOCKS, x.shape[0] // _BLOCKS, x.shape[1])


def _log_softmax_magnitude(o: Operands) -> Array:
    return np.asarray(np.abs(o.x) + np.abs(o.x).max(axis=1, keepdims=True) + math.log(o.x.shape[1]))


OPERATIONS: dict[str, Operation] = {
    "add": Operation(
        lambda lib, o: o.x + o.y,
        lambda o: o.x + o.y,
        lambda o: o.x + o.y,
        lambda jax, o: o.x + o.y,
        reads=2.0,
    ),
    "mul": Operation(
        lambda lib, o: o.x * o.y,
        lambda o: o.x * o.y,
        lambda o: o.x * o.y,
        lambda jax, o: o.x * o.y,
        reads=2.0,
    ),
    "add_bias": Operation(
        lambda lib, o: o.x + o.bias,
        lambda o: o.x + o.bias,
        lambda o: o.x + o.bias,
        lambda jax, o: o.x + o.bias,
    ),
    "relu": Operation(
        lambda lib, o: lib.nn.functional.relu(o.x),
        lambda o: np.maximum(o.x, 0.0),
        lambda o: np.maximum(o.x, 0.0),
        lambda jax, o: jax.nn.relu(o.x),
    ),
    "exp": Operation(
        lambda lib, o: lib.exp(o.x),
        lambda o: np.exp(o.x),
        lambda o: np.exp(o.x),
        lambda jax, o: jax.numpy.exp(o.x),
        ulps=4.0,
    ),
    "tanh": Operation(
        lambda lib, o: lib.tanh(o.x),
        lambda o: np.tanh(o.x),
        lambda o: np.tanh(o.x),
        lambda jax, o: jax.numpy.tanh(o.x),
        ulps=8.0,
    ),
    "sigmoid": Operation(
        lambda lib, o: lib.sigmoid(o.x),
        lambda o: _sigmoid(o.x),
        None,
        lambda jax, o: jax.nn.sigmoid(o.x),
        ulps=8.0,
    ),
    "silu": Operation(
        lambda lib, o: lib.nn.functional.silu(o.x),
        lambda o: o.x * _sigmoid(o.x),
        None,
        lambda jax, o: jax.nn.silu(o.x),
        ulps=8.0,
    ),
    "gelu": Operation(
        lambda lib, o: lib.nn.functional.gelu(o.x),
        lambda o: _gelu(o.x),
        None,
        lambda jax, o: jax.nn.gelu(o.x, approximate=False),
        length=lambda rows, columns: 2,
        magnitude=lambda o: np.abs(o.x),
        ulps=4.0,
    ),
    "softmax": Operation(
        lambda lib, o: lib.nn.functional.softmax(o.x, 1),
        lambda o: _softmax(o.x, 1),
        None,
        lambda jax, o: jax.nn.softmax(o.x, axis=1),
        length=_columns,
    ),
    "softmax_columns": Operation(
        lambda lib, o: lib.nn.functional.softmax(o.x, 0),
        lambda o: _softmax(o.x, 0),
        None,
        lambda jax, o: jax.nn.softmax(o.x, axis=0),
        length=_rows,
    ),
    "log_softmax": Operation(
        lambda lib, o: lib.nn.functional.log_softmax(o.x, 1),
        lambda o: _log_softmax(o.x),
        None,
        lambda jax, o: jax.nn.log_softmax(o.x, axis=1),
        length=_columns,
        magnitude=_log_softmax_magnitude,
    ),
    "cross_entropy": Operation(
        lambda lib, o: lib.nn.functional.cross_entropy(o.x, o.classes),
        lambda o: np.asarray(-_log_softmax(o.x)[np.arange(o.x.shape[0]), o.classes].mean()),
        None,
        _jax_cross_entropy,
        writes=0.0,
        length=_columns,
    ),
    "sum": Operation(
        lambda lib, o: o.x.sum(),
        lambda o: o.x.sum(),
        lambda o: o.x.sum(),
        lambda jax, o: o.x.sum(),
        writes=0.0,
        length=lambda rows, columns: rows * columns,
        magnitude=lambda o: np.abs(o.x).sum(),
    ),
    "sum_rows": Operation(
        lambda lib, o: o.x.sum(1),
        lambda o: o.x.sum(1),
        lambda o: o.x.sum(1),
        lambda jax, o: o.x.sum(1),
        writes=0.0,
        length=_columns,
        magnitude=lambda o: np.abs(o.x).sum(1),
    ),
    "sum_columns": Operation(
        lambda lib, o: o.x.sum(0),
        lambda o: o.x.sum(0),
        lambda o: o.x.sum(0),
        lambda jax, o: o.x.sum(0),
        writes=0.0,
        length=_rows,
        magnitude=lambda o: np.abs(o.x).sum(0),
    ),
    "mean_rows": Operation(
        lambda lib, o: o.x.mean(1),
        lambda o: o.x.mean(1),
        lambda o: o.x.mean(1),
        lambda jax, o: o.x.mean(1),
        writes=0.0,
        length=_columns,
        magnitude=lambda o: np.abs(o.x).mean(1),
    ),
    "amax_rows": Operation(
        lambda lib, o: o.x.amax(1),
        lambda o: o.x.max(1),
        lambda o: o.x.max(1),
        lambda jax, o: o.x.max(1),
        writes=0.0,
    ),
    "argmax_rows": Operation(
        lambda lib, o: o.x.argmax(1),
        lambda o: o.x.argmax(1).astype(np.float64),
        lambda o: o.x.argmax(1),
        lambda jax, o: o.x.argmax(1),
        writes=0.0,
    ),
    "transpose": Operation(
        lambda lib, o: o.x.transpose(0, 1).contiguous(),
        lambda o: o.x.T,
        lambda o: np.ascontiguousarray(o.x.T),
        lambda jax, o: o.x.T,
        flops=0.0,
    ),
    "permute_201": Operation(
        lambda lib, o: _blocked(o.x).permute(2, 0, 1).contiguous(),
        lambda o: _blocked(o.x).transpose(2, 0, 1),
        lambda o: np.ascontiguousarray(_blocked(o.x).transpose(2, 0, 1)),
        lambda jax, o: _blocked(o.x).transpose(2, 0, 1),
        flops=0.0,
    ),
    "permute_102": Operation(
        lambda lib, o: _blocked(o.x).permute(1, 0, 2).contiguous(),
        lambda o: _blocked(o.x).transpose(1, 0, 2),
        lambda o: np.ascontiguousarray(_blocked(o.x).transpose(1, 0, 2)),
        lambda jax, o: _blocked(o.x).transpose(1, 0, 2),
        flops=0.0,
    ),
    "layer_norm": Operation(
        lambda lib, o: lib.nn.functional.layer_norm(o.x, (o.x.shape[1],), o.weight, o.bias),
        lambda o: _layer_norm(o.x, o.weight, o.bias),
        None,
        _jax_layer_norm,
        flops=8.0,
        length=_columns,
        magnitude=lambda o: np.abs(o.x) + 1.0,
    ),
    "layer_norm_train": Operation(
        _train_layer_norm,
        _layer_norm_grad,
        None,
        _jax_train_layer_norm,
        # Forward: x in, the result out; backward: x and the result's gradient in, x's gradient out.
        reads=3.0,
        writes=2.0,
        flops=20.0,
        length=_columns,
        magnitude=lambda o: np.abs(o.x) + np.abs(o.y) + 1.0,
    ),
}


def sized(family: str, rows: int, columns: int) -> list[Case]:
    """The operations of a family on matrices of this size; some take rows by the dozen."""
    return [_case(family, entry, rows, columns) for entry in case_file("tensors")[family]]


def _cases(family: str) -> list[Case]:
    rows, columns = case_file("tensors")["shape"]
    return sized(family, rows, columns)


pointwise = partial(_cases, "pointwise")
softmax = partial(_cases, "softmax")
reduction = partial(_cases, "reduction")
transpose = partial(_cases, "transpose")
layernorm = partial(_cases, "layernorm")


def _case(family: str, entry: Mapping[str, Any], rows: int, columns: int) -> Case:
    operation = OPERATIONS[entry["op"]]
    elements = rows * columns
    return Case(
        family=family,
        op=entry["op"],
        shape=f"{rows}x{columns}",
        dtype="float32",
        layout="",
        work=Work(
            operation.flops * elements,
            4 * operation.reads * elements,
            4 * operation.writes * elements,
            "float32",
        ),
        prepare=partial(_prepare, operation, rows, columns),
        tier="quick" if entry["quick_run"] else "standard",
        reason=entry["reason"],
        targets={"torch": 1.0},
    )


def _draw(rng: np.random.Generator, rows: int, columns: int) -> Operands:
    def normal(*shape: int) -> NDArray[Any]:
        return rng.standard_normal(shape, dtype=np.float32)

    return Operands(
        normal(rows, columns),
        normal(rows, columns),
        normal(columns),
        normal(columns),
        rng.integers(0, columns, rows),
    )


def _prepare(operation: Operation, rows: int, columns: int, libraries: Mapping[str, Library]) -> dict[str, Trial]:
    rng = np.random.default_rng(7)
    inputs = [_draw(rng, rows, columns) for _ in range(INPUT_SETS)]
    references = [_reference(operation, drawn, rows, columns) for drawn in inputs]
    checks = [reference.compare for reference in references]
    trials = {}
    for library in libraries.values():
        calls = [call for drawn in inputs if (call := _call(operation, library, drawn)) is not None]
        if calls:
            trials[library.name] = Trial(calls, checks)
    return trials


def _reference(operation: Operation, drawn: Operands, rows: int, columns: int) -> Reference:
    wide = Operands(*(value.astype(np.float64) if value.dtype == np.float32 else value for value in drawn))
    return Reference(
        np.asarray(operation.reference(wide), dtype=np.float64),
        "float32",
        operation.length(rows, columns),
        None if operation.magnitude is None else operation.magnitude(wide),
        operation.ulps,
    )


def _call(operation: Operation, library: Library, drawn: Operands) -> Callable[[], object] | None:
    operands = Operands(*(library.array(value) for value in drawn))
    if library.name in ("numpy", "cupy"):  # NumPy's functions call CuPy's on its arrays
        numpy = operation.numpy
        return None if numpy is None else lambda: numpy(operands)
    if library.name == "jax":
        return _jax_call(operation, library, operands)
    apply, module = operation.apply, library.module
    return lambda: apply(module, operands)


def _jax_call(operation: Operation, library: Library, operands: Operands) -> Callable[[], object] | None:
    if operation.jax is None:
        return None
    apply = partial(operation.jax, library.module)
    jitted = library.module.jit(lambda *fields: apply(Operands(*fields)))
    return lambda: jitted(*operands).block_until_ready()
