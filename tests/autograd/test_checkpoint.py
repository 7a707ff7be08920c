"""Checkpointing: gradients bit for bit those without, in less memory; what is refused."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import hotloop
from hotloop import Tensor, nn
from hotloop.autograd import grad
from hotloop.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential

pytestmark = pytest.mark.every_device


def leaf(*values: float) -> Tensor:
    return hotloop.tensor(list(values), dtype=hotloop.float64).requires_grad_()


def blocks(count: int, width: int = 16) -> nn.Sequential:
    hotloop.manual_seed(0)
    return nn.Sequential(
        *(nn.Sequential(nn.Linear(width, width), nn.LayerNorm(width), nn.GELU(), nn.Dropout(0.3)) for _ in range(count))
    )


def gradients(net: nn.Module, run: Callable[[Tensor], Tensor], x: Tensor) -> list[bytes]:
    """The bits of the loss and of all gradients; the same random numbers each time."""
    hotloop.manual_seed(1)
    net.zero_grad()
    x.grad = None
    loss = run(x).square().mean()
    loss.backward()
    after = hotloop.rand(1)  # checkpointing draws no numbers of its own
    return [t.detach().numpy(force=True).tobytes() for t in (loss, after, *(p.grad for p in net.parameters()))]


def nested(net: nn.Sequential, x: Tensor) -> Tensor:
    def inner(x: Tensor) -> Tensor:
        return net[3](checkpoint(net[2], net[1](x)))

    return checkpoint(lambda x: net[5](checkpoint(net[4], checkpoint(inner, checkpoint(net[0], x)))), x)


@pytest.mark.parametrize("x_requires_grad", [False, True])
@pytest.mark.parametrize("name", ["whole", "each", "sequential", "list", "nested", "twice"])
def test_gradients_have_the_same_bits(name: str, x_requires_grad: bool) -> None:
    net = blocks(6)

    def each(x: Tensor) -> Tensor:
        for block in net:
            x = checkpoint(block, x)
        return x

    run = {
        "whole": lambda x: checkpoint(net, x),
        "each": each,
        "sequential": lambda x: checkpoint_sequential(net, 3, x),
        "list": lambda x: checkpoint_sequential(list(net), 4, x),
        "nested": lambda x: nested(net, x),
        "twice": lambda x: checkpoint(lambda x: checkpoint(net, x), x),
    }[name]
    x = hotloop.rand(8, 16).requires_grad_(x_requires_grad)
    assert gradients(net, run, x) == gradients(net, net, x)


def test_the_reentrant_form_has_the_same_bits() -> None:
    net = blocks(4)
    x = hotloop.rand(8, 16).requires_grad_()
    run = lambda x: checkpoint_sequential(net, 2, x, use_reentrant=True)  # noqa: E731
    assert gradients(net, run, x) == gradients(net, net, x)


def test_peak_memory_falls() -> None:
    net, x = blocks(25, 64).eval(), hotloop.rand(512, 64)
    memory: Any = hotloop.cuda if x.is_cuda else hotloop

    def peak(run: Callable[[Tensor], Tensor]) -> int:
        net.zero_grad()
        memory.reset_peak_memory_stats()
        before = memory.memory_stats()["allocated_bytes"]
        run(x).sum().backward()
        return int(memory.memory_stats()["peak_allocated_bytes"] - before)

    plain, cut = peak(net), peak(lambda x: checkpoint_sequential(net, 5, x))
    # Three saved tensors a block (Linear's, LayerNorm's and GELU's inputs), of 25 blocks; against four segments'
    # inputs, five blocks' tensors and, in backward, a few temporaries.
    activation = 512 * 64 * 4
    assert plain > 25 * 3 * activation
    assert cut < (4 + 5 * 3 + 7) * activation
    assert memory.memory_stats()["allocated_bytes"] > 0


def test_where_it_is_found() -> None:
    assert hotloop.utils.checkpoint.checkpoint is checkpoint  # as torch.utils.checkpoint.checkpoint


def test_nothing_is_saved_until_backward_and_nothing_after() -> None:
    w = hotloop.rand(64, 64).requires_grad_()
    x = hotloop.rand(64, 64)

    def run(x: Tensor) -> Tensor:
        for _ in range(4):
            x = (x @ w).tanh()
        return x.sum()

    hotloop.memory_stats()
    before = hotloop.memory_stats()["allocated_bytes"]
    y = checkpoint(run, x)
    assert hotloop.memory_stats()["allocated_bytes"] - before < 64 * 64 * 4
    for _ in range(2):
        grad(y, w, retain_graph=True)
        assert hotloop.memory_stats()["allocated_bytes"] - before < 64 * 64 * 4


def test_the_function_runs_again_once_a_backward() -> None:
    calls = []
    a = leaf(1, 2)

    def run(x: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(hotloop.is_grad_enabled())
        return x.exp() * x, x.square()

    first, second = checkpoint(run, a)
    assert calls == [True]
    for count in (2, 3):
        (first.sum() + second.sum()).backward(retain_graph=True)
        assert len(calls) == count
    first.sum().backward()
    second.sum().backward()
    assert len(calls) == 5
    assert all(calls)
    with pytest.raises(RuntimeError, match="second time"):
        first.sum().backward()
    with hotloop.no_grad():
        checkpoint(run, a)
    assert calls[-1] is False


class Pair(NamedTuple):
    left: Tensor
    right: Any


def test_arguments_and_results_in_structures() -> None:
    a, b, c, d = leaf(1, 2), leaf(3, 4), leaf(5, 6), leaf(7, 8)
    closed_over = leaf(2, 3)

    def run(x: Tensor, pair: Pair, *, table: dict[str, Any], factor: float) -> dict[str, Any]:
        y = x * pair.left.exp() * closed_over
        return {"a": [y, pair.right[0] * table["d"]], "b": (y.square() * factor, "text", None)}

    def total(out: dict[str, Any]) -> Tensor:
        return out["a"][0].sum() + (out["a"][1] * out["b"][0]).sum()

    leaves = [a, b, c, d, closed_over]
    plain = grad(total(run(a, Pair(b, [c]), table={"d": d}, factor=0.5)), leaves)
    out = checkpoint(run, a, Pair(b, [c]), table={"d": d}, factor=0.5)
    assert out["b"][1:] == ("text", None)
    for got, wanted in zip(grad(total(out), leaves), plain, strict=True):
        assert got.tolist() == wanted.tolist()


def test_second_derivatives() -> None:
    a, w = leaf(1, 2), leaf(0.5, 0.25)

    def run(x: Tensor) -> Tensor:
        return (x * w).exp() * x.sin()

    def derivatives(y: Tensor) -> list[Any]:
        first = grad(y.sum(), [a, w], create_graph=True)
        second = grad((first[0] * first[1]).sum(), [a, w], create_graph=True)
        third = grad((second[0] * second[1]).sum(), [a, w])
        return [t.tolist() for t in (*first, *second, *third)]

    plain = derivatives(run(a))
    assert derivatives(checkpoint(run, a)) == plain
    assert derivatives(checkpoint(lambda x: checkpoint(run, x), a)) == plain
    assert hotloop.autograd.gradgradcheck(lambda x: checkpoint(run, x), (a,))


def test_a_gradient_taken_within() -> None:
    """A gradient penalty: the checkpointed function runs a backward of its own."""
    a, w = leaf(1, 2), leaf(0.5, 0.25)

    def run(x: Tensor) -> Tensor:
        y = (x * w).exp().sum()
        (inner,) = grad(y, x, create_graph=True)
        return y + inner.square().sum()

    wanted = [g.tolist() for g in grad(run(a), [a, w])]
    assert [g.tolist() for g in grad(checkpoint(run, a), [a, w])] == wanted


def test_functions_of_the_users_own() -> None:
    class Square(hotloop.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g * 2 * ctx.saved_tensors[0] + 0 * ctx.saved_tensors[0]

    a = leaf(1, 2)
    checkpoint(lambda x: Square.apply(x.exp()), a).sum().backward()
    np.testing.assert_allclose(a.grad.numpy(force=True), 2 * np.exp([2, 4]))


def test_in_place_ops_within() -> None:
    a = leaf(1, 2)

    def run(x: Tensor) -> Tensor:
        y = x * 2.0
        y.mul_(x)
        y[0] = 5.0
        return y.exp_()

    (wanted,) = grad(run(a).sum(), a)
    assert grad(checkpoint(run, a).sum(), a)[0].tolist() == wanted.tolist()

    def spoil(x: Tensor) -> Tensor:
        y = x.exp()
        y.add_(1.0)
        return y

    y = checkpoint(spoil, a).sum()
    with pytest.raises(
        RuntimeError, match=r"modified by an inplace operation within the checkpointed function: \[.*is at"
    ):
        y.backward()


def test_an_argument_written_to_before_backward() -> None:
    a = leaf(1, 2)
    for x in (a * 1.0, hotloop.ones(2, dtype=hotloop.float64)):
        y = checkpoint(lambda x: (x * a).exp(), x).sum()
        with hotloop.no_grad():
            x.add_(1.0)
        with pytest.raises(RuntimeError, match=r"modified by an inplace operation.*which is argument 0 of checkpoint"):
            y.backward()
    assert a.grad is None


def test_a_parameter_written_to_before_backward() -> None:
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    x = hotloop.ones(2, 4)
    for parameter in (first.weight, first.bias, second.bias):  # in none of them is it saved itself
        y = checkpoint(lambda x: second(first(x).relu()).exp(), x).sum()
        with hotloop.no_grad():
            parameter.add_(1.0)
        with pytest.raises(RuntimeError, match=r"a leaf .* that the checkpointed function uses is at version"):
            y.backward()

    # Within the function it is its own affair.
    def clip(x: Tensor) -> Tensor:
        with hotloop.no_grad():
            first.weight.clamp_(-0.5, 0.5)
        return first(x).exp()

    checkpoint(clip, x).sum().backward()
    assert second.weight.grad is None


@pytest.mark.parametrize(
    ("again", "text"),
    [
        (lambda x: x.exp().exp().exp(), "A different number of tensors was saved .*: 2 and 3"),
        (lambda x: x.exp(), "A different number of tensors was saved .*: 2 and 1"),
        (lambda x: x[:1].exp().exp(), r"tensor 0: shape \(2,\), dtype .*float64.*; again: shape \(1,\)"),
        (lambda x: x.float().exp().exp(), "again: shape .*, dtype .*float32"),
    ],
)
def test_another_computation_the_second_time(again: Any, text: str) -> None:
    a = leaf(1, 2)
    runs = [lambda x: x.exp().exp(), again, lambda x: x.exp().exp()]
    y = checkpoint(lambda x: runs.pop(0)(x), a).sum()
    with pytest.raises(CheckpointError, match=text):
        y.backward()
    assert a.grad is None
    y.backward()  # the graph is as it was
    np.testing.assert_allclose(a.grad.numpy(force=True), np.exp(np.exp([1, 2]) + np.array([1, 2])))


def test_no_determinism_check() -> None:
    a = leaf(1, 2)
    runs = [lambda x: x.exp(), lambda x: x[:1].exp()]
    y = checkpoint(lambda x: runs.pop(0)(x), a, determinism_check="none").sum()
    with pytest.raises(RuntimeError, match=r"expected a tensor of shape \[2\]"):
        y.backward()
    with pytest.raises(ValueError, match="determinism_check should be one of"):
        checkpoint(runs, a, determinism_check="maybe")


def test_an_error_the_second_time() -> None:
    a = leaf(1, 2)
    fail = [False, True, False]

    def run(x: Tensor) -> Tensor:
        y = x.exp()
        if fail.pop(0):
            raise OSError("not now")
        return y.square()

    y = checkpoint(run, a).sum()
    state = hotloop.default_generator.get_state()
    with pytest.raises(OSError, match="not now"):
        y.backward()
    assert hotloop.default_generator.get_state().equal(state)
    y.backward()
    np.testing.assert_allclose(a.grad.numpy(force=True), 2 * np.exp([2, 4]))


def test_threads_share_a_graph() -> None:
    net, x = blocks(4).eval(), hotloop.rand(8, 16)
    parameters = list(net.parameters())
    y = checkpoint(lambda x: checkpoint_sequential(net, 2, x), x, preserve_rng_state=False).square().sum()
    wanted = [g.tolist() for g in grad(net(x).square().sum(), parameters)]
    results: list[Any] = []

    def work() -> None:
        for _ in range(5):
            results.append([g.tolist() for g in grad(y, parameters, retain_graph=True)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [wanted] * 20


def test_random_numbers_need_not_be_kept() -> None:
    hotloop.manual_seed(0)
    a = hotloop.ones(1000).requires_grad_()
    keep = lambda x: nn.functional.dropout(x, 0.5)  # noqa: E731
    y = checkpoint(keep, a, preserve_rng_state=True)
    assert grad(y.sum(), a)[0].tolist() == y.tolist()
    y = checkpoint(keep, a, preserve_rng_state=False)
    assert grad(y.sum(), a)[0].tolist() != y.tolist()


def test_what_the_reentrant_form_refuses() -> None:
    a, w = leaf(1, 2), leaf(3, 4)
    with pytest.raises(ValueError, match="Unexpected keyword arguments with use_reentrant=True: factor"):
        checkpoint(lambda x, factor: x * factor, a, use_reentrant=True, factor=2)
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        assert not checkpoint(lambda x: x * w, hotloop.ones(2), use_reentrant=True).requires_grad
    y = checkpoint(lambda x: x * w, a, use_reentrant=True).sum()
    with pytest.raises(RuntimeError, match=r"incompatible with \.grad\(\)"):
        grad(y, a)
    assert w.grad is None


def test_wrong_numbers_of_segments() -> None:
    for segments in (0, 4):
        with pytest.raises(ValueError, match=rf"segments must be within \[1, 3\], got {segments}"):
            checkpoint_sequential(blocks(3), segments, hotloop.rand(2, 16))


def test_programs_agree_with_pytorch() -> None:
    torch: Any = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")
    from torch.utils import checkpoint as torch_checkpoint

    def results(lib: Any, run_checkpointed: Any) -> list[Any]:
        rng = np.random.default_rng(0)
        x, w, b = (lib.from_numpy(rng.standard_normal(s)).requires_grad_() for s in ((5, 4), (4, 4), (4,)))

        def block(x: Any, b: Any = None) -> Any:
            y = lib.nn.functional.layer_norm(x @ w, (4,))
            return lib.softmax(y, -1) + lib.nn.functional.gelu(y) * b

        def outer(x: Any) -> Any:
            y = run_checkpointed(block, x, b=b)
            return y.tanh(), run_checkpointed(block, y, b=b * 2.0)

        y, z = run_checkpointed(outer, x)
        first = lib.autograd.grad((y * z).sum(), [x, w, b], create_graph=True)
        sum((g * g).sum() for g in first).backward()
        return [t.detach().numpy(force=True) for t in (y, z, *first, x.grad, w.grad, b.grad)]

    got = results(hotloop, checkpoint)
    wanted = results(torch, lambda f, *a, **k: torch_checkpoint.checkpoint(f, *a, use_reentrant=False, **k))
    for a, b in zip(got, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
