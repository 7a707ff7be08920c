"""One call an op family, on sizes that are worth several threads and end in odd tails."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import hotloop
from hotloop import Tensor, nn
from hotloop.nn import functional as F

Call = Callable[[], Tensor | tuple[Tensor, ...]]


def bits(result: Tensor | tuple[Tensor, ...]) -> list[bytes]:
    """The bits of each result, by which two runs are compared: float64 and int64 hold every value of the others."""
    results = result if isinstance(result, tuple | list) else (result,)
    wide = [tensor.detach().double() if tensor.is_floating_point() else tensor.long() for tensor in results]
    return [tensor.numpy().tobytes() for tensor in wide]


def with_gradients(function: Callable[..., Tensor], *inputs: Tensor) -> Call:
    """`function` and its gradients with respect to every floating-point input."""
    leaves = [x.detach().requires_grad_() if x.is_floating_point() else x for x in inputs]

    def call() -> tuple[Tensor, ...]:
        out = function(*leaves)
        wanted = [leaf for leaf in leaves if leaf.requires_grad]
        return (out.detach(), *hotloop.autograd.grad(out.square().sum(), wanted))

    return call


@cache
def families() -> dict[str, Call]:
    """Name and call; inputs are made here, once, so that each run sees the same."""
    hotloop.manual_seed(0)

    def normal(*shape: int, dtype: Any = hotloop.float32) -> Tensor:
        return hotloop.randn(*shape).to(dtype)

    x, y = normal(613, 1031), normal(613, 1031)
    square = normal(257, 389)
    labels = (hotloop.arange(613) * 7) % 1031
    batch = normal(7, 131, 67)
    row, weight = normal(1, 2053), normal(1031, 2053)
    norm_weight, norm_bias = normal(1031), normal(1031)
    table = normal(503, 129)
    indices = (hotloop.arange(4099) * 31) % 503
    mask = x > 0
    half_precision = normal(389, 331, dtype=hotloop.bfloat16)

    return {
        "ctc": with_gradients(
            lambda a: F.ctc_loss(a.log_softmax(2), labels[:360].reshape(9, 40) % 66 + 1, (131,) * 9, (40,) * 9),
            normal(131, 9, 67),
        ),
        "matmul_nn": with_gradients(lambda a, b: a @ b, square, normal(389, 331)),
        "matmul_nt": with_gradients(lambda a, b: a @ b.T, square, normal(331, 389)),
        "matmul_batched": with_gradients(lambda a, b: a @ b, batch, normal(7, 67, 71)),
        "matmul_row": with_gradients(F.linear, row, weight),
        "matmul_float64": with_gradients(lambda a, b: a @ b, square.double(), normal(389, 65).double()),
        "matmul_bfloat16": lambda: square.bfloat16() @ half_precision,
        "linear": with_gradients(F.linear, x, normal(129, 1031), normal(129)),
        "arithmetic": with_gradients(lambda a, b: a * b + a / (b * b + 1.0) - 2.0, x, y),
        "broadcast": with_gradients(lambda a, b: a * b, x, norm_weight),
        "exponential": with_gradients(lambda a: a.exp() + a.tanh() + a.sigmoid(), x),
        "activations": with_gradients(lambda a: F.gelu(a) + F.silu(a) + F.relu(a), x),
        "composed": with_gradients(lambda a: hotloop.sinc(a) + F.mish(a) + F.elu(a) + hotloop.erfc(a), x),
        "strided": with_gradients(lambda a, b: a.T * b.T, x, y),
        "sum": with_gradients(lambda a: a.sum(), x),
        "sum_rows": with_gradients(lambda a: a.sum(dim=0), x),
        "mean_columns": with_gradients(lambda a: a.mean(dim=1), x),
        "max": lambda: x.max(dim=1)[0],
        "cumprod": with_gradients(lambda a: (a / 4).cumprod(dim=1), x),
        "logcumsumexp": with_gradients(lambda a: a.logcumsumexp(dim=0), x),
        "sort": with_gradients(lambda a: a.sort(dim=0).values, x),
        "topk": with_gradients(lambda a: a.topk(17).values, x),
        "median": with_gradients(lambda a: a.median(dim=0).values, x),
        "mode": with_gradients(lambda a: a.mode(dim=1).values, x),
        "searchsorted": lambda: hotloop.searchsorted(x[0].sort().values, y),
        "scatter_reduce": with_gradients(lambda a: a.scatter_reduce(0, (labels % 613)[:, None] * mask, y, "amax"), x),
        "pad": with_gradients(lambda a: F.pad(a, (3, 5), mode="reflect"), x),
        "einsum": with_gradients(lambda a, b: hotloop.einsum("bij,jk->ki", a, b), batch, table[:67]),
        "argmax": lambda: x.argmax(dim=0),
        "softmax": with_gradients(lambda a: F.softmax(a, dim=-1), x),
        "log_softmax_rows": with_gradients(lambda a: F.log_softmax(a, dim=0), x),
        "cross_entropy": with_gradients(lambda a: F.cross_entropy(a, labels), x),
        "smooth_l1": with_gradients(F.smooth_l1_loss, x, y),
        "binary_cross_entropy": with_gradients(lambda a: F.binary_cross_entropy(a.sigmoid(), mask.to(a.dtype)), x),
        "multi_margin": with_gradients(lambda a: F.multi_margin_loss(a, labels), x),
        "triplet_margin": with_gradients(lambda a, b: F.triplet_margin_loss(a, b, b * 2.0, swap=True), x, y),
        "layer_norm": with_gradients(lambda a, w, b: F.layer_norm(a, (1031,), w, b), x, norm_weight, norm_bias),
        "batch_norm": with_gradients(lambda a, w: F.batch_norm(a, None, None, w, w, True), x, norm_weight),
        "nll_loss": with_gradients(lambda a: F.nll_loss(a, labels), x),
        "cdist": with_gradients(lambda a, b: hotloop.cdist(a, b, 1.0), x[:131], y[:67]),
        "pdist": with_gradients(lambda a: F.pdist(a[:67], 3.0), x),
        "out": lambda: hotloop.exp(x, out=hotloop.empty(0)),
        "embedding": with_gradients(lambda w: F.embedding(indices, w), table),
        "embedding_bag": with_gradients(lambda w: F.embedding_bag(indices, w, hotloop.arange(0, 4099, 7)), table),
        "index": with_gradients(lambda a: a[indices % 613], x),
        "where": with_gradients(lambda a, b: hotloop.where(mask, a, b), x, y),
        "copy": with_gradients(lambda a: a.T.contiguous(), x),
        "cat": with_gradients(lambda a, b: hotloop.cat([a, b], dim=1), x, y),
        "cast": lambda: x.to(hotloop.bfloat16),
        "dropout": lambda: _seeded(lambda: F.dropout(x, 0.3)),
        "poisson": lambda: _seeded(lambda: hotloop.poisson(x.abs() * 20.0)),
        "randn": lambda: _seeded(lambda: hotloop.randn(100_003)),
        "adamw": _optimizer_steps(lambda p: hotloop.optim.AdamW(p, lr=1e-2)),
        "sgd": _optimizer_steps(lambda p: hotloop.optim.SGD(p, lr=1e-2, momentum=0.9, nesterov=True)),
        "rmsprop": _optimizer_steps(lambda p: hotloop.optim.RMSprop(p, momentum=0.9, centered=True)),
        "nadam": _optimizer_steps(lambda p: hotloop.optim.NAdam(p, weight_decay=0.1, l1_decay=0.1)),
        "adafactor": _optimizer_steps(lambda p: hotloop.optim.Adafactor(p)),
        "muon": _optimizer_steps(lambda p: hotloop.optim.Muon([m for m in p if m.ndim == 2])),
    }


def _seeded(call: Call) -> Tensor | tuple[Tensor, ...]:
    hotloop.manual_seed(11)
    return call()


def _optimizer_steps(make: Callable[[Any], Any]) -> Call:
    """Two training steps of a small network from the same start: its parameters."""

    def call() -> tuple[Tensor, ...]:
        hotloop.manual_seed(3)
        model = nn.Sequential(nn.Linear(257, 515), nn.GELU(), nn.LayerNorm(515), nn.Linear(515, 10))
        optimizer = make(model.parameters())
        x, y = hotloop.randn(129, 257), hotloop.arange(129) % 10
        for _ in range(2):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        return tuple(parameter.detach() for parameter in model.parameters())

    return call
