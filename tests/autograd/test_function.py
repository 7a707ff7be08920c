"""autograd.Function, gradcheck."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop import Tensor
from hotloop.autograd import Function, GradcheckError, grad, gradcheck, gradgradcheck, once_differentiable

pytestmark = pytest.mark.every_device


def leaf(*values: float) -> Tensor:
    return hotloop.tensor(list(values), dtype=hotloop.float64).requires_grad_()


def returning(gradient: Any) -> Any:
    """An identity whose backward returns gradient(grad)."""

    class Fixed(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            return gradient(g)

    return Fixed.apply


@pytest.mark.parametrize(
    ("gradient", "error", "text"),
    [
        (
            lambda g: g[:1].expand(3),
            RuntimeError,
            r"FixedBackward returned an invalid gradient at index 0 - got \[3\] but "
            r"expected shape compatible with \[2\]",
        ),
        (lambda g: (g, g), RuntimeError, r"incorrect number of gradients \(expected 1, got 2\)"),
        (lambda g: (), RuntimeError, r"incorrect number of gradients \(expected 1, got 0\)"),
        (lambda g: 1.0, TypeError, "gradient 0 must be a Tensor or None, got float"),
        (lambda g: g.long(), RuntimeError, "expected dtype float64 but got int64"),
        (lambda g: [][1], IndexError, "list index out of range"),
    ],
)
def test_wrong_gradients_are_refused(gradient: Any, error: type[Exception], text: str) -> None:
    a = leaf(1, 2)
    with pytest.raises(error, match=text):
        returning(gradient)(a).sum().backward()
    assert a.grad is None
    assert hotloop.is_grad_enabled()


def test_gradients_are_summed_down_and_cast() -> None:
    a = leaf(1, 2)
    returning(lambda g: g.expand(3, 2).float())(a).sum().backward()
    assert a.grad.dtype == hotloop.float64
    assert a.grad.tolist() == [3, 3]
    returning(lambda g: (None, None))(a).sum().backward()


class Several(Function):
    """Two outputs, a number, an index output without gradient; a tensor and other arguments."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float, y: Tensor | None, *, shift: float = 0.0) -> Any:
        index = x.argmax().to(hotloop.float64)
        ctx.mark_non_differentiable(index)
        ctx.factor = factor
        ctx.save_for_backward(x)
        assert ctx.needs_input_grad == (True, False, False)
        return x * factor + shift, x.square(), index, "text"

    @staticmethod
    def backward(ctx: Any, g1: Tensor, g2: Tensor, g3: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return g1 * ctx.factor + g2 * x * 2, None, None


def test_several_outputs_and_other_arguments() -> None:
    a = leaf(1, 2)
    first, second, index, text = Several.apply(a, 3.0, None, shift=1.0)
    assert text == "text"
    assert not index.requires_grad
    assert first.tolist() == [4, 7]
    first.sum().backward(retain_graph=True)
    assert a.grad.tolist() == [3, 3]
    second.sum().backward()
    assert a.grad.tolist() == [5, 7]
    with pytest.raises(RuntimeError, match="second time"):
        second.sum().backward()
    assert gradcheck(lambda x: Several.apply(x, 3.0, None)[:2], (a,))
    assert gradgradcheck(lambda x: Several.apply(x, 3.0, None)[:2], (a,))


def test_outputs_that_took_no_part() -> None:
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Any:
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx: Any, a: Any, b: Any) -> Any:
            seen.append((a is None, b is None))
            return b * 2

    a = leaf(1)
    Two.apply(a)[1].backward()
    assert seen == [(True, False)]


class Double(Function):
    """Writes its argument over."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Tensor:
        return g * 2


def test_marked_dirty() -> None:
    a = leaf(1, 2)
    x = a * 1.0
    assert Double.apply(x) is x
    x.sum().backward()
    assert a.grad.tolist() == [2, 2]
    x = a * 1.0
    Double.apply(x[:1])
    assert x.tolist() == [2, 2]
    a.grad = None
    x.sum().backward()
    assert a.grad.tolist() == [2, 1]
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        Double.apply(a)


def test_an_output_that_is_a_parameter_stays_one() -> None:
    w = leaf(5)

    class Give(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return w

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g

    y = Give.apply(leaf(1))
    assert y is not w
    assert y.requires_grad
    assert w.is_leaf


def test_once_differentiable() -> None:
    class Square(Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x.square()

        @staticmethod
        @once_differentiable
        def backward(ctx: Any, g: Tensor) -> Tensor:
            return g * ctx.saved_tensors[0] * 2

    a = leaf(3)
    assert grad(Square.apply(a), a)[0].tolist() == [6]
    (first,) = grad(Square.apply(a), a, create_graph=True)
    assert first.tolist() == [6]
    with pytest.raises(RuntimeError, match="differentiate twice a function that was marked with @once_differentiable"):
        first.backward()


def test_gradcheck_finds_planted_errors() -> None:
    a = leaf(1, 2)
    assert gradcheck(lambda x: x.exp(), (a,))
    wrong = returning(lambda g: g * 1.01)
    with pytest.raises(GradcheckError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(wrong, (a,))
    assert not gradcheck(wrong, (a,), raise_exception=False)
    assert not gradcheck(returning(lambda g: hotloop.ones(2, dtype=hotloop.float64)), (a,), raise_exception=False)
    detached = returning(lambda g: g.detach())  # right once, lost twice
    assert gradcheck(detached, (a,))
    assert not gradgradcheck(lambda x: detached(x).square() * detached(x), (a,), raise_exception=False)
    with pytest.raises(ValueError, match="must be float64"):
        gradcheck(lambda x: x, (hotloop.ones(2).requires_grad_(),))


def test_parameters_copy_and_pickle() -> None:
    p = hotloop.nn.Parameter(hotloop.rand(3))
    for q in (copy.deepcopy(p), pickle.loads(pickle.dumps(p))):
        assert type(q) is hotloop.nn.Parameter
        assert q.requires_grad
        assert q.is_leaf
        np.testing.assert_array_equal(p.detach().numpy(force=True), q.detach().numpy(force=True))
        assert q.data_ptr() != p.data_ptr()


class _View(Function):
    @staticmethod
    def forward(ctx, x):
        return x.view(-1)

    @staticmethod
    def backward(ctx, grad):
        return grad


@pytest.mark.parametrize("show", [lambda y: y, lambda y: y[:1]])
def test_an_output_in_its_inputs_memory_is_not_written_to(show):
    leaf = hotloop.ones(2, requires_grad=True)
    for x in (leaf, leaf * 1):
        with pytest.raises(RuntimeError, match=r"output of a custom Function .* shares memory with an input of it"):
            show(_View.apply(x)).mul_(3)
        with pytest.raises(RuntimeError, match=r"output of a custom Function .* shares memory with an input of it"):
            show(_View.apply(x)).zero_()
        assert x.tolist() == [1.0, 1.0]
    with hotloop.no_grad():
        assert _View.apply(leaf * 1).mul_(3).tolist() == [3.0, 3.0]
