"""A multilayer perceptron and its training step: in float64 NumPy (the judge), in JAX, and in the lines of Python that
hotloop and PyTorch share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hotloop.bench.libraries import Library

LEARNING_RATE, BETA1, BETA2, EPSILON, WEIGHT_DECAY = 1e-3, 0.9, 0.999, 1e-8, 1e-2

Layer = tuple[NDArray[Any], NDArray[Any]]  # weight (out, in) and bias (out)


@dataclass(frozen=True)
class Problem:
    """Layer widths and a batch size, with the same random weights and data for every library."""

    widths: tuple[int, ...]
    batch: int

    @cached_property
    def layers(self) -> list[Layer]:
        """Weights and biases, uniform within 1/sqrt(inputs)."""
        rng = np.random.default_rng(31)
        return [
            (
                (rng.uniform(-1, 1, (outs, ins)) / ins**0.5).astype(np.float32),
                (rng.uniform(-1, 1, outs) / ins**0.5).astype(np.float32),
            )
            for ins, outs in itertools.pairwise(self.widths)
        ]

    @cached_property
    def x(self) -> NDArray[Any]:
        """A batch of inputs."""
        return np.random.default_rng(32).standard_normal((self.batch, self.widths[0]), dtype=np.float32)

    @cached_property
    def target(self) -> NDArray[np.int64]:
        """A class a sample."""
        return np.random.default_rng(33).integers(0, self.widths[-1], self.batch)

    @property
    def parameters(self) -> int:
        """Weights and biases together."""
        return sum((ins + 1) * outs for ins, outs in itertools.pairwise(self.widths))

    @property
    def product_flops(self) -> float:
        """Of the forward products."""
        return sum(2.0 * self.batch * ins * outs for ins, outs in itertools.pairwise(self.widths))

    @property
    def step_flops(self) -> float:
        """Of a training step's products: forward, by the weights, and by all inputs but the first layer's."""
        return 3 * self.product_flops - 2.0 * self.batch * self.widths[0] * self.widths[1]


class Float64Network:
    """The judge: plain NumPy in float64, sharing no code with what it judges."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._parameters = [array.astype(np.float64) for layer in problem.layers for array in layer]
        self._first = [np.zeros_like(p) for p in self._parameters]
        self._second = [np.zeros_like(p) for p in self._parameters]
        self._steps = 0

    def forward(self) -> list[NDArray[np.float64]]:
        """The input and every layer's output; all but the last behind a ReLU."""
        weights, biases = self._parameters[::2], self._parameters[1::2]
        outputs: list[NDArray[np.float64]] = [self._problem.x.astype(np.float64)]
        for i, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            out = outputs[-1] @ weight.T + bias
            outputs.append(np.maximum(out, 0.0) if i < len(weights) - 1 else out)
        return outputs

    def step(self) -> float:
        """One step of AdamW on the mean cross entropy; the loss before it."""
        outputs = self.forward()
        rows, target = np.arange(self._problem.batch), self._problem.target
        shifted = outputs[-1] - outputs[-1].max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        grad = np.exp(log_p)
        grad[rows, target] -= 1.0
        grad /= self._problem.batch
        grads: list[NDArray[np.float64]] = []
        for i in reversed(range(len(outputs) - 1)):
            grads[:0] = [grad.T @ outputs[i], grad.sum(axis=0)]
            grad = grad @ self._parameters[2 * i] * (outputs[i] > 0)
        self._steps += 1
        for p, g, m, v in zip(self._parameters, grads, self._first, self._second, strict=True):
            adamw_step(p, g, m, v, self._steps)
        return float(-log_p[rows, target].mean())


def adamw_step(p: Any, g: Any, m: Any, v: Any, t: int) -> None:
    """Step number ``t`` of AdamW, in place."""
    p *= 1 - LEARNING_RATE * WEIGHT_DECAY
    m += (1 - BETA1) * (g - m)
    v += (1 - BETA2) * (g * g - v)
    p -= LEARNING_RATE * (m / (1 - BETA1**t)) / (np.sqrt(v / (1 - BETA2**t)) + EPSILON)


def adamw(library: Library, parameters: Any, capturable: bool = False) -> Any:
    """The library's own AdamW, at its best setting."""
    best = {"fused": True} if library.name == "torch" else {}
    if capturable:
        best["capturable"] = True
    return library.module.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, **best)


def model(library: Library, problem: Problem) -> Any:
    """The perceptron as a Sequential holding the problem's weights."""
    nn = library.module.nn
    modules: list[Any] = []
    state: dict[str, Any] = {}
    for i, (weight, bias) in enumerate(problem.layers):
        modules += [nn.Linear(weight.shape[1], weight.shape[0]), nn.ReLU()]
        # Copies: training must not write into the problem's arrays.
        state |= {
            f"{2 * i}.weight": library.array(weight.copy()),
            f"{2 * i}.bias": library.array(bias.copy()),
        }
    network = nn.Sequential(*modules[:-1]).to(library.device)
    network.load_state_dict(state)
    return network


def training_step(library: Library, problem: Problem, capturable: bool = False) -> Callable[[], object]:
    """One step of training, as users write it; the call returns the loss."""
    network = model(library, problem)
    optimizer = adamw(library, network.parameters(), capturable)
    cross_entropy = library.module.nn.functional.cross_entropy
    x, target = library.array(problem.x), library.array(problem.target)

    def step() -> object:
        optimizer.zero_grad()
        loss = cross_entropy(network(x), target)
        loss.backward()
        optimizer.step()
        return loss

    return step


def captured_training_step(library: Library, problem: Problem) -> Callable[[], object]:
    """The same step on a GPU: the first call does it as it is, the second captures it, all from then on replay it."""
    cuda = library.module.cuda
    eager, side = training_step(library, problem, capturable=True), cuda.Stream()
    graph: Any = None
    loss: object = None

    def step() -> object:
        nonlocal graph, loss
        if loss is None:  # aside, as PyTorch asks for what is captured next
            side.wait_stream(cuda.current_stream())
            with cuda.stream(side):
                loss = eager()
            cuda.current_stream().wait_stream(side)
            return loss
        if graph is None:
            graph = cuda.CUDAGraph()
            with cuda.graph(graph):
                loss = eager()
        graph.replay()
        return loss

    return step


def inference(library: Library, problem: Problem, packed: bool = False) -> Callable[[], object]:
    """The forward pass with nothing recorded; hotloop's weights packed beforehand where ``packed``."""
    network = model(library, problem).eval()
    if packed and library.name == "hotloop":
        network = library.module.nn.pack_for_inference(network)
    x = library.array(problem.x)
    inference_mode = library.module.inference_mode

    def call() -> object:
        with inference_mode():
            return network(x)

    return call


def _jax_forward(jax: Any, parameters: Sequence[Any], x: Any) -> Any:
    layers = list(zip(parameters[::2], parameters[1::2], strict=True))
    for weight, bias in layers[:-1]:
        x = jax.nn.relu(x @ weight.T + bias)
    weight, bias = layers[-1]
    return x @ weight.T + bias


def jax_training_step(library: Library, problem: Problem) -> Callable[[], object]:
    """The same step as one compiled function whose state is given up to the next."""
    jax, jnp = library.module, library.module.numpy
    x, target = jnp.asarray(problem.x), jnp.asarray(problem.target)

    def loss_of(parameters: Any, x: Any, target: Any) -> Any:
        log_p = jax.nn.log_softmax(_jax_forward(jax, parameters, x))
        return -jnp.mean(jnp.take_along_axis(log_p, target[:, None], axis=1))

    def step(state: Any, x: Any, target: Any) -> tuple[Any, Any]:
        parameters, first, second, t = state
        loss, grads = jax.value_and_grad(loss_of)(parameters, x, target)
        t = t + 1
        first = [BETA1 * m + (1 - BETA1) * g for m, g in zip(first, grads, strict=True)]
        second = [BETA2 * v + (1 - BETA2) * g * g for v, g in zip(second, grads, strict=True)]
        rate, root = LEARNING_RATE / (1 - BETA1**t), jnp.sqrt(1 - BETA2**t)
        parameters = [
            p * (1 - LEARNING_RATE * WEIGHT_DECAY) - rate * m / (jnp.sqrt(v) / root + EPSILON)
            for p, m, v in zip(parameters, first, second, strict=True)
        ]
        return (parameters, first, second, t), loss

    compiled = jax.jit(step, donate_argnums=0)
    parameters = [jnp.array(array) for layer in problem.layers for array in layer]
    zeros = [jnp.zeros_like(p) for p in parameters]
    state = (parameters, zeros, [jnp.zeros_like(p) for p in parameters], jnp.float32(0))

    def call() -> object:
        nonlocal state
        state, loss = compiled(state, x, target)
        return loss.block_until_ready()  # all outputs of one execution are ready together

    return call


def jax_inference(library: Library, problem: Problem) -> Callable[[], object]:
    """The compiled forward pass."""
    jax, jnp = library.module, library.module.numpy
    parameters = [jnp.asarray(array) for layer in problem.layers for array in layer]
    x = jnp.asarray(problem.x)
    compiled = jax.jit(lambda parameters, x: _jax_forward(jax, parameters, x))
    return lambda: compiled(parameters, x).block_until_ready()
