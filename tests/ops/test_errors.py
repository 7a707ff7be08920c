"""What is said of arguments that can't be right: each message names the op, what was given and what was wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import hotloop
from hotloop.nn import functional as F

x = hotloop.ones(2, 3)
v = hotloop.ones(3)
whole = hotloop.ones(2, 3, dtype=hotloop.int64)
index = hotloop.tensor([0, 1])

Case = tuple[Callable[[], Any], type[Exception], str]

POINTWISE: list[Case] = [
    (lambda: x + hotloop.ones(4), RuntimeError, r"add: .*\[2, 3\].*\[4\]"),
    (lambda: hotloop.where(x > 0, x, hotloop.ones(5)), RuntimeError, r"where: .*\[2, 3\].*\[5\]"),
    (lambda: hotloop.where(x, x, x), RuntimeError, "where: expected condition to be a boolean tensor.*float32"),
    (lambda: hotloop.bitwise_and(x, x), TypeError, "bitwise_and: not implemented for dtype float32"),
    (lambda: hotloop.neg(hotloop.tensor([True])), TypeError, "neg: not implemented for dtype bool"),
    (
        lambda: hotloop.add(x, "1"),
        TypeError,
        r"add\(\): argument 'other' \(position 2\) must be Tensor \| Number, not str",
    ),
    (lambda: hotloop.exp(3), TypeError, r"exp\(\): argument 'input' \(position 1\) must be Tensor, not int"),
    (lambda: hotloop.exp(), TypeError, r"exp\(\) missing required argument 'input'"),
    (lambda: hotloop.exp(x, x), TypeError, r"exp\(\) takes 1 positional arguments? but 2 were given"),
    (lambda: hotloop.exp(x, base=2), TypeError, r"exp\(\) got an unexpected keyword argument 'base'"),
    (lambda: hotloop.add(x, input=x), TypeError, r"add\(\) got multiple values for argument 'input'"),
    (
        lambda: x - (x > 0),
        TypeError,
        "sub: a bool operand can't be subtracted or subtracted from, got float32 and bool",
    ),
    (lambda: x.clamp(), RuntimeError, "clamp: At least one of 'min' or 'max' must not be None"),
    (
        lambda: hotloop.div(x, x, rounding_mode="up"),
        RuntimeError,
        "div expected rounding_mode .*'trunc', or 'floor' but found 'up'",
    ),
    (lambda: whole**-1, RuntimeError, "pow: Integers to negative integer powers are not allowed"),
    (
        lambda: F.gelu(x, approximate="erf"),
        RuntimeError,
        "gelu: approximate argument must be either none or tanh, got 'erf'",
    ),
    (lambda: hotloop.ones(2, 1).add_(x), RuntimeError, r"add_?: .*\[2, 1\].*\[2, 3\]|add_?: .*\[2, 3\].*\[2, 1\]"),
]

REDUCTIONS: list[Case] = [
    (lambda: x.sum(2), IndexError, r"sum: Dimension out of range \(expected to be in range of \[-2, 1\], but got 2\)"),
    (lambda: x.mean(-3), IndexError, r"mean: .*range of \[-2, 1\], but got -3"),
    (lambda: x.sum((0, 0)), RuntimeError, "sum: dim 0 appears multiple times in the list of dims"),
    (lambda: x.sum("0"), TypeError, r"sum\(\): argument 'dim' .*must be int \| Sequence\[int\] \| None, not str"),
    (lambda: whole.mean(), RuntimeError, r"mean\(\): .*floating point.*int64"),
    (lambda: whole.var(), RuntimeError, r"var\(\): .*floating point.*int64"),
    (
        lambda: hotloop.ones(0, 3).amax(0),
        IndexError,
        r"amax\(\): Expected reduction dim to have non-zero size, got shape \[0, 3\]",
    ),
    (lambda: hotloop.ones(0).max(), RuntimeError, r"amax\(\): Expected reduction dim to be specified for .*== 0"),
    (lambda: hotloop.ones(0, 3).amax(0), IndexError, r"amax\(\): .*non-zero size, got shape \[0, 3\]"),
    (lambda: x.argmax(5), IndexError, r"argmax: .*range of \[-2, 1\], but got 5"),
    (lambda: x.max("0"), TypeError, r"max\(\): argument 'dim' .*not str"),
    (lambda: x.cumsum(2), IndexError, r"cumsum: .*range of \[-2, 1\], but got 2"),
    (lambda: x.norm(dim=4), IndexError, r"norm: .*range of \[-2, 1\], but got 4"),
]

LOSSES: list[Case] = [
    (lambda: x.softmax(2), IndexError, r"softmax: .*range of \[-2, 1\], but got 2"),
    (lambda: whole.softmax(0), RuntimeError, "softmax: expected a floating point input, got int64"),
    (
        lambda: F.cross_entropy(x, hotloop.tensor([0, 3])),
        IndexError,
        r"cross_entropy: Target 3 is out of bounds\. \(row 1; classes are 0 to 2",
    ),
    (lambda: F.cross_entropy(x, hotloop.tensor([0, -1])), IndexError, "cross_entropy: Target -1 is out of bounds"),
    (
        lambda: F.cross_entropy(x, hotloop.tensor([0, 1, 2])),
        ValueError,
        r"cross_entropy: Expected input batch_size \(2\) to match target batch_size \(3\)",
    ),
    (
        lambda: F.cross_entropy(x, hotloop.ones(3)),
        RuntimeError,
        r"cross_entropy: probabilities must have the shape of input \[2, 3\], got \[3\]",
    ),
    (
        lambda: F.cross_entropy(x, index, hotloop.ones(2)),
        RuntimeError,
        r"cross_entropy: weight tensor .*all 3 classes.*\[2\]",
    ),
    (
        lambda: F.cross_entropy(x, index, v.double()),
        RuntimeError,
        "cross_entropy: expected weight of dtype float32 like input, got float64",
    ),
    (
        lambda: F.cross_entropy(x, index, reduction="max"),
        ValueError,
        "cross_entropy: max is not a valid value for reduction: mean, sum or none",
    ),
    (
        lambda: F.cross_entropy(x, index, label_smoothing=2.0),
        RuntimeError,
        r"cross_entropy: label_smoothing must be between 0.0 and 1.0. Got: 2",
    ),
    (
        lambda: F.cross_entropy(x, index.int()),
        RuntimeError,
        "cross_entropy: expected target of class indices to be int64, got int32",
    ),
    (lambda: F.cross_entropy(whole, index), RuntimeError, "cross_entropy: input must be floating point, got int64"),
    (lambda: F.nll_loss(x, hotloop.tensor([0, 3])), IndexError, "nll_loss: Target 3 is out of bounds"),
    (
        lambda: F.nll_loss(x, hotloop.tensor([0])),
        ValueError,
        r"nll_loss: expected target of shape \[2\] for input of shape \[2, 3\], got \[1\]",
    ),
    (lambda: F.mse_loss(x, hotloop.ones(4)), RuntimeError, r"\[2, 3\].*\[4\]"),
    (lambda: F.mse_loss(x, x, reduction="avg"), ValueError, "mse_loss: avg is not a valid value for reduction"),
    (
        lambda: F.binary_cross_entropy_with_logits(x, v),
        ValueError,
        r"binary_cross_entropy_with_logits: Target size \(\[3\]\) must be the same as input size \(\[2, 3\]\)",
    ),
    (
        lambda: F.layer_norm(x, (4,)),
        RuntimeError,
        r"layer_norm: Given normalized_shape=\[4\], expected input .*\[\*, 4\], but got .*size ?\[2, 3\]",
    ),
    (
        lambda: F.layer_norm(x, (3,), hotloop.ones(2)),
        RuntimeError,
        r"layer_norm: Expected weight .*shape \[2\].*normalized_shape = \[3\]",
    ),
    (
        lambda: F.layer_norm(x, (3,), v.double()),
        RuntimeError,
        "layer_norm: expected weight of dtype float32 like input, got float64",
    ),
    (lambda: F.layer_norm(whole, (3,)), RuntimeError, "layer_norm: expected a floating point input, got int64"),
    (lambda: F.layer_norm(x, ()), RuntimeError, "layer_norm: Expected normalized_shape to be at least 1-dimensional"),
]

PRODUCTS: list[Case] = [
    (lambda: x @ x, RuntimeError, r"matmul: mat1 and mat2 shapes cannot be multiplied \(2x3 and 2x3\)"),
    (
        lambda: hotloop.ones(2, 4, 3) @ hotloop.ones(2, 4, 3),
        RuntimeError,
        r"matmul: shapes \[2, 4, 3\] and \[2, 4, 3\] cannot be multiplied \(3 != 4\)",
    ),
    (lambda: hotloop.ones(2, 4, 3) @ hotloop.ones(5, 3, 4), RuntimeError, r"matmul: .*\[2\].*\[5\]"),
    (
        lambda: x @ hotloop.tensor(1.0),
        RuntimeError,
        "matmul: both arguments need to be at least 1D, but they are 2D and 0D",
    ),
    (lambda: x @ x.t().double(), RuntimeError, "matmul: expected .*same dtype, but got: float32 != float64"),
    (lambda: x @ 3, TypeError, "int"),
    (lambda: hotloop.mm(v, x), RuntimeError, r"mm: .*must be a 2-D tensor, got shape \[3\]"),
    (lambda: hotloop.bmm(x, x), RuntimeError, r"bmm: .*must be a 3-D tensor, got shape \[2, 3\]"),
    (lambda: hotloop.mv(x, x), RuntimeError, r"mv: vec must be a 1-D tensor, got shape \[2, 3\]"),
    (lambda: hotloop.dot(v, hotloop.ones(2)), RuntimeError, r"dot: inconsistent tensor size.*\[3\].*\[2\]"),
    (lambda: hotloop.outer(x, v), RuntimeError, r"outer: .*1-D tensor, got shape \[2, 3\]"),
    (lambda: hotloop.addmm(hotloop.ones(4), x, x.t()), RuntimeError, r"addmm: .*\[4\].*\[2, 2\]"),
    (
        lambda: F.linear(x, hotloop.ones(5, 4)),
        RuntimeError,
        r"linear: mat1 and mat2 shapes cannot be multiplied \(2x3 and 4x5\)",
    ),
    (lambda: F.linear(x, hotloop.ones(5, 3), hotloop.ones(4)), RuntimeError, r"linear: .*\[4\].*\[2, 5\]"),
    (
        lambda: F.linear(x, hotloop.ones(5, 3, 1)),
        RuntimeError,
        r"linear: .*weight 1 or 2, got shapes \[2, 3\] and \[5, 3, 1\]",
    ),
    (lambda: hotloop.tensor([True]) @ hotloop.tensor([True]), TypeError, "matmul: not implemented for dtype bool"),
]

VIEWS: list[Case] = [
    (lambda: x.view(4, 2), RuntimeError, r"view: shape '\[4, 2\]' is invalid for input of size 6"),
    (lambda: x.reshape(-1, 4), RuntimeError, r"reshape: shape .* is invalid for input of size 6"),
    (lambda: x.reshape(-1, -1), RuntimeError, "reshape: only one dimension can be inferred"),
    (lambda: x.reshape(-2, 3), RuntimeError, "reshape: invalid shape dimension -2"),
    (
        lambda: hotloop.ones(0, 2).reshape(-1, 0),
        RuntimeError,
        "reshape: cannot reshape tensor of 0 elements.*ambiguous",
    ),
    (
        lambda: x.t().view(6),
        RuntimeError,
        r"view size is not compatible .*Use .reshape.*view: input shape \[3, 2\], strides \[1, 3\], wanted \[6\]",
    ),
    (lambda: x.permute(0), RuntimeError, r"permute: .*input.dim\(\) = 2 is not equal to len\(dims\) = 1"),
    (lambda: x.permute(0, 0), RuntimeError, "permute: .*(repeated|twice|duplicate)"),
    (lambda: x.transpose(0, 2), IndexError, r"transpose: .*range of \[-2, 1\], but got 2"),
    (lambda: hotloop.ones(2, 3, 4).t(), RuntimeError, r"t\(\) expects a tensor with <= 2 dimensions, but self is 3D"),
    (
        lambda: x.expand(2, 4),
        RuntimeError,
        r"expand: .*\(4\) must match the existing size \(3\) .*dimension 1.*\[2, 4\].*\[2, 3\]",
    ),
    (
        lambda: x.expand(3),
        RuntimeError,
        r"expand\(\[3\]\): the number of sizes provided \(1\) must be greater or equal to .*\(2\)",
    ),
    (lambda: x.unsqueeze(4), IndexError, r"unsqueeze: .*range of \[-3, 2\], but got 4"),
    (lambda: x.squeeze(2), IndexError, r"squeeze: .*range of \[-2, 1\], but got 2"),
    (lambda: x.flatten(1, 0), RuntimeError, r"flatten\(\) .*start_dim cannot come after end_dim"),
    (lambda: x.unflatten(1, (2, 2)), RuntimeError, r"unflatten: .*\[2, 2\].*3"),
    (lambda: x.narrow(1, 2, 2), RuntimeError, r"narrow: start \(2\) \+ length \(2\) exceeds dimension size \(3\)"),
    (lambda: x.select(1, 3), IndexError, r"select.*index 3.*(out of range|out of bounds).*(\[2, 3\]|size 3)"),
    (lambda: v.unfold(0, 4, 1), RuntimeError, "unfold: maximum size for tensor at dimension 0 is 3 but size is 4"),
    (lambda: v.unfold(0, 2, 0), RuntimeError, "unfold: .*step.*0"),
    (lambda: x.diagonal(0, 1, 1), RuntimeError, "diagonal dimensions cannot be identical 1, 1"),
    (lambda: x.movedim((0, 1), (0,)), RuntimeError, r"movedim: .*\[0, 1\].*\[0\]"),
    (
        lambda: x.split([1, 1], 1),
        RuntimeError,
        r"split_with_sizes expects split_sizes to sum exactly to 3 .*summing to 2",
    ),
    (lambda: x.split(0), RuntimeError, "split: split_size must be positive, but got 0"),
    (lambda: x.split("a"), TypeError, r"split\(\): argument 'split_size' must be int \| Sequence\[int\], not str"),
    (lambda: x.split([1, "a"]), TypeError, r"split\(\): argument 'split_size' must be int, not str"),
    (lambda: x.chunk(0), RuntimeError, "chunk expects `chunks` to be greater than 0, got: 0"),
    (
        lambda: x.as_strided((9, 9), (9, 1)),
        RuntimeError,
        r"as_strided: sizes \[9, 9\], strides \[9, 1\] and offset 0 reach outside the tensor's storage of 24 bytes",
    ),
]

JOINS: list[Case] = [
    (
        lambda: hotloop.cat([x, hotloop.ones(2, 4)]),
        RuntimeError,
        "cat: Sizes of tensors must match except in dimension 0. Expected size 3 but got size 4 for tensor number 1",
    ),
    (
        lambda: hotloop.cat([x, hotloop.ones(2, 3, 1)]),
        RuntimeError,
        "cat: Tensors must have same number of dimensions: got 2 and 3",
    ),
    (lambda: hotloop.cat([]), ValueError, "cat: expected a non-empty list of Tensors"),
    (
        lambda: hotloop.cat([x, 3]),
        TypeError,
        r"cat\(\): expected Tensor as element 1 in argument 'tensors', but got int",
    ),
    (lambda: hotloop.cat(x), TypeError, r"cat\(\): argument 'tensors' .*Sequence\[Tensor\], not .*Tensor"),
    (lambda: hotloop.cat([x], 2), IndexError, r"cat: .*range of \[-2, 1\], but got 2"),
    (
        lambda: hotloop.cat([hotloop.tensor(1.0)]),
        RuntimeError,
        r"cat: zero-dimensional tensor \(at position 0\) cannot be concatenated",
    ),
    (
        lambda: hotloop.stack([x, v]),
        RuntimeError,
        r"stack: expects each tensor to be equal size, but got \[2, 3\] at entry 0 and \[3\] at entry 1",
    ),
    (lambda: x.flip(0, 0), RuntimeError, "flip: dim 0 appears multiple times"),
    (lambda: x.repeat(2), RuntimeError, r"repeat: .*\(1 and 2\)"),
    (lambda: x.to("tpu"), RuntimeError, "device: expected 'cpu', 'cuda' or 'cuda:N', got 'tpu'"),
    (lambda: x.to(3), TypeError, r"to\(\): expected a dtype, a device or a Tensor, got int"),
    (lambda: v.copy_(x), RuntimeError, r"copy_.*\[2, 3\].*\[3\]|copy_.*\[3\].*\[2, 3\]"),
]

INDEXING: list[Case] = [
    (
        lambda: x.index_select(1, hotloop.tensor([0, 3])),
        IndexError,
        "index_select: index 3 is out of bounds for dimension 1 with size 3",
    ),
    (
        lambda: x.index_select(0, hotloop.tensor([-1])),
        IndexError,
        "index_select: index -1 is out of bounds for dimension 0 with size 2",
    ),
    (
        lambda: x.index_select(0, whole),
        IndexError,
        r"index_select\(\): Index is supposed to be a vector, got shape \[2, 3\]",
    ),
    (lambda: x.index_select(0, v), RuntimeError, "index_select: expected index of dtype int64 or int32, got float32"),
    (
        lambda: x.gather(1, hotloop.tensor([[5]])),
        IndexError,
        "gather: index 5 is out of bounds for dimension 1 with size 3",
    ),
    (
        lambda: x.gather(1, index),
        RuntimeError,
        r"gather\(\): Index tensor must have the same number of dimensions as input tensor, got 1 and 2",
    ),
    (
        lambda: x.gather(1, hotloop.zeros(3, 1, dtype=hotloop.int64)),
        RuntimeError,
        r"gather\(\): Size does not match at dimension 0: expected index \[3, 1\] .*self \[2, 3\]",
    ),
    (
        lambda: x.scatter(0, whole, hotloop.ones(1, 1)),
        RuntimeError,
        r"scatter: expected source of shape \[2, 3\] .*got \[1, 1\]",
    ),
    (
        lambda: x.scatter(0, whole, x.double()),
        RuntimeError,
        "scatter: expected source of dtype float32 like self, got float64",
    ),
    (lambda: x.scatter(0, whole), TypeError, r"scatter\(\): expected one of src and value, got neither"),
    (
        lambda: x.scatter_add(0, whole * 9, x),
        IndexError,
        "scatter_add: index 9 is out of bounds for dimension 0 with size 2",
    ),
    (lambda: x.index_add(0, index, v), RuntimeError, r"index_add: expected source of shape \[2, 3\] .*got \[3\]"),
    (
        lambda: F.embedding(hotloop.tensor([7]), x),
        IndexError,
        "embedding: index 7 is out of bounds for dimension 0 with size 2",
    ),
    (lambda: F.embedding(v, x), RuntimeError, "embedding: expected index of dtype int64 or int32, got float32"),
    (lambda: F.embedding(index, v), RuntimeError, r"embedding: 'weight' must be 2-D, got shape \[3\]"),
    (
        lambda: F.embedding(index, x, padding_idx=2),
        ValueError,
        "embedding: padding_idx must lie within the 2 rows of weight, got 2",
    ),
    (
        lambda: x.masked_fill(whole, 0),
        RuntimeError,
        "masked_fill only supports boolean masks, but got mask with dtype int64",
    ),
    (
        lambda: x.masked_fill(x > 0, v),
        RuntimeError,
        "masked_fill only supports a 0-dimensional value tensor, but got tensor with 1 dimension",
    ),
    (lambda: F.one_hot(hotloop.tensor([-1])), RuntimeError, "one_hot: Class values must be non-negative"),
    (
        lambda: F.one_hot(hotloop.tensor([4]), 3),
        RuntimeError,
        "one_hot: Class values must be smaller than num_classes, got 4 and num_classes 3",
    ),
    (lambda: F.one_hot(v), RuntimeError, "one_hot is only applicable to index tensor of type int64, got float32"),
    (lambda: v.tril(), RuntimeError, "tril: input tensor must have at least 2 dimensions, got 1"),
]

SCALARS: list[Case] = [
    (lambda: x.item(), RuntimeError, "a Tensor with 6 elements cannot be converted to Scalar"),
    (lambda: bool(x), RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
    (lambda: int(x), (RuntimeError, TypeError, ValueError), "6 elements|only one element"),
    (lambda: len(hotloop.tensor(1.0)), TypeError, r"len\(\) of a 0-d tensor"),
    (lambda: list(hotloop.tensor(1.0)), TypeError, "iteration over a 0-d tensor"),
    (lambda: range(3)[hotloop.tensor(1.0)], TypeError, "only integer tensors"),
]


@pytest.mark.parametrize(
    ("act", "error", "message"), [*POINTWISE, *REDUCTIONS, *LOSSES, *PRODUCTS, *VIEWS, *JOINS, *INDEXING, *SCALARS]
)
def test_messages(act: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        act()


def test_devices_are_named() -> None:
    if hotloop.cuda.is_available():
        pytest.skip("this machine has the device that is asked for")
    for act in (
        lambda: hotloop.zeros(2, device="cuda"),
        lambda: x.to("cuda"),
        lambda: hotloop.tensor([1.0], device="cuda:0"),
    ):
        with pytest.raises(RuntimeError, match="cuda"):
            act()
