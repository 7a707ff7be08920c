"""Names that PyTorch's users expect beside the op they belong to, judged by PyTorch itself."""

from __future__ import annotations

import pytest

import hotloop
from hotloop import Tensor

torch = pytest.importorskip("torch", reason="compared with PyTorch, which is not installed")

MATRIX = [[0.0, 1.25, -2.5], [3.125, 0.0, 155.0]]
CALLS = {
    "round to hundredths": lambda lib, x: lib.round(x, decimals=2),
    "round to tens": lambda lib, x: x.round(decimals=-1),
    "norm": lambda lib, x: lib.norm(x, "fro"),
    "norm by default": lambda lib, x: lib.norm(x),
    "norm of rows": lambda lib, x: lib.norm(x, p="fro", dim=1),
    "norm without p": lambda lib, x: x.norm(None),
    "1-norm": lambda lib, x: x.norm(1),
    "roll flattened": lambda lib, x: lib.roll(x, 1),
    "roll both dims": lambda lib, x: x.roll((1, -2), (0, 1)),
    "roll one dim twice": lambda lib, x: lib.roll(x, (1, 1), (1, 1)),
    "roll far": lambda lib, x: lib.roll(x, -7, -1),
    "roll by nothing": lambda lib, x: lib.roll(x, 0, 0),
    "count_nonzero": lambda lib, x: lib.count_nonzero(x),
    "count_nonzero of columns": lambda lib, x: x.count_nonzero(0),
    "count_nonzero of dims": lambda lib, x: x.count_nonzero(dim=(0, 1)),
    "swapaxes": lambda lib, x: lib.swapaxes(x, 0, 1),
    "swapdims": lambda lib, x: x.swapdims(-1, -2),
    "moveaxis": lambda lib, x: lib.moveaxis(x, 0, -1),
    "new_tensor": lambda lib, x: x.new_tensor([1, 2]),
    "new_zeros": lambda lib, x: x.new_zeros(2, 3),
    "new_ones": lambda lib, x: x.new_ones((2, 3), dtype=lib.int32),
    "new_full": lambda lib, x: x.new_full((2,), 7),
    "new_empty": lambda lib, x: x.new_empty(2, 0),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
def test_as_in_torch(call, dtype):
    got = call(hotloop, hotloop.tensor(MATRIX, dtype=getattr(hotloop, dtype)))
    expected = call(torch, torch.tensor(MATRIX, dtype=getattr(torch, dtype)))
    assert got.shape == tuple(expected.shape)
    assert str(got.dtype).split(".")[1] == str(expected.dtype).split(".")[1]
    assert torch.allclose(torch.from_numpy(got.numpy()), expected, rtol=1e-6)


def test_roll_gradient():
    x = hotloop.arange(6.0).reshape(2, 3).requires_grad_()
    (x.roll(1, 1) * hotloop.arange(6.0).reshape(2, 3)).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1, 2, 0], [4, 5, 3]]


def test_new_tensors_may_require_gradients():
    x = hotloop.zeros(1, dtype=hotloop.float64)
    for made in (x.new_zeros(2, requires_grad=True), x.new_tensor([1.0], requires_grad=True)):
        assert made.requires_grad
        assert made.dtype == hotloop.float64


@pytest.mark.parametrize("name", ["float64", "float32", "float16", "bfloat16"])
def test_finfo(name):
    got, expected = hotloop.finfo(getattr(hotloop, name)), torch.finfo(getattr(torch, name))
    for field in ("bits", "eps", "max", "min", "smallest_normal", "tiny", "resolution", "dtype"):
        assert getattr(got, field) == getattr(expected, field), field
    assert got == hotloop.finfo(getattr(hotloop, name))


@pytest.mark.parametrize("name", ["uint8", "int8", "int32", "int64"])
def test_iinfo(name):
    got, expected = hotloop.iinfo(getattr(hotloop, name)), torch.iinfo(getattr(torch, name))
    for field in ("bits", "max", "min", "dtype"):
        assert getattr(got, field) == getattr(expected, field), field


@pytest.mark.parametrize("bound", [2**62 + 1, -(2**62) - 1, 2**63 - 1, -(2**63)])
def test_clamp_of_int64_is_exact(bound):
    x = hotloop.tensor([0, bound, 2**63 - 1, -(2**63)])
    for got, expected in [
        (x.clamp(min=bound), torch.tensor(x.tolist()).clamp(min=bound)),
        (x.clamp(max=bound), torch.tensor(x.tolist()).clamp(max=bound)),
        (x.clone().clamp_(bound, bound), torch.full((4,), bound)),
    ]:
        assert isinstance(got, Tensor)
        assert got.tolist() == expected.tolist()


def test_whole_numbers_divided_towards_zero_are_exact():
    a, b = [2**62 + 1, -(2**62) - 1, 7, -7], [1, 3, -2, -2]
    got = hotloop.div(hotloop.tensor(a), hotloop.tensor(b), rounding_mode="trunc")
    assert got.tolist() == torch.div(torch.tensor(a), torch.tensor(b), rounding_mode="trunc").tolist()


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (lambda x: x.norm("row"), RuntimeError, "norm: p must be a number, 'fro', 'nuc' or None, got 'row'"),
        (lambda x: x.roll((1, 2)), RuntimeError, "roll: shifts and dimensions must align. shifts: 2, dims: 0"),
        (lambda x: x.roll(1, 5), IndexError, "roll: .*5"),
        (lambda x: x.long().round(decimals=2), RuntimeError, "round: decimals needs a floating point input, got int64"),
        (lambda x: hotloop.finfo(hotloop.int8), TypeError, r"finfo\(\) requires a floating point dtype, got .*int8"),
        (lambda x: hotloop.iinfo(hotloop.float32), TypeError, r"iinfo\(\) requires an integer dtype, got .*float32"),
        (lambda x: hotloop.finfo(3), TypeError, r"finfo\(\): argument 'type' .* not int"),
    ],
)
def test_messages(act, error, message):
    with pytest.raises(error, match=message):
        act(hotloop.tensor(MATRIX))


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.zeros(0, dtype=lib.uint8).all(),
        lambda lib: lib.zeros(2, 0, dtype=lib.uint8).all(1),
        lambda lib: lib.tensor([2, 3], dtype=lib.uint8).all(),
        lambda lib: lib.tensor([0, 3], dtype=lib.uint8).any(),
        lambda lib: lib.ones(2, 3).amax(dim=None),
        lambda lib: lib.div(lib.tensor([True, False]), 2, rounding_mode="trunc"),
        lambda lib: lib.div(lib.tensor([7], dtype=lib.uint8), True, rounding_mode="trunc"),
    ],
)
def test_corners(call):
    got, expected = call(hotloop), call(torch)
    assert str(got.dtype).split(".")[1] == str(expected.dtype).split(".")[1]
    assert got.tolist() == expected.tolist()
