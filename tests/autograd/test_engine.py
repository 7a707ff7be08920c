"""The tape: accumulation, hooks, errors, memory, deep graphs, threads."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import Tensor
from hotloop.autograd import backward, grad

pytestmark = pytest.mark.every_device


def leaf(*values: float) -> Tensor:
    return hotloop.tensor(list(values), dtype=hotloop.float64).requires_grad_()


def test_gradients_of_two_leaves_never_share_memory() -> None:
    for create_graph in (False, True):
        a, b = leaf(1, 2), leaf(3, 4)
        (a + b).sum().backward(create_graph=create_graph)
        assert a.grad is not None
        assert b.grad is not None
        with hotloop.no_grad():
            a.grad.mul_(100)
        assert b.grad.tolist() == [1, 1]


def test_a_gradient_handed_in_is_not_kept() -> None:
    a, given = leaf(1, 2), hotloop.tensor([3.0, 4.0], dtype=hotloop.float64)
    (a * 1.0).backward(given)
    a.backward(given)
    assert a.grad.tolist() == [6, 8]
    assert given.tolist() == [3, 4]


def test_memory_of_others_is_not_kept() -> None:
    array = np.ones(2)

    class Given(hotloop.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return hotloop.from_numpy(array).to(g.device)

    a = leaf(1, 2)
    for _ in range(2):
        Given.apply(a).sum().backward()
    assert a.grad.tolist() == [2, 2]
    assert array.tolist() == [1, 1]


def test_leaf_hook_sees_the_whole_gradient_once() -> None:
    a = leaf(1, 2)
    seen = []
    handle = a.register_hook(lambda g: seen.append(g.tolist()))
    (a * 2 + a * 3).sum().backward()
    assert seen == [[5, 5]]
    handle.remove()
    handle.remove()
    (a * 2).sum().backward()
    assert len(seen) == 1
    with a.register_hook(lambda g: g * 10):
        assert grad((a * 2).sum(), a)[0].tolist() == [20, 20]
    assert grad((a * 2).sum(), a)[0].tolist() == [2, 2]


def test_hooks_replace_gradients_in_order_and_before_retained_ones() -> None:
    a = leaf(1, 2)
    b = a * 2
    b.retain_grad()
    b.register_hook(lambda g: g + 1)
    b.register_hook(lambda g: g * 10)
    b.sum().backward()
    assert b.grad.tolist() == [20, 20]
    assert a.grad.tolist() == [40, 40]


def test_hook_that_removes_itself() -> None:
    a = leaf(1)
    b = a * 2
    handles: list[Any] = []
    calls = []

    def once(g: Tensor) -> None:
        calls.append(1)
        handles[0].remove()
        b.register_hook(lambda g: g * 3)

    handles.append(b.register_hook(once))
    b.backward(retain_graph=True)
    assert a.grad.tolist() == [2]
    b.backward()
    assert a.grad.tolist() == [8]
    assert calls == [1]


@pytest.mark.parametrize(
    ("hook", "error", "text"),
    [
        (lambda g: g[:1], RuntimeError, "has changed the size of value"),
        (lambda g: g.float(), RuntimeError, "has changed the type of value"),
        (lambda g: 3, TypeError, "expected a Tensor or None, got int"),
        (lambda g: {}["missing"], KeyError, "missing"),
    ],
)
def test_errors_in_hooks_leave_the_graph_usable(hook: Any, error: type[Exception], text: str) -> None:
    a = leaf(1, 2)
    b = a.square()
    c = b.exp()
    handle = b.register_hook(hook)
    with pytest.raises(error, match=text):
        c.sum().backward(retain_graph=True)
    assert a.grad is None
    assert hotloop.is_grad_enabled()
    handle.remove()
    c.sum().backward()
    np.testing.assert_allclose(
        a.grad.numpy(force=True), 2 * a.detach().numpy(force=True) * np.exp(a.detach().numpy(force=True) ** 2)
    )


def test_retain_grad_follows_an_in_place_op() -> None:
    a = leaf(1, 2)
    b = a * 2
    b.retain_grad()
    b.mul_(3)
    b.sum().backward()
    assert b.grad.tolist() == [1, 1]
    assert b.retains_grad


def test_retained_tensor_may_be_dropped() -> None:
    a = leaf(1, 2)
    b = a * 2
    c = b * 3
    b.retain_grad()
    del b
    c.sum().backward()
    assert a.grad.tolist() == [6, 6]
    b = a * 2
    c = b * 3
    b.retain_grad()
    b.detach_()
    del b
    c.sum().backward()


def test_errors_are_clear() -> None:
    a = leaf(1, 2)
    with pytest.raises(
        RuntimeError, match="grad can be implicitly created only for scalar outputs, got a tensor of shape"
    ):
        (a * 2).backward()
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        a.detach().sum().backward()
    with pytest.raises(RuntimeError, match=r"Mismatch in shape: grad_output\[0\]"):
        (a * 2).backward(hotloop.ones(3, dtype=hotloop.float64))
    b = a.square().sum()
    b.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        b.backward()
    with pytest.raises(RuntimeError, match="only change requires_grad flags of leaf variables"):
        (a * 2).requires_grad_(False)
    with pytest.raises(RuntimeError, match="only Tensors of floating point dtype can require gradients"):
        hotloop.arange(3).requires_grad_()
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        a.mul_(2)
    with pytest.raises(RuntimeError, match="a view of a leaf Variable that requires grad"):
        a[0].mul_(2)
    with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't require gradient"):
        a.detach().register_hook(print)
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=False"):
        a.detach().retain_grad()
    with pytest.raises(RuntimeError, match=r"appears to not have been used in the graph \(inputs\[1\]\)"):
        grad(a.sum(), [a, leaf(1)])
    with pytest.raises(RuntimeError, match="One of the differentiated Tensors does not require grad"):
        grad(a.sum(), a.detach())
    with pytest.raises(ValueError, match="non-empty inputs"):
        grad(a.sum(), [])
    with pytest.raises(RuntimeError, match="cannot be empty"):
        backward(a.sum(), inputs=[])


def test_spoiled_tensors_are_named() -> None:
    a = leaf(1, 2)
    b = a * 2
    c = b.square()
    b.add_(1)
    with pytest.raises(
        RuntimeError, match=r"modified by an inplace operation: \[float64 \[2\]\], which is input 0 of square"
    ):
        c.sum().backward()
    b = a.exp()
    b.detach().add_(1)  # shares the memory, and the count of writes
    with pytest.raises(RuntimeError, match="output 0 of exp"):
        b.sum().backward()
    b = a.exp()
    b.data.add_(1)  # goes unnoticed, by intent
    b.sum().backward()
    b = a * 2
    with pytest.raises(RuntimeError, match="modified by an inplace"):
        b.mul_(b.view(2)).sum().backward()


def test_unused_inputs() -> None:
    a, b = leaf(1, 2), leaf(3)
    assert grad(a.sum(), [a, b], allow_unused=True)[1] is None
    assert grad(a.sum(), [a, b], materialize_grads=True)[1].tolist() == [0]


def test_grad_in_the_middle_leaves_dot_grad_alone() -> None:
    a = leaf(1, 2)
    b = a * 3
    c = b.square()
    reached = []
    a.register_hook(lambda g: reached.append(1))
    assert grad(c.sum(), b)[0].tolist() == [6, 12]
    assert a.grad is None
    assert not reached
    c = b.square()
    backward(c.sum(), inputs=[b, b])
    assert b.grad.tolist() == [6, 12]
    assert a.grad is None


def test_deep_graphs() -> None:
    a = leaf(1.0)
    x: Any = a
    for _ in range(300_000):
        x = x + 1.0
    x.sum().backward()
    assert a.grad.tolist() == [1]
    for _ in range(300_000):
        x = x * 1.0
    del x  # must not recurse


def test_deep_graph_of_writes_to_views() -> None:
    a = leaf(1.0, 1.0)
    x = a * 1.0
    for _ in range(20_000):
        x[0].add_(1.0)
    x.sum().backward()
    assert a.grad.tolist() == [1, 1]


class Guard:
    """Tells when the graph that holds it is gone."""


@pytest.mark.parametrize(
    "kind", ["plain", "in_place", "views", "residual", "retained", "hook", "function", "function_inplace"]
)
def test_graphs_are_freed_without_the_collector(kind: str) -> None:
    import gc

    class Keep(hotloop.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor, guard: Guard) -> Tensor:
            ctx.guard = guard
            y = x * 2
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return g, None

    gc.disable()
    try:
        guard = Guard()
        gone = weakref.ref(guard)
        a = leaf(1, 2)
        x = Keep.apply(a, guard)
        del guard
        if kind == "in_place":
            x = x.exp()
            x.add_(1)
        elif kind == "views":
            x[0].mul_(x[1])
        elif kind == "residual":
            x += x.square()
        elif kind == "retained":
            x = x * 2
            x.retain_grad()
            x.sum().backward(retain_graph=True)
        elif kind == "hook":
            handle = x.register_hook(lambda g: handle.remove())
            handle2 = x.register_hook(lambda g: None)
            x.sum().backward(retain_graph=True)
            del handle, handle2
        elif kind == "function_inplace":
            x += Keep.apply(x, Guard())
        assert gone() is not None
        del x
        assert gone() is None
    finally:
        gc.enable()


def test_threads_share_parameters() -> None:
    w = leaf(1, 2, 3)

    def work() -> None:
        for _ in range(50):
            (w * w).sum().backward()

    threads = [threading.Thread(target=work) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert w.grad.tolist() == [2 * 800, 4 * 800, 6 * 800]


def test_threads_share_a_graph() -> None:
    w = leaf(1, 2, 3)
    hooked = []
    y = (w * w).exp().square().mean()
    y.register_hook(lambda g: hooked.append(1))
    expected = grad(y, w, retain_graph=True)[0].tolist()
    errors = []

    def work(last: bool) -> None:
        try:
            for _ in range(30):
                assert grad(y, w, retain_graph=True)[0].tolist() == expected
            if last:
                y.backward()
        except RuntimeError as error:  # another thread has freed the graph
            if "second time" not in str(error):
                errors.append(error)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(i == 0,)) for i in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert hooked


def test_views_and_writes() -> None:
    a = leaf(1, 2, 3, 4)
    x = a * 1.0
    v = x[:2]
    u = v.reshape(2, 1)[0]
    x.mul_(3)
    v.mul_(5)
    u.exp_()
    assert type(x.grad_fn).__name__ == "Node"
    x.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(force=True), [15 * np.exp(15), 15, 3, 3])


def test_in_place_ops_keep_what_their_gradients_read() -> None:
    a, w = leaf(1, 2), leaf(3, 4)
    x = a * 1.0
    x.mul_(w)
    x[0].square_()
    x.sum().backward()
    assert a.grad.tolist() == [2 * 3 * 3, 4]
    assert w.grad.tolist() == [2 * 3, 2]


def test_a_stale_view_that_is_zeroed() -> None:
    a = leaf(1, 2)
    x = hotloop.zeros(2, dtype=hotloop.float64)
    v = x[:1]
    x.copy_(a)
    v.zero_()
    x.sum().backward()
    assert a.grad.tolist() == [0, 1]


def test_views_made_under_no_grad() -> None:
    a = leaf(1, 2)
    x = a * 1.0
    with hotloop.no_grad():
        v = x[:1]
    with pytest.raises(RuntimeError, match="A view was created in no_grad mode and is being modified inplace"):
        v.mul_(a[:1])
    with hotloop.no_grad():
        v.mul_(2)  # both inside: not recorded
    x.sum().backward()
    assert a.grad.tolist() == [1, 1]


def test_integer_destinations_take_no_part() -> None:
    a = leaf(1, 2)
    whole = hotloop.zeros(2, dtype=hotloop.int64)
    whole.copy_(a)
    assert not whole.requires_grad


def test_backward_returns_none_and_refuses_no_inputs():
    a = hotloop.ones(2, requires_grad=True)
    assert a.sum().backward() is None
    with pytest.raises(RuntimeError, match="`inputs` argument to `backward\\(\\)` cannot be empty"):
        a.sum().backward(inputs=[])
