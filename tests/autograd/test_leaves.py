"""What leaves see of a backward: their node, hooks once the gradient is in, values that were written over."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import hotloop

pytestmark = pytest.mark.every_device


def libraries() -> list[Any]:
    try:
        import torch
    except ImportError:
        return [hotloop]
    return [hotloop, torch]


@pytest.fixture(params=libraries(), ids=lambda lib: lib.__name__)
def lib(request: pytest.FixtureRequest) -> Any:
    return request.param


def test_hooks_after_the_gradient_is_in(lib: Any) -> None:
    leaf = lib.ones(2, requires_grad=True)
    seen: list[list[float]] = []
    handle = leaf.register_post_accumulate_grad_hook(lambda x: seen.append(x.grad.tolist()))
    (leaf * leaf + leaf).sum().backward()
    leaf.sum().backward()
    lib.autograd.grad(leaf.sum(), leaf)  # adds to no .grad
    assert seen == [[3.0, 3.0], [4.0, 4.0]]
    handle.remove()
    leaf.sum().backward()
    assert len(seen) == 2


def test_a_hook_may_step_and_drop_the_gradient(lib: Any) -> None:
    leaf = lib.ones(2, requires_grad=True)

    def step(x: Any) -> None:
        with lib.no_grad():
            x.sub_(x.grad * 0.5)
        x.grad = None

    leaf.register_post_accumulate_grad_hook(step)
    leaf.sum().backward()
    assert leaf.tolist() == [0.5, 0.5]
    assert leaf.grad is None


def test_hooks_after_the_gradient_are_refused(lib: Any) -> None:
    with pytest.raises(RuntimeError, match="cannot register a hook on a tensor that doesn't require gradient"):
        lib.ones(1).register_post_accumulate_grad_hook(print)
    with pytest.raises(RuntimeError, match="post accumulate grad hooks cannot be registered on non-leaf tensors"):
        (lib.ones(1, requires_grad=True) * 2).register_post_accumulate_grad_hook(print)


def test_hooks_after_the_gradient_return_nothing() -> None:
    leaf = hotloop.ones(1, requires_grad=True)
    leaf.register_post_accumulate_grad_hook(lambda x: x)  # type: ignore[arg-type, return-value]
    with pytest.raises(RuntimeError, match="should return None"):
        leaf.sum().backward()


def test_the_node_of_a_leaf(lib: Any) -> None:
    leaf = lib.ones(2, requires_grad=True)
    (node, output), (constant, _) = (leaf * lib.ones(2)).grad_fn.next_functions
    assert "AccumulateGrad" in node.name()
    assert output == 0
    assert node.variable is leaf
    assert node.next_functions == ()
    assert constant is None
    assert node == (leaf + 1.0).grad_fn.next_functions[0][0]


WRITES = {
    "zero_": lambda y, lib: y.zero_(),
    "fill_": lambda y, lib: y.fill_(3.0),
    "copy_": lambda y, lib: y.copy_(lib.ones(3)),
    "uniform_": lambda y, lib: y.uniform_(),
    "all at once": lambda y, lib: y.__setitem__(slice(None), 2.0),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_what_was_written_over_has_a_gradient_of_zeros(lib: Any, write: Any) -> None:
    leaf = lib.ones(3, requires_grad=True)
    y = leaf * 2.0
    write(y, lib)
    y.sum().backward()
    assert leaf.grad.tolist() == [0.0, 0.0, 0.0]


def test_written_over_by_another_leaf(lib: Any) -> None:
    leaf, other = lib.ones(3, requires_grad=True), lib.full((3,), 2.0, requires_grad=True)
    y = leaf * 2.0
    y.copy_(other)
    y.square().sum().backward()
    assert leaf.grad.tolist() == [0.0, 0.0, 0.0]
    assert other.grad.tolist() == [4.0, 4.0, 4.0]


def test_factories_in_inference_mode(lib: Any) -> None:
    outside = lib.ones(2)
    with lib.inference_mode():
        made = [
            lib.empty(2),
            lib.zeros(2),
            lib.ones(2),
            lib.full((2,), 1.0),
            lib.tensor([1.0]),
            lib.as_tensor([1.0]),
            lib.from_numpy(np.ones(2)),
            lib.rand(2),
            lib.randn(2),
            lib.randint(3, (2,)),
            lib.randperm(3),
            lib.arange(3),
            lib.linspace(0, 1, 3),
            lib.eye(2),
            lib.zeros_like(outside),
            lib.rand_like(outside),
            outside.new_zeros(2),
            outside.new_tensor([1.0]),
        ]
        assert all(t.is_inference() for t in made)
        assert not outside.is_inference()
    with pytest.raises(RuntimeError, match=r"[Ii]nference tensor"):
        made[1].add_(1.0)
    assert not lib.zeros(2).is_inference()
