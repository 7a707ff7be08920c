"""An operation of one's own, with its gradient: x clipped to [-1, 1] whose gradient passes straight through."""

import hotloop
from hotloop.autograd import Function


class StraightThroughClip(Function):
    """Clips in the forward pass; in the backward pass, the gradient ignores that it did."""

    @staticmethod
    def forward(ctx, x):
        return x.clamp(-1.0, 1.0)

    @staticmethod
    def backward(ctx, grad_out):
        return grad_out


class Cube(Function):
    """x^3, saving its input for the gradient 3 x^2."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx, grad_out):
        (x,) = ctx.saved_tensors
        return 3.0 * x * x * grad_out


def main() -> None:
    x = hotloop.tensor([-2.0, -0.5, 0.5, 2.0], dtype=hotloop.float64, requires_grad=True)
    StraightThroughClip.apply(x).sum().backward()
    print("straight through:", x.grad.tolist())
    assert x.grad.tolist() == [1.0, 1.0, 1.0, 1.0]

    assert hotloop.autograd.gradcheck(Cube.apply, (x,))
    # The backward pass is made of ops, so it differentiates again.
    assert hotloop.autograd.gradgradcheck(Cube.apply, (x,))
    print("cube: first and second derivative agree with finite differences")


if __name__ == "__main__":
    main()
