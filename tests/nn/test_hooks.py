"""Hooks round forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import nn

pytestmark = pytest.mark.every_device


class Scale(nn.Module):
    def forward(self, x: Any, factor: float = 2.0) -> Any:
        return x * factor


def test_forward_hooks_run_in_order_and_replace() -> None:
    module = Scale()
    calls: list[str] = []
    module.register_forward_pre_hook(lambda m, args: calls.append("pre"))
    module.register_forward_pre_hook(lambda m, args: args[0] + 1)
    module.register_forward_hook(lambda m, args, out: calls.append(f"post {args[0]} {out}"))
    module.register_forward_hook(lambda m, args, out: out + 100)
    module.register_forward_hook(lambda m, args, out: calls.append("first"), prepend=True)
    assert module(1) == 104
    assert calls == ["pre", "first", "post 2 4.0"]


def test_hooks_with_keyword_arguments() -> None:
    module = Scale()
    module.register_forward_pre_hook(lambda m, args, kwargs: (args, {"factor": 3.0}), with_kwargs=True)
    module.register_forward_pre_hook(lambda m, args, kwargs: None, with_kwargs=True)
    module.register_forward_hook(lambda m, args, kwargs, out: (kwargs, out), with_kwargs=True)
    assert module(2, factor=5.0) == ({"factor": 3.0}, 6.0)
    module.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match=r"must return None or a tuple of \(new_args, new_kwargs\), but got 3."):
        module(1)


def test_handles_remove() -> None:
    module = Scale()
    handle = module.register_forward_hook(lambda m, args, out: out + 1)
    assert module(1) == 3
    handle.remove()
    handle.remove()
    assert module(1) == 2
    with module.register_forward_pre_hook(lambda m, args: (5,)):
        assert module(1) == 10
    assert module(1) == 2


def test_a_hook_may_remove_itself() -> None:
    module = Scale()
    calls: list[int] = []

    def once(m: Any, args: Any, out: Any) -> None:
        calls.append(1)
        handle.remove()

    handle = module.register_forward_hook(once)
    module(1)
    module(1)
    assert calls == [1]


def test_always_called_hooks_see_failures() -> None:
    module = Scale()
    calls: list[Any] = []
    module.register_forward_hook(lambda m, args, out: calls.append("plain"))
    module.register_forward_hook(lambda m, args, out: calls.append(out), always_call=True)
    with pytest.raises(TypeError):
        module(1, 2, 3)
    assert calls == [None]


def gradients(module: nn.Module, x: hotloop.Tensor) -> np.ndarray[Any, Any]:
    x = x.detach().requires_grad_()
    module(x).sum().backward()
    assert x.grad is not None
    return x.grad.numpy(force=True)


def test_full_backward_hooks_see_both_gradients_and_replace() -> None:
    layer = nn.Linear(3, 2)
    seen: list[Any] = []
    x = hotloop.ones(4, 3)
    plain = gradients(layer, x)
    layer.zero_grad()
    handle = layer.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append((m, grad_in, grad_out)))
    np.testing.assert_array_equal(gradients(layer, x), plain)
    ((module, grad_in, grad_out),) = seen
    assert module is layer
    np.testing.assert_array_equal(grad_in[0].numpy(force=True), plain)
    np.testing.assert_array_equal(grad_out[0].numpy(force=True), np.ones((4, 2)))
    assert layer.weight.grad is not None
    handle.remove()
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: (grad_in[0] * 2,))
    np.testing.assert_array_equal(gradients(layer, x), 2 * plain)
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: (grad_in[0], None))
    with pytest.raises(RuntimeError, match="Backward hook returned an invalid number of grad_input, got 2, but expect"):
        gradients(layer, x)


def test_backward_pre_hooks_replace_the_gradients_of_outputs() -> None:
    layer = nn.Linear(3, 2)
    x = hotloop.ones(4, 3)
    plain = gradients(layer, x)
    layer.zero_grad()
    seen: list[Any] = []
    layer.register_full_backward_pre_hook(lambda m, grad_out: (grad_out[0] * 3,))
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append(grad_out[0].numpy(force=True)))
    np.testing.assert_allclose(gradients(layer, x), 3 * plain, rtol=1e-6)
    np.testing.assert_array_equal(seen[0], 3 * np.ones((4, 2)))


def test_backward_hooks_with_several_inputs_and_outputs() -> None:
    class Mix(nn.Module):
        def forward(self, a: Any, b: Any, label: str) -> Any:
            return a * b, label, a + b

    module = Mix()
    seen: list[Any] = []
    module.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append((grad_in, grad_out)))
    a = hotloop.tensor([2.0]).requires_grad_()
    b = hotloop.tensor([3.0])
    product, label, _ = module(a, b, "x")
    assert label == "x"
    product.backward(hotloop.ones(1))
    ((grad_in, grad_out),) = seen
    assert grad_in[0].item() == 3
    assert grad_in[1:] == (None, None)
    assert grad_out[0].item() == 1
    assert grad_out[1:] == (None, None)


def test_backward_hooks_without_inputs_that_take_a_gradient() -> None:
    layer = nn.Linear(2, 1)
    seen: list[Any] = []
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append(grad_in))
    layer(hotloop.ones(1, 2)).sum().backward()
    assert seen == [(None,)]
    with hotloop.no_grad():
        layer(hotloop.ones(1, 2))
    assert len(seen) == 1
