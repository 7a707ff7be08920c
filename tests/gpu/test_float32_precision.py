"""What float32 products on a GPU may be computed by: tf32 where it is allowed, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import _core, cuda, nn

pytestmark = pytest.mark.every_device

needs_gpu = pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU: {cuda.why_not()}")

# Of a product's terms: tf32 rounds both operands to 11 bits, and the sum is in float32.
TF32 = 2 * 2.0**-11 + 1e-6


@pytest.fixture(autouse=True)
def precision() -> Iterator[None]:
    before = hotloop.get_float32_matmul_precision()
    yield
    hotloop.set_float32_matmul_precision(before)


def operands() -> tuple[Any, Any]:
    rng = np.random.default_rng(3)
    return tuple(hotloop.tensor(rng.standard_normal((40, 40)), dtype=hotloop.float32) for _ in range(2))


def test_is_highest_at_first_and_takes_pytorchs_words() -> None:
    assert hotloop.get_float32_matmul_precision() == "highest"
    for word in ("medium", "high", "highest"):
        hotloop.set_float32_matmul_precision(word)
        assert hotloop.get_float32_matmul_precision() == word
    with pytest.raises(ValueError, match="precision must be 'highest', 'high' or 'medium', got 'higher'"):
        hotloop.set_float32_matmul_precision("higher")
    assert hotloop.get_float32_matmul_precision() == "highest"


def test_backends_say_the_same_as_a_bool() -> None:
    matmul = hotloop.backends.cuda.matmul
    assert matmul.allow_tf32 is False
    matmul.allow_tf32 = True
    assert hotloop.get_float32_matmul_precision() == "high"
    hotloop.set_float32_matmul_precision("medium")
    assert matmul.allow_tf32 is True
    matmul.allow_tf32 = False
    assert hotloop.get_float32_matmul_precision() == "highest"
    with pytest.raises(AttributeError):
        matmul.allow_tf31 = True


def test_the_cpu_knows_no_difference() -> None:
    a, b = (x.cpu() for x in operands())
    exact = (a @ b).numpy().tobytes()
    hotloop.set_float32_matmul_precision("medium")
    assert (a @ b).numpy().tobytes() == exact


@needs_gpu
@pytest.mark.parametrize("word", ["high", "medium"])
def test_products_of_float32_are_by_tf32_where_allowed(word: str) -> None:
    a, b = (x.to("cuda") for x in operands())
    exact = a.cpu().double().numpy() @ b.cpu().double().numpy()
    terms = np.abs(a.cpu().double().numpy()) @ np.abs(b.cpu().double().numpy())
    as_it_is = a @ b
    assert _core.last_kernel() == "matmul_sm80"
    hotloop.set_float32_matmul_precision(word)
    rounded = a @ b
    assert _core.last_kernel() == "matmul_tf32_sm80"
    a.double() @ b.double()
    assert _core.last_kernel() == "matmul_sm80"
    errors = [np.abs(x.cpu().double().numpy() - exact) for x in (as_it_is, rounded)]
    assert (errors[0] <= 41 * 2.0**-24 * terms).all()
    assert (errors[1] <= TF32 * terms).all()
    assert errors[1].max() > 10 * errors[0].max()  # which is what is paid


@needs_gpu
def test_gradients_go_by_the_setting_of_their_time() -> None:
    layer = nn.Linear(40, 40).to("cuda")
    x = operands()[0].to("cuda")

    def gradient() -> Any:
        layer.zero_grad()
        layer(x).sin().sum().backward()
        return layer.weight.grad

    exact = gradient().tolist()
    hotloop.set_float32_matmul_precision("high")
    assert gradient().tolist() != exact
    hotloop.set_float32_matmul_precision("highest")
    assert gradient().tolist() == exact


@needs_gpu
def test_a_captured_graph_keeps_its_kernels() -> None:
    a, b = (x.to("cuda") for x in operands())
    hotloop.set_float32_matmul_precision("high")
    rounded = (a @ b).tolist()
    graph = cuda.CUDAGraph()
    with cuda.graph(graph):
        out = a @ b
    hotloop.set_float32_matmul_precision("highest")
    graph.replay()
    assert out.tolist() == rounded
    assert (a @ b).tolist() != rounded
