"""What PyTorch refuses is refused, by an exception that an `except` of PyTorch's kind catches; the rest runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import hotloop

torch = pytest.importorskip("torch")

Call = Callable[[Any, Any, Any, Any], Any]  # (library, floats (3, 4), int64 (3, 4), bools (3, 4))

REFUSED: dict[str, Call] = {
    # A bool is no int, a float neither, and an int has at most 64 bits.
    "sum(dim=True)": lambda lib, x, n, b: lib.sum(x, True),
    "amax(dim=True)": lambda lib, x, n, b: x.amax(dim=True),
    "cumsum(dim=True)": lambda lib, x, n, b: x.cumsum(True),
    "zeros(True)": lambda lib, x, n, b: lib.zeros(True),
    "eye(True)": lambda lib, x, n, b: lib.eye(True),
    "topk(True)": lambda lib, x, n, b: x.topk(True),
    "unsqueeze(2.0)": lambda lib, x, n, b: x.unsqueeze(2.0),
    "sum of 2**70": lambda lib, x, n, b: x.sum(2**70),
    "transpose of 2**70": lambda lib, x, n, b: x.transpose(0, 2**70),
    # A tensor of several elements is no number.
    "logit(eps=tensor)": lambda lib, x, n, b: x.logit(x),
    "softplus(beta=tensor)": lambda lib, x, n, b: lib.nn.functional.softplus(x, n),
    "normal_(tensor)": lambda lib, x, n, b: x.normal_(x),
    "norm(p=tensor)": lambda lib, x, n, b: lib.linalg.vector_norm(x, x),
    "sum(dim=tensor)": lambda lib, x, n, b: x.sum(n),
    "hsplit(object)": lambda lib, x, n, b: x.hsplit(object()),
    "dsplit(str)": lambda lib, x, n, b: x.dsplit("a"),
    "hsplit(matrix)": lambda lib, x, n, b: x.hsplit(x),
    "torch.norm(p=tensor)": lambda lib, x, n, b: lib.norm(x, x),
    "linspace(vector)": lambda lib, x, n, b: lib.linspace(x[0], 1.0, 3),
    "narrow from a vector": lambda lib, x, n, b: x.narrow(0, n[0], 1),
    "narrow from a bool": lambda lib, x, n, b: x.narrow(0, b[0, 0], 1),
    "x + 2**70": lambda lib, x, n, b: x + 2**70,
    "x[0] = 2**70": lambda lib, x, n, b: x.__setitem__(0, 2**70),
    "add(2**70)": lambda lib, x, n, b: x.add(2**70),
    "reshape to 2**70": lambda lib, x, n, b: x.reshape((2**70,)),
    # What functions written in Python are given.
    "alias_copy(None)": lambda lib, x, n, b: lib.alias_copy(None),
    "transpose_copy(x, 0.5, 1)": lambda lib, x, n, b: lib.transpose_copy(x, 0.5, 1),
    "hann_window(2.5)": lambda lib, x, n, b: lib.hann_window(2.5),
    "hann_window(tensor)": lambda lib, x, n, b: lib.hann_window(x),
    "can_cast(3)": lambda lib, x, n, b: lib.can_cast(3, lib.float32),
    "histogram(list)": lambda lib, x, n, b: lib.histogram([1.0], 3),
    "broadcast_shapes(object)": lambda lib, x, n, b: lib.broadcast_shapes(object()),
    "unknown keyword": lambda lib, x, n, b: lib.hann_window(3, unknown=1),
    # dtypes
    "softmax of ints": lambda lib, x, n, b: lib.softmax(n, 0),
    "log_softmax of bools": lambda lib, x, n, b: lib.log_softmax(b, 0),
    "logcumsumexp of ints": lambda lib, x, n, b: n.logcumsumexp(0),
    "normal_ of ints": lambda lib, x, n, b: n.normal_(),
    "bernoulli of ints": lambda lib, x, n, b: n.bernoulli(),
    "bincount of floats": lambda lib, x, n, b: x[0].bincount(),
    "allclose by a negative": lambda lib, x, n, b: lib.allclose(x, x, -1.0),
    "histc of ints": lambda lib, x, n, b: n.histc(3),
    "argmax of bools": lambda lib, x, n, b: b.argmax(),
    "isin of bools": lambda lib, x, n, b: lib.isin(b, b),
    "trapezoid of bools": lambda lib, x, n, b: lib.trapezoid(b),
    "gradient of bools": lambda lib, x, n, b: lib.gradient(b),
    "cross of two dtypes": lambda lib, x, n, b: lib.cross(x[:, :3], n[:, :3]),
    "clamp_ of ints by floats": lambda lib, x, n, b: n.clamp_(0.5, 2.5),
    "clamp_max_ of ints by a float": lambda lib, x, n, b: n.clamp_max_(2.5),
    # values
    "tensor(None)": lambda lib, x, n, b: lib.tensor(None),
    "as_tensor(object)": lambda lib, x, n, b: lib.as_tensor(object()),
    "zeros on a tpu": lambda lib, x, n, b: lib.zeros(2, device="tpu"),
    "vander of a matrix": lambda lib, x, n, b: lib.vander(x),
    "trapezoid of a number": lambda lib, x, n, b: lib.trapezoid(lib.tensor(1.0)),
    "chain_matmul of vectors": lambda lib, x, n, b: lib.chain_matmul(x[0]),
    "einsum of subscript 99": lambda lib, x, n, b: lib.einsum(x, [0, 99]),
    "einsum of a number": lambda lib, x, n, b: lib.einsum("ij", 3),
}

RUN: dict[str, Call] = {
    "einsum by lists": lambda lib, x, n, b: lib.einsum(x, [0, 1], x, [2, 1], [2, 0]),
    "einsum by a list": lambda lib, x, n, b: lib.einsum(x, [1, 0]),
    "einsum by lists, implicit": lambda lib, x, n, b: lib.einsum(x, [30, 2], x, (2, 31)[::-1]),
    "einsum by lists and an ellipsis": lambda lib, x, n, b: lib.einsum(x, [..., 0], x, [..., 0], [...]),
    "einsum of a number by an empty list": lambda lib, x, n, b: lib.einsum(x[0, 0], []),
    "einsum of a list": lambda lib, x, n, b: lib.einsum("ij,kj", [x, x]),
    "norm(dtype)": lambda lib, x, n, b: lib.norm(x, 3, 1, dtype=lib.float64),
    "nan_to_num(None)": lambda lib, x, n, b: lib.nan_to_num(x / 0, None),
    "linalg.vander": lambda lib, x, n, b: lib.linalg.vander(x, N=2),
    "histogram's 100 bins": lambda lib, x, n, b: lib.histogram(x)[0],
    "roll(dims=None)": lambda lib, x, n, b: x.roll(1, None),
    "linspace between tensors": lambda lib, x, n, b: lib.linspace(x[0, 0], x[1, 1], 3),
    "narrow from a tensor": lambda lib, x, n, b: x.narrow(0, n[0, 1], 1),
    "a dim in a tensor": lambda lib, x, n, b: x.sum(lib.tensor(1)),
    "clamp_ of floats by ints": lambda lib, x, n, b: x.clamp_(1, 2),
    "pow of a bool": lambda lib, x, n, b: x.pow(True),
}


def inputs(lib: Any) -> tuple[Any, Any, Any, Any]:
    x = lib.arange(12.0).reshape(3, 4) / 12
    return lib, x, lib.arange(12).reshape(3, 4), x > 0.5


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_refused_by_the_same_kind(call: Call) -> None:
    with pytest.raises(Exception) as wanted:  # noqa: PT011, the kind is what is compared
        call(*inputs(torch))
    with pytest.raises(wanted.type):
        call(*inputs(hotloop))


@pytest.mark.parametrize("call", RUN.values(), ids=RUN)
def test_run_alike(call: Call) -> None:
    got, wanted = call(*inputs(hotloop)), call(*inputs(torch))
    assert str(got.dtype).split(".")[1] == str(wanted.dtype).split(".")[1]
    assert hotloop.from_numpy(wanted.numpy()).allclose(got, rtol=1e-6, atol=1e-6, equal_nan=True)
