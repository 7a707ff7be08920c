"""Parts of a network as graphs in an ordinary step: the eager step's numbers, and what they can't do says so."""

from __future__ import annotations

import copy
from typing import Any

import pytest

import hotloop
from hotloop import cuda, nn

pytestmark = [
    pytest.mark.every_device,
    pytest.mark.skipif(not cuda.is_available(), reason=f"no GPU: {cuda.why_not()}"),
]


def batch(step: int, width: int = 6) -> Any:
    numbers = hotloop.Generator()
    numbers.manual_seed(step)
    return hotloop.randn(8, width, generator=numbers, device="cpu").to("cuda")


def block(ins: int, outs: int) -> Any:
    return nn.Sequential(nn.Linear(ins, 16), nn.GELU(), nn.Dropout(0.25), nn.LayerNorm(16), nn.Linear(16, outs))


def train(parts: tuple[Any, ...], steps: int = 6) -> tuple[list[float], list[Any]]:
    """Losses and parameters; gradients of two batches are added up in each step."""
    optimizer = hotloop.optim.AdamW([p for part in parts for p in part.parameters()], 1e-2)
    hotloop.manual_seed(9)
    losses = []
    for step in range(steps):
        optimizer.zero_grad()
        for half in range(2):
            out = batch(2 * step + half)
            for part in parts:
                out = part(out)
            loss = out.square().mean()
            loss.backward()
            losses.append(loss.item())
        optimizer.step()
    return losses, [p.detach().tolist() for part in parts for p in part.parameters()]


@pytest.mark.parametrize("several", [False, True])
def test_training_gives_the_eager_numbers(several: bool) -> None:
    hotloop.manual_seed(1)
    parts = (block(6, 5), block(5, 3)) if several else (block(6, 3),)
    parts = tuple(part.to("cuda") for part in parts)
    graphed = copy.deepcopy(parts)
    samples = (batch(0), batch(0, 5).requires_grad_()) if several else (batch(0),)
    before = [sample.tolist() for sample in samples]
    if several:
        graphed = cuda.make_graphed_callables(graphed, tuple((sample,) for sample in samples))
    else:
        graphed = (cuda.make_graphed_callables(graphed[0], samples),)
    assert [sample.tolist() for sample in samples] == before
    assert train(graphed) == train(parts)


def test_another_mode_is_eager() -> None:
    layer = nn.Sequential(nn.Dropout(0.5)).to("cuda")
    graphed = cuda.make_graphed_callables(layer, (batch(0),))
    assert graphed is layer
    x = batch(1)
    assert (graphed(x) == 0).any().item()
    assert graphed.eval()(x[:3]).tolist() == x[:3].tolist()  # of another shape too


def test_functions_of_several_tensors() -> None:
    def function(x: Any, y: Any) -> Any:
        return {"product": x * y, "several": [x.exp(), (y.detach() + 1,)]}

    x, y = batch(1).requires_grad_(), batch(2).requires_grad_()
    graphed = cuda.make_graphed_callables(function, (hotloop.zeros_like(x).requires_grad_(), y))
    for _ in range(2):
        got, wanted = graphed(x, y), function(x, y)
        assert got["product"].tolist() == wanted["product"].tolist()
        assert isinstance(got["several"], list)
        assert got["several"][1][0].tolist() == wanted["several"][1][0].tolist()
        assert not got["several"][1][0].requires_grad
        grads = [
            hotloop.autograd.grad(r["product"].sum() + r["several"][0].square().sum(), (x, y)) for r in (got, wanted)
        ]
        assert [g.tolist() for g in grads[0]] == [g.tolist() for g in grads[1]]
        x, y = batch(3).requires_grad_(), batch(4).requires_grad_()


def test_an_output_without_a_share_in_the_loss() -> None:
    x = batch(0).requires_grad_()
    graphed = cuda.make_graphed_callables(lambda x: (x * 2, x * 3), (x,))
    graphed(x)[1].sum().backward()
    assert x.grad.tolist() == [[3.0] * 6] * 8


def test_nothing_is_recorded_under_no_grad() -> None:
    layer = nn.Linear(6, 2).to("cuda")
    wanted = layer(batch(1)).tolist()
    graphed = cuda.make_graphed_callables(layer, (batch(0),))
    with hotloop.no_grad():
        out = graphed(batch(1))
    assert not out.requires_grad
    assert out.tolist() == wanted


def test_inputs_that_take_no_part() -> None:
    def first(x: Any, y: Any) -> Any:
        return x * 2

    args = (batch(0).requires_grad_(), batch(1).requires_grad_())
    with pytest.raises(RuntimeError, match=r"unused|not have been used"):
        cuda.make_graphed_callables(first, args)
    assert not cuda.is_current_stream_capturing()
    x, y = args
    cuda.make_graphed_callables(first, args, allow_unused_input=True)(x, y).sum().backward()
    assert x.grad.tolist() == [[2.0] * 6] * 8
    assert y.grad is None


def test_a_call_that_was_written_over_has_no_backward_pass() -> None:
    x = batch(0).requires_grad_()
    graphed = cuda.make_graphed_callables(lambda x: x.sin(), (x,))
    first, _ = graphed(x).sum(), graphed(x)
    with pytest.raises(RuntimeError, match="called again before this call's backward pass"):
        first.backward()


def test_one_call_has_one_backward_pass() -> None:
    x = batch(0).requires_grad_()
    out = cuda.make_graphed_callables(lambda x: x.sin(), (x,))(x)
    out.sum().backward()
    with pytest.raises(RuntimeError, match="can't be made a second time"):
        (out * 2).sum().backward()


def test_named_tuples_are_given_back() -> None:
    graphed = cuda.make_graphed_callables(lambda x: x.max(1), (batch(0),))
    x = batch(1)
    assert graphed(x).values.tolist() == x.max(1).values.tolist()


def test_its_gradient_has_no_derivative() -> None:
    x = batch(0).requires_grad_()
    graphed = cuda.make_graphed_callables(lambda x: x.sin(), (x,))
    (grad,) = hotloop.autograd.grad(graphed(x).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        grad.sum().backward()


def hooked() -> Any:
    layer = nn.Sequential(nn.Linear(6, 2)).to("cuda")
    layer[0].register_forward_hook(lambda *_: None)
    return layer


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda graphed, x: graphed(x[:3]), ValueError, r"shape \(3, 6\) on cuda:0, but was captured as .* \(8, 6\)"),
        (lambda graphed, x: graphed(x.double()), ValueError, "float64 of shape .* but was captured as .*float32"),
        (lambda graphed, x: graphed(x.cpu()), ValueError, "on cpu, but was captured as"),
        (lambda graphed, x: graphed(x.clone().requires_grad_()), ValueError, "requires grad, but didn't when"),
        (lambda graphed, x: graphed(x, x), TypeError, "of 1 arguments was given 2"),
        (lambda graphed, x: graphed(2.0), TypeError, "takes tensors, got float as argument 0"),
        (
            lambda graphed, x: cuda.make_graphed_callables(hooked(), (x,)),
            RuntimeError,
            "hooks must be registered afterwards, but module '0' has some",
        ),
        (
            lambda graphed, x: cuda.make_graphed_callables(lambda x: 3, (x,)),
            TypeError,
            "expected tensors in tuples, lists and dicts to be returned, got int",
        ),
        (
            lambda graphed, x: cuda.make_graphed_callables(lambda x: x, (x.cpu(),)),
            TypeError,
            "sample_args must be tensors on a GPU, got one on cpu as argument 0",
        ),
        (
            lambda graphed, x: cuda.make_graphed_callables((lambda x: x,), ((x,), (x,))),
            ValueError,
            "expected sample_args for 1 callables, got 2",
        ),
    ],
)
def test_messages(act: Any, error: type[Exception], message: str) -> None:
    x = batch(0)
    graphed = cuda.make_graphed_callables(lambda x: x * 2, (x,))
    with pytest.raises(error, match=message):
        act(graphed, x)
