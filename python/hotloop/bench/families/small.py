"""Small work, where the time goes to the library and not to the kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from hotloop.bench.accuracy import Accuracy, Reference
from hotloop.bench.case import Case, Trial, case_file
from hotloop.bench.families import mlp
from hotloop.bench.libraries import Library, float64
from hotloop.bench.roofline import Work

_CHECKED_STEPS = 5
_WITHOUT_LAYERS = ("numpy", "cupy")
_LOSS_TOLERANCE = 1e-3


def cases() -> list[Case]:
    """The shared cases of small work."""
    return [_case(entry) for entry in case_file("small")["cases"]]


def gpu_cases() -> list[Case]:
    """The same on a GPU, and the training steps as graphs besides."""
    steps = [entry for entry in case_file("small")["cases"] if entry["op"] == "train_step"]
    return cases() + [_case(entry | {"op": "captured_train_step"}) for entry in steps]


def _case(entry: Mapping[str, Any]) -> Case:
    op = entry["op"]
    if "widths" in entry:
        problem = mlp.Problem(tuple(entry["widths"]), entry["batch"])
        shape = "-".join(map(str, entry["widths"])) + f" bs{entry['batch']}"
        work, prepare = _network(op, problem)
    else:
        sizes = tuple(entry["shape"])
        shape = "x".join(map(str, sizes))
        work, prepare = _single(op, sizes)
    return Case(
        family="small",
        op=op,
        shape=shape,
        dtype="float32",
        layout="",
        work=work,
        prepare=prepare,
        tier="quick" if entry["quick_run"] else "standard",
        reason=entry["reason"],
        targets=entry["targets"],
    )


def _network(op: str, problem: mlp.Problem) -> tuple[Work, Callable[[Mapping[str, Library]], dict[str, Trial]]]:
    parameter_bytes = 4.0 * problem.parameters
    if op in ("inference", "inference_packed"):
        return (
            Work(problem.product_flops, parameter_bytes, 4.0 * problem.batch * problem.widths[-1], "float32"),
            partial(_prepare_inference, problem, op == "inference_packed"),
        )
    # AdamW reads the parameters, gradients and both moments and writes all but the gradients.
    state = 3 * parameter_bytes
    work = Work(problem.step_flops, 4 * parameter_bytes, state, "float32", in_place=state)
    return work, partial(_prepare_training, problem, op == "captured_train_step")


def _prepare_training(problem: mlp.Problem, captured: bool, libraries: Mapping[str, Library]) -> dict[str, Trial]:
    judge = mlp.Float64Network(problem)
    losses = [judge.step() for _ in range(_CHECKED_STEPS)]
    trials = {}
    for library in libraries.values():
        if library.name in _WITHOUT_LAYERS:
            continue
        make = mlp.captured_training_step if captured else mlp.training_step
        if library.name == "jax":
            make = mlp.jax_training_step
        step = make(library, problem)
        trials[library.name] = Trial([step], [partial(_check_losses, losses, step)], partial(_check_trained, losses[0]))
    return trials


def _check_losses(expected: list[float], step: Callable[[], object], first: object) -> Accuracy:
    """The first steps' losses are those of the float64 network: so are the gradients and the optimizer's steps."""
    got = [float(float64(first))] + [float(float64(step())) for _ in expected[1:]]
    error = max(abs(g - e) / abs(e) for g, e in zip(got, expected, strict=True))
    return Accuracy(error, error / _LOSS_TOLERANCE)


def _check_trained(first_loss: float, loss: object) -> Accuracy:
    """Later steps on the same batch have a smaller loss."""
    share = float(float64(loss)) / first_loss
    return Accuracy(0.0, share if np.isfinite(share) else np.inf)


def _prepare_inference(problem: mlp.Problem, packed: bool, libraries: Mapping[str, Library]) -> dict[str, Trial]:
    expected = mlp.Float64Network(problem).forward()[-1]
    reference = Reference(expected, "float32", max(problem.widths), magnitude=np.abs(expected).max())
    trials = {}
    for library in libraries.values():
        if library.name not in _WITHOUT_LAYERS:
            make = mlp.jax_inference if library.name == "jax" else partial(mlp.inference, packed=packed)
            trials[library.name] = Trial([make(library, problem)], [reference.compare])
    return trials


def _single(op: str, sizes: tuple[int, ...]) -> tuple[Work, Callable[[Mapping[str, Library]], dict[str, Trial]]]:
    if op == "relu_linear":
        batch, ins, outs = sizes
        work = Work(2.0 * batch * ins * outs, 4.0 * (batch * ins + (ins + 1) * outs), 4.0 * batch * outs, "float32")
        return work, partial(_prepare_relu_linear, mlp.Problem((ins, outs), batch))
    rows, columns = sizes
    size = 4.0 * rows * columns
    flops = 1.0 * rows * columns if op == "add" else 2.0 * rows * columns * columns
    return Work(flops, 2 * size, size, "float32"), partial(_prepare_single, op, sizes)


def _prepare_single(op: str, sizes: tuple[int, ...], libraries: Mapping[str, Library]) -> dict[str, Trial]:
    rng = np.random.default_rng(5)
    inputs = [tuple(rng.standard_normal((2, *sizes), dtype=np.float32)) for _ in range(2)]
    references = []
    for a, b in inputs:
        wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
        if op == "add":
            references.append(Reference(wide_a + wide_b, "float32"))
        else:
            references.append(Reference(wide_a @ wide_b, "float32", sizes[-1], np.abs(wide_a) @ np.abs(wide_b)))
    return {
        library.name: Trial(
            [_single_call(library, op, *(library.array(values) for values in pair)) for pair in inputs],
            [reference.compare for reference in references],
        )
        for library in libraries.values()
    }


def _single_call(library: Library, op: str, a: Any, b: Any) -> Callable[[], object]:
    if library.name == "jax":
        jitted = library.module.jit((lambda a, b: a + b) if op == "add" else (lambda a, b: a @ b))
        return lambda: jitted(a, b).block_until_ready()
    if op == "add":
        return lambda: a + b
    return lambda: a @ b


def _prepare_relu_linear(problem: mlp.Problem, libraries: Mapping[str, Library]) -> dict[str, Trial]:
    linear = mlp.Float64Network(problem).forward()[-1]
    reference = Reference(np.maximum(linear, 0.0), "float32", problem.widths[0], magnitude=np.abs(linear).max())
    return {
        library.name: Trial([_relu_linear_call(library, problem)], [reference.compare])
        for library in libraries.values()
        if library.name != "cupy"
    }


def _relu_linear_call(library: Library, problem: mlp.Problem) -> Callable[[], object]:
    (weight, bias), x = problem.layers[0], problem.x
    if library.name == "numpy":
        return lambda: np.maximum(x @ weight.T + bias, 0.0)
    if library.name == "jax":
        jax = library.module
        operands = [jax.numpy.asarray(array) for array in (x, weight, bias)]
        jitted = jax.jit(lambda x, weight, bias: jax.nn.relu(x @ weight.T + bias))
        return lambda: jitted(*operands).block_until_ready()
    linear, relu = mlp.model(library, problem)[0], library.module.nn.functional.relu
    tensor = library.array(x)
    return lambda: relu(linear(tensor))
