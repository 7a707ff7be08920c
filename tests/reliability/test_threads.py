"""Any number of Python threads run the same model at once and get the serial bits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import hotloop
from hotloop import Tensor, nn
from hotloop.nn import functional as F
from reliability.families import bits

THREADS = 16


def model_and_inputs() -> tuple[nn.Module, list[Tensor]]:
    hotloop.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 256), nn.GELU(), nn.LayerNorm(256), nn.Linear(256, 128), nn.Linear(128, 10))
    return model, [hotloop.randn(1 + 7 * i, 64) for i in range(THREADS)]


def test_inference():
    model, inputs = model_and_inputs()

    def infer(x: Tensor) -> list[list[bytes]]:
        with hotloop.no_grad():
            return [bits(model(x)) for _ in range(30)]

    serial = [infer(x) for x in inputs]
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(infer, inputs)) == serial


def test_gradients():
    model, inputs = model_and_inputs()
    parameters = list(model.parameters())

    def gradients(x: Tensor) -> list[list[bytes]]:
        targets = hotloop.arange(x.shape[0]) % 10
        return [bits(hotloop.autograd.grad(F.cross_entropy(model(x), targets), parameters)) for _ in range(10)]

    serial = [gradients(x) for x in inputs]
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(gradients, inputs)) == serial


def test_large_products():
    hotloop.manual_seed(0)
    a, b = hotloop.randn(400, 500), hotloop.randn(500, 300)
    expected = bits(a @ b)
    with ThreadPoolExecutor(THREADS) as pool:
        assert all(result == expected for result in pool.map(lambda _: bits(a @ b), range(200)))
