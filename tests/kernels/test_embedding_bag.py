"""Bags of embeddings and their gradients, against float64 NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import hotloop
from hotloop.nn import functional as F
from support.kernels import FLOATS, for_each_thread_count, generator, numbers, tensor, values
from support.tolerance import assert_close

ROWS = 11
# Lengths of bags, width: empty bags, one element, tails of vectors and of stretches of them.
BAGS = [([1], 1), ([3, 0, 2, 0], 5), ([4, 1, 7], 16), ([2, 2], 33), ([0, 9, 1], 64), ([5, 6], 150)]


def problem(lengths, name, width):
    """(weight, index, offsets, factors)"""
    rng = generator(tuple(lengths), name, width)
    n = sum(lengths)
    index = rng.integers(0, ROWS, n)
    factors = np.round(rng.uniform(0.5, 1.5, n) * 64) / 64
    return numbers((ROWS, width), name), index, np.cumsum([0, *lengths[:-1]]), factors


def positions_of(lengths, index, padding):
    starts = np.cumsum([0, *lengths])
    return [[p for p in range(starts[b], starts[b + 1]) if index[p] != padding] for b in range(len(lengths))]


@pytest.mark.parametrize("padding", [None, 3])
@pytest.mark.parametrize("mode", ["sum", "mean", "max", "factors", "by frequency"])
@pytest.mark.parametrize(("lengths", "width"), BAGS, ids=str)
@pytest.mark.parametrize("name", FLOATS)
def test_bags(kernels, name, lengths, width, mode, padding):
    weight, index, offsets, given = problem(lengths, name, width)
    if index.size > 1:
        index[1] = 3
    bags = positions_of(lengths, index, padding)
    scale = np.ones(index.size)
    for bag in bags:
        if mode == "mean":
            scale[bag] = 1 / max(len(bag), 1)
    if mode == "factors":
        scale = given
    leaf, factors = tensor(weight, name).requires_grad_(), tensor(given, name).requires_grad_()
    got = F.embedding_bag(
        hotloop.from_numpy(index),
        leaf,
        hotloop.from_numpy(offsets),
        mode="max" if mode == "max" else "mean" if mode == "mean" else "sum",
        per_sample_weights=factors if mode == "factors" else None,
        scale_grad_by_freq=mode == "by frequency",
        padding_idx=padding,
    )
    kernels.ran()
    grad = numbers((len(lengths), width), name, "grad")
    got.backward(tensor(grad, name))
    kernels.ran()

    want, want_grad = np.zeros(grad.shape), np.zeros(weight.shape)
    sizes, grad_sizes = np.zeros(grad.shape), np.zeros(weight.shape)
    for b, bag in enumerate(bags):
        for p in bag if mode != "max" else []:
            row = weight[index[p]] * scale[p]
            want[b], sizes[b] = want[b] + row, sizes[b] + np.abs(row)
            want_grad[index[p]] += grad[b] * scale[p]
            grad_sizes[index[p]] += np.abs(grad[b] * scale[p])
        if mode == "max" and bag:
            chosen = index[np.asarray(bag)[weight[index[bag]].argmax(0)]]
            want[b] = weight[chosen, range(width)]
            np.add.at(want_grad, (chosen, range(width)), grad[b])
            np.add.at(grad_sizes, (chosen, range(width)), np.abs(grad[b]))
    if mode == "by frequency":
        taken = index[index != padding] if padding is not None else index
        often = np.maximum(np.bincount(taken, minlength=ROWS), 1)[:, None]
        want_grad, grad_sizes = want_grad / often, grad_sizes / often
    n = max(index.size, 2)
    assert_close(values(got), want, name, reduction_length=n, magnitude=sizes, ulps=2)
    assert_close(values(leaf.grad), want_grad, name, reduction_length=n, magnitude=grad_sizes, ulps=2 * n)
    if mode == "factors":
        each = np.zeros((index.size, width))
        for b, bag in enumerate(bags):
            each[bag] = grad[b] * weight[index[bag]]
        assert_close(
            values(factors.grad), each.sum(1), name, reduction_length=width + 4, magnitude=np.abs(each).sum(1), ulps=2
        )


def test_bags_of_one_length_are_rows_of_the_input(kernels):
    weight, index = tensor(numbers((ROWS, 20), "float32"), "float32"), generator(1).integers(0, ROWS, (7, 5))
    offsets = hotloop.from_numpy(np.arange(0, 35, 5))
    for mode in ("sum", "mean", "max"):
        whole = F.embedding_bag(hotloop.from_numpy(index), weight, mode=mode)
        kernels.ran()
        apart = F.embedding_bag(hotloop.from_numpy(index.ravel().astype(np.int32)), weight, offsets, mode=mode)
        assert values(whole).tolist() == values(apart).tolist()


def test_the_first_nan_is_the_largest(kernels):
    weight = np.array([[1.0, 5.0], [np.nan, 2.0], [3.0, 5.0], [np.nan, 9.0]])
    leaf = tensor(weight, "float32").requires_grad_()
    got = F.embedding_bag(hotloop.tensor([[0, 2, 1, 3], [2, 0, 2, 0]]), leaf, mode="max")
    kernels.ran()
    np.testing.assert_array_equal(values(got), [[np.nan, 9.0], [3.0, 5.0]])
    got.sum().backward()
    np.testing.assert_array_equal(values(leaf.grad), [[0, 0], [1, 0], [1, 1], [0, 1]])


def test_bad_indices_and_offsets_are_named(kernels):
    weight, index = hotloop.ones(5, 3), hotloop.tensor([0, 4, 5, -1])
    zero = hotloop.tensor([0])
    with pytest.raises(IndexError, match="embedding_bag: index 5 is out of bounds for dimension 0 with size 5"):
        F.embedding_bag(index, weight, zero)
    kernels.ran()
    for offsets, message in (([0, 5], "at most the length 4 of input, got 5 at 1"), ([0, 3, 2], "got 2 at 2")):
        with pytest.raises(RuntimeError, match=f"offsets must rise to .*{message}"):
            F.embedding_bag(index, weight, hotloop.tensor(offsets))
    with pytest.raises(RuntimeError, match="number of offsets should be at least 1"):
        F.embedding_bag(index, weight, hotloop.empty(0, dtype=hotloop.int64), include_last_offset=True)
    with pytest.raises(RuntimeError, match="expected input of dtype int64 or int32, got float32"):
        F.embedding_bag(index.float(), weight, zero)
    with pytest.raises(ValueError, match="padding_idx must lie within the 5 rows of weight, got 5"):
        F.embedding_bag(index, weight, zero, padding_idx=5)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_gradients_are_differentiated(mode):
    weight = hotloop.randn(6, 3, dtype=hotloop.float64, requires_grad=True)
    factors = hotloop.rand(7, dtype=hotloop.float64, requires_grad=True)
    index, offsets = hotloop.tensor([0, 5, 2, 2, 1, 4, 0]), hotloop.tensor([0, 3, 3, 5])

    def call(w, s):
        return F.embedding_bag(
            index, w, offsets, mode=mode, per_sample_weights=s if mode == "sum" else None, padding_idx=4
        ).square()

    assert hotloop.autograd.gradcheck(call, (weight, factors))
    assert hotloop.autograd.gradgradcheck(call, (weight, factors))
    if mode == "sum":  # of the factors alone
        (both, alone) = (hotloop.autograd.grad(call(w, factors).sum(), factors)[0] for w in (weight, weight.detach()))
        assert both.tolist() == alone.tolist()


@pytest.mark.usefixtures("threads")
def test_bits_do_not_depend_on_threads(vectors):
    weight = tensor(numbers((400, 130), "float32"), "float32").requires_grad_()
    factors = tensor(numbers((3000,), "float32"), "float32").requires_grad_()
    index, offsets = hotloop.from_numpy(generator(2).integers(0, 400, 3000)), hotloop.arange(0, 3000, 6)

    def call():
        out = F.embedding_bag(index, weight, offsets, mode="sum", per_sample_weights=factors)
        return (*hotloop.autograd.grad(out.square().sum(), (weight, factors)), out.detach())

    for_each_thread_count(vectors, call)
