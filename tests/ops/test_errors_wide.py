"""Messages of scans, sorting, statistics, rearranging and sums of products: op, what was given, what was wanted."""

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

ORDER: list[Case] = [
    (lambda: x.cumprod(2), IndexError, r"cumprod: .*range of \[-2, 1\], but got 2"),
    (lambda: x.cummax(-3), IndexError, r"cummax: .*but got -3"),
    (lambda: whole.logcumsumexp(0), RuntimeError, "logcumsumexp: expected a floating point input, got int64"),
    (lambda: hotloop.diff(hotloop.tensor(1.0)), RuntimeError, "diff expects input to be at least one-dimensional"),
    (lambda: v.diff(n=-1), RuntimeError, "diff: order must be non-negative but got -1"),
    (lambda: hotloop.trapezoid(x, hotloop.ones(2)), RuntimeError, "one `x` value for each sample point, got 2 and 3"),
    (lambda: x.sort(2), IndexError, r"sort: .*but got 2"),
    (lambda: x.topk(4), RuntimeError, "topk: selected index k out of range: k 4, dimension of size 3"),
    (lambda: x.kthvalue(0), RuntimeError, r"kthvalue\(\): selected number k out of range for dimension 1: k 0, size 3"),
    (lambda: hotloop.ones(2, 0).median(1), IndexError, r"median\(\): Expected reduction dim 1 to have non-zero size"),
    (lambda: hotloop.ones(2, 0).mode(), IndexError, r"mode\(\): Expected reduction dim 1 to have non-zero size"),
    (lambda: x.quantile(1.5), RuntimeError, r"quantile\(\) q values must be in the range \[0, 1\]"),
    (lambda: whole.quantile(0.5), RuntimeError, r"quantile\(\) input tensor must be either float or double.*int64"),
    (lambda: x.quantile(0.5, interpolation="cubic"), RuntimeError, "interpolation must be one of linear.*cubic"),
    (lambda: hotloop.ones(0).quantile(0.5), RuntimeError, r"quantile\(\) input tensor must be non-empty"),
    (
        lambda: hotloop.searchsorted(x, hotloop.ones(3, 3)),
        RuntimeError,
        r"searchsorted: boundaries tensor .*\[2, 3\] and input value tensor \[3, 3\]",
    ),
    (lambda: hotloop.searchsorted(v, v, side="middle"), RuntimeError, "side can only be 'left' or 'right'.*middle"),
    (lambda: hotloop.searchsorted(v, v, right=True, side="left"), RuntimeError, "can't be set to opposites"),
    (lambda: hotloop.bucketize(v, x), RuntimeError, r"bucketize: boundaries tensor must be 1 dimension.*dim\(2\)"),
    (lambda: v.bincount(), RuntimeError, r"bincount only supports 1-d non-negative integral inputs.*float32"),
    (lambda: hotloop.tensor([-1]).bincount(), RuntimeError, "bincount .*got a negative one"),
    (lambda: v.histc(0), RuntimeError, "histc: bins must be > 0, got 0"),
    (lambda: whole.nanmean(), RuntimeError, r"nanmean\(\): expected input to have floating point dtype but got int64"),
    (lambda: v.renorm(2, 0, 1), RuntimeError, "renorm: input needs at least 2 dimensions, got 1"),
    (lambda: hotloop.cdist(x, hotloop.ones(2, 4)), RuntimeError, "cdist: .*same number of columns. X1: 3 X2: 4"),
    (lambda: hotloop.ones(2, 2, 2).cov(), RuntimeError, r"cov\(\): expected input to have two or fewer dimensions"),
    (lambda: hotloop.linalg.norm(x, "row"), RuntimeError, "linalg.matrix_norm: order must be one of 'fro'.*got 'row'"),
    (lambda: hotloop.linalg.norm(v, "nuc", 0), RuntimeError, "linalg.norm: order 'nuc' is of matrices.*1 dims"),
    (lambda: hotloop.linalg.norm(x.half(), 2, (0, 1)), RuntimeError, "linalg.svd: expected .* float32 or float64, got"),
    (lambda: hotloop.linalg.matrix_norm(x, 2, (0, 0)), RuntimeError, "dims must be different"),
    (lambda: hotloop.linalg.inv(x), RuntimeError, r"linalg.inv: A must be batches of square .*, got shape \(2, 3\)"),
    (lambda: hotloop.linalg.matrix_norm(x, 2, (0, 5)), IndexError, "movedim"),
    (lambda: hotloop.linalg.inv(hotloop.zeros(2, 2)), RuntimeError, "linalg.inv: .* singular"),
    (lambda: hotloop.matrix_power(hotloop.zeros(2, 2), -1), RuntimeError, "linalg.inv: .* singular"),
]

REARRANGE: list[Case] = [
    (lambda: hotloop.hstack([]), RuntimeError, "hstack expects a non-empty TensorList"),
    (lambda: x.tensor_split(0), RuntimeError, "tensor_split: number of sections must be larger than 0, got 0"),
    (lambda: x.hsplit(2), RuntimeError, "hsplit attempted to split along dimension 1.* 3 is not divisible .* 2"),
    (lambda: v.vsplit(3), RuntimeError, "vsplit requires a tensor with at least 2 dimension"),
    (lambda: hotloop.meshgrid(v, indexing="ji"), RuntimeError, 'meshgrid: indexing must be one of "xy" or "ij".*ji'),
    (lambda: hotloop.meshgrid(x), RuntimeError, r"meshgrid: Expected 0D or 1D tensor.*\[2, 3\]"),
    (lambda: hotloop.combinations(x), RuntimeError, r"combinations: Expect a 1D vector, but got shape \[2, 3\]"),
    (lambda: x.rot90(1, [0]), RuntimeError, "rot90: expected total rotation dims == 2, but got dims = 1"),
    (lambda: v.fliplr(), RuntimeError, "fliplr: Input must be >= 2-d, got 1"),
    (lambda: v.repeat_interleave(-1), RuntimeError, "repeat_interleave: repeats can not be negative, got -1"),
    (lambda: v.repeat_interleave(index), RuntimeError, r"repeats.size\(0\) = 2 and input.size\(0\) = 3"),
    (lambda: hotloop.ones(2, 2, 2).diag(), RuntimeError, r"diag\(\): Supports 1D or 2D tensors. Got 3D"),
    (lambda: v.trace(), RuntimeError, "trace: expected a matrix, but got tensor with dim 1"),
    (lambda: F.pad(x, (1,)), RuntimeError, "pad: Padding length must be divisible by 2, got 1"),
    (lambda: F.pad(v, (1, 1, 1, 1)), RuntimeError, "pad: Padding length should be .*length 4 and input of dimension 1"),
    (lambda: F.pad(x, (-2, -2)), RuntimeError, "pad: The input size 3, plus negative padding -2 and -2"),
    (lambda: F.pad(x, (3, 0), "reflect"), RuntimeError, r"pad: reflect padding \(3, 0\) is too large for dimension 1"),
    (lambda: F.pad(x, (1, 1), "edge"), RuntimeError, "pad: Unrecognised padding mode edge"),
    (lambda: F.pad(x, (1, 1), "reflect", 2.0), ValueError, '"reflect" doesn\'t take in value argument'),
    (lambda: x.select_scatter(v[:2], 0, 0), RuntimeError, r"select_scatter: .*src size = \[2\], slice size = \[3\]"),
    (lambda: x.index_copy(0, index, hotloop.ones(2, 4)), IndexError, r"index_copy\(\): .*\[2, 3\].*\[2, 4\]"),
    (lambda: x.index_fill(0, index, v), RuntimeError, "index_fill_ only supports a 0-dimensional value"),
    (lambda: x.index_fill(0, hotloop.tensor([5]), 1), IndexError, "index 5 is out of bounds for dimension 0"),
    (lambda: x.masked_scatter(x > 0, v), RuntimeError, "masked_scatter: expected a source of at least 6 .* got 3"),
    (lambda: x.take(hotloop.tensor([6])), IndexError, "index 6 is out of bounds"),
    (lambda: x.take_along_dim(index, 0), RuntimeError, r"take_along_dim\(\): .*same number of dimensions"),
    (lambda: x.scatter_reduce(0, whole * 0, x, "max"), RuntimeError, "sum, prod, mean, amax or amin, got max"),
]

PRODUCTS: list[Case] = [
    (lambda: hotloop.einsum("ij", x, x), RuntimeError, r"einsum\(\): more operands were provided.* 2 for 'ij'"),
    (
        lambda: hotloop.einsum("ijk", x),
        RuntimeError,
        r"einsum\(\): the number of subscripts .*\(3\).*\(2\)",
    ),
    (lambda: hotloop.einsum("ij->ik", x), RuntimeError, r"einsum\(\): output subscript k does not appear"),
    (lambda: hotloop.einsum("i1", x), RuntimeError, r"einsum\(\): invalid subscript given in 'i1'"),
    (lambda: hotloop.einsum("ij,jk", x, x), RuntimeError, r"einsum\(\): subscript has size 2 for operand 1"),
    (
        lambda: hotloop.tensordot(x, x, 1),
        RuntimeError,
        "tensordot: contracted dimensions .*size 3.*size 2",
    ),
    (lambda: hotloop.tensordot(x, x, 3), RuntimeError, "tensordot expects dims >= 0.*dims=3"),
    (lambda: hotloop.cross(hotloop.ones(2), hotloop.ones(2)), RuntimeError, r"cross: no dimension of size 3.*\[2\]"),
    (lambda: x.matrix_power(2), RuntimeError, r"linalg.matrix_power: .*square matrices, got shape \[2, 3\]"),
    (lambda: hotloop.linalg.multi_dot([x]), RuntimeError, "linalg.multi_dot: expected at least 2 tensors but got 1"),
    (lambda: hotloop.inner(x, hotloop.ones(2)), RuntimeError, r"inner\(\) the last dimension .*\[2, 3\] and \[2\]"),
    (lambda: hotloop.addmv(v, v, v), RuntimeError, r"addmv: mat must be a 2-D tensor, got shape \[3\]"),
]

RANDOM: list[Case] = [
    (lambda: v.multinomial(4), RuntimeError, "multinomial: cannot sample n_sample > prob_dist.*4 of 3"),
    (lambda: (v * 0).multinomial(1), RuntimeError, r"multinomial: invalid .*\(sum of probabilities <= 0\)"),
    (lambda: (-v).multinomial(1), RuntimeError, "multinomial: probability tensor contains .* element < 0"),
    (lambda: v.exponential_(0), RuntimeError, "exponential_ expects lambda > 0.0, but found lambda=0"),
    (lambda: v.geometric_(1.0), RuntimeError, r"geometric_ expects p to be in \(0, 1\), but got p=1"),
    (lambda: (v * 2).bernoulli(), RuntimeError, "bernoulli: Expected p_in >= 0 && p_in <= 1"),
    (lambda: hotloop.normal(0.0, 1.0), TypeError, r"normal\(\): expected a tensor as mean or std, or size"),
]


@pytest.mark.parametrize(("act", "error", "message"), [*ORDER, *REARRANGE, *PRODUCTS, *RANDOM])
def test_messages(act: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        act()
