"""Random small programs run in hotloop and in PyTorch alike: values, gradients of all leaves, or that both refuse."""

from __future__ import annotations

import random
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

import hotloop
from hotloop.autograd.graph import saved_tensors_hooks
from hotloop.utils.checkpoint import checkpoint

pytestmark = pytest.mark.every_device

torch: Any = pytest.importorskip("torch", reason="compares with PyTorch, which is not installed")

PROGRAMS = 400
STEPS = 15


class Program:
    """A list of tensors in either library, and the random steps that add to it or write over parts of it."""

    def __init__(self, lib: Any, seed: int) -> None:
        self.lib = lib
        self.seed = seed
        self.random = random.Random(seed)
        data = np.random.default_rng(seed)
        self.leaves = []
        self.pool = []
        for shape in ((3, 4), (4,), (3, 4), (2, 3, 4), ()):
            leaf = lib.tensor(data.uniform(0.5, 1.5, shape), dtype=lib.float64)
            if shape != (2, 3, 4) or self.random.random() < 0.5:
                leaf.requires_grad_()
            self.leaves.append(leaf)
            self.pool.append(leaf)
            self.pool.append(leaf * 1.0)

    def gradients(self, saving: str) -> list[bytes] | str:
        """Those of the leaves, or why not, where what is saved is kept plainly, by hooks or by checkpointing."""

        def run(*leaves: Any) -> Any:
            again = Program(self.lib, self.seed)
            again.leaves = list(leaves)
            again.pool = [t for leaf in leaves for t in (leaf, leaf * 1.0)]
            for _ in range(STEPS):
                again.step()
            return sum(t.sum() * (1.0 + 0.1 * i) for i, t in enumerate(again.pool))

        try:
            if saving == "checkpoint":
                total = checkpoint(run, *self.leaves)
            else:
                with saved_tensors_hooks(hotloop.clone, hotloop.clone) if saving == "hooks" else nullcontext():
                    total = run(*self.leaves)
            total.backward()
        except (RuntimeError, IndexError) as error:
            return str(error)
        return [t.grad.numpy(force=True).tobytes() for t in self.leaves if t.grad is not None]

    def pick(self) -> Any:
        return self.random.choice(self.pool)

    def step(self) -> None:
        self.random.choice(
            [self.view, self.view, self.unary, self.binary, self.reduce, self.write, self.write, self.put, self.no_grad]
        )()

    def view(self) -> None:
        x = self.pick()
        n = x.ndim
        kind = self.random.randrange(9)
        dim = self.random.randrange(n) if n else 0
        if n == 0:
            y = x.reshape(1) if kind < 5 else x.expand(2, 3)
        elif kind == 0:
            y = x[self.random.randrange(x.shape[0])]
        elif kind == 1:
            y = x[..., 1:] if x.shape[-1] > 1 else x[None]
        elif kind == 2:
            y = x.transpose(0, n - 1)
        elif kind == 3:
            y = x.reshape(-1)
        elif kind == 4:
            y = x.unsqueeze(dim)
        elif kind == 5:
            y = x.expand(2, *x.shape)
        elif kind == 6:
            y = x.diagonal() if n > 1 else x[::2]
        elif kind == 7:
            y = x.narrow(dim, 0, max(1, x.shape[dim] - 1)) if x.shape[dim] else x
        else:
            y = x.detach() if self.random.random() < 0.3 else x.view(x.shape)
        self.pool.append(y)

    def unary(self) -> None:
        x = self.pick()
        name = self.random.choice(["exp", "sin", "tanh", "sigmoid", "square", "neg", "abs", "clone", "relu", "cos"])
        self.pool.append(getattr(x, name)())

    def partner(self, x: Any, into: bool = False) -> Any:
        """Something that broadcasts with x (into x's shape)."""

        def pairs(a: Any, b: Any) -> Any:
            return zip(reversed(a.shape), reversed(b.shape), strict=False)

        fitting = [
            t
            for t in self.pool
            if all(a == b or b == 1 or (a == 1 and not into) for a, b in pairs(x, t)) and (not into or t.ndim <= x.ndim)
        ]
        return self.random.choice(fitting)

    def binary(self) -> None:
        x = self.pick()
        y = self.partner(x)
        name = self.random.choice(["add", "sub", "mul", "div", "maximum"])
        self.pool.append(getattr(self.lib, name)(x, y))

    def reduce(self) -> None:
        x = self.pick()
        kind = self.random.randrange(4)
        dim = self.random.randrange(x.ndim) if x.ndim else 0
        if x.ndim == 0 or kind == 0:
            y = x.sum()
        elif kind == 1:
            y = x.mean(dim)
        elif kind == 2:
            y = x.sum(dim, keepdim=True)
        else:
            y = self.lib.softmax(x, dim)
        self.pool.append(y)

    def target(self) -> Any:
        """A tensor to write over: seldom a leaf, which refuses."""
        x = self.pick()
        while self.random.random() < 0.97 and x.is_leaf and x.requires_grad:
            x = self.pick()
        return x

    def write(self) -> None:
        x = self.target()
        if self.random.random() < 0.7:  # not what something has been saved for
            x = x.clone()
            self.pool.append(x)
            x = x[..., :2] if x.ndim and self.random.random() < 0.5 else x
            self.pool.append(x)
        kind = self.random.randrange(7)
        if kind == 0:
            x.mul_(self.random.choice([0.5, 2.0]))
        elif kind == 1:
            x.copy_(self.partner(x, into=True))
        elif kind == 2:
            x.fill_(0.25)
        elif kind == 3:
            x.sin_()
        elif kind == 4:
            x.sigmoid_()
        else:
            y = self.partner(x, into=True)
            if y is not x:  # PyTorch refuses x.mul_(x) in backward, hotloop keeps what x was
                getattr(x, self.random.choice(["add_", "mul_", "sub_"]))(y)

    def put(self) -> None:
        x = self.target()
        kind = self.random.randrange(4)
        if x.ndim == 0:
            return
        if kind == 0:
            x[0] = 0.5
        elif kind == 1:
            row = x[-1]
            x[0] = self.partner(row, into=True)
        elif kind == 2:
            x[self.lib.tensor([-1])] = self.partner(x[:1].detach(), into=True)
        else:
            self.pool.append(x[self.lib.tensor([0, -1, 0])])

    def no_grad(self) -> None:
        if self.random.random() < 0.5:
            return
        x = self.pick()
        with self.lib.no_grad():
            if self.random.random() < 0.5:
                self.pool.append(x * 2.0)
            elif not x.requires_grad:
                x.mul_(0.5)

    def run(self) -> tuple[str, list[Any], list[Any]]:
        """What happened ("" when all went well), values, gradients."""
        done = 0
        for done in range(STEPS):
            try:
                self.step()
            except (RuntimeError, IndexError) as error:  # noqa: PERF203
                return f"step {done}: {type(error).__name__}", [str(error)], []
        values = [t.detach().numpy(force=True).copy() for t in self.pool]
        total = sum(t.sum() * (1.0 + 0.1 * i) for i, t in enumerate(self.pool))
        try:
            total.backward()
        except RuntimeError as error:
            return "backward: RuntimeError", [str(error)], []
        return "", values, [t.grad.numpy(force=True) if t.is_leaf and t.grad is not None else None for t in self.leaves]


# What PyTorch refuses and hotloop may compute, by a piece of PyTorch's message: writes between overlapping
# views; a saved tensor that was spoiled where no gradient flows on (PyTorch sends zeros through fill_).
HOTLOOP_CAN = ("refer to a single memory location", "modified by an inplace operation")


@pytest.mark.filterwarnings("ignore:Use of index_put_ on expanded tensors")
@pytest.mark.parametrize("first", range(0, PROGRAMS, 50))
def test_random_programs(first: int) -> None:
    for seed in range(first, first + 50):
        outcome, values, grads = Program(hotloop, seed).run()
        expected, torch_values, torch_grads = Program(torch, seed).run()
        if (outcome and expected) or any(m in str(torch_values) for m in HOTLOOP_CAN):
            continue
        assert outcome == expected, f"program {seed}: {outcome or values!r}, PyTorch: {torch_values}"
        if outcome:
            continue
        for i, (a, b) in enumerate(zip(values, torch_values, strict=True)):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=f"program {seed}, value {i}")
        for i, (a, b) in enumerate(zip(grads, torch_grads, strict=True)):
            if a is None or b is None:
                assert (a is None) == (b is None), f"program {seed}, gradient of leaf {i}: {a} and {b}"
            else:
                np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8, err_msg=f"program {seed}, gradient of leaf {i}")


def test_random_programs_whose_tensors_are_saved_otherwise() -> None:
    agreed = 0
    for seed in range(PROGRAMS):
        plain, hooked, checkpointed = (Program(hotloop, seed).gradients(s) for s in ("plain", "hooks", "checkpoint"))
        if isinstance(plain, str):
            assert isinstance(checkpointed, str), f"program {seed}: {plain}"  # hooks that copy may succeed
            continue
        assert hooked == plain, f"program {seed}: {hooked!r}"
        if isinstance(checkpointed, str):  # it wrote to its arguments
            assert "which is argument" in checkpointed, f"program {seed}: {checkpointed}"
            continue
        assert checkpointed == plain, f"program {seed}"
        agreed += 1
    assert agreed > PROGRAMS // 2
